//! A job is settled exactly once: only the newest claim's token is accepted, and only until the job is settled.

use std::time::Duration;

use longshore_core::{
    Claimed, JobId, Nonce, Outcome, Progress, QueueName, Renewal, Renewed, Settled, Settlement, Snapshot, State, Token,
    limits,
};

use crate::bench::{Bench, UnwrapEach, fatal, hours, job, outcomes, success};

/// Tries everything that a token could do, and asserts that it had no effect.
async fn is_powerless(bench: &Bench, stale: &Claimed) {
    let before = bench.job(stale.id).await;
    assert_eq!(bench.renew(stale).await, Renewed::Lost);
    for (outcome, _) in outcomes() {
        assert_eq!(bench.settle(stale, outcome.clone()).await, Settled::Lost, "{outcome:?}");
    }
    assert_eq!(bench.job(stale.id).await, before);
}

pub(crate) async fn token_from_before_a_rescue_changes_nothing(bench: Bench) {
    let stale = bench.running().await;
    assert_eq!(bench.crash().await, 1);
    is_powerless(&bench, &stale).await;
}

pub(crate) async fn token_from_before_another_claim_changes_nothing(bench: Bench) {
    let stale = bench.running().await;
    assert_eq!(bench.crash().await, 1);
    let held = bench.take_one().await;
    is_powerless(&bench, &stale).await;
    assert_eq!(bench.renew(&held).await, Renewed::Held);
    bench.end(&held, success()).await;
    is_powerless(&bench, &stale).await;
}

pub(crate) async fn token_from_before_a_release_changes_nothing(bench: Bench) {
    let stale = bench.running().await;
    assert_eq!(bench.release(longshore_core::Death::Interrupted).await.len(), 1);
    is_powerless(&bench, &stale).await;
}

pub(crate) async fn settled_token_cannot_renew(bench: Bench) {
    for (outcome, state) in outcomes() {
        let bench = bench.fresh(Default::default()).await;
        let claimed = bench.running().await;
        bench.end(&claimed, outcome).await;
        let before = bench.job(claimed.id).await;
        assert_eq!(before.state, state);
        assert_eq!(bench.renew(&claimed).await, Renewed::Lost);
        assert_eq!(bench.job(claimed.id).await, before, "a late renewal changed something");
    }
}

pub(crate) async fn settle_counts_past_the_end_of_the_lease(bench: Bench) {
    let claimed = bench.running().await;
    bench.advance(hours(30));
    bench.end(&claimed, success()).await;
    assert_eq!(bench.state(claimed.id).await, State::Succeeded);
}

pub(crate) async fn renewal_counts_past_the_end_of_the_lease(bench: Bench) {
    let claimed = bench.running().await;
    bench.advance(hours(30));
    assert_eq!(bench.renew(&claimed).await, Renewed::Held);
    assert_eq!(bench.upkeep().await.rescued.len(), 0);
}

pub(crate) async fn near_miss_of_a_token_is_lost(bench: Bench) {
    let claimed = bench.running().await;
    let other = bench.running().await;
    let Token { number, bits } = claimed.token;
    let misses = [
        Token { number, bits: bits ^ 1 },
        Token { number, bits: bits ^ (1 << 63) },
        Token { number: number + 1, bits },
        Token { number: number - 1, bits },
        Token { number: 0, bits: 0 },
        other.token,
    ];
    let before = bench.job(claimed.id).await;
    for token in misses {
        assert_eq!(bench.renew_token(claimed.id, token).await, Renewed::Lost, "{token:?}");
        assert_eq!(bench.settle_token(claimed.id, token, success()).await, Settled::Lost, "{token:?}");
    }
    assert_eq!(bench.job(claimed.id).await, before);
    let nobody = JobId::new(&QueueName::default());
    assert_eq!(bench.renew_token(nobody, claimed.token).await, Renewed::Lost);
    assert_eq!(bench.settle_token(nobody, claimed.token, success()).await, Settled::Lost);
}

