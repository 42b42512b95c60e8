//! A claim is one atomic step, claims are disjoint, and no job starts before its time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use longshore_core::{JobId, NewJob, Nonce, State, When, WorkerSecret, limits};

use crate::bench::{Bench, dice, hours, job, job_of, known, label, queue, secs, success};

pub(crate) async fn concurrent_claims_share_no_job(bench: Bench) {
    let pushed: HashSet<_> = bench.push_plain(400).await.into_iter().collect();
    let ways = bench.ways().await;
    let claimer = |n: usize| {
        let backend = ways[n % ways.len()].clone();
        let ask = bench.ask().worker(WorkerSecret::new().id()).limit(1 + n);
        tokio::spawn(async move {
            let mut got: Vec<JobId> = Vec::new();
            loop {
                let claims = backend.claim(ask.clone().nonce(Nonce::new())).await.unwrap();
                if claims.jobs.is_empty() {
                    return got;
                }
                got.extend(claims.jobs.iter().map(|job| job.id));
            }
        })
    };
    let claimers: Vec<_> = (0..8).map(claimer).collect();
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(all.len(), 400, "every job is handed out exactly once");
    assert_eq!(all.into_iter().collect::<HashSet<_>>(), pushed);
    assert_eq!(bench.count(State::Running).await, 400);
}

pub(crate) async fn no_job_starts_before_its_time(bench: Bench) {
    let mut dice = dice();
    let jobs: Vec<_> =
        (0..150).map(|_| NewJob { when: When::In(Duration::from_millis(dice.u64(0..60_000))), ..job() }).collect();
    let ids = bench.push_all(jobs).await;
    let mut due = HashMap::new();
    for id in ids {
        due.insert(id, bench.job(id).await.run_at);
    }
    let end = bench.clock.now().after(secs(61));
    while bench.clock.now() < end {
        let before = bench.clock.now();
        let claimed = bench.take(7).await;
        let now = bench.clock.now();
        for job in &claimed {
            let run_at = due.remove(&job.id).expect("every job is handed out once");
            assert!(run_at <= now, "handed out at {now}, due at {run_at}");
            assert!(bench.job(job.id).await.started_at.unwrap() >= run_at);
        }
        if claimed.is_empty() {
            let forgotten = due.values().filter(|run_at| **run_at <= before).count();
            assert_eq!(forgotten, 0, "jobs are due and nobody gets them");
            bench.advance(Duration::from_millis(dice.u64(1..700)));
        }
    }
    assert!(due.is_empty(), "{} jobs were never handed out", due.len());
}

pub(crate) async fn retry_waits_for_its_delay(bench: Bench) {
    let claimed = bench.running().await;
    bench.end(&claimed, crate::bench::retry_in(secs(100))).await;
    bench.advance(secs(95));
    assert!(bench.take(1).await.is_empty());
    bench.advance(secs(5));
    assert_eq!(bench.take_one().await.attempt, 2);
}

pub(crate) async fn job_comes_with_all_that_a_handler_needs(bench: Bench) {
    let new =
        NewJob { max_attempts: Some(3), timeout: Some(secs(77)), key: Some(label("k")), ..job_of("default", "work") };
    bench.push(new.clone()).await;
    let claimed = bench.take_one().await;
    assert_eq!((claimed.id, &claimed.queue, &claimed.kind), (new.id, &new.queue, &new.kind));
    assert_eq!(claimed.payload, new.payload);
    assert_eq!((claimed.attempt, claimed.max_attempts, claimed.crashes), (1, 3, 0));
    assert_eq!(claimed.timeout, secs(77));
    let job = bench.job(new.id).await;
    assert_eq!((job.state, job.attempt, job.worker), (State::Running, 1, Some(bench.worker.id())));
    assert!(job.started_at.is_some_and(|at| at >= job.created_at));
}

