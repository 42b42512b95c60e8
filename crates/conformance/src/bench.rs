//! The environment of a case: a new store, a clock to move, and short functions for the verbs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::whole;
use longshore_core::{
    Acted, Action, Answers, Artifacts, Backend, Claim, Claimed, Claims, Clock, Death, Error, Filter, Finding, JobId,
    Kind, KnownKind, Label, Moved, NewJob, Outcome, Output, Page, Payload, Progress, Pushed, QueueName, QueueStats,
    Reach, Reason, Renewal, Renewed, RepairStep, Settings, Settled, Settlement, Snapshot, State, Store, Stored, Token,
    Unique, UniqueScope, Upkeep, UpkeepReport, WorkerId, WorkerSecret, limits,
};

use crate::faults::borne;
use crate::{Fault, Fixture, seeds};

/// Opens a new fixture.
pub(crate) type Opener = fn(Settings) -> Pin<Box<dyn Future<Output = Box<dyn Fixture>> + Send>>;

/// A new store and its environment.
pub(crate) struct Bench {
    /// Moves the store's time.
    pub(crate) clock: Clock,
    /// The store itself, for calls that must not go through [`Backend`].
    pub(crate) store: Arc<dyn Store>,
    /// The store as users see it.
    pub(crate) backend: Backend,
    /// The worker that [`Bench::ask`] claims for.
    pub(crate) worker: WorkerSecret,
    fixture: Box<dyn Fixture>,
    opener: Opener,
    fault: Option<Fault>,
}

impl Bench {
    /// Opens a new store. With a fault, calls to it go wrong in that way and are repeated.
    pub(crate) async fn open(opener: Opener, settings: Settings, fault: Option<Fault>) -> Self {
        let clock = settings.clock.clone();
        let fixture = opener(settings).await;
        let store = reached(fixture.store(), fault);
        let backend = Backend::new(Arc::clone(&store), fixture.artifacts());
        Bench { clock, store, backend, worker: WorkerSecret::new(), fixture, opener, fault }
    }

    /// Opens another new store with other settings.
    pub(crate) async fn fresh(&self, settings: Settings) -> Bench {
        Bench::open(self.opener, settings, self.fault).await
    }

    /// Opens another new store that keeps finished jobs for so long.
    pub(crate) async fn keeping(&self, finished: Duration, dead: Duration) -> Bench {
        let mut settings = Settings::default();
        settings.keep_finished = finished;
        settings.keep_dead = dead;
        self.fresh(settings).await
    }

    /// Opens the same data like another process would. Prints why if that is not possible.
    pub(crate) async fn second(&self) -> Option<Backend> {
        match self.fixture.reopen().await {
            Ok(store) => Some(Backend::new(reached(store, self.fault), self.fixture.artifacts())),
            Err(why) => {
                println!("not opened a second time: {why}");
                None
            }
        }
    }

    /// Returns one backend for each connection to the same data: one or two.
    pub(crate) async fn ways(&self) -> Vec<Backend> {
        std::iter::once(self.backend.clone()).chain(self.second().await).collect()
    }

