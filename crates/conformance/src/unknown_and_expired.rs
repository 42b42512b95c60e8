//! A job of an unknown kind waits and finally dies, and so does a job that missed its deadline.

use longshore_core::{NewJob, Reason, Renewed, State, When, limits};

use crate::bench::{Bench, hours, job, job_of, known, queue, retry_in, secs, success};

/// Lets workers of that queue that know only `work` claim every half an hour for this many hours.
async fn workers_look(bench: &Bench, name: &str, for_hours: u64) {
    for _ in 0..for_hours * 2 {
        let claim = bench.ask().queues(vec![queue(name)]).limit(0);
        assert!(bench.claims(claim).await.jobs.is_empty());
        bench.advance(secs(1800));
    }
}

pub(crate) async fn unknown_kind_waits_while_there_are_no_workers(bench: Bench) {
    let id = bench.push(job_of("default", "unheard.of")).await;
    for _ in 0..30 {
        bench.advance(hours(24));
        assert_eq!(bench.upkeep().await.buried.len(), 0);
    }
    assert_eq!(bench.state(id).await, State::Ready);
}

pub(crate) async fn unknown_kind_is_dead_after_a_day_among_workers(bench: Bench) {
    let id = bench.push(job_of("default", "unheard.of")).await;
    workers_look(&bench, "default", 23).await;
    assert_eq!(bench.upkeep().await.buried.len(), 0);
    workers_look(&bench, "default", 2).await;
    assert_eq!(bench.upkeep().await.buried.len(), 1);
    let job = bench.job(id).await;
    assert_eq!((job.state, job.reason), (State::Dead, Some(Reason::UnknownKind)));
    assert!(job.finished_at.is_some());
}

pub(crate) async fn day_begins_when_workers_come(bench: Bench) {
    let id = bench.push(job_of("default", "unheard.of")).await;
    bench.advance(hours(100));
    workers_look(&bench, "default", 23).await;
    assert_eq!(bench.upkeep().await.buried.len(), 0, "the workers have not been there for a day");
    assert_eq!(bench.state(id).await, State::Ready);
}

pub(crate) async fn workers_of_another_queue_do_not_count(bench: Bench) {
    let id = bench.push(job_of("default", "unheard.of")).await;
    workers_look(&bench, "elsewhere", 30).await;
    assert_eq!(bench.upkeep().await.buried.len(), 0);
    assert_eq!(bench.state(id).await, State::Ready);
}

pub(crate) async fn known_kind_may_wait_for_ever(bench: Bench) {
    let id = bench.push(job_of("default", "rare")).await;
    for _ in 0..4 {
        workers_look(&bench, "default", 15).await;
        let full = bench.ask().kinds(known(["rare"])).limit(0);
        assert!(bench.claims(full).await.jobs.is_empty());
        assert_eq!(bench.upkeep().await.buried.len(), 0, "a worker that knows it was there not long ago");
    }
    assert_eq!(bench.state(id).await, State::Ready);
}

pub(crate) async fn job_scheduled_far_ahead_is_not_unknown_before_its_time(bench: Bench) {
    let id = bench.push(NewJob { when: When::In(hours(48)), ..job_of("default", "unheard.of") }).await;
    workers_look(&bench, "default", 50).await;
    assert_eq!(bench.upkeep().await.buried.len(), 0);
    assert!(!bench.state(id).await.is_final());
}

pub(crate) async fn expired_job_is_never_handed_out(bench: Bench) {
    let id = bench.push(NewJob { deadline: Some(When::In(secs(60))), ..job() }).await;
    let fine = bench.push(NewJob { deadline: Some(When::In(secs(600))), ..job() }).await;
    bench.advance(secs(60));
    let claimed = bench.take(10).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [fine]);
    bench.upkeep().await;
    let job = bench.job(id).await;
    assert_eq!((job.state, job.reason, job.started_at), (State::Dead, Some(Reason::Expired), None));
}

pub(crate) async fn upkeep_buries_what_missed_its_deadline(bench: Bench) {
    let deadline = Some(When::In(secs(60)));
    let ready = bench.push(NewJob { deadline, ..job() }).await;
    let scheduled = bench.push(NewJob { deadline, when: When::In(hours(1)), ..job() }).await;
    bench.advance(secs(50));
    assert_eq!(bench.upkeep().await.buried.len(), 0);
    bench.advance(secs(10));
    assert_eq!(bench.upkeep().await.buried.len(), 2);
    for id in [ready, scheduled] {
        let job = bench.job(id).await;
        assert_eq!((job.state, job.reason), (State::Dead, Some(Reason::Expired)));
    }
    bench.advance(limits::KEEP_DEAD);
    assert_eq!(bench.upkeep().await.pruned, 2);
}

pub(crate) async fn running_job_is_past_its_deadline_safely(bench: Bench) {
    bench.push(NewJob { deadline: Some(When::In(secs(20))), ..job() }).await;
    let claimed = bench.take_one().await;
    bench.advance(secs(25));
    let kept = bench.upkeep().await;
    assert_eq!((kept.buried.len(), kept.rescued.len()), (0, 0));
    assert_eq!(bench.renew(&claimed).await, Renewed::Held);
    bench.end(&claimed, success()).await;
}

pub(crate) async fn job_handed_out_before_its_deadline_may_fail_and_try_again_before_it(bench: Bench) {
    bench.push(NewJob { deadline: Some(When::In(secs(600))), ..job() }).await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, retry_in(secs(60))).await;
    bench.advance(secs(60));
    assert_eq!(bench.take_one().await.attempt, 2);
}

pub(crate) async fn job_is_not_tried_again_after_its_deadline(bench: Bench) {
    let id = bench.push(NewJob { deadline: Some(When::In(secs(30))), ..job() }).await;
    let claimed = bench.take_one().await;
    bench.end(&claimed, retry_in(secs(60))).await;
    bench.advance(secs(60));
    assert_eq!(bench.take(10).await, []);
    bench.upkeep().await;
    let job = bench.job(id).await;
    assert_eq!((job.state, job.reason, job.attempt), (State::Dead, Some(Reason::Expired), 1));
}
