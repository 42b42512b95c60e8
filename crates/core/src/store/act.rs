//! Actions on a single job.

use crate::{JobId, State};

/// An action that a person can request for one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Cancels the job: at once if it waits, or by a request to its handler if it runs.
    Cancel,
    /// Retries a dead or cancelled job with all its attempts, or runs a scheduled job now.
    Retry,
    /// Deletes a finished job.
    Delete,
}

/// The answer to an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acted {
    /// The action was done. The job is now in this state.
    Done(State),
    /// The job was not found.
    Unknown,
    /// The action is not possible in the present state of the job, which is this one.
    WrongState(State),
    /// Another job holds the unique key now.
    Conflict(JobId),
}
