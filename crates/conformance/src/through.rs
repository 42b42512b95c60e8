//! A store behind something: every call of both traits passes through one place, written once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::{
    Acted, Action, Capabilities, Claim, Claims, Death, Error, Filter, JobId, Kept, Label, Listed, NewJob, NewPause,
    Page, Pause, Pushed, Queue, QueueName, QueueStats, Renewal, Renewed, Settled, Settlement, Snapshot, Status, Store,
    Token, Upkeep, Wakeups, WorkerSecret,
};

/// One call under way.
pub(crate) type Calling<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Push,
    Claim,
    Renew,
    Settle,
    Release,
    Upkeep,
    Act,
    Read,
}

impl Verb {
    /// Returns whether a repeat is answered like the first call, so that a caller may repeat until it has an answer.
    ///
    /// A repeat of the others is harmless too, but says what was left to do: nothing.
    pub(crate) fn answers_repeats_alike(self) -> bool {
        matches!(self, Verb::Push | Verb::Claim | Verb::Renew | Verb::Settle | Verb::Read)
    }
}

/// What calls pass through. May make a call any number of times: each time it is the same one.
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

macro_rules! through {
    ($self:ident.$call:ident($($argument:ident),*) as $verb:ident) => {
        $self.layer.around(Verb::$verb, move || $self.store.$call($($argument.clone()),*)).await
    };
}

#[async_trait]
impl<L: Layer> Queue for Through<L> {
    async fn push(&self, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        through!(self.push(jobs) as Push)
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        through!(self.claim(claim) as Claim)
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
        through!(self.renew(renewals) as Renew)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        through!(self.settle(settlements) as Settle)
    }

    async fn release_worker(&self, worker: WorkerSecret, death: Death) -> Result<usize, Error> {
        through!(self.release_worker(worker, death) as Release)
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<Kept, Error> {
        through!(self.upkeep(upkeep) as Upkeep)
    }

    fn wakeups(&self) -> &Wakeups {
        self.store.wakeups()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

#[async_trait]
impl<L: Layer> Store for Through<L> {
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

    async fn queues(&self) -> Result<Vec<QueueStats>, Error> {
        through!(self.queues() as Read)
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        through!(self.act(id, action) as Act)
    }

    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        through!(self.write_log(id, token, text) as Renew)
    }

    async fn log(&self, id: JobId) -> Result<Option<String>, Error> {
        through!(self.log(id) as Read)
    }

    async fn pause(&self, queue: QueueName, pause: NewPause) -> Result<Pause, Error> {
        through!(self.pause(queue, pause) as Act)
    }

    async fn resume(&self, queue: QueueName) -> Result<bool, Error> {
        through!(self.resume(queue) as Act)
    }
}
