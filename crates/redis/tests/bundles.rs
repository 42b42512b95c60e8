//! Jobs that were pushed together are kept together for as long as they go the same way, and each has its own state all the same.

use std::collections::HashMap;
use std::time::Duration;

use longshore_core::{
    Acted, Action, Claimed, JobId, NewJob, Outcome, Payload, Pushed, Queue, Reason, Settings, Settled, Settlement,
    State, Store, Upkeep, limits,
};
use longshore_redis::{Redis, keys};
use redis::aio::MultiplexedConnection;

mod jobs;

use jobs::{ask, job, success};

/// A store, and a look at its keys.
struct Bench {
    store: Redis,
    settings: Settings,
    by_hand: MultiplexedConnection,
    prefix: String,
}

impl Bench {
    async fn open() -> Bench {
        let server = longshore_testbed::Redis::shared();
        let (settings, prefix) = (Settings::default(), format!("bundles-{:016x}", fastrand::u64(..)));
        let store = Redis::open(&format!("{}?prefix={prefix}", server.url()), settings.clone()).await.unwrap();
        let client = redis::Client::open(server.url()).unwrap();
        let by_hand = client.get_multiplexed_async_connection().await.unwrap();
        Bench { store, settings, by_hand, prefix }
    }

    async fn push(&self, n: usize) -> Vec<NewJob> {
        let jobs: Vec<NewJob> = (0..n).map(|_| job()).collect();
        let pushed = self.store.push(jobs.clone()).await.unwrap();
        assert!(pushed.iter().all(|pushed| matches!(pushed, Pushed::Created(_))));
        jobs
    }

    async fn take(&self, limit: usize) -> Vec<Claimed> {
        self.store.claim(ask(limit)).await.unwrap().jobs
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Vec<Settled> {
        self.store.settle(settlements).await.unwrap()
    }

    async fn states(&self, ids: Vec<JobId>) -> Vec<State> {
        let jobs = self.store.get(ids.clone()).await.unwrap();
        let statuses = self.store.status(ids).await.unwrap();
        jobs.into_iter()
            .zip(statuses)
            .map(|(job, status)| {
                let (job, status) = (job.expect("it is there"), status.expect("it is there"));
                assert_eq!((job.state, job.attempt, job.version), (status.state, status.attempt, status.version));
                job.state
            })
            .collect()
    }

    /// Returns the names of all keys of a kind.
    async fn keys(&mut self, kind: &str) -> Vec<Vec<u8>> {
        let pattern = format!("{}:{{*}}:{kind}*", self.prefix);
        redis::cmd("KEYS").arg(pattern).query_async(&mut self.by_hand).await.unwrap()
    }

    /// Lets what is finished be deleted, and looks that nothing of it is left.
    async fn delete_all(&mut self) {
        self.settings.clock.advance(limits::KEEP_DEAD);
        while self.store.upkeep(Upkeep { limit: 500, rescue: true }).await.unwrap().pruned > 0 {}
        for kind in [keys::RECORD, keys::BUNDLE, keys::ALL, keys::FINAL, keys::GRANTS, keys::HELD, keys::FAILURES] {
            assert!(self.keys(kind).await.is_empty(), "{kind}");
        }
        let stats = self.store.queues().await.unwrap().remove(0);
        assert_eq!(stats.counts, [0; 6]);
    }
}

#[tokio::test]
async fn jobs_pushed_together_are_kept_claimed_and_settled_together() {
    let mut bench = Bench::open().await;
    let jobs = bench.push(70).await;
    assert_eq!(bench.keys(keys::BUNDLE).await.len(), 3);
    let claimed = bench.take(100).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), jobs.iter().map(|job| job.id).collect::<Vec<_>>());
    let payloads = claimed.iter().zip(&jobs).all(|(claimed, job)| claimed.payload.as_str() == job.payload.as_str());
    assert!(payloads && claimed.iter().all(|job| job.attempt == 1));
    let answers = bench.settle(claimed.iter().map(success).collect()).await;
    assert!(answers.iter().all(|answer| *answer == Settled::Done));
    assert_eq!(bench.keys(keys::BUNDLE).await.len(), 3, "they went together all the way");
    assert_eq!(bench.settle(claimed.iter().map(success).collect()).await, answers, "a repeat is done");
    let states = bench.states(jobs.iter().map(|job| job.id).collect()).await;
    assert!(states.iter().all(|state| *state == State::Succeeded));
    bench.delete_all().await;
}

