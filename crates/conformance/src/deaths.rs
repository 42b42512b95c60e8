//! How a worker ended determines what it costs its jobs.

use std::time::Duration;

use longshore_core::{Acted, Action, Claimed, Death, ErrorKind, NewJob, Outcome, Reason, State, WorkerSecret, limits};

use crate::bench::{Bench, exhausted, hours, job, retry_in, secs, success};

/// Lets a job crash twice, and waits until it may run again, isolated.
async fn twice_crashed(bench: &Bench) -> longshore_core::JobId {
    let claimed = bench.running().await;
    assert_eq!(bench.crash().await, 1);
    assert_eq!(bench.take_one().await.id, claimed.id);
    assert_eq!(bench.crash().await, 1);
    bench.advance(limits::CRASH_BACKOFF);
    claimed.id
}

/// Claims one more job while others run.
async fn take_beside_others(bench: &Bench) -> longshore_core::Claims {
    bench.claims(bench.ask().idle(false).limit(10)).await
}

pub(crate) async fn crash_is_counted_apart_and_gives_the_attempt_back(bench: Bench) {
    let claimed = bench.running().await;
    assert_eq!(bench.job(claimed.id).await.attempt, 1);
    assert_eq!(bench.crash().await, 1);
    let job = bench.job(claimed.id).await;
    assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Ready, 0, 1, 0));
    assert_eq!(job.failures.len(), 1, "a crash is shown");
    assert_eq!((job.failures[0].attempt, job.failures[0].worker), (1, Some(bench.worker.id())));
}

pub(crate) async fn job_that_crashed_twice_waits_and_then_runs_isolated(bench: Bench) {
    let suspect = bench.running().await;
    assert_eq!(bench.crash().await, 1);
    bench.take_one().await;
    assert_eq!(bench.crash().await, 1);
    let job = bench.job(suspect.id).await;
    assert_eq!((job.state, job.crashes, job.attempt), (State::Scheduled, 2, 0));
    bench.advance(limits::CRASH_BACKOFF - secs(5));
    assert!(bench.take(1).await.is_empty(), "it waits out its back-off");
    bench.advance(secs(5));

    let busy = take_beside_others(&bench).await;
    assert!(busy.jobs.is_empty() && busy.isolated_waits);
    let innocents = bench.push_plain(3).await;
    let busy = take_beside_others(&bench).await;
    assert_eq!(busy.jobs.len(), 3, "others go on meanwhile");
    assert!(busy.isolated_waits && busy.jobs.iter().all(|job| innocents.contains(&job.id)));

    bench.push_plain(3).await;
    let idle = bench.take(10).await;
    assert_eq!(idle.len(), 1, "an idle worker gets it, and nothing beside it");
    assert_eq!((idle[0].id, idle[0].crashes), (suspect.id, 2));
}

pub(crate) async fn isolated_jobs_run_one_by_one(bench: Bench) {
    bench.push_plain(3).await;
    for _ in 0..2 {
        assert_eq!(bench.take(10).await.len(), 3);
        assert_eq!(bench.crash().await, 3);
    }
    bench.advance(limits::CRASH_BACKOFF);
    for _ in 0..3 {
        let isolated = bench.take(10).await;
        assert_eq!(isolated.len(), 1);
        bench.end(&isolated[0], success()).await;
    }
    assert_eq!(bench.count(State::Succeeded).await, 3);
}

pub(crate) async fn isolated_jobs_of_several_queues_run_one_by_one(bench: Bench) {
    let names = ["first", "second"].map(crate::bench::queue);
    let ask = || bench.ask().queues(names.to_vec()).limit(10);
    bench.push_all(vec![crate::bench::job_of("first", "work"), crate::bench::job_of("second", "work")]).await;
    for _ in 0..2 {
        assert_eq!(bench.claim(ask()).await.len(), 2);
        assert_eq!(bench.crash().await, 2);
    }
    bench.advance(limits::CRASH_BACKOFF);
    bench.push(crate::bench::job_of("first", "work")).await;
    let first = bench.claims(ask()).await;
    assert_eq!((first.jobs.len(), first.jobs[0].crashes), (1, 2));
    let second = bench.claims(ask()).await;
    assert_eq!(second.jobs.len(), 1, "a suspect or an innocent, but never both");
}

pub(crate) async fn third_crash_buries_the_job(bench: Bench) {
    let id = twice_crashed(&bench).await;
    assert_eq!(bench.take_one().await.id, id);
    assert_eq!(bench.crash().await, 1);
    let job = bench.job(id).await;
    assert_eq!((job.state, job.reason, job.crashes), (State::Dead, Some(Reason::Crashed), 3));
    assert!(job.finished_at.is_some());
    assert_eq!(job.failures.len(), 3);
    bench.advance(hours(1));
    assert!(bench.take(1).await.is_empty());
}

pub(crate) async fn retry_by_hand_forgets_crashes(bench: Bench) {
    let id = twice_crashed(&bench).await;
    bench.take_one().await;
    bench.crash().await;
    assert_eq!(bench.act(id, Action::Retry).await, Acted::Done(State::Ready));
    let again = take_beside_others(&bench).await;
    assert!(!again.isolated_waits);
    assert_eq!((again.jobs[0].id, again.jobs[0].crashes, again.jobs[0].attempt), (id, 0, 1));
}