    pub(crate) fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.fixture.artifacts()
    }

    pub(crate) fn many(&self) -> usize {
        self.fixture.many()
    }

    pub(crate) fn seeds(&self) -> usize {
        self.fixture.seeds()
    }

    /// Returns the stores, one for each connection to the same data: one or two.
    pub(crate) async fn stores(&self) -> Vec<Arc<dyn Store>> {
        std::iter::once(Arc::clone(&self.store)).chain(self.fixture.reopen().await).collect()
    }

    // ---- pushing ----

    pub(crate) async fn push(&self, job: NewJob) -> JobId {
        let id = job.id;
        assert_eq!(self.push_any(job).await, Pushed::Created(id));
        id
    }

    /// Pushes a job, for which an existing job may be used instead.
    pub(crate) async fn push_any(&self, job: NewJob) -> Pushed {
        self.backend.push_one(job).await.unwrap()
    }

    /// Pushes that many plain jobs.
    pub(crate) async fn push_plain(&self, n: usize) -> Vec<JobId> {
        self.push_all((0..n).map(|_| job()).collect()).await
    }

    pub(crate) async fn push_all(&self, jobs: Vec<NewJob>) -> Vec<JobId> {
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        let created: Vec<_> = ids.iter().map(|id| Pushed::Created(*id)).collect();
        assert_eq!(self.backend.push(jobs).await.unwrap().unwrap_each(), created);
        ids
    }

    // ---- claiming ----

    /// Returns a claim for one plain job, of an idle worker.
    pub(crate) fn ask(&self) -> Claim {
        ask(self.worker.id())
    }

    pub(crate) async fn claims(&self, claim: Claim) -> Claims {
        self.backend.claim(claim).await.unwrap()
    }

    pub(crate) async fn claim(&self, claim: Claim) -> Vec<Claimed> {
        self.claims(claim).await.jobs
    }

    /// Claims up to that many plain jobs.
    pub(crate) async fn take(&self, limit: usize) -> Vec<Claimed> {
        self.claim(self.ask().limit(limit)).await
    }

    /// Claims one job, which must exist.
    pub(crate) async fn take_one(&self) -> Claimed {
        self.take(1).await.pop().expect("there is a job to claim")
    }

    /// Pushes a plain job and claims it.
    pub(crate) async fn running(&self) -> Claimed {
        let id = self.push(job()).await;
        let claimed = self.take_one().await;
        assert_eq!(claimed.id, id);
        claimed
    }

    // ---- holding and settling ----

    pub(crate) async fn renew(&self, claimed: &Claimed) -> Renewed {
        self.renew_token(claimed.id, claimed.token).await
    }

    /// Writes progress for a claim that must be held.
    pub(crate) async fn progress(&self, claimed: &Claimed) {
        assert_eq!(self.renew(claimed).await, Renewed::Held);
    }

    pub(crate) async fn renew_token(&self, id: JobId, token: Token) -> Renewed {
        let renewal = Renewal::new(id, token, limits::LEASE).progress(Some(Progress::of(1, 2)));
        self.backend.renew(vec![renewal]).await.unwrap_each()[0]
    }

    pub(crate) async fn settle(&self, claimed: &Claimed, outcome: Outcome) -> Settled {
        self.settle_token(claimed.id, claimed.token, outcome).await
    }

    pub(crate) async fn settle_token(&self, id: JobId, token: Token, outcome: Outcome) -> Settled {
        let settlement = Settlement::new(id, token, outcome).progress(Some(Progress::of(2, 2)));
        self.backend.settle(vec![settlement]).await.unwrap_each()[0]
    }

    /// Settles a claim that must be held.
    pub(crate) async fn end(&self, claimed: &Claimed, outcome: Outcome) {
        assert_eq!(self.settle(claimed, outcome).await, Settled::Done);
    }

    /// Settles claims that must be held as succeeded, many at a time.
    pub(crate) async fn succeed_all(&self, claimed: &[Claimed]) {
        let settle = |job: &Claimed| Settlement::new(job.id, job.token, success());
        for batch in claimed.chunks(limits::BATCH) {
            let answers = self.backend.settle(batch.iter().map(settle).collect()).await.unwrap_each();
            assert!(answers.iter().all(|answer| *answer == Settled::Done));
        }
    }

    // ---- time and upkeep ----

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Reboots the workers' machine, so that all workers are gone. A store on the same machine detects it. For a store
    /// on another machine, time passes until the leases have ended.
    pub(crate) fn reboot(&self) {
        if self.knows_reboots() {
            self.clock.reboot();
        } else {
            self.advance(limits::LEASE + secs(1));
        }
    }

    /// Returns whether the store can detect that the workers' machine was rebooted. Prints why if it cannot.
    pub(crate) fn knows_reboots(&self) -> bool {
        let knows = knows_reboots(&*self.store);
        if !knows {
            println!(
                "the store is on another machine: it takes a reboot of a worker's for a crash, when the leases end"
            );
        }
        knows
    }

    pub(crate) async fn upkeep(&self) -> UpkeepReport {
        self.start_upkeep(true).await
    }

    pub(crate) async fn start_upkeep(&self, rescue: bool) -> UpkeepReport {
        let kept = self.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, rescue)).await.unwrap();
        assert_eq!(kept.failed, []);
        kept
    }

    /// Lets every lease end, and rescues the jobs, as if their workers had crashed.
    pub(crate) async fn crash(&self) -> usize {
        self.crash_and_keep().await.rescued.len()
    }

    /// Does the same, and returns the report of upkeep.
    pub(crate) async fn crash_and_keep(&self) -> UpkeepReport {
        self.advance(limits::LEASE + Duration::from_secs(1));
        self.upkeep().await
    }

    /// Releases the jobs of the bench's worker.
    pub(crate) async fn release(&self, death: Death) -> Vec<Moved> {
        self.backend.release(self.worker.clone(), death).await.unwrap()
    }

    // ---- looking ----

    pub(crate) async fn job(&self, id: JobId) -> Snapshot {
        self.backend.job(id).await.unwrap().expect("the job is known")
    }

    pub(crate) async fn state(&self, id: JobId) -> State {
        self.job(id).await.state
    }

    pub(crate) async fn is_known(&self, id: JobId) -> bool {
        self.backend.job(id).await.unwrap().is_some()
    }

    pub(crate) async fn act(&self, id: JobId, action: Action) -> Acted {
        self.backend.act(id, action).await.unwrap()
    }

    /// Returns all jobs that match, page by page, newest first.
    pub(crate) async fn list(&self, filter: Filter) -> Vec<Snapshot> {
        let mut jobs = Vec::new();
        let mut after = None;
        loop {
            let page = Page::new(after, limits::PAGE);
            let listed = self.backend.list(filter.clone(), page).await.unwrap();
            assert!(listed.jobs.len() <= limits::PAGE);
            jobs.extend(listed.jobs);
            after = listed.next;
            if after.is_none() {
                return jobs;
            }
        }
    }

    /// Returns all queues, page by page.
    pub(crate) async fn queues(&self) -> Vec<QueueStats> {
        let (mut queues, mut after) = (Vec::new(), None);
        loop {
            let page = self.backend.queues(after, limits::PAGE).await.unwrap();
            after = page.last().filter(|_| page.len() == limits::PAGE).map(|last| last.queue.clone());
            queues.extend(page);
            if after.is_none() {
                return queues;
            }
        }
    }

    /// Walks through the store, and asserts that nothing there contradicts itself: counters, indexes and keys fit the jobs.
    pub(crate) async fn is_sound(&self) {
        assert_eq!(findings(&*self.store).await, []);
    }

    /// Returns how many jobs of the queue `default` are in that state, by the store's counts.
    pub(crate) async fn count(&self, state: State) -> u64 {
        self.backend.queue(QueueName::default()).await.unwrap().map_or(0, |stats| stats.count(state))
    }
}

