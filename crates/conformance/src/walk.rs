//! One random walk over two stores: the one under test, and the reference store as the model.
//!
//! Both share one clock but read it at slightly different times. So every duration of the walk is a multiple of
//! [`UNIT`], and each step moves the clock by a millisecond: then both agree on what is due, unless a walk takes as
//! long as a unit. Priorities are distinct, so that the order of claims has no ties.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::{
    Action, Claim, Claimed, Claims, Death, DuplicateReason, Error, Filter, JobId, Jobs, Kind, KindLimits, KnownKind,
    Label, Memory, NewJob, Nonce, Outcome, Output, Page, Progress, Pushed, Reason, Renewal, Reuse, Settings,
    Settlement, Snapshot, State, Stored, Timestamp, Token, Unique, UniqueScope, Upkeep, UpkeepReport, When, WorkerId,
    WorkerSecret, limits, state::is_isolated,
};

use crate::bench::{Bench, UnwrapEach, job_of, kind, known, label, queue};

/// All durations of a walk are multiples of this.
pub(crate) const UNIT: Duration = Duration::from_secs(300);

const QUEUES: [&str; 3] = ["a", "b", "c"];
const KINDS: [&str; 3] = ["x", "y", "z"];
const BY_THE_WALK: &str = "walk: ";

/// One claim, as each store made it.
struct Held {
    id: JobId,
    model: Token,
    store: Token,
    /// Whether a settle of it was accepted.
    settled: bool,
}

pub(crate) struct Walk {
    bench: Bench,
    model: Memory,
    dice: fastrand::Rng,
    priorities: Vec<i16>,
    pushed: Vec<NewJob>,
    held: Vec<Held>,
    claims: Vec<Claim>,
    workers: Vec<WorkerSecret>,
    versions: BTreeMap<JobId, (u64, Snapshot)>,
}

impl Walk {
    pub(crate) fn new(bench: Bench, settings: Settings, mut dice: fastrand::Rng) -> Self {
        let mut priorities: Vec<i16> = limits::PRIORITIES.collect();
        dice.shuffle(&mut priorities);
        Walk {
            model: Memory::new(settings),
            bench,
            dice,
            priorities,
            pushed: Vec::new(),
            held: Vec::new(),
            claims: Vec::new(),
            workers: (0..3).map(|_| WorkerSecret::new()).collect(),
            versions: BTreeMap::new(),
        }
    }

    /// Does one random thing with both stores and compares their answers.
    pub(crate) async fn step(&mut self) {
        // Two things never happen at the same time, not even if a slow answer of the store makes one of them half a second late.
        self.bench.advance(Duration::from_millis(500));
        match self.dice.u8(0..100) {
            0..24 => self.push().await,
            24..46 => self.claim().await,
            46..71 => self.settle().await,
            71..77 => self.renew().await,
            77..86 => self.act().await,
            86..94 => self.pass_time().await,
            94..97 => self.upkeep(true).await,
            97 => self.bench.reboot(),
            _ => self.release().await,
        }
    }

    async fn push(&mut self) {
        let new = match self.priorities.pop() {
            Some(priority) if self.pushed.is_empty() || self.dice.u8(0..10) > 0 => self.new_job(priority),
            _ => self.dice.choice(&self.pushed).expect("not empty").clone(), // a repeat, possibly much later
        };
        let model = self.model.push(vec![new.clone()]).await.unwrap_each().pop();
        let store = self.bench.store.push(vec![new.clone()]).await.unwrap_each().pop();
        match (&model, &store) {
            // If several results are recent enough, the store chooses which one to reuse.
            (
                Some(Pushed::Existing { by: DuplicateReason::Reuse, .. }),
                Some(Pushed::Existing { by: DuplicateReason::Reuse, .. }),
            ) => {}
            _ => assert_eq!(store, model, "push {new:?}"),
        }
        self.pushed.push(new);
    }

    fn new_job(&mut self, priority: i16) -> NewJob {
        let dice = &mut self.dice;
        let mut new = job_of(dice.choice(QUEUES).unwrap(), dice.choice(KINDS).unwrap());
        let units = |n: u32| UNIT * n;
        new.priority = priority;
        new.max_attempts = dice.bool().then(|| dice.u16(1..4));
        new.timeout = dice.bool().then(|| Duration::from_secs(dice.u64(1..9)));
        if dice.u8(0..3) == 0 {
            new.when = When::In(units(dice.u32(1..4)));
        }
        if dice.u8(0..8) == 0 {
            new.deadline = Some(When::In(units(dice.u32(1..6))));
        }
        if dice.u8(0..2) == 0 {
            let period = units(dice.u32(1..8));
            let scopes = [UniqueScope::UntilStarted, UniqueScope::UntilFinished, UniqueScope::For(period)];
            new.unique = Some(Unique { key: any_label(dice), scope: *dice.choice(&scopes).unwrap() });
        }
        if dice.u8(0..4) == 0 {
            new.reuse = Some(Reuse { key: any_label(dice), within: units(dice.u32(1..8)) });
        }
        new.alias = (dice.u8(0..3) == 0).then(|| any_label(dice));
        new.key = (dice.u8(0..3) == 0).then(|| any_label(dice));
        new.tags = (0..dice.usize(0..3)).map(|_| any_label(dice)).collect();
        new
    }

