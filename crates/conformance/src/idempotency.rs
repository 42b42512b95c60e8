//! A repeated request gets the first answer, whatever has happened to its job.

use longshore_core::{DuplicateReason, Idempotency, JobId, NewJob, Pushed, UniqueScope};

use crate::bench::{Bench, hours, job, job_of, label, success, unique};

/// Returns a new job, as each repeat of a request creates one.
fn request(key: &str, fingerprint: u8) -> NewJob {
    NewJob { idempotency: Some(Idempotency { key: label(key), fingerprint: [fingerprint; 32] }), ..job() }
}

pub(crate) async fn repeat_gets_the_first_answer(bench: Bench) {
    let first = bench.push(request("k", 1)).await;
    assert_eq!(bench.push_any(request("k", 1)).await, Pushed::Created(first));
    for way in bench.ways().await {
        assert_eq!(way.push_one(request("k", 1)).await.expect("a push is answered"), Pushed::Created(first));
    }
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    assert_eq!(bench.push_any(request("k", 1)).await, Pushed::Created(first), "a finished job is its answer still");
    assert_eq!(bench.take(10).await, []);
}

pub(crate) async fn another_request_with_the_key_is_a_conflict(bench: Bench) {
    let first = bench.push(request("k", 1)).await;
    assert_eq!(bench.push_any(request("k", 2)).await, Pushed::Conflict(first));
    assert_eq!(bench.take(10).await.len(), 1);
}

pub(crate) async fn idempotency_keys_belong_to_a_queue(bench: Bench) {
    let first = bench.push(request("k", 1)).await;
    let elsewhere = NewJob { idempotency: request("k", 2).idempotency, ..job_of("other", "work") };
    assert!(matches!(bench.push_any(elsewhere).await, Pushed::Created(id) if id != first));
}

pub(crate) async fn key_is_kept_a_day_and_as_long_as_its_job(bench: Bench) {
    let first = bench.push(request("k", 1)).await;
    for _ in 0..4 {
        bench.advance(hours(20));
        bench.upkeep().await;
        assert_eq!(bench.push_any(request("k", 1)).await, Pushed::Created(first), "its job still waits");
    }
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    bench.advance(hours(24));
    bench.upkeep().await;
    assert!(!bench.is_known(first).await);
    assert!(matches!(bench.push_any(request("k", 1)).await, Pushed::Created(id) if id != first), "both are over");
}

pub(crate) async fn answer_that_another_job_stood_for_it_is_repeated(bench: Bench) {
    let holder = bench.push(unique("u", UniqueScope::UntilFinished)).await;
    let asking = || NewJob { unique: unique("u", UniqueScope::UntilFinished).unique, ..request("k", 1) };
    let stood_for = Pushed::Existing { id: holder, by: DuplicateReason::Unique };
    assert_eq!(bench.push_any(asking()).await, stood_for);
    let claimed = bench.take_one().await;
    bench.end(&claimed, success()).await;
    assert_eq!(bench.push_any(asking()).await, stood_for, "the key is free, but this request was answered");
}

pub(crate) async fn concurrent_repeats_make_one_job(bench: Bench) {
    let pushes = (0..16).map(|n| {
        let backend = bench.backend.clone();
        tokio::spawn(async move { backend.push_one(request("k", 1)).await.map(|answer| (n, answer)) })
    });
    let mut ids: Vec<JobId> = Vec::new();
    for push in pushes.collect::<Vec<_>>() {
        let (n, answer) = push.await.expect("a push does not panic").expect("a push is answered");
        let Pushed::Created(id) = answer else { panic!("push {n} was answered {answer:?}") };
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(bench.take(100).await.len(), 1);
}
