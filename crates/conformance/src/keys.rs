//! Unique keys have one live holder, and the result of an equal job may be reused. Both are decided in the push itself.

use std::time::Duration;

use longshore_core::{
    Acted, Action, DuplicateReason, JobId, NewJob, Outcome, Pushed, Reuse, State, Unique, UniqueScope, When,
};

use crate::bench::{Bench, UnwrapEach, fatal, hours, job, job_of, label, queue, retry_in, secs, success, unique};

const SCOPES: [UniqueScope; 3] =
    [UniqueScope::UntilStarted, UniqueScope::UntilFinished, UniqueScope::For(Duration::from_secs(3600))];

fn stands_back_for(id: JobId) -> Pushed {
    Pushed::Existing { id, by: DuplicateReason::Unique }
}

/// Returns a plain job that may reuse a result that is not older than this.
fn reusing(key: &str, within: Duration) -> NewJob {
    NewJob { reuse: Some(Reuse { key: label(key), within }), ..job() }
}

pub(crate) async fn until_started_ends_with_the_claim(bench: Bench) {
    let new = || unique("k", UniqueScope::UntilStarted);
    let first = bench.push(new()).await;
    assert_eq!(bench.push_any(new()).await, stands_back_for(first));
    assert_eq!(bench.take_one().await.id, first);
    let second = bench.push(new()).await;
    assert_eq!(bench.push_any(new()).await, stands_back_for(second));
}

pub(crate) async fn until_finished_holds_through_every_retry(bench: Bench) {
    let new = || unique("k", UniqueScope::UntilFinished);
    let first = bench.push(NewJob { when: When::In(secs(60)), ..new() }).await;
    let held = async |state: State| {
        assert_eq!(bench.state(first).await, state);
        assert_eq!(bench.push_any(new()).await, stands_back_for(first), "the holder is {state}");
    };
    held(State::Scheduled).await;
    bench.advance(secs(60));
    let claimed = bench.take_one().await;
    held(State::Running).await;
    bench.end(&claimed, retry_in(secs(60))).await;
    held(State::Scheduled).await;
    bench.advance(secs(60));
    let claimed = bench.take_one().await;
    bench.end(&claimed, Outcome::Release).await;
    held(State::Ready).await;
    let claimed = bench.take_one().await;
    assert_eq!(bench.crash().await, 1);
    assert_eq!(claimed.id, first);
    held(State::Ready).await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    bench.push(new()).await;
}

pub(crate) async fn for_a_period_holds_even_after_success(bench: Bench) {
    let new = || unique("k", UniqueScope::For(hours(1)));
    let first = bench.push(new()).await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    bench.advance(secs(3590));
    assert_eq!(bench.push_any(new()).await, stands_back_for(first));
    bench.advance(secs(10));
    bench.push(new()).await;
}

pub(crate) async fn for_a_period_outlives_retention(bench: Bench) {
    let bench = bench.keeping(hours(1), hours(1)).await;
    let new = || unique("k", UniqueScope::For(hours(48)));
    let first = bench.push(new()).await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    bench.advance(hours(47));
    bench.upkeep().await;
    assert_eq!(bench.push_any(new()).await, stands_back_for(first), "pruning must not cut the period short");
    bench.advance(hours(1));
    bench.upkeep().await;
    bench.push(new()).await;
    assert!(!bench.is_known(first).await, "after the period it goes");
}

pub(crate) async fn period_that_is_over_frees_the_key_of_a_job_that_still_waits(bench: Bench) {
    let new = || unique("k", UniqueScope::For(secs(60)));
    let first = bench.push(NewJob { when: When::In(hours(1)), ..new() }).await;
    bench.advance(secs(60));
    let second = bench.push(new()).await;
    assert_eq!(bench.act(first, Action::Cancel).await, Acted::Done(State::Cancelled));
    assert_eq!(bench.push_any(new()).await, stands_back_for(second), "the old holder must not free the new one's key");
}

pub(crate) async fn dead_and_cancelled_jobs_free_their_keys(bench: Bench) {
    for scope in SCOPES {
        for outcome in [fatal(), Outcome::Cancel] {
            let bench = bench.fresh(Default::default()).await;
            bench.push(unique("k", scope)).await;
            let claimed = bench.take_one().await;
            bench.end(&claimed, outcome).await;
            let waiting = bench.push(unique("k", scope)).await;
            assert_eq!(bench.act(waiting, Action::Cancel).await, Acted::Done(State::Cancelled));
            bench.push(unique("k", scope)).await;
        }
    }
}