/// A bundled record may be as long as how records begin, which comes before it when it is claimed.
#[tokio::test]
async fn records_of_any_length_are_told_from_how_they_begin() {
    let bench = Bench::open().await;
    for lengths in [[44; 8], [39, 40, 41, 42, 43, 44, 45, 46]] {
        let of =
            |length: usize| NewJob { payload: Payload::parse(&format!("\"{:01$}\"", 0, length - 2)).unwrap(), ..job() };
        let jobs: Vec<NewJob> = lengths.iter().map(|length| of(*length)).collect();
        let beginning = 35 + jobs[0].queue.as_str().len() + jobs[0].kind.as_str().len();
        assert!(lengths.iter().any(|length| beginning + length == 90), "one is that long");
        bench.store.push(jobs.clone()).await.unwrap();
        let claimed = bench.take(8).await;
        let told: Vec<_> = claimed.iter().map(|job| (job.id, job.payload.clone())).collect();
        assert_eq!(told, jobs.into_iter().map(|job| (job.id, job.payload)).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn few_jobs_or_such_as_differ_are_not_bundled() {
    let mut bench = Bench::open().await;
    bench.push(3).await;
    let differ: Vec<NewJob> = (0..8).map(|n| NewJob { priority: n % 2, ..job() }).collect();
    bench.store.push(differ).await.unwrap();
    assert!(bench.keys(keys::BUNDLE).await.is_empty());
    assert_eq!(bench.take(20).await.len(), 11);
}

/// What a job is to be, by everything that was answered.
struct Expected {
    state: State,
    attempt: u16,
    interruptions: u32,
    token: Option<Claimed>,
}

fn outcome(random: &mut fastrand::Rng) -> Outcome {
    match random.u8(0..8) {
        0 => Outcome::Retry { delay: Duration::from_secs(3_600), message: "not now".to_owned() },
        1 => Outcome::Snooze { delay: Duration::from_secs(3_600) },
        2 => Outcome::Release,
        3 => Outcome::Bury { reason: Reason::Fatal, message: "never".to_owned() },
        _ => Outcome::Succeed { result: None },
    }
}

#[tokio::test]
async fn whatever_happens_to_the_jobs_of_a_bundle_each_has_its_own_state() {
    for seed in 0..40 {
        let mut bench = Bench::open().await;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut expected: HashMap<JobId, Expected> = HashMap::new();
        let mut stale: Vec<Claimed> = Vec::new();
        for _ in 0..30 {
            match random.u8(0..6) {
                0 => {
                    for job in bench.push(random.usize(1..80)).await {
                        let new = Expected { state: State::Ready, attempt: 0, interruptions: 0, token: None };
                        expected.insert(job.id, new);
                    }
                }
                1 | 2 => {
                    let limit = random.usize(1..60);
                    let ready = expected.values().filter(|job| job.state == State::Ready).count();
                    let claimed = bench.take(limit).await;
                    assert_eq!(claimed.len(), limit.min(ready), "seed {seed}");
                    for job in claimed {
                        let known = expected.get_mut(&job.id).expect("it was pushed");
                        assert_eq!(known.state, State::Ready, "seed {seed}");
                        (known.state, known.attempt) = (State::Running, known.attempt + 1);
                        assert_eq!(job.attempt, known.attempt, "seed {seed}");
                        known.token = Some(job);
                    }
                }
                3 | 4 => {
                    let mut running: Vec<Claimed> = expected.values().filter_map(|job| job.token.clone()).collect();
                    running.sort_by_key(|job| job.token.number);
                    // A stretch of them, most of which succeed; not always in order.
                    let from = random.usize(0..=running.len());
                    let some: Vec<Claimed> = running.into_iter().skip(from).take(random.usize(1..40)).collect();
                    let plain = random.bool();
                    let mut settlements: Vec<Settlement> = some
                        .iter()
                        .map(|job| {
                            if plain {
                                success(job)
                            } else {
                                Settlement { outcome: outcome(&mut random), ..success(job) }
                            }
                        })
                        .collect();
                    if random.bool() {
                        random.shuffle(&mut settlements);
                    }
                    let late: Vec<Settlement> = stale.iter().map(success).collect();
                    let asked: Vec<Settlement> = settlements.iter().cloned().chain(late).collect();
                    let answers = bench.settle(asked).await;
                    assert!(answers[..settlements.len()].iter().all(|answer| *answer == Settled::Done), "seed {seed}");
                    assert!(answers[settlements.len()..].iter().all(|answer| *answer == Settled::Lost), "seed {seed}");
                    for settlement in settlements {
                        let known = expected.get_mut(&settlement.id).expect("it was pushed");
                        known.token = None;
                        known.state = match settlement.outcome {
                            Outcome::Retry { .. } => State::Scheduled,
                            Outcome::Snooze { .. } => State::Scheduled,
                            Outcome::Release => State::Ready,
                            Outcome::Bury { .. } => State::Dead,
                            _ => State::Succeeded,
                        };
                        if matches!(settlement.outcome, Outcome::Snooze { .. } | Outcome::Release) {
                            (known.attempt, known.interruptions) = (known.attempt - 1, known.interruptions + 1);
                        }
                    }
                }
                _ => {
                    let some: Vec<JobId> = expected.keys().copied().filter(|_| random.u8(0..12) == 0).collect();
                    for id in some {
                        let known = expected.get_mut(&id).expect("it was pushed");
                        let acted = bench.store.act(id, Action::Cancel).await.unwrap();
                        match known.state {
                            State::Ready | State::Scheduled => known.state = State::Cancelled,
                            State::Running => {
                                // Its worker hears of it, and says so.
                                let job = known.token.take().expect("it runs");
                                let called_off = Settlement { outcome: Outcome::Cancel, ..success(&job) };
                                assert_eq!(bench.settle(vec![called_off]).await, [Settled::Done], "seed {seed}");
                                known.state = State::Cancelled;
                            }
                            _ => assert!(!matches!(acted, Acted::Done { .. }), "seed {seed}: {acted:?}"),
                        }
                    }
                }
            }
            // Tokens of jobs that somebody else has by now.
            stale.clear();
            if let Some(job) = expected.values().find_map(|job| job.token.clone()) {
                let number = job.token.number + 1_000_000_000_000;
                stale.push(Claimed { token: longshore_core::Token { number, ..job.token }, ..job });
            }
            let ids: Vec<JobId> = expected.keys().copied().collect();
            for chunk in ids.chunks(200) {
                let jobs = bench.store.get(chunk.to_vec()).await.unwrap();
                for job in jobs.into_iter().flatten() {
                    let known = &expected[&job.id];
                    assert_eq!(
                        (job.state, job.attempt, job.interruptions),
                        (known.state, known.attempt, known.interruptions),
                        "seed {seed}: {}",
                        job.id
                    );
                    assert_eq!(job.started_at.is_some(), known.attempt + known.interruptions as u16 > 0, "seed {seed}");
                }
            }
            let stats = bench.store.queues().await.unwrap();
            if let Some(stats) = stats.first() {
                let count = |state: State| expected.values().filter(|job| job.state == state).count() as u64;
                assert_eq!(stats.counts, State::ALL.map(count), "seed {seed}");
            }
        }
        // To the end: all are called off or settled, and deleted.
        let running: Vec<Settlement> = expected.values().filter_map(|job| job.token.as_ref()).map(success).collect();
        bench.settle(running).await;
        for (id, job) in &expected {
            if matches!(job.state, State::Ready | State::Scheduled) {
                let acted = bench.store.act(*id, Action::Cancel).await.unwrap();
                assert!(matches!(acted, Acted::Done { .. }), "{acted:?}");
            }
        }
        if !expected.is_empty() {
            bench.delete_all().await;
        }
    }
}

#[tokio::test]
async fn bundle_that_is_gone_makes_its_jobs_dead_and_stops_nobody() {
    let mut bench = Bench::open().await;
    let lost = bench.push(10).await;
    let key = bench.keys(keys::BUNDLE).await.remove(0);
    let good = bench.push(10).await;
    redis::cmd("SET").arg(key).arg("nonsense").exec_async(&mut bench.by_hand).await.unwrap();
    let claimed = bench.take(100).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), good.iter().map(|job| job.id).collect::<Vec<_>>());
    let states = bench.states(lost.iter().map(|job| job.id).collect()).await;
    assert!(states.iter().all(|state| *state == State::Dead));
}

#[tokio::test]
async fn push_that_is_repeated_among_others_makes_each_job_once() {
    let bench = Bench::open().await;
    let first = bench.push(40).await;
    let claimed = bench.take(20).await;
    assert!(
        bench.settle(claimed[..10].iter().map(success).collect()).await.iter().all(|answer| *answer == Settled::Done)
    );
    let new: Vec<NewJob> = (0..40).map(|_| job()).collect();
    let mixed: Vec<NewJob> = first[5..35].iter().chain(&new).chain(&new[..3]).cloned().collect();
    let answers = bench.store.push(mixed.clone()).await.unwrap();
    let created: Vec<JobId> = answers
        .iter()
        .map(|answer| match answer {
            Pushed::Created(id) => *id,
            answer => panic!("{answer:?}"),
        })
        .collect();
    assert_eq!(created, mixed.iter().map(|job| job.id).collect::<Vec<_>>());
    let mut ids: Vec<JobId> = bench.take(1_000).await.iter().map(|job| job.id).collect();
    ids.sort();
    let mut waiting: Vec<JobId> = first[20..].iter().chain(&new).map(|job| job.id).collect();
    waiting.sort();
    assert_eq!(ids, waiting);
}

#[tokio::test]
async fn processes_that_push_at_the_same_time_keep_the_order_of_their_batches() {
    let bench = Bench::open().await;
    let url = format!("{}?prefix={}", longshore_testbed::Redis::shared().url(), bench.prefix);
    let others: Vec<Redis> = futures_util::future::join_all((0..4).map(|_| Redis::open(&url, Settings::default())))
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let mut place: HashMap<JobId, (usize, usize)> = HashMap::new();
    for round in 0..20 {
        let batches: Vec<Vec<NewJob>> = others.iter().map(|_| (0..37).map(|_| job()).collect()).collect();
        for (process, batch) in batches.iter().enumerate() {
            place.extend(batch.iter().enumerate().map(|(at, job)| (job.id, (process, round * 100 + at))));
        }
        let pushes = others.iter().zip(batches).map(|(store, batch)| store.push(batch));
        futures_util::future::join_all(pushes)
            .await
            .into_iter()
            .for_each(|pushed| assert_eq!(pushed.unwrap().len(), 37));
    }
    let mut newest = [None; 4];
    let mut taken = 0;
    loop {
        let claimed = bench.take(100).await;
        if claimed.is_empty() {
            break;
        }
        taken += claimed.len();
        for job in claimed {
            let (process, at) = place.remove(&job.id).expect("it was pushed, and is claimed once");
            assert!(newest[process] < Some(at), "process {process}: {at} after {:?}", newest[process]);
            newest[process] = Some(at);
        }
    }
    assert_eq!(taken, 4 * 20 * 37);
}
