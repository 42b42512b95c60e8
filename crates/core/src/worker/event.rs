//! Events of a dispatcher: commands, and what happens to its worker.

use tokio::sync::{mpsc, oneshot};

use super::Report;
use super::fetch::LONGEST_POLL;
use crate::{
    Answers, AttemptEnd, Claim, Claimed, Claims, Error, JobPolicy, Kind, Settled, Settlement, Token, decide, handler,
};

/// A command for a [`Running`](super::Running) worker.
#[derive(Debug)]
pub(crate) enum Command {
    Drain,
    Cancel,
    Quiet,
    Resume,
    Report(oneshot::Sender<Report>),
}

/// An event of a worker.
pub(crate) enum Event {
    Claimed(Claim, Result<Claims, Error>),
    /// An attempt has ended, with the settlement to send.
    AttemptEnded(Token, Option<Settlement>),
    /// A handler of this kind has returned, and its slot is free.
    SlotFreed(Kind),
    /// The store reports that another worker has the job.
    Lost(Token),
    /// The store could not be reached for a whole lease, and the kind asks to stop in this case.
    LeaseEnded(Token),
    CancelAsked(Token),
    Settled(Answers<Settled>),
}

/// A slot for one job. Dropping it sends an event.
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
        let _ = self.inbox.send(Event::SlotFreed(self.kind.clone())); // a dispatcher that has ended counts no slots
    }
}

/// Reports the end of an attempt when it is dropped. So a panic outside the handler does not keep the job.
pub(crate) struct EndGuard {
    inbox: mpsc::UnboundedSender<Event>,
    token: Token,
    pub(crate) settlement: Option<Settlement>,
}

impl EndGuard {
    pub(crate) fn unless_settled(inbox: mpsc::UnboundedSender<Event>, job: &Claimed, policy: &JobPolicy) -> Self {
        let message = "the attempt was aborted outside its handler: a bug, or no threads left";
        let end = AttemptEnd::Failed(handler::Error::retry_in(LONGEST_POLL, message));
        let outcome = decide(job, policy, end, fastrand::f64());
        let settlement = Settlement::new(job.id, job.token, outcome);
        EndGuard { inbox, token: job.token, settlement: Some(settlement) }
    }
}

impl Drop for EndGuard {
    fn drop(&mut self) {
        let _ = self.inbox.send(Event::AttemptEnded(self.token, self.settlement.take())); // without a dispatcher, the job's lease ends
    }
}
