//! How an attempt ended, as a store writes it.

use std::time::Duration;

use crate::{FailureClass, Reason, Stored};

/// What a worker says of an attempt that has ended. [`decide`](crate::decide()) decides it, stores only write it.
///
/// Exhaustive on purpose: the compiler names every store that misses a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned.
    Succeed {
        /// Its result; `None` where it is nothing.
        result: Option<Stored>,
    },
    /// It failed and is tried again.
    Retry {
        /// After this long.
        delay: Duration,
        /// What went wrong.
        message: String,
    },
    /// Something that the job needs is away: it is tried again and costs no attempt.
    Outage {
        /// After this long.
        delay: Duration,
        /// What is away.
        message: String,
    },
    /// It asked to be run later; costs no attempt.
    Snooze {
        /// After this long.
        delay: Duration,
    },
    /// The worker hands it back unfinished; costs no attempt.
    Release,
    /// It failed and is not tried again.
    Bury {
        /// Why.
        reason: Reason,
        /// What went wrong.
        message: String,
    },
    /// The handler called it off, or gave way to a request to cancel.
    Cancel,
}

impl Outcome {
    /// Returns how long the job is to wait, where the outcome says so.
    pub fn delay(&self) -> Option<Duration> {
        match self {
            Outcome::Retry { delay, .. } | Outcome::Outage { delay, .. } | Outcome::Snooze { delay } => Some(*delay),
            Outcome::Succeed { .. } | Outcome::Release | Outcome::Bury { .. } | Outcome::Cancel => None,
        }
    }

    /// Returns the class and the message of the failure that it records, where it records one.
    pub fn failure(&self) -> Option<(FailureClass, &str)> {
        match self {
            Outcome::Retry { message, .. } => Some((FailureClass::Retry, message)),
            Outcome::Outage { message, .. } => Some((FailureClass::Outage, message)),
            Outcome::Bury { reason, message } => Some((reason.class(), message)),
            Outcome::Succeed { .. } | Outcome::Snooze { .. } | Outcome::Release | Outcome::Cancel => None,
        }
    }
}
