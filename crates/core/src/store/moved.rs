//! Jobs that a store moved outside an attempt, for logs and hooks.

use crate::{Death, JobId, Kind, QueueName, Reason, State, WorkerId};

/// A job that was taken from its worker or buried, after the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The id.
    pub id: JobId,
    /// The queue.
    pub queue: QueueName,
    /// The kind.
    pub kind: Kind,
    /// The worker that held it, if any.
    pub worker: Option<WorkerId>,
    /// Attempts started, after the change.
    pub attempt: u16,
    /// Worker processes that died while they ran this job, after the change.
    pub crashes: u16,
    /// Its new state.
    pub state: State,
    /// Why it is dead, if it is.
    pub reason: Option<Reason>,
    /// How its worker ended, if the job was taken from a worker.
    pub death: Option<Death>,
}
