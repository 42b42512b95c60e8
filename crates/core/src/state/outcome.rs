//! The outcome of an attempt, as a store writes it.

use std::time::Duration;

use crate::{FailureClass, Reason, Stored};

/// How an attempt ended. [`decide`](crate::decide()) determines it; stores only write it.
///
/// This enum is exhaustive on purpose: the compiler reports every store that does not handle a new variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned a result.
    Succeed {
        /// Its result; `None` if the result is empty.
        result: Option<Stored>,
    },
    /// The attempt failed, and the job is retried.
    Retry {
        /// The delay before the retry.
        delay: Duration,
        /// What went wrong.
        message: String,
    },
    /// Something that the job needs is unavailable. The job is retried, and it costs no attempt.
    Outage {
        /// The delay before the retry.
        delay: Duration,
        /// What is unavailable.
        message: String,
    },
    /// The handler postponed the job. It costs no attempt.
    Snooze {
        /// The delay.
        delay: Duration,
    },
    /// The worker returns the job unfinished. It costs no attempt.
    Release,
    /// The attempt failed, and the job is not retried.
    Bury {
        /// The reason.
        reason: Reason,
        /// What went wrong.
        message: String,
    },
    /// The handler cancelled the job or followed a request to cancel it.
    Cancel,
}

impl Outcome {
    /// Returns how long the job waits before it runs again, if the outcome has a delay.
    pub fn delay(&self) -> Option<Duration> {
        match self {
            Outcome::Retry { delay, .. } | Outcome::Outage { delay, .. } | Outcome::Snooze { delay } => Some(*delay),
            Outcome::Succeed { .. } | Outcome::Release | Outcome::Bury { .. } | Outcome::Cancel => None,
        }
    }

    /// Returns the class and the message of the failure to record, if any.
    pub fn failure(&self) -> Option<(FailureClass, &str)> {
        match self {
            Outcome::Retry { message, .. } => Some((FailureClass::Retry, message)),
            Outcome::Outage { message, .. } => Some((FailureClass::Outage, message)),
            Outcome::Bury { reason, message } => Some((reason.class(), message)),
            Outcome::Succeed { .. } | Outcome::Snooze { .. } | Outcome::Release | Outcome::Cancel => None,
        }
    }
}
