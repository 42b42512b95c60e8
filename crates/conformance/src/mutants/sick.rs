//! A store and its bug.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use longshore_core::store::each;

use crate::bench::UnwrapEach;
use longshore_core::{
    Acted, Action, Answers, Artifacts, Capabilities, Claim, Claimed, Claims, Clock, Error, Filter, Gone, JobId, Jobs,
    Kind, Label, Listed, Logs, Moved, NewJob, Notifications, Notifier, Page, Pushed, QueueName, QueueStats, Queues,
    Renewal, Renewed, Repair, RepairReport, RepairStep, Rules, RulesChange, Settings, Settled, Settlement, Snapshot,
    State, Status, Store, Timestamp, Token, Upkeep, UpkeepReport, Work, WorkSubscription, WorkerId, WorkerNote,
    WorkerSecret, WorkerSeen, Workers, limits,
};

use crate::Fixture;

/// The healthy store inside, and what is known about its claims.
pub(super) struct Inside {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    claims: Mutex<HashMap<JobId, Vec<(Claimed, WorkerId)>>>,
}

/// One bug: a call that does something else. All other calls are passed through.
#[async_trait]
pub(super) trait Bug: Default + Send + Sync + 'static {
    /// Returns the settings of the store inside.
    fn settings(settings: Settings) -> Settings {
        settings
    }

    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        inside.store.push(jobs).await.whole()
    }

    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        inside.store.claim(claim).await
    }

    async fn renew(&self, inside: &Inside, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
        inside.store.renew(renewals).await.whole()
    }

    async fn settle(&self, inside: &Inside, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        inside.store.settle(settlements).await.whole()
    }

    async fn release(&self, inside: &Inside, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        inside.store.release(worker, gone).await
    }

    async fn upkeep(&self, inside: &Inside, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        inside.store.upkeep(upkeep).await
    }

    async fn change_rules(
        &self,
        inside: &Inside,
        queue: QueueName,
        expected: u64,
        rules: Rules,
    ) -> Result<RulesChange, Error> {
        inside.store.change_rules(queue, expected, rules).await
    }

    async fn act(&self, inside: &Inside, id: JobId, action: Action) -> Result<Acted, Error> {
        inside.store.act(id, action).await
    }

    /// Returns a job as callers see it; `None` if it is hidden.
    fn show(&self, job: Snapshot) -> Option<Snapshot> {
        Some(job)
    }

    /// Returns the counts as callers see them.
    fn count(&self, stats: QueueStats) -> QueueStats {
        stats
    }
}

/// No bug at all.
#[derive(Default)]
pub(super) struct Fine;

impl Bug for Fine {}

impl Inside {
    fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Inside { store, clock, claims: Mutex::default() }
    }

    fn claims(&self) -> MutexGuard<'_, HashMap<JobId, Vec<(Claimed, WorkerId)>>> {
        self.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn note(&self, worker: WorkerId, claims: &Claims) {
        for job in &claims.jobs {
            self.claims().entry(job.id).or_default().push((job.clone(), worker));
        }
    }

    /// Returns the newest claim of a job.
    pub(super) fn newest(&self, id: JobId) -> Option<(Claimed, WorkerId)> {
        self.claims().get(&id).and_then(|claims| claims.last().cloned())
    }

    /// Returns the claim of a token.
    pub(super) fn of(&self, id: JobId, token: Token) -> Option<(Claimed, WorkerId)> {
        self.claims().get(&id)?.iter().find(|(job, _)| job.token == token).cloned()
    }

    /// Returns the state of a job.
    pub(super) async fn state(&self, id: JobId) -> Result<Option<State>, Error> {
        Ok(self.store.get(vec![id]).await?.pop().flatten().map(|job| job.state))
    }

    /// Returns all jobs that match, in any order.
    pub(super) async fn all(&self, filter: Filter) -> Result<Vec<Snapshot>, Error> {
        let (mut jobs, mut after) = (Vec::new(), None);
        loop {
            let listed = self.store.list(filter.clone(), Page::new(after, limits::PAGE)).await?;
            jobs.extend(listed.jobs);
            after = listed.next;
            if after.is_none() {
                return Ok(jobs);
            }
        }
    }
}

/// The fixture of a store with that bug, around a healthy store.
pub(super) struct Sick<F, B> {
    store: Arc<Mutated<B>>,
    healthy: F,
}

#[async_trait]
impl<F: Fixture, B: Bug> Fixture for Sick<F, B> {
    async fn open(settings: Settings) -> Self {
        let clock = settings.clock.clone();
        let healthy = F::open(B::settings(settings)).await;
        let store = Mutated { inside: Inside::new(healthy.store(), clock), bug: B::default() };
        Sick { store: Arc::new(store), healthy }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.healthy.artifacts()
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Err("a bug has one way in")
    }

    fn many(&self) -> usize {
        2_000
    }

    fn seeds(&self) -> usize {
        self.healthy.seeds().min(10)
    }
}

struct Mutated<B> {
    inside: Inside,
    bug: B,
}

#[async_trait]
impl<B: Bug> Jobs for Mutated<B> {
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed> {
        each(jobs.len(), self.bug.push(&self.inside, jobs).await)
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        let worker = claim.worker;
        let claims = self.bug.claim(&self.inside, claim).await?;
        self.inside.note(worker, &claims);
        Ok(claims)
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        each(renewals.len(), self.bug.renew(&self.inside, renewals).await)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        each(settlements.len(), self.bug.settle(&self.inside, settlements).await)
    }

    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        self.bug.release(&self.inside, worker, gone).await
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        self.bug.upkeep(&self.inside, upkeep).await
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        let jobs = self.inside.store.get(ids).await?;
        Ok(jobs.into_iter().map(|job| self.bug.show(job?)).collect())
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        self.inside.store.status(ids).await
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        self.inside.store.find(alias).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        let Listed { jobs, next, .. } = self.inside.store.list(filter, page).await?;
        Ok(Listed::new(jobs.into_iter().filter_map(|job| self.bug.show(job)).collect(), next))
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        self.bug.act(&self.inside, id, action).await
    }
}

#[async_trait]
impl<B: Bug> Queues for Mutated<B> {
    async fn now(&self) -> Result<Timestamp, Error> {
        self.inside.store.now().await
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        let page = self.inside.store.queues(after, limit).await?;
        Ok(page.into_iter().map(|stats| self.bug.count(stats)).collect())
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        Ok(self.inside.store.queue(queue).await?.map(|stats| self.bug.count(stats)))
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        self.inside.store.rules(queue).await
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        self.bug.change_rules(&self.inside, queue, expected, rules).await
    }
}

#[async_trait]
impl<B: Bug> Logs for Mutated<B> {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        self.inside.store.write_log(id, token, text).await
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        self.inside.store.log(id, claim).await
    }
}

#[async_trait]
impl<B: Bug> Workers for Mutated<B> {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        self.inside.store.note_worker(id, note).await
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.inside.store.forget_worker(id).await
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        self.inside.store.workers(after, limit).await
    }
}

#[async_trait]
impl<B: Bug> Repair for Mutated<B> {
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        self.inside.store.repair(step).await
    }
}

impl<B: Bug> Notifier for Mutated<B> {
    fn notify(&self, work: Vec<Work>) {
        self.inside.store.notify(work);
    }

    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.inside.store.subscribe(queues, kinds)
    }
}

impl<B: Bug> Store for Mutated<B> {
    fn notifications(&self) -> &Notifications {
        self.inside.store.notifications()
    }

    fn capabilities(&self) -> Capabilities {
        self.inside.store.capabilities()
    }
}