    async fn claim(&mut self) {
        if self.dice.u8(0..8) == 0 && !self.claims.is_empty() {
            return self.repeat_claim().await;
        }
        let mut queues = QUEUES.map(queue).to_vec();
        self.dice.shuffle(&mut queues);
        queues.truncate(self.dice.usize(1..4));
        let kinds = KINDS.map(kind);
        let known = kinds.into_iter().take(self.dice.usize(1..4)).map(|kind| self.known(kind)).collect();
        let mut claim = Claim::new(self.dice.choice(&self.workers).unwrap().id(), queues, known);
        claim.nonce = Nonce(self.dice.u64(..));
        claim.limit = self.dice.usize(0..4);
        claim.lease = UNIT * 2;
        claim.idle = self.dice.bool();
        let (model, store) = self.claims(&claim).await;
        let handed_out = |claims: &Claims| claims.jobs.iter().map(untokened).collect::<Vec<_>>();
        assert_eq!(handed_out(&store), handed_out(&model), "{claim:?}");
        if !model.jobs.iter().any(|job| is_isolated(job.crashes)) {
            assert_eq!(store.isolated_waits, model.isolated_waits, "{claim:?}");
        }
        assert_eq!(store.look_again.is_some(), model.look_again.is_some(), "{claim:?}");
        if let (Some(one), Some(other)) = (store.look_again, model.look_again) {
            assert!(one.abs_diff(other) < UNIT / 2, "next due in {one:?}, by the model in {other:?}");
        }
        for (model, store) in model.jobs.iter().zip(&store.jobs) {
            self.held.push(Held { id: model.id, model: model.token, store: store.token, settled: false });
        }
        self.claims.retain(|earlier| earlier.worker != claim.worker);
        if !model.jobs.is_empty() {
            self.claims.push(claim);
        }
    }

    /// Returns a kind with random limits and a random number of wanted jobs.
    fn known(&mut self, kind: Kind) -> KnownKind {
        let dice = &mut self.dice;
        let limits = KindLimits {
            max_attempts: (dice.u8(0..3) == 0).then(|| dice.u16(1..5)),
            timeout: (dice.u8(0..3) == 0).then(|| Duration::from_secs(dice.u64(1..5))),
        };
        let wanted = if dice.u8(0..3) == 0 { dice.usize(0..3) } else { usize::MAX };
        KnownKind::from(kind).limits(limits).wanted(wanted)
    }

    /// Repeats a worker's newest claim that returned jobs: each store must return the same jobs as before.
    async fn repeat_claim(&mut self) {
        let claim = self.dice.choice(&self.claims).unwrap().clone();
        let (mut model, mut store) = self.claims(&claim).await;
        model.jobs.sort_by_key(|job| job.id);
        store.jobs.sort_by_key(|job| job.id);
        let tokens =
            |job: &Claimed| self.held.iter().rev().find(|held| held.id == job.id).map(|held| (held.model, held.store));
        let both: Vec<_> =
            model.jobs.iter().zip(&store.jobs).map(|(model, store)| Some((model.token, store.token))).collect();
        assert_eq!(both, model.jobs.iter().map(tokens).collect::<Vec<_>>());
        assert_eq!(store.jobs.len(), model.jobs.len());
    }

    async fn claims(&self, claim: &Claim) -> (Claims, Claims) {
        let model = self.model.claim(claim.clone()).await.unwrap();
        (model, self.bench.store.claim(claim.clone()).await.unwrap())
    }

    /// Chooses a claim: mostly one that may still be held, sometimes an old one.
    fn any_held(&mut self) -> Option<usize> {
        let open: Vec<usize> = (0..self.held.len()).filter(|index| !self.held[*index].settled).rev().take(6).collect();
        if self.dice.u8(0..4) > 0 && !open.is_empty() {
            return self.dice.choice(open);
        }
        (!self.held.is_empty()).then(|| self.dice.usize(0..self.held.len()))
    }

    async fn settle(&mut self) {
        let Some(index) = self.any_held() else { return };
        let outcome = self.outcome();
        let progress = self.progress();
        let Held { id, model, store, settled } = self.held[index];
        let settlement = |token| Settlement::new(id, token, outcome.clone()).progress(progress.clone());
        let model = self.model.settle(vec![settlement(model)]).await.unwrap_each();
        let store = self.bench.store.settle(vec![settlement(store)]).await.unwrap_each();
        let newest = self.held.iter().rposition(|held| held.id == id) == Some(index);
        // A store need not record for ever that an old claim was settled. In either case nothing changes.
        if newest || !settled {
            assert_eq!(store, model, "settle {id} with {outcome:?}");
        }
        self.held[index].settled |= model[0] == longshore_core::Settled::Done;
    }

