//! Finished jobs are kept for a while and then deleted, with what belongs to them; unfinished ones never are.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::{Reader, Source};
use longshore_core::{
    Acted, Action, ArtifactName, Artifacts, Backend, Claimed, Error, NewJob, Outcome, Output, State, UniqueScope,
    Upkeep, When,
};

use crate::bench::{Bench, fatal, hours, job, retry_in, secs, success, unique};

const DAY: u64 = 24;

/// Ends a fresh job with that outcome and returns its id.
async fn ended(bench: &Bench, outcome: Outcome) -> longshore_core::JobId {
    let claimed = bench.running().await;
    bench.end(&claimed, outcome).await;
    claimed.id
}

/// Keeps a result that is too binary for a row, and settles with it.
async fn with_artifact(bench: &Bench, claimed: &Claimed) -> ArtifactName {
    let name = ArtifactName { job: claimed.id, claim: claimed.token.number };
    let stored = bench.backend.keep(name, Output::new("image/gif", vec![1, 2, 3])).await.unwrap();
    bench.end(claimed, Outcome::Succeed { result: Some(stored) }).await;
    name
}

pub(crate) async fn successes_and_cancellations_are_kept_a_day_and_the_dead_a_week(bench: Bench) {
    let succeeded = ended(&bench, success()).await;
    let cancelled = ended(&bench, Outcome::Cancel).await;
    let dead = ended(&bench, fatal()).await;
    bench.advance(hours(DAY) - secs(60));
    assert_eq!(bench.upkeep().await.pruned, 0);
    bench.advance(secs(60));
    assert_eq!(bench.upkeep().await.pruned, 2);
    assert!(!bench.is_known(succeeded).await && !bench.is_known(cancelled).await);
    bench.advance(hours(6 * DAY) - secs(60));
    assert_eq!(bench.upkeep().await.pruned, 0);
    assert!(bench.is_known(dead).await);
    bench.advance(secs(60));
    assert_eq!(bench.upkeep().await.pruned, 1);
    assert!(!bench.is_known(dead).await);
}

pub(crate) async fn retention_is_what_the_settings_say(bench: Bench) {
    let bench = bench.keeping(hours(100), hours(1)).await;
    let succeeded = ended(&bench, success()).await;
    let dead = ended(&bench, fatal()).await;
    bench.advance(hours(1));
    assert_eq!(bench.upkeep().await.pruned, 1);
    assert!(!bench.is_known(dead).await);
    bench.advance(hours(99));
    assert_eq!(bench.upkeep().await.pruned, 1);
    assert!(!bench.is_known(succeeded).await);
}

pub(crate) async fn key_that_was_given_back_keeps_no_job_longer(bench: Bench) {
    let bench = bench.keeping(hours(1), hours(2)).await;
    for outcome in [Outcome::Cancel, fatal()] {
        bench.push(unique("k", UniqueScope::For(hours(100)))).await;
        let claimed = bench.take_one().await;
        bench.end(&claimed, outcome).await;
    }
    bench.advance(hours(1));
    assert_eq!(bench.upkeep().await.pruned, 1);
    bench.advance(hours(1));
    assert_eq!(bench.upkeep().await.pruned, 1);
}

pub(crate) async fn retention_of_zero_ends_with_the_next_upkeep(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    let ids = [ended(&bench, success()).await, ended(&bench, fatal()).await];
    assert!(bench.is_known(ids[0]).await && bench.is_known(ids[1]).await);
    assert_eq!(bench.upkeep().await.pruned, 2);
    assert_eq!(bench.list(Default::default()).await, []);
}

pub(crate) async fn unfinished_jobs_are_never_deleted(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    let scheduled = bench.push(NewJob { when: When::In(hours(3 * 365 * DAY)), ..job() }).await;
    let claimed = bench.running().await;
    let retried = bench.running().await;
    bench.end(&retried, retry_in(hours(2 * 365 * DAY))).await;
    let ready = bench.push(job()).await;
    bench.advance(hours(365 * DAY));
    let kept = bench.keep_up(false).await;
    assert_eq!((kept.pruned, kept.buried.len()), (0, 0));
    for (id, state) in [(ready, State::Ready), (claimed.id, State::Running)] {
        assert_eq!(bench.state(id).await, state);
    }
    assert!(bench.is_known(scheduled).await && bench.is_known(retried.id).await);
}

pub(crate) async fn job_retried_by_hand_is_not_deleted(bench: Bench) {
    let bench = bench.keeping(hours(1), hours(1)).await;
    let id = ended(&bench, fatal()).await;
    assert_eq!(bench.act(id, Action::Retry).await, Acted::Done(State::Ready));
    bench.advance(hours(2));
    assert_eq!(bench.upkeep().await.pruned, 0);
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    assert_eq!(bench.upkeep().await.pruned, 0, "its time starts anew");
}

