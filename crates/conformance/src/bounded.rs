//! Large amounts of work are done in bounded steps, and nothing is lost.

use std::time::Duration;

use longshore_core::{Acted, Action, Claimed, Death, NewJob, State, Upkeep, When, limits};

use crate::bench::{Bench, hours, job, job_of, secs};

const LIMIT: usize = limits::UPKEEP_ROWS;

/// Pushes many jobs and claims all of them.
async fn many_running(bench: &Bench) -> Vec<Claimed> {
    push_many(bench, bench.many(), job).await;
    let mut claimed = Vec::new();
    while claimed.len() < bench.many() {
        let batch = bench.take(limits::BATCH).await;
        assert!(!batch.is_empty(), "{} of {} jobs could be claimed", claimed.len(), bench.many());
        claimed.extend(batch);
    }
    claimed
}

async fn push_many(bench: &Bench, n: usize, new: impl Fn() -> NewJob) {
    bench.push_all((0..n).map(|_| new()).collect()).await;
}

/// Does upkeep until there is no more to do. Returns how many rows of one part were changed. Asserts that each step is
/// bounded, and that a full step reports that there is more.
async fn work_off(bench: &Bench, part: impl Fn(&longshore_core::UpkeepReport) -> usize) -> usize {
    let mut done = 0;
    for _ in 0..=bench.many() / LIMIT + 1 {
        let kept = bench.upkeep().await;
        let step = part(&kept);
        assert!(step <= LIMIT, "{step} rows in one step");
        assert!(kept.more || step < LIMIT, "a full step must say that there is more");
        done += step;
        if !kept.more {
            return done;
        }
    }
    panic!("after {done} rows upkeep still says that there is more");
}

pub(crate) async fn many_expired_leases_are_rescued_in_steps(bench: Bench) {
    let many = many_running(&bench).await.len();
    bench.advance(hours(1));
    assert_eq!(work_off(&bench, |kept| kept.rescued.len()).await, many);
    assert_eq!(bench.count(State::Ready).await, many as u64);
    assert_eq!(bench.count(State::Running).await, 0);
}

pub(crate) async fn many_finished_jobs_are_pruned_in_steps(bench: Bench) {
    let bench = bench.keeping(hours(1), hours(1)).await;
    let claimed = many_running(&bench).await;
    bench.succeed_all(&claimed).await;
    assert_eq!(bench.upkeep().await.pruned, 0);
    bench.advance(hours(1));
    assert_eq!(work_off(&bench, |kept| kept.pruned).await, claimed.len());
    assert_eq!(bench.count(State::Succeeded).await, 0);
    assert_eq!(bench.list(Default::default()).await, []);
}

pub(crate) async fn many_due_jobs_are_all_handed_out(bench: Bench) {
    let many = bench.many();
    push_many(&bench, many, || NewJob { when: When::In(secs(600)), ..job() }).await;
    assert!(bench.take(10).await.is_empty());
    bench.advance(secs(600));
    let mut claimed = 0;
    while claimed < many {
        let batch = bench.take(limits::BATCH).await.len();
        assert!(batch > 0, "{claimed} of {many} jobs were handed out, and then no more");
        claimed += batch;
    }
    assert_eq!(bench.count(State::Running).await, many as u64);
}

pub(crate) async fn many_missed_deadlines_are_buried_in_steps(bench: Bench) {
    let many = bench.many();
    push_many(&bench, many, || NewJob { deadline: Some(When::In(secs(60))), ..job() }).await;
    bench.advance(secs(60));
    assert_eq!(work_off(&bench, |kept| kept.buried.len()).await, many);
    assert_eq!(bench.count(State::Dead).await, many as u64);
}

pub(crate) async fn many_unused_queues_are_forgotten_in_steps(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    let used = bench.push(job()).await;
    let names: Vec<String> = (0..2 * LIMIT + 20).map(|n| format!("q{n}")).collect();
    let ids = bench.push_all(names.iter().map(|name| job_of(name, "work")).collect()).await;
    for id in ids {
        assert_eq!(bench.act(id, Action::Cancel).await, Acted::Done(State::Cancelled));
    }
    work_off(&bench, |kept| kept.pruned).await;
    assert_eq!(bench.queues().await.len(), names.len() + 1);
    bench.advance(hours(25));
    let mut left = names.len() + 1;
    while bench.upkeep().await.more {
        let now = bench.queues().await.len();
        assert!(now < left && left - now <= LIMIT, "{left} queues, and {now} after a step");
        left = now;
    }
    let left: Vec<_> = bench.queues().await.into_iter().map(|stats| stats.queue).collect();
    assert_eq!(left, [job().queue]);
    assert!(bench.is_known(used).await);
}

pub(crate) async fn parts_of_upkeep_do_not_starve_each_other(bench: Bench) {
    let bench = bench.keeping(Duration::ZERO, Duration::ZERO).await;
    push_many(&bench, 60, || NewJob { deadline: Some(When::In(secs(60))), when: When::In(secs(300)), ..job() }).await;
    bench.push_plain(120).await;
    let finished = bench.take(60).await;
    bench.succeed_all(&finished).await;
    assert_eq!(bench.take(60).await.len(), 60);
    bench.advance(secs(100));
    let kept = bench.store.upkeep(Upkeep::new(20, true)).await.unwrap();
    assert_eq!((kept.rescued.len(), kept.buried.len()), (20, 20));
    assert!(kept.pruned > 0 && kept.pruned <= 20 && kept.more);
}

pub(crate) async fn worker_with_a_thousand_jobs_is_released_as_a_whole(bench: Bench) {
    bench.push_plain(limits::BATCH).await;
    assert_eq!(bench.take(limits::BATCH).await.len(), limits::BATCH);
    assert_eq!(bench.release(Death::Interrupted).await.len(), limits::BATCH);
    assert_eq!(bench.count(State::Ready).await, limits::BATCH as u64);
}

pub(crate) async fn many_jobs_that_missed_their_deadline_do_not_wedge_claims(bench: Bench) {
    let many = bench.many();
    push_many(&bench, many, || NewJob { deadline: Some(When::In(secs(60))), priority: 1, ..job() }).await;
    let good = bench.push(job()).await;
    bench.advance(secs(60));
    for _ in 0..=many {
        let mut claims = bench.claims(bench.ask()).await;
        assert!(claims.buried.len() <= LIMIT, "{} jobs buried by one claim", claims.buried.len());
        if let Some(claimed) = claims.jobs.pop() {
            assert_eq!(claimed.id, good);
            return;
        }
        assert_eq!(claims.look_again, Some(Duration::ZERO), "there is more behind those that were buried");
    }
    panic!("the job behind {many} expired ones was never handed out");
}
