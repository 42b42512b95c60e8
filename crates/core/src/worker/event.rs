//! What a dispatcher hears: commands, and what happens to its worker.

use tokio::sync::{mpsc, oneshot};

use super::Report;
use super::fetch::LONGEST_LOOK;
use crate::{
    Answers, AttemptEnd, Claim, Claimed, Claims, Error, JobPolicy, Kind, Settled, Settlement, Token, decide, handler,
};

/// What a [`Running`](super::Running) worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    Drain,
    Cancel,
    Quiet,
    Resume,
    Report(oneshot::Sender<Report>),
}

/// What happens to a worker.
pub(crate) enum Event {
    Claimed(Claim, Result<Claims, Error>),
    /// An attempt is over, with what is to be settled.
    Over(Token, Option<Settlement>),
    /// A handler of this kind has returned, and its slot is free.
    Freed(Kind),
    /// The store says that another has the job.
    Lost(Token),
    /// The store could not be reached for a whole lease, and the kind asks to stop then.
    LeaseEnded(Token),
    CancelAsked(Token),
    Settled(Answers<Settled>),
}

/// A place to run one job in; says so when it is dropped.
pub(crate) struct Slot {
    inbox: mpsc::UnboundedSender<Event>,
    kind: Kind,
}

impl Slot {
    pub(crate) fn new(inbox: mpsc::UnboundedSender<Event>, kind: Kind) -> Self {
        Slot { inbox, kind }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let _ = self.inbox.send(Event::Freed(self.kind.clone())); // a dispatcher that is gone counts no slots
    }
}

/// Says that an attempt is over, whatever became of the task that ran it: a panic outside the handler must not keep the job.
pub(crate) struct Over {
    inbox: mpsc::UnboundedSender<Event>,
    token: Token,
    pub(crate) settlement: Option<Settlement>,
}

impl Over {
    pub(crate) fn unless_told(inbox: mpsc::UnboundedSender<Event>, job: &Claimed, policy: &JobPolicy) -> Self {
        let message = "the attempt broke off outside its handler: a bug, or no more threads to be had";
        let end = AttemptEnd::Failed(handler::Error::retry_in(LONGEST_LOOK, message));
        let outcome = decide(job, policy, end, fastrand::f64());
        let settlement = Settlement::new(job.id, job.token, outcome);
        Over { inbox, token: job.token, settlement: Some(settlement) }
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        let _ = self.inbox.send(Event::Over(self.token, self.settlement.take())); // a gone dispatcher's jobs fall to their leases
    }
}