pub(crate) async fn upkeep_is_done_only_when_nothing_is_over(bench: Bench) {
    let bench = bench.keeping(hours(1), hours(1)).await;
    bench.push_plain(6).await;
    let claimed = bench.take(6).await;
    bench.succeed_all(&claimed).await;
    let step = async || bench.store.upkeep(Upkeep::new(1, true)).await.unwrap();
    // They finished together, and some go before their time.
    for deleted in [&claimed[0], &claimed[1], &claimed[3]] {
        assert_eq!(bench.act(deleted.id, Action::Delete).await, Acted::Done(State::Succeeded));
        while step().await.more {}
        assert!(!bench.is_known(deleted.id).await);
    }
    bench.advance(hours(1));
    let mut pruned = 0;
    for _ in 0..claimed.len() {
        let kept = step().await;
        pruned += kept.pruned;
        assert!(kept.pruned <= 1);
        if !kept.more {
            break;
        }
    }
    assert_eq!(pruned, 3);
    assert_eq!(bench.list(Default::default()).await, []);
}

pub(crate) async fn deleted_jobs_take_their_artifacts_along(bench: Bench) {
    let bench = bench.keeping(hours(1), hours(1)).await;
    let claimed = bench.running().await;
    let name = with_artifact(&bench, &claimed).await;
    ended(&bench, success()).await;
    bench.advance(hours(1));
    assert_eq!(bench.upkeep().await.artifacts, [name]);

    let claimed = bench.running().await;
    let name = with_artifact(&bench, &claimed).await;
    assert!(bench.artifacts().get(name).await.unwrap().is_some());
    bench.advance(hours(1));
    assert_eq!(bench.backend.upkeep().await.unwrap().pruned, 1);
    assert_eq!(bench.artifacts().get(name).await.unwrap(), None);
}

pub(crate) async fn large_and_binary_results_are_kept_outside_the_row(bench: Bench) {
    let outputs = [
        (Output::new("text/plain; charset=utf-8", "héllo 🌍"), true),
        (Output::new("application/json", vec![b'1'; longshore_core::limits::INLINE_RESULT_BYTES]), true),
        (Output::new("application/json", vec![b'1'; longshore_core::limits::INLINE_RESULT_BYTES + 1]), false),
        (Output::new("image/gif", vec![0, 255, 0]), false),
        (Output::new("text/plain", ""), true),
    ];
    for (output, inline) in outputs {
        let claimed = bench.running().await;
        let name = ArtifactName { job: claimed.id, claim: claimed.token.number };
        let stored = bench.backend.keep(name, output.clone()).await.unwrap();
        assert_eq!(matches!(stored, longshore_core::Stored::Inline(_)), inline);
        bench.end(&claimed, Outcome::Succeed { result: Some(stored.clone()) }).await;
        let result = bench.job(claimed.id).await.result.expect("it has a result");
        assert_eq!(result, stored);
        assert!(bench.backend.read(&result).await.unwrap() == Some(output), "it comes back byte for byte");
    }
}

/// Artifacts that look old enough to be orphans.
struct Aged(Arc<dyn Artifacts>);

#[async_trait]
impl Artifacts for Aged {
    async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
        self.0.write(name, source).await
    }

    async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
        self.0.open(name).await
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        self.0.delete(name).await
    }

    async fn older_than(
        &self,
        _age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error> {
        self.0.older_than(Duration::ZERO, after, limit).await
    }
}

pub(crate) async fn orphans_are_swept_and_nothing_else(bench: Bench) {
    let claimed = bench.running().await;
    let used = with_artifact(&bench, &claimed).await;
    let lost = ArtifactName { claim: used.claim + 1_000, ..used };
    let running = bench.running().await;
    let unfinished = ArtifactName { job: running.id, claim: running.token.number };
    let gone = ArtifactName { job: job().id, claim: 1 };
    for name in [lost, unfinished, gone] {
        bench.artifacts().put(name, Bytes::from_static(b"x")).await.unwrap();
    }

    assert_eq!(bench.backend.sweep_artifacts(None).await.unwrap(), None);
    for name in [used, lost, unfinished, gone] {
        assert!(bench.artifacts().get(name).await.unwrap().is_some(), "young ones are left alone");
    }
    let aged = Backend::new(Arc::clone(&bench.store), Arc::new(Aged(bench.artifacts())));
    assert_eq!(aged.sweep_artifacts(None).await.unwrap(), None);
    for (name, stays) in [(used, true), (unfinished, true), (lost, false), (gone, false)] {
        assert_eq!(bench.artifacts().get(name).await.unwrap().is_some(), stays);
    }
}