pub(crate) async fn repeated_claim_returns_the_same_jobs(bench: Bench) {
    bench.push_plain(10).await;
    let ask = bench.ask().limit(4);
    let mut first = bench.claim(ask.clone()).await;
    let mut again = bench.claim(ask.clone()).await;
    first.sort_by_key(|job| job.id);
    again.sort_by_key(|job| job.id);
    assert_eq!(first, again);
    assert_eq!(bench.count(State::Running).await, 4);

    bench.end(&first[0], success()).await;
    let mut rest = bench.claim(ask.clone()).await;
    rest.sort_by_key(|job| job.id);
    assert_eq!(rest, first[1..], "a settled job is not handed out again");

    assert_eq!(bench.crash().await, 3);
    assert!(bench.claim(ask).await.is_empty(), "jobs that are not held any more are not handed out again");
}

pub(crate) async fn repeated_claim_returns_nothing_of_earlier_claims(bench: Bench) {
    bench.push_plain(5).await;
    assert_eq!(bench.take(2).await.len(), 2);
    let ask = bench.ask().limit(1);
    let second = bench.claim(ask.clone()).await;
    assert_eq!(bench.claim(ask).await, second);
}

pub(crate) async fn fresh_nonce_claims_fresh_jobs(bench: Bench) {
    bench.push_plain(3).await;
    let first = bench.take_one().await;
    let second = bench.take_one().await;
    assert_ne!(first.id, second.id);
    let other = bench.ask().worker(WorkerSecret::new().id()).nonce(Nonce(7));
    let third = bench.claim(other.clone()).await;
    assert_eq!(third.len(), 1);
    let same_nonce_of_another_worker = other.worker(WorkerSecret::new().id());
    assert!(bench.claim(same_nonce_of_another_worker).await.is_empty());
}

pub(crate) async fn concurrent_repeats_of_a_claim_are_one_claim(bench: Bench) {
    bench.push_plain(40).await;
    let ask = bench.ask().limit(5);
    let ways = bench.ways().await;
    let repeat = |n: usize| {
        let (backend, ask) = (ways[n % ways.len()].clone(), ask.clone());
        tokio::spawn(async move { backend.claim(ask).await.unwrap().jobs })
    };
    let repeats: Vec<_> = (0..6).map(repeat).collect();
    let mut answers = Vec::new();
    for repeat in repeats {
        let mut jobs = repeat.await.unwrap();
        jobs.sort_by_key(|job| job.id);
        answers.push(jobs);
    }
    assert_eq!(answers[0].len(), 5);
    assert!(answers.iter().all(|jobs| *jobs == answers[0]));
    assert_eq!(bench.count(State::Running).await, 5);
}

pub(crate) async fn limit_is_respected(bench: Bench) {
    bench.push_plain(20).await;
    for limit in [0, 1, 7] {
        assert_eq!(bench.take(limit).await.len(), limit);
    }
    assert_eq!(bench.take(1000).await.len(), 12);
    assert!(bench.take(1000).await.is_empty());
}

pub(crate) async fn empty_claim_reports_when_the_next_job_is_due(bench: Bench) {
    bench.push(NewJob { when: When::In(secs(50)), ..job() }).await;
    bench.push(job()).await;
    let claims = bench.claims(bench.ask().limit(0)).await;
    assert!(claims.jobs.is_empty() && !claims.isolated_waits);
    assert!(claims.look_again.is_some_and(|due| due > secs(40) && due <= secs(50)), "{:?}", claims.look_again);
    assert_eq!(bench.count(State::Running).await, 0);
}

pub(crate) async fn higher_priority_comes_first_then_the_job_due_longest(bench: Bench) {
    let wait = |seconds: u64, priority: i16| NewJob { when: When::In(secs(seconds)), priority, ..job() };
    let late = bench.push(wait(30, 0)).await;
    let early = bench.push(wait(10, 0)).await;
    let middle = bench.push(wait(20, 0)).await;
    let low = bench.push(wait(1, -100)).await;
    let high = bench.push(wait(40, 100)).await;
    bench.advance(secs(41));
    let order: Vec<_> = bench.take(10).await.into_iter().map(|job| job.id).collect();
    assert_eq!(order, [high, early, middle, late, low]);
}

