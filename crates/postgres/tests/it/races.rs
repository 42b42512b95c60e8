//! Concurrent calls: no deadlock, no duplicate job, no lost job.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::{
    Death, Filter, Jobs, Kind, KnownKind, NewJob, Outcome, Page, Payload, Pushed, Queues, Renewal, Renewed, Settled,
    Settlement, State, Token, Unique, UniqueScope, Upkeep, WorkerSecret, limits,
};

use crate::common::{Schema, all, ask, connect, job, job_of, push, take};

fn settlement(id: longshore_core::JobId, token: Token, outcome: Outcome) -> Settlement {
    Settlement::new(id, token, outcome)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn release_and_claim_race_and_leave_nothing_with_the_worker() {
    let schema = Schema::new().await;
    let other = schema.another().await;
    for _ in 0..60 {
        let worker = WorkerSecret::new();
        all(schema.store.push(vec![job(), job(), job()]).await);
        let claim = tokio::spawn({
            let (store, claim) = (Arc::clone(&other), ask(&worker, 2));
            async move { store.claim(claim).await }
        });
        if fastrand::bool() {
            tokio::task::yield_now().await;
        }
        let taken = schema.store.release(worker.clone(), Death::Interrupted.into()).await.unwrap().len();
        match claim.await.unwrap() {
            Ok(claims) => assert_eq!(claims.jobs.len(), taken, "the claim was first, and lost its jobs"),
            Err(e) => assert!(!e.is_retryable() && taken == 0, "the release was first: {e}"),
        }
        let counts = schema.store.queues(None, 10).await.unwrap()[0].counts;
        assert_eq!((counts[State::Ready as usize], counts[State::Running as usize]), (3, 0));
        for job in take(&schema.store, &WorkerSecret::new(), 10).await {
            let _done = all(schema.store.settle(vec![settlement(job.id, job.token, Outcome::Cancel)]).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_batches_do_not_dead_lock() {
    let schema = Schema::new().await;
    let stores = [Arc::clone(&schema.store), schema.another().await];
    let worker = WorkerSecret::new();
    for _ in 0..6 {
        all(schema.store.push((0..300).map(|_| job()).collect()).await);
        let claimed = take(&schema.store, &worker, 300).await;
        assert_eq!(claimed.len(), 300);
        let calls = (0..6).map(|n| {
            let (store, mut batch) = (Arc::clone(&stores[n % 2]), claimed.clone());
            fastrand::shuffle(&mut batch);
            batch.truncate(250);
            tokio::spawn(async move {
                if n < 3 {
                    let renewal = |job: &longshore_core::Claimed| Renewal::new(job.id, job.token, limits::LEASE);
                    let answers = all(store.renew(batch.iter().map(renewal).collect()).await);
                    return answers.iter().filter(|answer| **answer != Renewed::Lost).count();
                }
                let outcomes = [
                    Outcome::Succeed { result: None },
                    Outcome::Retry { delay: Duration::from_secs(99), message: "no".into() },
                    Outcome::Bury { reason: longshore_core::Reason::Fatal, message: "no".into() },
                ];
                let any = |job: &longshore_core::Claimed| {
                    settlement(job.id, job.token, outcomes[fastrand::usize(0..3)].clone())
                };
                let answers = all(store.settle(batch.iter().map(any).collect()).await);
                assert!(answers.iter().all(|answer| *answer == Settled::Done), "each is done, by this call or another");
                answers.len()
            })
        });
        let began = std::time::Instant::now();
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(20));
        let rest: Vec<_> =
            claimed.iter().map(|job| settlement(job.id, job.token, Outcome::Succeed { result: None })).collect();
        assert!(all(schema.store.settle(rest).await).iter().all(|answer| *answer == Settled::Done));
        let stats = schema.store.queues(None, 10).await.unwrap().remove(0);
        assert_eq!((stats.count(State::Running), stats.count(State::Ready)), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_with_the_same_keys_in_any_order_wait_for_each_other() {
    let schema = Schema::new().await;
    let stores = [Arc::clone(&schema.store), schema.another().await];
    let unique = |key: usize| Unique { key: format!("k{key}").parse().unwrap(), scope: UniqueScope::UntilFinished };
    for _ in 0..5 {
        let pushes: Vec<_> = (0..8)
            .map(|n| {
                let store = Arc::clone(&stores[n % 2]);
                let mut jobs: Vec<_> = (0..40).map(|key| NewJob { unique: Some(unique(key)), ..job() }).collect();
                fastrand::shuffle(&mut jobs);
                tokio::spawn(async move { all(store.push(jobs).await) })
            })
            .collect();
        let mut created = 0;
        for push in pushes {
            created += push.await.unwrap().iter().filter(|answer| matches!(answer, Pushed::Created(_))).count();
        }
        assert_eq!(created, 40, "one job a key");
        let claimed = take(&schema.store, &WorkerSecret::new(), 100).await;
        assert_eq!(claimed.len(), 40);
        let done = claimed.iter().map(|job| settlement(job.id, job.token, Outcome::Succeed { result: None }));
        assert!(all(schema.store.settle(done.collect()).await).iter().all(|answer| *answer == Settled::Done));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn repeated_push_meets_the_settle_and_makes_no_second_job() {
    let schema = Schema::new().await;
    let other = schema.another().await;
    let worker = WorkerSecret::new();
    for round in 0..80 {
        let new = if round % 2 == 0 {
            job()
        } else {
            NewJob { unique: Some(Unique { key: "k".parse().unwrap(), scope: UniqueScope::UntilStarted }), ..job() }
        };
        push(&schema.store, new.clone()).await;
        let claimed = take(&schema.store, &worker, 1).await.remove(0);
        let repeats: Vec<_> = (0..3)
            .map(|_| {
                let (store, new) = (Arc::clone(&other), new.clone());
                tokio::spawn(async move { all(store.push(vec![new]).await) })
            })
            .collect();
        let done = all(schema
            .store
            .settle(vec![settlement(claimed.id, claimed.token, Outcome::Succeed { result: None })])
            .await);
        assert_eq!(done, [Settled::Done]);
        for repeat in repeats {
            assert_eq!(repeat.await.unwrap(), [Pushed::Created(new.id)]);
        }
        assert!(take(&schema.store, &worker, 10).await.is_empty(), "round {round}: the job is finished and stays so");
    }
    let counts = schema.store.queues(None, 10).await.unwrap()[0].counts;
    assert_eq!(counts, [0, 0, 0, 80, 0, 0]);
    push(
        &schema.store,
        NewJob { unique: Some(Unique { key: "k".parse().unwrap(), scope: UniqueScope::UntilStarted }), ..job() },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn repeated_push_meets_claims_and_failures_and_makes_no_second_job() {
    let schema = Schema::new().await;
    let other = schema.another().await;
    let worker = WorkerSecret::new();
    for round in 0..60 {
        let new = job();
        push(&schema.store, new.clone()).await;
        let repeat = || {
            let (store, new) = (Arc::clone(&other), new.clone());
            tokio::spawn(async move {
                for _ in 0..3 {
                    assert_eq!(all(store.push(vec![new.clone()]).await), [Pushed::Created(new.id)]);
                }
            })
        };
        for attempt in 0..3 {
            let repeats = [repeat(), repeat()];
            let claimed = take(&schema.store, &worker, 10).await;
            assert_eq!(claimed.len(), 1, "round {round}, attempt {attempt}");
            let outcome = match attempt {
                0 => Outcome::Retry { delay: Duration::ZERO, message: "no".into() },
                1 => Outcome::Release,
                _ => Outcome::Succeed { result: None },
            };
            let done = schema.store.settle(vec![settlement(claimed[0].id, claimed[0].token, outcome)]).await;
            assert_eq!(all(done), [Settled::Done]);
            for repeat in repeats {
                repeat.await.unwrap();
            }
        }
        assert!(take(&schema.store, &worker, 10).await.is_empty(), "round {round}: the job is finished and stays so");
    }
    let counts = schema.store.queues(None, 10).await.unwrap()[0].counts;
    assert_eq!(counts, [0, 0, 0, 60, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn repeated_pushes_of_what_runs_do_not_dead_lock_in_any_order() {
    let schema = Schema::new().await;
    let jobs: Vec<_> = (0..30).map(|_| job()).collect();
    all(schema.store.push(jobs.clone()).await);
    assert_eq!(take(&schema.store, &WorkerSecret::new(), 30).await.len(), 30);
    let pushers: Vec<_> = (0..4)
        .map(|_| {
            let (server, jobs) = (schema.server.clone(), jobs.clone());
            let sql = schema.sql(
                "SELECT longshore.push_batch($1::text[]::uuid[], $2, $2, $2, '{}', '{}', '{}', $3, $4, '{}', '{}', '{}', '{}', '{}',
                                             '{}', '{}', '{}', '{}', '{}', '{}', 0, false, false)",
            );
            tokio::spawn(async move {
                let client = connect(&server).await; // without a store, which would retry
                let (names, most, timeouts) = (vec!["work"; 30], vec![1i16; 30], vec![1000i32; 30]);
                for _ in 0..100 {
                    let mut ids: Vec<_> = jobs.iter().map(|job| job.id.to_string()).collect();
                    fastrand::shuffle(&mut ids);
                    client.execute(&sql, &[&ids, &names, &most, &timeouts]).await.expect("nobody waits in a circle");
                }
            })
        })
        .collect();
    for pusher in pushers {
        pusher.await.unwrap();
    }
    let stats = schema.store.queues(None, 10).await.unwrap();
    assert_eq!(stats.iter().map(|queue| queue.count(State::Running)).sum::<u64>(), 30);
    assert_eq!(stats.iter().map(|queue| queue.count(State::Ready)).sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn claims_of_many_kinds_are_disjoint_best_first_and_leave_nothing() {
    let schema = Schema::new().await;
    let stores = [Arc::clone(&schema.store), schema.another().await];
    let kinds: Vec<Kind> = (0..12).map(|n| format!("kind-{n}").parse().unwrap()).collect();
    let jobs = (0..900).map(|_| NewJob {
        priority: fastrand::i16(-3..=3),
        ..job_of("default", kinds[fastrand::usize(0..12)].as_str())
    });
    let jobs: Vec<_> = jobs.collect();
    let priorities: std::collections::HashMap<_, _> = jobs.iter().map(|job| (job.id, job.priority)).collect();
    all(schema.store.push(jobs).await);

    let kinds: Vec<KnownKind> = kinds.into_iter().map(KnownKind::from).collect();
    let first = ask(&WorkerSecret::new(), 50).kinds(kinds.clone());
    let first = schema.store.claim(first).await.unwrap().jobs;
    let order: Vec<_> = first.iter().map(|job| -priorities[&job.id]).collect();
    assert!(order.len() == 50 && order.is_sorted(), "{order:?}");
    assert!(first.iter().all(|job| priorities[&job.id] == 3), "the best of all kinds");

    let claimers: Vec<_> = (0..6)
        .map(|n| {
            let (store, kinds) = (Arc::clone(&stores[n % 2]), kinds.clone());
            tokio::spawn(async move {
                let worker = WorkerSecret::new();
                let mut got = Vec::new();
                loop {
                    let jobs = store.claim(ask(&worker, 20).kinds(kinds.clone())).await.unwrap().jobs;
                    if jobs.is_empty() {
                        return got;
                    }
                    got.extend(jobs.into_iter().map(|job| job.id));
                }
            })
        })
        .collect();
    let mut all: Vec<_> = first.into_iter().map(|job| job.id).collect();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (900, 900));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn upkeep_of_many_processes_counts_every_job_once() {
    let schema = Schema::new().await;
    let stores = [Arc::clone(&schema.store), schema.another().await, schema.another().await];
    let works: Vec<_> = (0..6)
        .map(|n| {
            let store = Arc::clone(&stores[n % 3]);
            tokio::spawn(async move {
                let worker = WorkerSecret::new();
                for _ in 0..15 {
                    all(store.push((0..7).map(|_| job()).collect()).await);
                    let settle: Vec<_> = take(&store, &worker, 5)
                        .await
                        .iter()
                        .map(|job| settlement(job.id, job.token, Outcome::Cancel))
                        .collect();
                    assert!(all(store.settle(settle).await).iter().all(|answer| *answer == Settled::Done));
                    let _kept = store.upkeep(Upkeep::new(500, true)).await.unwrap();
                }
            })
        })
        .collect();
    for work in works {
        work.await.unwrap();
    }
    for _ in 0..3 {
        let _kept = schema.store.upkeep(Upkeep::new(500, true)).await.unwrap();
    }
    let stats = schema.store.queues(None, 10).await.unwrap().remove(0);
    assert_eq!(stats.counts.iter().sum::<u64>(), 6 * 15 * 7);
    assert_eq!(stats.count(State::Cancelled), 6 * 15 * 5);
    assert_eq!(stats.count(State::Running), 0);
}

#[tokio::test]
async fn job_that_is_pushed_again_runs_with_the_payload_it_was_pushed_with() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let large = |letter: &str| Payload::parse(&format!("\"{}\"", letter.repeat(5_000))).unwrap();
    let first = NewJob { payload: large("a"), tags: vec!["tag".parse().unwrap()], ..job() };
    push(&schema.store, first.clone()).await;
    // Another program deletes the row, and everything that belongs to it stays.
    client.batch_execute(&schema.sql("DELETE FROM longshore.waiting")).await.unwrap();
    push(&schema.store, NewJob { payload: large("b"), ..first.clone() }).await;
    push(&schema.store, first).await; // a repeat changes nothing
    let claimed = take(&schema.store, &WorkerSecret::new(), 2).await;
    assert_eq!(claimed.iter().map(|job| &job.payload).collect::<Vec<_>>(), [&large("b")]);
    let filter = Filter { tag: Some("tag".parse().unwrap()), ..Filter::default() };
    let listed = schema.store.list(filter, Page::first(10)).await.unwrap().jobs;
    assert_eq!(listed.len(), 1, "tags of rows that are gone are nobody's");
}
