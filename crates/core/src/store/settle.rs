//! Keeping claims and ending them.

use std::time::Duration;

use crate::{JobId, Outcome, Progress, Token};

/// Keeps one claim alive.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// The job.
    pub id: JobId,
    /// Proves the claim.
    pub token: Token,
    /// How long it holds from now: from 1 second to 10 minutes, see [`limits::LEASES`](crate::limits::LEASES).
    pub lease: Duration,
    /// The newest word of the handler, where there is a new one.
    pub progress: Option<Progress>,
}

impl Renewal {
    /// Keeps a claim alive for `lease` from now, without progress.
    pub fn new(id: JobId, token: Token, lease: Duration) -> Self {
        Renewal { id, token, lease, progress: None }
    }

    /// Carries the newest word of the handler.
    pub fn progress(self, progress: Option<Progress>) -> Self {
        Renewal { progress, ..self }
    }
}

/// The answer to one renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Renewed {
    /// The claim holds.
    Held,
    /// It holds, and somebody asked to call the job off.
    CancelAsked,
    /// Another has the job, or it is settled: stop at once.
    Lost,
}

/// Ends one claim.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The job.
    pub id: JobId,
    /// Proves the claim.
    pub token: Token,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// The handler's last word, where it was not written yet.
    pub progress: Option<Progress>,
}

impl Settlement {
    /// Ends a claim, without a last word of the handler.
    pub fn new(id: JobId, token: Token, outcome: Outcome) -> Self {
        Settlement { id, token, outcome, progress: None }
    }

    /// Carries the handler's last word.
    pub fn progress(self, progress: Option<Progress>) -> Self {
        Settlement { progress, ..self }
    }
}

/// The answer to one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// Written, now or by an earlier call with the same token.
    Done,
    /// Another has, or had, the job: nothing was changed.
    Lost,
}