    fn outcome(&mut self) -> Outcome {
        let delay = UNIT * self.dice.u32(0..3);
        let message = format!("{BY_THE_WALK}{}", self.dice.u8(..));
        match self.dice.u8(0..10) {
            0..4 => {
                let result = Stored::Inline(Output::new("text/plain", message));
                Outcome::Succeed { result: self.dice.bool().then_some(result) }
            }
            4 => Outcome::Retry { delay, message },
            5 => Outcome::Outage { delay, message },
            6 => Outcome::Snooze { delay },
            7 => Outcome::Release,
            8 => Outcome::Bury { reason: Reason::Fatal, message },
            _ => Outcome::Cancel,
        }
    }

    fn progress(&mut self) -> Option<Progress> {
        self.dice.bool().then(|| Progress::of(self.dice.u64(0..9), 9).with_message("so far"))
    }

    async fn renew(&mut self) {
        let Some(index) = self.any_held() else { return };
        let progress = self.progress();
        let Held { id, model, store, .. } = self.held[index];
        let renewal = |token| Renewal::new(id, token, UNIT * 2).progress(progress.clone());
        let model = self.model.renew(vec![renewal(model)]).await.unwrap_each();
        assert_eq!(self.bench.store.renew(vec![renewal(store)]).await.unwrap_each(), model, "renew {id}");
    }

    async fn act(&mut self) {
        let Some(id) = self.dice.choice(&self.pushed).map(|new| new.id) else { return };
        let action = *self.dice.choice(&[Action::Cancel, Action::Retry, Action::Retry, Action::Delete]).unwrap();
        let now = self.bench.clock.now();
        let due = |job: &Snapshot| job.state == State::Scheduled && job.run_at <= now;
        if action == Action::Retry && self.model.get(vec![id]).await.unwrap()[0].as_ref().is_some_and(due) {
            return; // ready or not yet: both are right
        }
        let model = self.model.act(id, action).await.unwrap();
        assert_eq!(self.bench.store.act(id, action).await.unwrap(), model, "{action:?} {id}");
        if action == Action::Delete {
            self.upkeep(false).await; // the store chooses when it is deleted
        }
    }

    async fn pass_time(&mut self) {
        self.bench.advance(UNIT * self.dice.u32(1..4));
        self.upkeep(false).await; // the store chooses when it detects a missed deadline
    }

    async fn upkeep(&mut self, rescue: bool) {
        let upkeep = Upkeep::new(limits::UPKEEP_ROWS, rescue);
        let mut model = self.model.upkeep(upkeep).await.unwrap();
        let mut store: UpkeepReport = self.bench.store.upkeep(upkeep).await.unwrap();
        for kept in [&mut model, &mut store] {
            kept.artifacts.sort();
            kept.rescued.sort_by_key(|moved| moved.id);
            kept.buried.sort_by_key(|moved| moved.id);
        }
        assert_eq!(store, model);
    }

    async fn release(&mut self) {
        let index = self.dice.usize(0..self.workers.len());
        let secret = std::mem::take(&mut self.workers[index]);
        let death = if self.dice.bool() { Death::Crashed } else { Death::Interrupted };
        let model = self.model.release(secret.clone(), death.into()).await.unwrap().len();
        assert_eq!(self.bench.store.release(secret.clone(), death.into()).await.unwrap().len(), model);
        self.refused(secret.id()).await;
        self.claims.retain(|claim| claim.worker != secret.id());
    }

    async fn refused(&self, worker: WorkerId) {
        let claim = self.bench.ask().worker(worker);
        let is_refused = |answer: Result<Claims, Error>| answer.is_err_and(|e| !e.is_retryable());
        assert!(is_refused(self.model.claim(claim.clone()).await) && is_refused(self.bench.store.claim(claim).await));
    }

    // ---- comparing ----

    /// Compares every job that was pushed, and the jobs of the aliases.
    pub(crate) async fn compare(&mut self) {
        let ids: Vec<JobId> = self.pushed.iter().map(|new| new.id).collect();
        for ids in ids.chunks(limits::BATCH) {
            let model = self.model.get(ids.to_vec()).await.unwrap();
            let store = self.bench.store.get(ids.to_vec()).await.unwrap();
            for (model, store) in model.into_iter().zip(store) {
                if let Some(store) = &store {
                    self.version_grew(store);
                }
                let now = self.bench.clock.now();
                let like = model.as_ref().map(|model| plain(model.clone(), model, now));
                assert_eq!(store.zip(model).map(|(store, model)| plain(store, &model, now)), like);
            }
        }
        for alias in LABELS.map(label) {
            let model = self.model.find(alias.clone()).await.unwrap();
            assert_eq!(self.bench.store.find(alias).await.unwrap(), model);
        }
    }