pub(crate) async fn expired_job_frees_its_key(bench: Bench) {
    let new = || NewJob { deadline: Some(When::In(secs(60))), ..unique("k", UniqueScope::UntilFinished) };
    bench.push(new()).await;
    bench.advance(secs(60));
    assert_eq!(bench.upkeep().await.buried.len(), 1);
    bench.push(new()).await;
}

pub(crate) async fn successor_keeps_the_key_when_its_predecessor_ends(bench: Bench) {
    let new = || unique("k", UniqueScope::UntilStarted);
    for (outcome, _) in crate::bench::outcomes() {
        let bench = bench.fresh(Default::default()).await;
        bench.push(new()).await;
        let first = bench.take_one().await;
        let second = bench.push(new()).await;
        bench.end(&first, outcome.clone()).await;
        assert_eq!(bench.push_any(new()).await, stands_back_for(second), "{outcome:?} of the first freed it");
    }
}

pub(crate) async fn retry_by_hand_takes_the_key_again(bench: Bench) {
    for scope in SCOPES {
        let bench = bench.fresh(Default::default()).await;
        let first = bench.push(unique("k", scope)).await;
        assert_eq!(bench.act(first, Action::Cancel).await, Acted::Done(State::Cancelled));
        assert_eq!(bench.act(first, Action::Retry).await, Acted::Done(State::Ready));
        assert_eq!(bench.push_any(unique("k", scope)).await, stands_back_for(first));
    }
}

pub(crate) async fn retry_by_hand_conflicts_with_a_new_holder(bench: Bench) {
    for scope in SCOPES {
        let bench = bench.fresh(Default::default()).await;
        let first = bench.push(unique("k", scope)).await;
        let claimed = bench.take_one().await;
        bench.end(&claimed, fatal()).await;
        let second = bench.push(unique("k", scope)).await;
        let before = bench.job(first).await;
        assert_eq!(bench.act(first, Action::Retry).await, Acted::Conflict(second));
        assert_eq!(bench.job(first).await, before, "a refused retry changes nothing");
        assert_eq!(bench.act(second, Action::Cancel).await, Acted::Done(State::Cancelled));
        assert_eq!(bench.act(first, Action::Retry).await, Acted::Done(State::Ready));
    }
}

