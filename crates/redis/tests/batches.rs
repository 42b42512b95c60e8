//! Jobs that are pushed, claimed and settled in batches. Each has its own state.

use std::collections::HashMap;
use std::time::Duration;

use longshore_core::{
    Acted, Action, Claimed, JobId, Jobs, NewJob, Outcome, Pushed, Queues, Reason, Renewal, Renewed, Settings, Settled,
    Settlement, State, Token, Upkeep, limits,
};
use longshore_redis::{Redis, keys};

mod each;
mod jobs;
mod raw;

use each::All;
use jobs::{ask, job, success};
use raw::Bench;

impl Bench {
    async fn push(&self, n: usize) -> Vec<NewJob> {
        let jobs: Vec<NewJob> = (0..n).map(|_| job()).collect();
        let pushed = self.store.push(jobs.clone()).await.all().unwrap();
        assert!(pushed.iter().all(|pushed| matches!(pushed, Pushed::Created(_))));
        jobs
    }

    async fn take(&self, limit: usize) -> Vec<Claimed> {
        self.store.claim(ask(limit)).await.unwrap().jobs
    }

    async fn states(&self, ids: Vec<JobId>) -> Vec<State> {
        let jobs = self.store.get(ids.clone()).await.unwrap();
        let statuses = self.store.status(ids).await.unwrap();
        jobs.into_iter()
            .zip(statuses)
            .map(|(job, status)| {
                let (job, status) = (job.expect("the job exists"), status.expect("the job exists"));
                assert_eq!((job.state, job.attempt, job.version), (status.state, status.attempt, status.version));
                job.state
            })
            .collect()
    }

    /// Returns the names of all keys that match a pattern.
    async fn keys(&mut self, kind: &str) -> Vec<Vec<u8>> {
        let pattern = format!("{}:{{*}}:{kind}*", self.prefix);
        redis::cmd("KEYS").arg(pattern).query_async(&mut self.raw).await.unwrap()
    }

    /// Deletes finished jobs by upkeep, and checks that no key is left.
    async fn delete_all(&mut self) {
        self.settings.clock.advance(limits::KEEP_DEAD);
        while self.store.upkeep(Upkeep::new(500, true)).await.unwrap().pruned > 0 {}
        for kind in [keys::JOB, keys::FINAL, keys::RUNNING, keys::HELD, keys::FAILURES] {
            assert!(self.keys(kind).await.is_empty(), "{kind}");
        }
        // An empty queue that was unused for a day is forgotten.
        assert!(self.store.queues(None, 10).await.unwrap().iter().all(|stats| stats.counts == [0; 6]));
    }
}

#[tokio::test]
async fn batch_is_claimed_in_order_and_deleted_completely() {
    let mut bench = Bench::open().await;
    let jobs = bench.push(70).await;
    let claimed = bench.take(100).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), jobs.iter().map(|job| job.id).collect::<Vec<_>>());
    let payloads = claimed.iter().zip(&jobs).all(|(claimed, job)| claimed.payload.as_str() == job.payload.as_str());
    assert!(payloads && claimed.iter().all(|job| job.attempt == 1));
    let answers = bench.store.settle(claimed.iter().map(success).collect()).await.all().unwrap();
    assert!(answers.iter().all(|answer| *answer == Settled::Done));
    assert_eq!(
        bench.store.settle(claimed.iter().map(success).collect()).await.all().unwrap(),
        answers,
        "a repeat is done"
    );
    let states = bench.states(jobs.iter().map(|job| job.id).collect()).await;
    assert!(states.iter().all(|state| *state == State::Succeeded));
    bench.delete_all().await;
}

#[tokio::test]
async fn each_job_of_a_batch_is_settled_by_its_own_token() {
    let mut bench = Bench::open().await;
    bench.push(12).await;
    let claimed = bench.take(12).await;
    // One job has its own lease, and the tokens of two jobs are swapped.
    let renewal = Renewal::new(claimed[2].id, claimed[2].token, limits::LEASE);
    assert_eq!(bench.store.renew(vec![renewal]).await.all().unwrap(), [Renewed::Held]);
    let mut settlements: Vec<Settlement> = claimed.iter().map(success).collect();
    (settlements[8].id, settlements[9].id) = (settlements[9].id, settlements[8].id);
    let expected = |at: usize| if at == 8 || at == 9 { Settled::Lost } else { Settled::Done };
    let answers = bench.store.settle(settlements.clone()).await.all().unwrap();
    assert_eq!(answers, (0..12).map(expected).collect::<Vec<_>>());
    let states = bench.states(claimed.iter().map(|job| job.id).collect()).await;
    let expected = |at: usize| if at == 8 || at == 9 { State::Running } else { State::Succeeded };
    assert_eq!(states, (0..12).map(expected).collect::<Vec<_>>());
    // Each remaining job is settled twice in one call.
    let left: Vec<Settlement> = [8, 8, 9, 9].map(|at| success(&claimed[at])).to_vec();
    assert_eq!(bench.store.settle(left).await.all().unwrap(), [Settled::Done; 4]);
    bench.delete_all().await;
}

