//! What a person asks of one job.

use crate::{JobId, State};

/// What a person can ask of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Call it off: at once if it waits, by asking its handler if it runs.
    Cancel,
    /// Try a dead or cancelled job again with all its attempts, or a scheduled one now.
    Retry,
    /// Delete a finished job.
    Delete,
}

/// The answer to an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acted {
    /// Done; the job is now in this state.
    Done(State),
    /// Nobody knows the job.
    Unknown,
    /// The job is in this state, in which that cannot be done.
    Not(State),
    /// Another job holds the unique key by now.
    Conflict(JobId),
}