pub(crate) async fn concurrent_pushes_with_one_key_make_one_job(bench: Bench) {
    let ways = bench.ways().await;
    for round in 0..10 {
        let new = || unique(&format!("k{round}"), UniqueScope::UntilFinished);
        let push = |n: usize| {
            let (backend, new) = (ways[n % ways.len()].clone(), new());
            tokio::spawn(async move { backend.push_one(new).await.unwrap() })
        };
        let pushes: Vec<_> = (0..16).map(push).collect();
        let (mut created, mut existing) = (Vec::new(), Vec::new());
        for push in pushes {
            match push.await.unwrap() {
                Pushed::Created(id) => created.push(id),
                Pushed::Existing { id, by: DuplicateReason::Unique } => existing.push(id),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((created.len(), existing.len()), (1, 15));
        assert!(existing.iter().all(|id| *id == created[0]));
    }
    assert_eq!(bench.list(Default::default()).await.len(), 10);
}

pub(crate) async fn key_twice_in_a_batch_makes_one_job(bench: Bench) {
    let jobs: Vec<_> = (0..3).map(|_| unique("k", UniqueScope::UntilFinished)).collect();
    let first = jobs[0].id;
    let answers = bench.backend.push(jobs).await.unwrap().unwrap_each();
    assert_eq!(answers, [Pushed::Created(first), stands_back_for(first), stands_back_for(first)]);
}

pub(crate) async fn keys_belong_to_a_queue_and_are_compared_byte_by_byte(bench: Bench) {
    let with = |name: &str, key: &str| NewJob {
        unique: Some(Unique { key: label(key), scope: UniqueScope::UntilFinished }),
        ..job_of(name, "work")
    };
    for (name, key) in [("a", "k"), ("b", "k"), ("a", "K"), ("a", "k "), ("a", "é"), ("a", "e\u{301}"), ("a", "%")] {
        bench.push(with(name, key)).await;
    }
    assert!(matches!(bench.push_any(with("b", "k")).await, Pushed::Existing { .. }));
}

pub(crate) async fn job_that_stands_back_leaves_no_trace(bench: Bench) {
    let first = bench.push(unique("k", UniqueScope::UntilFinished)).await;
    let before = bench.job(first).await;
    let second = NewJob { alias: Some(label("alias")), priority: 9, ..unique("k", UniqueScope::UntilFinished) };
    let id = second.id;
    assert_eq!(bench.push_any(second).await, stands_back_for(first));
    assert!(!bench.is_known(id).await);
    assert_eq!(bench.backend.find(label("alias")).await.unwrap(), None);
    assert_eq!(bench.job(first).await, before);
}

pub(crate) async fn result_is_reused_while_it_is_fresh(bench: Bench) {
    let first = bench.push(reusing("r", hours(1))).await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    let served = Pushed::Existing { id: first, by: DuplicateReason::Reuse };
    assert_eq!(bench.push_any(reusing("r", hours(1))).await, served);
    bench.advance(secs(1800));
    assert_eq!(bench.push_any(reusing("r", hours(1))).await, served);
    bench.push(reusing("r", secs(1800))).await;
    bench.push(reusing("another", hours(1))).await;
    bench.push(job()).await;
    bench.advance(secs(1800));
    bench.push(reusing("r", hours(1))).await;
}

pub(crate) async fn only_success_is_reused(bench: Bench) {
    for (outcome, state) in crate::bench::outcomes() {
        let bench = bench.fresh(Default::default()).await;
        bench.push(reusing("r", hours(1))).await;
        let waiting = bench.push_any(reusing("r", hours(1))).await;
        assert!(matches!(waiting, Pushed::Created(_)), "a job that waits is no result");
        let claimed = bench.take_one().await;
        bench.end(&claimed, outcome).await;
        let pushed = bench.push_any(reusing("r", hours(1))).await;
        assert_eq!(matches!(pushed, Pushed::Existing { .. }), state == State::Succeeded, "after {state}");
    }
}

pub(crate) async fn newest_result_is_reused_and_only_in_its_queue(bench: Bench) {
    let ids = bench.push_all((0..3).map(|_| reusing("r", hours(1))).collect()).await;
    for claimed in bench.take(3).await {
        bench.end(&claimed, success()).await;
        bench.advance(secs(1));
    }
    let newest = Pushed::Existing { id: ids[2], by: DuplicateReason::Reuse };
    assert_eq!(bench.push_any(reusing("r", hours(1))).await, newest);
    let elsewhere = NewJob { reuse: Some(Reuse { key: label("r"), within: hours(1) }), ..job_of("elsewhere", "work") };
    bench.push(elsewhere).await;
}

pub(crate) async fn result_is_kept_as_long_as_it_may_be_reused(bench: Bench) {
    let bench = bench.keeping(hours(1), hours(1)).await;
    let first = bench.push(reusing("r", hours(48))).await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    bench.advance(hours(47));
    assert_eq!(bench.upkeep().await.pruned, 0);
    let served = Pushed::Existing { id: first, by: DuplicateReason::Reuse };
    assert_eq!(bench.push_any(reusing("r", hours(48))).await, served);
    bench.advance(hours(1));
    assert_eq!(bench.upkeep().await.pruned, 1);
    bench.push(reusing("r", hours(48))).await;
}

pub(crate) async fn result_comes_before_the_holder_of_the_key(bench: Bench) {
    let both = || NewJob { reuse: Some(Reuse { key: label("r"), within: hours(1) }), ..unique("k", SCOPES[1]) };
    let first = bench.push(both()).await;
    assert_eq!(bench.push_any(both()).await, stands_back_for(first));
    let claimed = bench.claim(bench.ask().queues(vec![queue("default")])).await;
    bench.end(&claimed[0], success()).await;
    let holder = bench.push(unique("k", SCOPES[1])).await;
    assert_eq!(bench.push_any(both()).await, Pushed::Existing { id: first, by: DuplicateReason::Reuse });
    bench.advance(hours(1));
    assert_eq!(bench.push_any(both()).await, stands_back_for(holder));
}
