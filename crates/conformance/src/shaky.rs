//! A connection that fails now and then: before a call took effect, after it did, or by doing it twice.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use longshore_core::{
    Acted, Action, Capabilities, Claim, Claims, Death, Error, ErrorKind, Filter, JobId, Kept, Label, Listed, NewJob,
    NewPause, Page, Pause, Pushed, Queue, QueueName, QueueStats, Renewal, Renewed, Settled, Settlement, Snapshot,
    Status, Store, Upkeep, Wakeups, WorkerSecret,
};

/// A store behind a bad connection. Half of the calls of the hot path go wrong in one of three ways.
pub(crate) struct Shaky {
    store: Arc<dyn Store>,
    dice: Mutex<fastrand::Rng>,
}

/// What happens to one call.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It never arrived.
    NotDone,
    /// It was done, and its answer was lost.
    AnswerLost,
    /// It arrived twice.
    Twice,
}

impl Shaky {
    pub(crate) fn new(store: Arc<dyn Store>, dice: fastrand::Rng) -> Self {
        Shaky { store, dice: Mutex::new(dice) }
    }

    fn fault(&self) -> Fault {
        match self.dice.lock().unwrap().u8(0..6) {
            0 => Fault::NotDone,
            1 => Fault::AnswerLost,
            2 => Fault::Twice,
            _ => Fault::None,
        }
    }
}

macro_rules! shaken {
    ($self:ident.$verb:ident($argument:ident)) => {{
        let fault = $self.fault();
        if fault == Fault::NotDone {
            return Err(Error::new(ErrorKind::Unavailable, "connection refused"));
        }
        let answer = $self.store.$verb($argument.clone()).await?;
        match fault {
            Fault::AnswerLost => Err(Error::new(ErrorKind::Unavailable, "connection reset").perhaps_done()),
            Fault::Twice => $self.store.$verb($argument).await,
            Fault::None | Fault::NotDone => Ok(answer),
        }
    }};
}

#[async_trait]
impl Queue for Shaky {
    async fn push(&self, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        shaken!(self.push(jobs))
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        shaken!(self.claim(claim))
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
        shaken!(self.renew(renewals))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        shaken!(self.settle(settlements))
    }

    async fn release_worker(&self, worker: WorkerSecret, death: Death) -> Result<usize, Error> {
        self.store.release_worker(worker, death).await
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<Kept, Error> {
        shaken!(self.upkeep(upkeep))
    }

    fn wakeups(&self) -> &Wakeups {
        self.store.wakeups()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

#[async_trait]
impl Store for Shaky {
    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        self.store.get(ids).await
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        shaken!(self.status(ids))
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        self.store.find(alias).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.store.list(filter, page).await
    }

    async fn queues(&self) -> Result<Vec<QueueStats>, Error> {
        self.store.queues().await
    }

    async fn pause(&self, queue: QueueName, pause: NewPause) -> Result<Pause, Error> {
        self.store.pause(queue, pause).await
    }

    async fn resume(&self, queue: QueueName) -> Result<bool, Error> {
        self.store.resume(queue).await
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        self.store.act(id, action).await
    }
}