/// The expected values of a job, according to all answers so far.
#[derive(Default)]
struct Expected {
    attempt: u16,
    interruptions: u32,
    outages: u16,
    /// The claim that holds it.
    claim: Option<Claimed>,
}

/// Makes random calls, and knows the expected state of each job.
struct Walk {
    bench: Bench,
    random: fastrand::Rng,
    jobs: HashMap<JobId, (State, Expected)>,
}

impl Walk {
    async fn step(&mut self) {
        match self.random.u8(0..6) {
            0 => {
                let pushed = self.bench.push(self.random.usize(1..80)).await;
                self.jobs.extend(pushed.into_iter().map(|job| (job.id, (State::Ready, Expected::default()))));
            }
            1 | 2 => self.claim().await,
            3 | 4 => self.settle().await,
            _ => self.cancel().await,
        }
        self.check().await;
    }

    async fn claim(&mut self) {
        let limit = self.random.usize(1..60);
        let claimed = self.bench.take(limit).await;
        assert_eq!(claimed.len(), limit.min(self.count(State::Ready)));
        for job in claimed {
            let (state, its) = self.jobs.get_mut(&job.id).expect("the job was pushed");
            assert_eq!(*state, State::Ready);
            (*state, its.attempt) = (State::Running, its.attempt + 1);
            assert_eq!(job.attempt, its.attempt);
            its.claim = Some(job);
        }
    }

    fn running(&self) -> Vec<Claimed> {
        let mut running: Vec<Claimed> = self.jobs.values().filter_map(|(_, its)| its.claim.clone()).collect();
        running.sort_by_key(|job| job.token.number);
        running
    }

    fn outcome(&mut self) -> Outcome {
        match self.random.u8(0..9) {
            8 => Outcome::Outage { delay: Duration::from_secs(3_600), message: "away".to_owned() },
            0 => Outcome::Retry { delay: Duration::from_secs(3_600), message: "not now".to_owned() },
            1 => Outcome::Snooze { delay: Duration::from_secs(3_600) },
            2 => Outcome::Release,
            3 => Outcome::Bury { reason: Reason::Fatal, message: "never".to_owned() },
            _ => Outcome::Succeed { result: None },
        }
    }

    /// Settles some running jobs in one call, in order or shuffled; most of them succeed. One settlement has a wrong token.
    async fn settle(&mut self) {
        let running = self.running();
        let wrong = running.first().map(|job| Settlement {
            token: Token { number: job.token.number + 1_000_000_000, ..job.token },
            ..success(job)
        });
        let (from, size, plain) = (self.random.usize(0..=running.len()), self.random.usize(1..40), self.random.bool());
        let some = running.iter().skip(from).take(size);
        let mut settlements: Vec<Settlement> = some.map(success).collect();
        if !plain {
            settlements.iter_mut().for_each(|settlement| settlement.outcome = self.outcome());
        }
        if self.random.bool() {
            self.random.shuffle(&mut settlements);
        }
        let asked: Vec<Settlement> = settlements.iter().cloned().chain(wrong).collect();
        let answers = self.bench.store.settle(asked).await.all().unwrap();
        let (done, lost) = answers.split_at(settlements.len());
        assert!(
            done.iter().all(|answer| *answer == Settled::Done) && lost.iter().all(|answer| *answer == Settled::Lost)
        );
        for settlement in settlements {
            let (state, its) = self.jobs.get_mut(&settlement.id).expect("the job was pushed");
            its.claim = None;
            *state = match settlement.outcome {
                Outcome::Retry { .. } | Outcome::Outage { .. } | Outcome::Snooze { .. } => State::Scheduled,
                Outcome::Release => State::Ready,
                Outcome::Bury { .. } => State::Dead,
                _ => State::Succeeded,
            };
            match settlement.outcome {
                Outcome::Snooze { .. } | Outcome::Release => {
                    (its.attempt, its.interruptions) = (its.attempt - 1, its.interruptions + 1);
                }
                Outcome::Outage { .. } => (its.attempt, its.outages) = (its.attempt - 1, its.outages + 1),
                _ => {}
            }
        }
    }

