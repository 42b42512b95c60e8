//! Jobs that a store moved by itself, for whoever tells people about it.

use crate::{Death, JobId, Kind, QueueName, Reason, State, WorkerId};

/// A job that was taken from its worker, or buried, and what it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The id.
    pub id: JobId,
    /// The queue.
    pub queue: QueueName,
    /// The kind.
    pub kind: Kind,
    /// The worker that held it, where one did.
    pub worker: Option<WorkerId>,
    /// Attempts begun, after the move.
    pub attempt: u16,
    /// Worker processes that died with it, after the move.
    pub crashes: u16,
    /// Where it is now.
    pub state: State,
    /// Why it is dead, where it is.
    pub reason: Option<Reason>,
    /// Who died, where it was taken from its worker.
    pub death: Option<Death>,
}