pub(crate) async fn token_numbers_grow_for_ever(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    let mut last = 0;
    for round in 0..20 {
        bench.push_plain(3).await;
        for claimed in bench.take(3).await {
            assert!(claimed.token.number > last, "round {round}: {} came after {last}", claimed.token.number);
            last = claimed.token.number;
            bench.end(&claimed, success()).await;
        }
        assert_eq!(bench.upkeep().await.pruned, 3, "no row may remember the number");
    }
}

pub(crate) async fn token_numbers_grow_across_processes(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    let first = bench.running().await;
    bench.end(&first, success()).await;
    assert_eq!(bench.upkeep().await.pruned, 1);
    let Some(second) = bench.second().await else { return };
    bench.push(job()).await;
    let later = second.claim(bench.ask()).await.unwrap().jobs.pop().unwrap();
    assert!(later.token.number > first.token.number);
    let last = bench.running().await;
    assert!(last.token.number > later.token.number, "the two openings must share one count");
}

pub(crate) async fn concurrent_settles_have_one_effect(bench: Bench) {
    for _ in 0..25 {
        let claimed = bench.running().await;
        let ways = bench.ways().await;
        let settle = |outcome: Outcome, way: usize| {
            let backend = ways[way % ways.len()].clone();
            let settlement = Settlement::new(claimed.id, claimed.token, outcome);
            tokio::spawn(async move { backend.settle(vec![settlement]).await.unwrap_each()[0] })
        };
        let (good, bad) = (settle(success(), 0), settle(fatal(), 1));
        assert_eq!((good.await.unwrap(), bad.await.unwrap()), (Settled::Done, Settled::Done));
        let Snapshot { state, result, failures, reason, .. } = bench.job(claimed.id).await;
        match state {
            State::Succeeded => assert!(result.is_some() && failures.is_empty() && reason.is_none()),
            State::Dead => assert!(result.is_none() && failures.len() == 1 && reason.is_some()),
            _ => panic!("a settled job is {state}"),
        }
    }
}

pub(crate) async fn old_and_new_holder_race_and_the_new_one_wins(bench: Bench) {
    bench.push_plain(30).await;
    let old = bench.take(30).await;
    assert_eq!(bench.crash().await, 30);
    let new = bench.take(30).await;
    assert_eq!(new.len(), 30);
    let settle = |claimed: Claimed, outcome: Outcome| {
        let backend = bench.backend.clone();
        let settlement = Settlement::new(claimed.id, claimed.token, outcome);
        tokio::spawn(async move { backend.settle(vec![settlement]).await.unwrap_each()[0] })
    };
    let late: Vec<_> = old.into_iter().map(|claimed| settle(claimed, fatal())).collect();
    let right: Vec<_> = new.into_iter().map(|claimed| settle(claimed, success())).collect();
    for task in late {
        assert_eq!(task.await.unwrap(), Settled::Lost);
    }
    for task in right {
        assert_eq!(task.await.unwrap(), Settled::Done);
    }
    assert_eq!(bench.count(State::Succeeded).await, 30);
}

pub(crate) async fn batch_may_mix_held_and_stale_claims(bench: Bench) {
    let stale = bench.running().await;
    assert_eq!(bench.crash().await, 1);
    bench.push_plain(2).await;
    let mut held = bench.claim(bench.ask().limit(3).nonce(Nonce::new())).await;
    let again = held.iter().position(|claimed| claimed.id == stale.id).expect("the rescued job is ready");
    held.remove(again);
    let mixed = [&held[0], &stale, &held[1]];
    let renewals = mixed.map(|claimed| {
        Renewal::new(claimed.id, claimed.token, limits::LEASE).progress(Some(Progress::from_message("on its way")))
    });
    let answers = bench.backend.renew(renewals.to_vec()).await.unwrap_each();
    assert_eq!(answers, [Renewed::Held, Renewed::Lost, Renewed::Held]);
    assert_eq!(bench.job(stale.id).await.progress, None);
    assert_eq!(bench.job(held[1].id).await.progress.unwrap().message, "on its way");
    let settlements = mixed.map(|claimed| Settlement::new(claimed.id, claimed.token, success()));
    let answers = bench.backend.settle(settlements.to_vec()).await.unwrap_each();
    assert_eq!(answers, [Settled::Done, Settled::Lost, Settled::Done]);
    assert_eq!(bench.state(stale.id).await, State::Running);
}