pub(crate) fn knows_reboots(store: &dyn Store) -> bool {
    store.capabilities().reach != Reach::Network
}

/// Returns what contradicts itself in a store, which is left as it is.
pub(crate) async fn findings(store: &dyn Store) -> Vec<Finding> {
    walk_through(store, RepairStep::first()).await.0
}

/// Walks through a store in steps like this one; returns what was found, how many steps it took, and the most rows of one.
pub(crate) async fn walk_through(store: &dyn Store, mut step: RepairStep) -> (Vec<Finding>, usize, usize) {
    let (mut findings, mut most) = (Vec::new(), 0);
    for steps in 1..100_000 {
        let piece = store.repair(step.clone()).await.unwrap();
        findings.extend(piece.findings);
        most = most.max(piece.checked);
        step.after = piece.next;
        if step.after.is_none() {
            return (findings, steps, most);
        }
    }
    panic!("the walk has no end");
}

fn reached(store: Arc<dyn Store>, fault: Option<Fault>) -> Arc<dyn Store> {
    match fault {
        Some(fault) => borne(store, fault),
        None => store,
    }
}

/// Unwraps each answer of a batch.
pub(crate) trait UnwrapEach<T> {
    fn unwrap_each(self) -> Vec<T>;

    /// Returns the answers, or the first error among them.
    fn whole(self) -> Result<Vec<T>, Error>;
}