pub(crate) async fn jobs_pushed_together_run_in_the_order_of_the_batch(bench: Bench) {
    let kinds = ["work", "other"];
    let jobs: Vec<NewJob> = (0..100)
        .map(|n| NewJob {
            deadline: (n % 7 == 3).then_some(When::In(hours(1))),
            ..job_of("default", kinds[usize::from(n % 3 == 0)])
        })
        .collect();
    let pushed = bench.push_all(jobs).await;
    let mut order = Vec::new();
    for limit in [1, 2, 1, 7, 1, 31, 32, 1, 33] {
        let ask = bench.ask().kinds(known(kinds)).limit(limit);
        order.extend(bench.claim(ask).await.into_iter().map(|job| job.id));
    }
    assert_eq!(order, pushed);
}

pub(crate) async fn jobs_that_are_ready_at_once_run_in_the_order_of_pushes(bench: Bench) {
    let mut pushed = Vec::new();
    for _ in 0..10 {
        pushed.push(bench.push(job()).await);
        bench.advance(Duration::from_millis(2));
    }
    let mut order = Vec::new();
    for _ in 0..10 {
        order.push(bench.take_one().await.id);
    }
    assert_eq!(order, pushed);
}

pub(crate) async fn queues_are_checked_in_the_order_given(bench: Bench) {
    for name in ["a", "b", "c"] {
        bench.push_all((0..2).map(|_| NewJob { priority: -1, ..job_of(name, "work") }).collect()).await;
    }
    bench.push(NewJob { priority: 100, ..job_of("a", "work") }).await;
    let ask = bench.ask().queues(vec![queue("c"), queue("a")]).limit(4);
    let from: Vec<_> = bench.claim(ask.clone()).await.into_iter().map(|job| job.queue.to_string()).collect();
    assert_eq!(from, ["c", "c", "a", "a"]);
    let rest = bench.claim(ask.nonce(Nonce::new())).await;
    assert_eq!(rest.len(), 1, "a queue that was not named gives nothing");
}

pub(crate) async fn worker_gets_no_kind_that_it_did_not_name(bench: Bench) {
    bench.push_all((0..1000).map(|_| job_of("default", "other")).collect()).await;
    let mine = bench.push(job()).await;
    assert_eq!(bench.take(5).await.into_iter().map(|job| job.id).collect::<Vec<_>>(), [mine]);
    let both = bench.ask().kinds(known(["more", "other"])).limit(1000);
    assert_eq!(bench.claim(both).await.len(), 1000);
    bench.push(job()).await;
    assert!(bench.claim(bench.ask().kinds(vec![])).await.is_empty());
}

pub(crate) async fn next_due_is_the_soonest_of_the_queues_named(bench: Bench) {
    assert_eq!(bench.claims(bench.ask()).await.look_again, None);
    for (name, seconds) in [("default", 100), ("default", 50), ("elsewhere", 10)] {
        bench.push(NewJob { when: When::In(secs(seconds)), ..job_of(name, "work") }).await;
    }
    let due = |from: u64, to: u64| move |due: Duration| due > secs(from) && due <= secs(to);
    assert!(bench.claims(bench.ask()).await.look_again.is_some_and(due(40, 50)));
    bench.advance(secs(30));
    assert!(bench.claims(bench.ask()).await.look_again.is_some_and(due(10, 20)));
    bench.advance(secs(20));
    let claims = bench.claims(bench.ask()).await;
    assert_eq!(claims.jobs.len(), 1);
    assert!(claims.look_again.is_some_and(due(40, 50)), "{:?}", claims.look_again);
}

pub(crate) async fn scheduled_job_survives_a_long_absence_of_workers(bench: Bench) {
    bench.push(NewJob { when: When::In(limits::AHEAD), ..job() }).await;
    bench.advance(limits::AHEAD - hours(1));
    assert!(bench.take(1).await.is_empty());
    bench.advance(hours(2));
    assert_eq!(bench.take(1).await.len(), 1);
}
