//! A store behind a layer: every call passes through one place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::store::{each, fail_all, whole};
use longshore_core::{
    Acted, Action, Answers, Capabilities, Claim, Claims, Error, Filter, Gone, JobId, Jobs, Kind, Label, Listed, Logs,
    Moved, NewJob, Notifications, Notifier, Page, Pushed, QueueName, QueueStats, Queues, Renewal, Renewed, Repair,
    RepairReport, RepairStep, Rules, RulesChange, Settled, Settlement, Snapshot, Status, Store, Timestamp, Token,
    Upkeep, UpkeepReport, Work, WorkSubscription, WorkerId, WorkerNote, WorkerSecret, WorkerSeen, Workers,
};

/// The future of a call.
pub(crate) type Calling<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The purpose of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Push,
    Claim,
    Renew,
    Settle,
    /// Both, in one call.
    SettleAndClaim,
    Release,
    Upkeep,
    Act,
    Read,
    WriteLog,
}

impl Verb {
    /// Returns whether jobs are claimed.
    pub(crate) fn claims(self) -> bool {
        matches!(self, Verb::Claim | Verb::SettleAndClaim)
    }

    /// Returns whether jobs are settled.
    pub(crate) fn settles(self) -> bool {
        matches!(self, Verb::Settle | Verb::SettleAndClaim)
    }

    /// Returns whether a repeat gets the same answer as the first call, so that a caller may repeat until it has an
    /// answer.
    ///
    /// A repeat of the other calls is harmless too, but reports that nothing was left to do.
    pub(crate) fn answers_repeats_alike(self) -> bool {
        self.claims() || self.settles() || matches!(self, Verb::Push | Verb::Renew | Verb::Read | Verb::WriteLog)
    }
}

/// A layer through which calls pass. It may make a call any number of times; each is a repeat of the same call.
pub(crate) trait Layer: Send + Sync + 'static {
    fn around<'a, T, C>(&'a self, verb: Verb, call: C) -> impl Future<Output = Result<T, Error>> + Send + 'a
    where
        T: Send + 'a,
        C: Fn() -> Calling<'a, T> + Send + Sync + 'a;
}

/// A store behind a layer.
pub(crate) struct Through<L> {
    store: Arc<dyn Store>,
    layer: L,
}

impl<L: Layer> Through<L> {
    pub(crate) fn new(store: Arc<dyn Store>, layer: L) -> Self {
        Through { store, layer }
    }
}

/// Combines the answers of a batch: if all failed, the call failed, and a layer may repeat it like any other.
fn all_or_nothing<T>(answers: Answers<T>) -> Result<Vec<T>, Error> {
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    assert!(failed == 0 || failed == answers.len(), "{failed} of {} of a batch failed", answers.len());
    whole(answers)
}

macro_rules! through {
    ($self:ident.$call:ident($argument:ident) as each $verb:ident) => {{
        let n = $argument.len();
        let call = move || -> Calling<'_, _> {
            let call = $self.store.$call($argument.clone());
            Box::pin(async move { all_or_nothing(call.await) })
        };
        each(n, $self.layer.around(Verb::$verb, call).await)
    }};
    ($self:ident.$call:ident($($argument:ident),*) as $verb:ident) => {
        $self.layer.around(Verb::$verb, move || $self.store.$call($($argument.clone()),*)).await
    };
}

#[async_trait]
impl<L: Layer> Jobs for Through<L> {
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed> {
        through!(self.push(jobs) as each Push)
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        through!(self.claim(claim) as Claim)
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        through!(self.renew(renewals) as each Renew)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        through!(self.settle(settlements) as each Settle)
    }

    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        let n = settlements.len();
        // For a layer it is two calls: what happens to one of them happens to both.
        let claim = move || -> Calling<'_, _> {
            let (settlements, claim) = (settlements.clone(), claim.clone());
            let call = move || -> Calling<'_, _> {
                let call = self.store.settle_and_claim(settlements.clone(), claim.clone());
                Box::pin(async move {
                    let (settled, claims) = call.await;
                    Ok((all_or_nothing(settled)?, claims?))
                })
            };
            Box::pin(self.layer.around(Verb::SettleAndClaim, call))
        };
        match self.layer.around(Verb::SettleAndClaim, claim).await {
            Ok((settled, claims)) => (each(n, Ok(settled)), Ok(claims)),
            Err(e) => (fail_all(n, &e), Err(e)),
        }
    }

    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        through!(self.release(worker, gone) as Release)
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        through!(self.upkeep(upkeep) as Upkeep)
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        through!(self.get(ids) as Read)
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        through!(self.status(ids) as Read)
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        through!(self.find(alias) as Read)
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        through!(self.list(filter, page) as Read)
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        through!(self.act(id, action) as Act)
    }
}

#[async_trait]
impl<L: Layer> Queues for Through<L> {
    async fn now(&self) -> Result<Timestamp, Error> {
        through!(self.now() as Read)
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        through!(self.queues(after, limit) as Read)
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        through!(self.queue(queue) as Read)
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        through!(self.rules(queue) as Read)
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        through!(self.change_rules(queue, expected, rules) as Act)
    }
}

#[async_trait]
impl<L: Layer> Logs for Through<L> {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        through!(self.write_log(id, token, text) as WriteLog)
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        through!(self.log(id, claim) as Read)
    }
}

#[async_trait]
impl<L: Layer> Workers for Through<L> {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        through!(self.note_worker(id, note) as Renew)
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        through!(self.forget_worker(id) as Renew)
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        through!(self.workers(after, limit) as Read)
    }
}

#[async_trait]
impl<L: Layer> Repair for Through<L> {
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        match step.write {
            true => through!(self.repair(step) as Upkeep),
            false => through!(self.repair(step) as Read),
        }
    }
}

impl<L: Layer> Notifier for Through<L> {
    fn notify(&self, work: Vec<Work>) {
        self.store.notify(work);
    }

    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.store.subscribe(queues, kinds)
    }
}

impl<L: Layer> Store for Through<L> {
    fn notifications(&self) -> &Notifications {
        self.store.notifications()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