impl<T> UnwrapEach<T> for Answers<T> {
    fn unwrap_each(self) -> Vec<T> {
        self.into_iter().map(Result::unwrap).collect()
    }

    fn whole(self) -> Result<Vec<T>, Error> {
        whole(self)
    }
}

/// Returns a claim for one plain job, of an idle worker.
pub(crate) fn ask(worker: WorkerId) -> Claim {
    Claim::new(worker, vec![QueueName::default()], known(["work"])).idle(true)
}

/// Returns a plain job: queue `default`, kind `work`, ready at once.
pub(crate) fn job() -> NewJob {
    job_of("default", "work")
}

pub(crate) fn job_of(queue_name: &str, kind_name: &str) -> NewJob {
    NewJob::new(queue(queue_name), kind(kind_name), Payload::parse(r#"{"n":1}"#).unwrap())
}

/// Returns a plain job that holds the unique key `key`.
pub(crate) fn unique(key: &str, scope: UniqueScope) -> NewJob {
    NewJob { unique: Some(Unique { key: label(key), scope }), ..job() }
}

pub(crate) fn queue(name: &str) -> QueueName {
    name.parse().unwrap()
}

pub(crate) fn kind(name: &str) -> Kind {
    name.parse().unwrap()
}

/// Returns kinds of a worker without limits that wants as many jobs as possible.
pub(crate) fn known<const N: usize>(names: [&str; N]) -> Vec<KnownKind> {
    names.map(|name| kind(name).into()).to_vec()
}

pub(crate) fn label(text: &str) -> Label {
    text.parse().unwrap()
}

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

pub(crate) fn success() -> Outcome {
    Outcome::Succeed { result: Some(Stored::Inline(Output::new("application/json", "42"))) }
}

pub(crate) fn retry_in(delay: Duration) -> Outcome {
    Outcome::Retry { delay, message: "not this time".into() }
}

pub(crate) fn outage_for(delay: Duration) -> Outcome {
    Outcome::Outage { delay, message: "not reachable".into() }
}

/// Returns the failure of a job's last attempt.
pub(crate) fn exhausted() -> Outcome {
    Outcome::Bury { reason: Reason::Exhausted, message: "not this time".into() }
}

pub(crate) fn fatal() -> Outcome {
    Outcome::Bury { reason: Reason::Fatal, message: "no use".into() }
}

/// Returns every outcome, and the state of a job whose first attempt of several ends with it.
pub(crate) fn outcomes() -> Vec<(Outcome, State)> {
    vec![
        (success(), State::Succeeded),
        (Outcome::Succeed { result: None }, State::Succeeded),
        (retry_in(Duration::ZERO), State::Ready),
        (retry_in(secs(60)), State::Scheduled),
        (outage_for(Duration::ZERO), State::Ready),
        (outage_for(secs(60)), State::Scheduled),
        (Outcome::Snooze { delay: Duration::ZERO }, State::Ready),
        (Outcome::Snooze { delay: secs(60) }, State::Scheduled),
        (Outcome::Release, State::Ready),
        (fatal(), State::Dead),
        (Outcome::Cancel, State::Cancelled),
    ]
}

/// Returns a random generator and prints its seed. `LONGSHORE_SEED` repeats a run.
pub(crate) fn dice() -> fastrand::Rng {
    let seed = seeds::repeated().unwrap_or_else(|| fastrand::u64(..));
    println!("LONGSHORE_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}
