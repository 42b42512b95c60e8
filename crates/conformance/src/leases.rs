//! A claim lasts for its lease, and a job whose worker stopped renewing runs again.

use longshore_core::{Renewal, Renewed, Settled, State, Upkeep, limits};

use crate::bench::{Bench, UnwrapEach, hours, secs, success};

const DAY_MS: i64 = 24 * 3600 * 1000;

pub(crate) async fn job_of_a_silent_worker_runs_again(bench: Bench) {
    let first = bench.running().await;
    assert_eq!(bench.crash().await, 1);
    assert_eq!(bench.state(first.id).await, State::Ready);
    let second = bench.take_one().await;
    assert_eq!((second.id, second.attempt, second.crashes), (first.id, 1, 1));
    assert_ne!(second.token, first.token);
}

pub(crate) async fn lease_holds_until_its_end(bench: Bench) {
    bench.push_plain(1).await;
    let claimed = bench.claim(bench.ask().lease(secs(100))).await;
    bench.advance(secs(90));
    assert_eq!(bench.upkeep().await.rescued.len(), 0);
    assert!(bench.take(1).await.is_empty());
    bench.advance(secs(10));
    assert_eq!(bench.upkeep().await.rescued.len(), 1);
    assert_eq!(bench.settle(&claimed[0], success()).await, Settled::Lost);
}

pub(crate) async fn renewal_extends_from_now(bench: Bench) {
    let claimed = bench.running().await;
    for _ in 0..10 {
        bench.advance(secs(20));
        assert_eq!(bench.renew(&claimed).await, Renewed::Held);
        assert_eq!(bench.upkeep().await.rescued.len(), 0);
    }
    assert_eq!(bench.crash().await, 1);
}

pub(crate) async fn renewal_may_also_shorten(bench: Bench) {
    let claimed = bench.running().await;
    let renewal = Renewal::new(claimed.id, claimed.token, secs(2));
    assert_eq!(bench.backend.renew(vec![renewal]).await.unwrap_each(), [Renewed::Held]);
    bench.advance(secs(2));
    assert_eq!(bench.upkeep().await.rescued.len(), 1);
}

pub(crate) async fn only_expired_leases_are_rescued(bench: Bench) {
    bench.push_plain(10).await;
    let held = bench.take(5).await;
    let silent = bench.take(5).await;
    bench.advance(secs(20));
    for claimed in &held {
        assert_eq!(bench.renew(claimed).await, Renewed::Held);
    }
    bench.advance(secs(15));
    assert_eq!(bench.upkeep().await.rescued.len(), 5);
    for claimed in &silent {
        assert_eq!(bench.state(claimed.id).await, State::Ready);
    }
    for claimed in &held {
        bench.end(claimed, success()).await;
    }
}

pub(crate) async fn upkeep_without_rescue_rescues_nobody(bench: Bench) {
    let claimed = bench.running().await;
    bench.advance(hours(5));
    assert_eq!(bench.start_upkeep(false).await.rescued.len(), 0);
    assert_eq!(bench.renew(&claimed).await, Renewed::Held);
}

pub(crate) async fn step_of_the_wall_clock_does_not_touch_leases(bench: Bench) {
    let claimed = bench.running().await;
    bench.clock.step_wall(DAY_MS);
    assert_eq!(bench.upkeep().await.rescued.len(), 0, "a step ahead must not end leases");
    assert_eq!(bench.renew(&claimed).await, Renewed::Held);
    bench.clock.step_wall(-2 * DAY_MS);
    assert_eq!(bench.upkeep().await.rescued.len(), 0);
    assert_eq!(bench.crash().await, 1, "a step back must not prolong leases");
}

pub(crate) async fn step_of_the_wall_clock_loses_no_job(bench: Bench) {
    bench.clock.step_wall(DAY_MS);
    let ids = bench.push_plain(3).await;
    let claimed = bench.take_one().await;
    bench.clock.step_wall(-DAY_MS);
    bench.end(&claimed, success()).await;
    assert_eq!(bench.take(10).await.len(), 2, "what was ready stays ready");
    for id in ids {
        assert!(bench.is_known(id).await);
    }
}

pub(crate) async fn reboot_ends_every_lease_at_once(bench: Bench) {
    bench.push_plain(3).await;
    bench.take(3).await;
    bench.reboot();
    assert_eq!(bench.upkeep().await.rescued.len(), 3);
    assert_eq!(bench.count(State::Ready).await, 3);
}

pub(crate) async fn lease_longer_than_leases_can_be_is_over(bench: Bench) {
    bench.push_plain(1).await;
    // `Backend` refuses such a lease.
    let claim = bench.ask().lease(limits::LONGEST_LEASE + hours(1));
    assert_eq!(bench.store.claim(claim).await.unwrap().jobs.len(), 1);
    assert_eq!(bench.upkeep().await.rescued.len(), 1, "it was written by a broken clock");
}

pub(crate) async fn rescue_is_bounded_by_its_limit(bench: Bench) {
    bench.push_plain(10).await;
    bench.take(10).await;
    bench.advance(secs(31));
    let mut steps = Vec::new();
    loop {
        let kept = bench.store.upkeep(Upkeep::new(4, true)).await.unwrap();
        steps.push(kept.rescued.len());
        assert_eq!(kept.more, kept.rescued.len() == 4);
        if !kept.more {
            break;
        }
    }
    assert_eq!(steps, [4, 4, 2]);
}

pub(crate) async fn any_process_rescues(bench: Bench) {
    let first = bench.running().await;
    for way in bench.ways().await {
        bench.advance(secs(31));
        assert_eq!(way.upkeep().await.unwrap().rescued.len(), 1);
        if bench.state(first.id).await == State::Scheduled {
            bench.advance(limits::CRASH_BACKOFF);
        }
        assert_eq!(bench.take_one().await.id, first.id);
    }
}
