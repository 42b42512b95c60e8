//! A pause belongs to a queue: no job is claimed, no attempt is lost, and it ends when it should.

use longshore_core::{HeldBack, HeldBackReason, NewPause, When, limits};

use crate::bench::{Bench, hours, job, job_of, label, queue, secs, success};

async fn pause(bench: &Bench, until: Option<When>) {
    let new = NewPause { until, reason: Some(label("the service is down")), by: Some(label("ada")) };
    let pause = bench.backend.pause(queue("default"), new).await.expect("a queue can be paused");
    assert!(pause.holds(pause.since));
}

async fn resume(bench: &Bench) -> bool {
    bench.backend.resume(queue("default")).await.expect("a queue can be resumed")
}

pub(crate) async fn paused_queue_hands_nothing_out(bench: Bench) {
    bench.push_plain(3).await;
    let running = bench.take_one().await;
    pause(&bench, None).await;
    for way in bench.ways().await {
        let claims = way.claim(bench.ask()).await.expect("a claim is answered");
        let paused = HeldBack::new(queue("default"), HeldBackReason::Paused, None);
        assert_eq!((claims.jobs, claims.held_back), (vec![], vec![paused]));
    }
    // Running jobs continue, and queues without a pause are not affected.
    bench.end(&running, success()).await;
    assert!(resume(&bench).await);
    assert!(!resume(&bench).await, "it was resumed before");
    assert_eq!(bench.take(10).await.len(), 2);
}

pub(crate) async fn pause_ends_by_itself_at_its_time(bench: Bench) {
    bench.push(job()).await;
    pause(&bench, Some(When::In(secs(60)))).await;
    let claims = bench.claims(bench.ask()).await;
    let told = claims.look_again.is_some_and(|due| due > secs(50) && due <= secs(60));
    assert!(claims.jobs.is_empty() && told, "a worker knows when to look again: {:?}", claims.look_again);
    bench.advance(secs(50));
    assert_eq!(bench.take(10).await, []);
    bench.advance(secs(10));
    assert_eq!(bench.take(10).await.len(), 1);
    assert!(!resume(&bench).await, "it was over");
}

pub(crate) async fn pause_is_of_one_queue_and_seen_in_the_list(bench: Bench) {
    bench.push_all(vec![job(), job_of("other", "work")]).await;
    pause(&bench, Some(When::In(hours(1)))).await;
    let stats = bench.queues().await;
    let paused = |name| stats.iter().find(|stats| stats.queue == queue(name)).expect("it is listed").paused().cloned();
    let seen = paused("default").expect("it is paused");
    assert_eq!((seen.reason, seen.by), (Some(label("the service is down")), Some(label("ada"))));
    assert_eq!(seen.until, Some(seen.since.after(hours(1))));
    assert_eq!(paused("other"), None);
    bench.advance(hours(1));
    let stats = bench.queues().await;
    assert!(stats.iter().all(|stats| stats.paused().is_none()), "a pause that is over is none");
}

pub(crate) async fn pause_costs_nothing_however_long_it_lasts(bench: Bench) {
    let id = bench.push(job()).await;
    pause(&bench, None).await;
    for _ in 0..10 {
        bench.advance(hours(12));
        assert_eq!(bench.take(10).await, []);
        assert_eq!(bench.upkeep().await.buried.len(), 0);
    }
    resume(&bench).await;
    let claimed = bench.take_one().await;
    assert_eq!((claimed.id, claimed.attempt, claimed.crashes), (id, 1, 0));
}

pub(crate) async fn resume_wakes_a_waiting_worker(bench: Bench) {
    pause(&bench, None).await;
    bench.push(job()).await;
    let mut work = bench.backend.subscribe_work(vec![job().queue], vec![job().kind]);
    resume(&bench).await;
    let told = tokio::time::timeout(limits::LEASE, work.recv()).await;
    assert!(told.is_ok(), "nobody was told of a resume");
}
