//! Finished jobs are kept for a while and then deleted, with all that belongs to them. Unfinished jobs are never
//! deleted.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::{Reader, Source};
use longshore_core::{
    Acted, Action, ArtifactName, Artifacts, Backend, Claimed, Error, NewJob, NewPause, Outcome, Output, Pushed, Rules,
    State, UniqueScope, Upkeep, When, limits,
};

use crate::bench::{Bench, fatal, hours, job, job_of, queue, retry_in, secs, success, unique};

const DAY: u64 = 24;

/// Ends a new job with that outcome and returns its id.
async fn ended(bench: &Bench, outcome: Outcome) -> longshore_core::JobId {
    let claimed = bench.running().await;
    bench.end(&claimed, outcome).await;
    claimed.id
}

/// Stores a binary result as an artifact, and settles with it.
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

pub(crate) async fn step_ahead_of_the_wall_clock_ends_nothing_at_once(bench: Bench) {
    let with_deadline = || NewJob { deadline: Some(When::In(hours(1))), ..job() };
    let ended = [ended(&bench, success()).await, ended(&bench, Outcome::Cancel).await, ended(&bench, fatal()).await];
    let (first, second) = (bench.push(with_deadline()).await, bench.push(with_deadline()).await);
    bench.upkeep().await;
    let later = hours(8 * DAY).as_millis() as i64;
    bench.clock.step_wall(later);
    for _ in 0..2 {
        let report = bench.upkeep().await;
        assert_eq!((report.pruned, report.buried.len()), (0, 0), "the clock may be wrong");
        bench.advance(secs(10));
    }
    let claimed = bench.take_one().await;
    assert_eq!(claimed.id, first, "a claim does not bury it either");
    bench.end(&claimed, success()).await;
    bench.clock.step_wall(-later);
    bench.advance(secs(60));
    let report = bench.upkeep().await;
    assert_eq!((report.pruned, report.buried.len()), (0, 0), "the clock was wrong");

    bench.clock.step_wall(later);
    bench.upkeep().await;
    bench.advance(secs(31));
    let report = bench.upkeep().await;
    assert_eq!((report.pruned, report.buried.len()), (3, 1), "the clock has run steadily since");
    assert_eq!(bench.state(second).await, State::Dead);
    for id in ended {
        assert!(!bench.is_known(id).await);
    }
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
    let kept = bench.start_upkeep(false).await;
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
    // They finished together, and some are deleted earlier.
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

pub(crate) async fn artifacts_of_deleted_jobs_are_deleted(bench: Bench) {
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

/// Longer than the time that unused queues are kept, and than upkeep may take to remove them.
const LONG: Duration = hours(DAY + 1);

async fn names(backend: &Backend) -> Vec<String> {
    let queues = backend.queues(None, limits::PAGE).await.unwrap();
    queues.into_iter().map(|stats| stats.queue.to_string()).collect()
}

pub(crate) async fn queue_that_nobody_uses_is_forgotten_after_a_day(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    ended(&bench, success()).await;
    let until = Some(When::In(hours(2)));
    bench.backend.pause(queue("was.paused"), NewPause { until, ..NewPause::default() }).await.unwrap();
    bench.backend.pause(queue("was.resumed"), NewPause::default()).await.unwrap();
    bench.backend.resume(queue("was.resumed")).await.unwrap();
    bench.claim(bench.ask().queues(vec![queue("only.claimed")])).await;
    let all = ["default", "only.claimed", "was.paused", "was.resumed"];
    assert_eq!(bench.upkeep().await.pruned, 1);
    bench.advance(limits::UNUSED_KEPT - secs(60));
    bench.upkeep().await;
    for way in bench.ways().await {
        assert_eq!(names(&way).await, all, "a day is not over");
    }
    bench.advance(hours(1));
    bench.upkeep().await;
    for way in bench.ways().await {
        assert_eq!(names(&way).await, [] as [&str; 0]);
        assert_eq!(way.queue(queue("default")).await.unwrap(), None);
        assert_eq!(way.rules(queue("was.resumed")).await.unwrap(), Rules::default());
    }
}

pub(crate) async fn queue_that_is_used_or_has_rules_is_kept(bench: Bench) {
    let bench = bench.keeping(hours(1000), hours(1000)).await;
    bench.push_all(vec![job_of("ready", "a"), NewJob { when: When::In(hours(500)), ..job_of("scheduled", "b") }]).await;
    bench.push_all(["runs", "succeeded", "dead", "cancelled"].map(|name| job_of(name, "work")).to_vec()).await;
    for (name, outcome) in [("succeeded", success()), ("dead", fatal()), ("cancelled", Outcome::Cancel)] {
        let claimed = bench.claim(bench.ask().queues(vec![queue(name)])).await.remove(0);
        bench.end(&claimed, outcome).await;
    }
    assert_eq!(bench.claim(bench.ask().queues(vec![queue("runs")])).await.len(), 1);
    bench.backend.pause(queue("paused"), NewPause::default()).await.unwrap();
    bench.backend.pause(queue("gone"), NewPause::default()).await.unwrap();
    bench.backend.resume(queue("gone")).await.unwrap();
    bench.claim(bench.ask().queues(vec![queue("claimed")])).await;
    for _ in 0..3 {
        bench.advance(limits::UNUSED_KEPT - secs(600));
        bench.claim(bench.ask().queues(vec![queue("claimed")])).await;
        let id = bench.push(job_of("pushed", "c")).await;
        assert_eq!(bench.act(id, Action::Cancel).await, Acted::Done(State::Cancelled));
        assert_eq!(bench.act(id, Action::Delete).await, Acted::Done(State::Cancelled));
        bench.start_upkeep(false).await;
        assert!(!bench.is_known(id).await);
    }
    let kept = ["cancelled", "claimed", "dead", "paused", "pushed", "ready", "runs", "scheduled", "succeeded"];
    assert_eq!(names(&bench.backend).await, kept);
}

/// Runs the only job through that backend, and lets upkeep delete it.
async fn work_off(bench: &Bench, way: &Backend, id: longshore_core::JobId) {
    let claims = way.claim(bench.ask().limit(10)).await.unwrap();
    assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
    bench.end(&claims.jobs[0], success()).await;
    while bench.upkeep().await.more {}
    assert!(!bench.is_known(id).await);
}

pub(crate) async fn forgotten_queue_that_is_used_again_is_as_new(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    let ways = bench.ways().await;
    for round in 0..4 {
        for (pusher, worker) in [(0, ways.len() - 1), (ways.len() - 1, 0)] {
            // If a store used the numbers of removed names again, others would get them here.
            let other =
                ways[worker].push_one(job_of(&format!("other{round}.{pusher}"), &format!("k{round}.{pusher}"))).await;
            let Pushed::Created(other) = other.unwrap() else { panic!("a new job") };
            let id = job().id;
            let new = NewJob { id, ..job() };
            assert_eq!(ways[pusher].push_one(new).await.unwrap(), Pushed::Created(id));
            for way in &ways {
                let stats = way.queue(queue("default")).await.unwrap().expect("it is there again");
                assert_eq!(stats.counts, [0, 1, 0, 0, 0, 0]);
                let known = way.job(id).await.unwrap().expect("the job is known");
                assert_eq!((known.queue.as_str(), known.kind.as_str()), ("default", "work"));
            }
            work_off(&bench, &ways[worker], id).await;
            assert_eq!(ways[pusher].act(other, Action::Cancel).await.unwrap(), Acted::Done(State::Cancelled));
            while bench.upkeep().await.more {}
            bench.advance(LONG);
            bench.upkeep().await;
            assert_eq!(names(&ways[pusher]).await, [] as [&str; 0]);
        }
    }
}

pub(crate) async fn push_at_the_moment_of_the_forgetting_is_kept(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    let ways = bench.ways().await;
    let other = ways.last().expect("there is one way at least");
    ended(&bench, success()).await;
    bench.upkeep().await;
    for _ in 0..10 {
        bench.advance(LONG);
        let new = job();
        let (id, claim) = (new.id, bench.ask().limit(0));
        let (kept, pushed, claims) = tokio::join!(bench.upkeep(), other.push_one(new), bench.backend.claim(claim));
        assert_eq!((kept.pruned, pushed.unwrap(), claims.unwrap().jobs.len()), (0, Pushed::Created(id), 0));
        for way in &ways {
            assert_eq!(way.queue(queue("default")).await.unwrap().map(|stats| stats.counts), Some([0, 1, 0, 0, 0, 0]));
        }
        work_off(&bench, &bench.backend, id).await;
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