    /// Asserts that a changed job has a higher version.
    fn version_grew(&mut self, job: &Snapshot) {
        if let Some((version, before)) = self.versions.get(&job.id) {
            let same = Snapshot { version: before.version, ..job.clone() } == *before;
            assert!(same || job.version > *version || job.created_at != before.created_at, "{before:?} became {job:?}");
        }
        self.versions.insert(job.id, (job.version, job.clone()));
    }

    /// Compares the store's counts with its lists, and these with the lists of the model.
    pub(crate) async fn count(&mut self) {
        let mut counted: BTreeMap<(String, State), u64> = BTreeMap::new();
        for stats in self.bench.queues().await {
            for state in State::ALL.into_iter().filter(|state| stats.count(*state) > 0) {
                counted.insert((stats.queue.to_string(), state), stats.count(state));
            }
        }
        let mut listed: BTreeMap<(String, State), u64> = BTreeMap::new();
        let jobs = self.bench.list(Filter::default()).await;
        for job in &jobs {
            *listed.entry((job.queue.to_string(), job.state)).or_default() += 1;
        }
        assert_eq!(counted, listed);
        let page = Page::first(usize::MAX);
        let model = self.model.list(Filter::default(), page).await.unwrap().jobs;
        let ids = |jobs: &[Snapshot]| jobs.iter().map(|job| job.id).collect::<Vec<_>>();
        assert_eq!(ids(&jobs), ids(&model));
    }

    /// Runs all remaining jobs, and asserts that no job is left in an intermediate state.
    pub(crate) async fn work_off(&mut self) {
        for _ in 0..1_000 {
            self.bench.advance(UNIT * 10);
            self.upkeep(true).await;
            let claim = self.bench.ask().queues(QUEUES.map(queue).to_vec()).kinds(known(KINDS)).limit(10);
            let (model, store) = self.claims(&claim).await;
            for (model, store) in model.jobs.iter().zip(&store.jobs) {
                self.held.push(Held { id: model.id, model: model.token, store: store.token, settled: false });
                let success = |job: &Claimed| Settlement::new(job.id, job.token, Outcome::Succeed { result: None });
                let done = self.model.settle(vec![success(model)]).await.unwrap_each();
                assert_eq!(self.bench.store.settle(vec![success(store)]).await.unwrap_each(), done);
            }
            self.compare().await;
            let unfinished = self.bench.list(Filter::default()).await.iter().any(|job| !job.state.is_final());
            if !unfinished {
                self.count().await;
                return self.bench.is_sound().await;
            }
        }
        panic!("some job is never finished");
    }
}

const LABELS: [&str; 3] = ["one", "two", "drei"];

fn any_label(dice: &mut fastrand::Rng) -> Label {
    label(dice.choice(LABELS).unwrap())
}

fn untokened(job: &Claimed) -> Claimed {
    let outage_for = Duration::from_secs(job.outage_for.as_secs() / UNIT.as_secs());
    Claimed { token: Token { number: 0, bits: 0 }, waited: Duration::ZERO, outage_for, ..job.clone() }
}

/// Returns a snapshot without values that may differ between two correct stores: versions, times between two reads of
/// the clock, the message of a crash, and whether a due job was already promoted.
fn plain(mut job: Snapshot, like: &Snapshot, now: Timestamp) -> Snapshot {
    job.version = 0;
    if job.state == State::Scheduled && job.run_at <= now {
        job.state = State::Ready;
    }
    let moment = |at: &mut Timestamp, like: Timestamp| {
        if Duration::from_millis(at.as_millis().abs_diff(like.as_millis())) < UNIT / 2 {
            *at = like;
        }
    };
    let perhaps = |at: &mut Option<Timestamp>, like: Option<Timestamp>| {
        if let (Some(at), Some(like)) = (at.as_mut(), like) {
            moment(at, like);
        }
    };
    moment(&mut job.created_at, like.created_at);
    moment(&mut job.run_at, like.run_at);
    perhaps(&mut job.deadline, like.deadline);
    perhaps(&mut job.started_at, like.started_at);
    perhaps(&mut job.finished_at, like.finished_at);
    for (failure, like) in job.failures.iter_mut().zip(&like.failures) {
        moment(&mut failure.at, like.at);
        perhaps(&mut failure.started_at, like.started_at);
        failure.claim = failure.claim.and(like.claim); // each store has its own numbers
        if !failure.message.starts_with(BY_THE_WALK) {
            failure.message = "crashed".into();
        }
    }
    job
}