    /// Cancels some jobs. The worker of a running job then settles it as cancelled.
    async fn cancel(&mut self) {
        let some: Vec<JobId> = self.jobs.keys().copied().filter(|_| self.random.u8(0..12) == 0).collect();
        for id in some {
            let (state, its) = self.jobs.get_mut(&id).expect("the job was pushed");
            let acted = self.bench.store.act(id, Action::Cancel).await.unwrap();
            if state.is_final() {
                assert_eq!(acted, Acted::WrongState(*state));
                continue;
            }
            if let Some(job) = its.claim.take() {
                assert_eq!(acted, Acted::Done(State::Running));
                let called_off = Settlement::new(job.id, job.token, Outcome::Cancel);
                assert_eq!(self.bench.store.settle(vec![called_off]).await.all().unwrap(), [Settled::Done]);
            }
            *state = State::Cancelled;
        }
    }

    fn count(&self, state: State) -> usize {
        self.jobs.values().filter(|(its, _)| *its == state).count()
    }

    async fn check(&self) {
        let ids: Vec<JobId> = self.jobs.keys().copied().collect();
        for chunk in ids.chunks(200) {
            for job in self.bench.store.get(chunk.to_vec()).await.unwrap() {
                let job = job.expect("the job was pushed");
                let (state, its) = &self.jobs[&job.id];
                let known = (*state, its.attempt, its.interruptions, its.outages);
                assert_eq!((job.state, job.attempt, job.interruptions, job.outages), known, "{}", job.id);
                let ran = its.attempt > 0 || its.interruptions > 0 || its.outages > 0;
                assert_eq!(job.started_at.is_some(), ran);
            }
        }
        if let Some(stats) = self.bench.store.queues(None, 10).await.unwrap().first() {
            assert_eq!(stats.counts, State::ALL.map(|state| self.count(state) as u64));
        }
    }

    /// Cancels or settles all remaining jobs, and checks that no key is left.
    async fn end(mut self) {
        let running = self.running().iter().map(success).collect();
        assert!(self.bench.store.settle(running).await.all().unwrap().iter().all(|answer| *answer == Settled::Done));
        for (id, (state, _)) in &self.jobs {
            if matches!(state, State::Ready | State::Scheduled) {
                assert_eq!(self.bench.store.act(*id, Action::Cancel).await.unwrap(), Acted::Done(State::Cancelled));
            }
        }
        if !self.jobs.is_empty() {
            self.bench.delete_all().await;
        }
    }
}

#[tokio::test]
async fn each_job_of_a_batch_has_its_own_state_whatever_happens_to_the_others() {
    for seed in 0..40 {
        println!("seed {seed}"); // visible if the test fails
        let random = fastrand::Rng::with_seed(seed);
        let mut walk = Walk { bench: Bench::open().await, random, jobs: HashMap::new() };
        for _ in 0..30 {
            walk.step().await;
        }
        walk.end().await;
    }
}

#[tokio::test]
async fn repeated_jobs_in_a_batch_are_created_once() {
    let bench = Bench::open().await;
    let first = bench.push(40).await;
    let claimed = bench.take(20).await;
    assert!(
        bench
            .store
            .settle(claimed[..10].iter().map(success).collect())
            .await
            .all()
            .unwrap()
            .iter()
            .all(|answer| *answer == Settled::Done)
    );
    let new: Vec<NewJob> = (0..40).map(|_| job()).collect();
    let mixed: Vec<NewJob> = first[5..35].iter().chain(&new).chain(&new[..3]).cloned().collect();
    let answers = bench.store.push(mixed.clone()).await.all().unwrap();
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
            .for_each(|pushed| assert_eq!(pushed.all().unwrap().len(), 37));
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
            let (process, at) = place.remove(&job.id).expect("the job was pushed and is claimed once");
            assert!(newest[process] < Some(at), "process {process}: {at} after {:?}", newest[process]);
            newest[process] = Some(at);
        }
    }
    assert_eq!(taken, 4 * 20 * 37);
}