pub(crate) async fn reboot_costs_nothing_but_is_counted(bench: Bench) {
    let claimed = bench.running().await;
    if !bench.knows_reboots() {
        bench.reboot();
        assert_eq!(bench.upkeep().await.rescued.len(), 1);
        let job = bench.job(claimed.id).await;
        assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Ready, 0, 1, 0));
        return;
    }
    for round in 1..=5 {
        bench.reboot();
        assert_eq!(bench.upkeep().await.rescued.len(), 1);
        let job = bench.job(claimed.id).await;
        assert_eq!((job.state, job.attempt, job.crashes), (State::Ready, 0, 0));
        assert_eq!(job.interruptions, round);
        assert_eq!(bench.take_one().await.attempt, 1);
    }
}

pub(crate) async fn worker_released_on_purpose_costs_nothing(bench: Bench) {
    bench.push_plain(3).await;
    let claimed = bench.take(3).await;
    assert_eq!(bench.release(Death::Interrupted).await.len(), 3);
    for Claimed { id, .. } in claimed {
        let job = bench.job(id).await;
        assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Ready, 0, 0, 1));
    }
}

pub(crate) async fn worker_released_after_a_crash_counts_as_one(bench: Bench) {
    let claimed = bench.running().await;
    assert_eq!(bench.release(Death::Crashed).await.len(), 1);
    let job = bench.job(claimed.id).await;
    assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Ready, 0, 1, 0));
    let other = bench.ask().worker(WorkerSecret::new().id());
    assert_eq!(bench.claim(other).await.len(), 1, "at once, without waiting for the lease");
}

pub(crate) async fn released_worker_gets_nothing_more(bench: Bench) {
    bench.push_plain(3).await;
    let ask = bench.ask();
    assert_eq!(bench.claim(ask.clone()).await.len(), 1);
    assert_eq!(bench.release(Death::Interrupted).await.len(), 1);
    for claim in [bench.ask(), ask] {
        let error = bench.backend.claim(claim).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(!error.is_retryable());
    }
    assert_eq!(bench.count(State::Ready).await, 3);
}

pub(crate) async fn worker_released_before_its_first_claim_gets_nothing(bench: Bench) {
    bench.push_plain(1).await;
    assert_eq!(bench.release(Death::Crashed).await.len(), 0);
    assert!(bench.backend.claim(bench.ask()).await.is_err(), "its claim was perhaps on its way");
}

pub(crate) async fn release_touches_no_other_worker(bench: Bench) {
    bench.push_plain(2).await;
    let mine = bench.take_one().await;
    let other = WorkerSecret::new();
    let others = bench.claim(bench.ask().worker(other.id())).await;
    assert_eq!(bench.backend.release(other.clone(), Death::Crashed).await.unwrap().len(), 1);
    assert_eq!(bench.backend.release(other, Death::Crashed).await.unwrap().len(), 0, "a repeat finds nothing");
    assert_eq!(bench.backend.release(WorkerSecret::new(), Death::Crashed).await.unwrap().len(), 0);
    assert_eq!(bench.state(others[0].id).await, State::Ready);
    bench.end(&mine, success()).await;
}

pub(crate) async fn release_leaves_settled_jobs_alone(bench: Bench) {
    let claimed = bench.running().await;
    bench.end(&claimed, retry_in(Duration::ZERO)).await;
    assert_eq!(bench.release(Death::Crashed).await.len(), 0);
    assert_eq!(bench.job(claimed.id).await.crashes, 0);
}

pub(crate) async fn snooze_and_release_cost_no_attempt(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(1), ..job() }).await;
    let outcomes = [Outcome::Release, Outcome::Snooze { delay: Duration::ZERO }, Outcome::Snooze { delay: secs(40) }];
    for (round, outcome) in outcomes.into_iter().cycle().take(12).enumerate() {
        let claimed = bench.take_one().await;
        assert_eq!(claimed.attempt, 1, "round {round}");
        bench.end(&claimed, outcome).await;
        let job = bench.job(id).await;
        assert_eq!((job.attempt, job.crashes, job.interruptions), (0, 0, round as u32 + 1));
        assert!(job.failures.is_empty());
        bench.advance(secs(40));
    }
}

pub(crate) async fn last_attempt_that_crashes_is_tried_again(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(1), ..job() }).await;
    bench.take_one().await;
    assert_eq!(bench.crash().await, 1);
    let again = bench.take_one().await;
    assert_eq!((again.id, again.attempt, again.max_attempts), (id, 1, 1));
    bench.end(&again, success()).await;
}

pub(crate) async fn failed_attempts_are_counted_until_none_is_left(bench: Bench) {
    let id = bench.push(NewJob { max_attempts: Some(3), ..job() }).await;
    for attempt in 1..=3 {
        let claimed = bench.take_one().await;
        assert_eq!(claimed.attempt, attempt);
        bench.end(&claimed, if attempt < 3 { retry_in(Duration::ZERO) } else { exhausted() }).await;
    }
    let job = bench.job(id).await;
    assert_eq!((job.state, job.reason, job.attempt), (State::Dead, Some(Reason::Exhausted), 3));
    assert_eq!(job.failures.iter().map(|failure| failure.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(job.failures.iter().all(|failure| failure.message == "not this time"));
    assert!(bench.take(1).await.is_empty());
}
