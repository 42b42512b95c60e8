//! Renewing and settling claims.

use std::time::Duration;

use crate::{JobId, Outcome, Progress, Token};

/// Renews one claim.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// The job.
    pub id: JobId,
    /// Proves the claim.
    pub token: Token,
    /// How long the claim lasts from now: from 1 second to 10 minutes, see [`limits::LEASES`](crate::limits::LEASES).
    pub lease: Duration,
    /// The handler's latest progress, if it is new.
    pub progress: Option<Progress>,
}

impl Renewal {
    /// Creates a renewal for `lease` from now, without progress.
    pub fn new(id: JobId, token: Token, lease: Duration) -> Self {
        Renewal { id, token, lease, progress: None }
    }

    /// Sets the handler's latest progress.
    pub fn progress(self, progress: Option<Progress>) -> Self {
        Renewal { progress, ..self }
    }
}

/// The answer to one renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Renewed {
    /// The claim is renewed.
    Held,
    /// The claim is renewed, and cancellation of the job was requested.
    CancelAsked,
    /// Another worker has the job, or it is settled. Stop at once.
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
    /// The handler's latest progress, if it was not written yet.
    pub progress: Option<Progress>,
}

impl Settlement {
    /// Creates a settlement without progress.
    pub fn new(id: JobId, token: Token, outcome: Outcome) -> Self {
        Settlement { id, token, outcome, progress: None }
    }

    /// Sets the handler's latest progress.
    pub fn progress(self, progress: Option<Progress>) -> Self {
        Settlement { progress, ..self }
    }
}

/// The answer to one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// The outcome is written, by this call or by an earlier one with the same token.
    Done,
    /// Another worker has or had the job. Nothing was changed.
    Lost,
}
