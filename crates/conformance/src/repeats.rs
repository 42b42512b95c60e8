//! A call may be repeated after a lost answer: it returns the same and changes nothing.

use std::time::Duration;

use longshore_core::{Outcome, Renewed, Settled, Settlement, Snapshot, State};

use crate::bench::{Bench, UnwrapEach, fatal, outcomes, retry_in, success};

pub(crate) async fn repeated_settle_is_done_and_changes_nothing(bench: Bench) {
    for (outcome, state) in outcomes() {
        let bench = bench.fresh(Default::default()).await;
        let claimed = bench.running().await;
        bench.end(&claimed, outcome.clone()).await;
        let before = bench.job(claimed.id).await;
        assert_eq!(before.state, state, "{outcome:?}");
        bench.end(&claimed, outcome.clone()).await;
        assert_eq!(bench.job(claimed.id).await, before, "a repeat of {outcome:?} changed something");
    }
}

pub(crate) async fn first_outcome_stands(bench: Bench) {
    for (first, _) in outcomes() {
        let bench = bench.fresh(Default::default()).await;
        let claimed = bench.running().await;
        bench.end(&claimed, first.clone()).await;
        let before = bench.job(claimed.id).await;
        for (second, _) in outcomes() {
            bench.end(&claimed, second.clone()).await;
            assert_eq!(bench.job(claimed.id).await, before, "{second:?} overruled {first:?}");
        }
    }
}

pub(crate) async fn repeat_that_comes_after_the_next_claim_changes_nothing(bench: Bench) {
    let first = bench.running().await;
    bench.end(&first, retry_in(Duration::ZERO)).await;
    let second = bench.take_one().await;
    let unchanged = async |before: &Snapshot| {
        for (outcome, _) in outcomes() {
            let _either = bench.settle(&first, outcome).await;
        }
        assert_eq!(bench.renew(&first).await, Renewed::Lost);
        assert_eq!(bench.job(first.id).await, *before);
    };
    unchanged(&bench.job(first.id).await).await;
    assert_eq!(bench.renew(&second).await, Renewed::Held);
    bench.end(&second, fatal()).await;
    let end = bench.job(first.id).await;
    assert_eq!(end.state, State::Dead);
    unchanged(&end).await;
}

pub(crate) async fn settlement_twice_in_a_batch_is_one(bench: Bench) {
    let claimed = bench.running().await;
    let settle = |outcome: Outcome| Settlement::new(claimed.id, claimed.token, outcome);
    let batch = vec![settle(retry_in(Duration::ZERO)), settle(retry_in(Duration::ZERO)), settle(success())];
    assert_eq!(bench.backend.settle(batch).await.unwrap_each(), [Settled::Done, Settled::Done, Settled::Done]);
    let job = bench.job(claimed.id).await;
    assert_eq!((job.state, job.failures.len()), (State::Ready, 1));
}

pub(crate) async fn repeated_renewal_is_held(bench: Bench) {
    let claimed = bench.running().await;
    for _ in 0..3 {
        assert_eq!(bench.renew(&claimed).await, Renewed::Held);
    }
}

pub(crate) async fn repeated_upkeep_finds_nothing(bench: Bench) {
    bench.running().await;
    assert_eq!(bench.crash().await, 1);
    assert_eq!(bench.upkeep().await, Default::default());
}
