//! What a worker grants to the jobs of one kind, whatever whoever pushed them knew of it.

use std::time::Duration;

use crate::{Error, Retry, limits};

/// The policy under which a worker runs jobs of one kind.
///
/// A job that asks for no time-out or number of attempts gets what is said here; one that asks for less gets less; none gets more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobPolicy {
    /// How long an attempt may take; at most 24 hours. `None` leaves it to the job, which has 30 minutes if it asks for nothing.
    pub timeout: Option<Duration>,
    /// How often a job is tried; at most 1,000 times. `None` leaves it to the job, which is tried 20 times if it asks for nothing.
    pub max_attempts: Option<u16>,
    /// When a failed attempt is tried again. Defaults to [`Retry::DEFAULT`].
    pub retry: Retry,
}

impl JobPolicy {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.timeout.is_some_and(|timeout| timeout.is_zero() || timeout > limits::TIMEOUT) {
            return Err(Error::invalid("a time-out that is not within 1 ms and 24 hours"));
        }
        if self.max_attempts.is_some_and(|attempts| attempts == 0 || attempts > limits::ATTEMPTS) {
            return Err(Error::invalid(format!("attempts that are not within 1 and {}", limits::ATTEMPTS)));
        }
        Ok(())
    }

    /// Returns the part of it that the store must know.
    pub fn limits(&self) -> KindLimits {
        KindLimits { max_attempts: self.max_attempts, timeout: self.timeout }
    }
}

/// The limits of a kind, as a claim carries them to the store: what a job really runs under is written into it, so that status, API and log
/// tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindLimits {
    /// Attempts; `None` leaves them to the job.
    pub max_attempts: Option<u16>,
    /// How long an attempt may take; `None` leaves it to the job.
    pub timeout: Option<Duration>,
}

impl KindLimits {
    /// Returns the attempts that a job is granted that asks for so many, or for nothing.
    pub fn attempts(self, asked: Option<u16>) -> u16 {
        granted(asked, self.max_attempts, limits::DEFAULT_ATTEMPTS)
    }

    /// Returns the time-out that a job is granted that asks for so long, or for nothing.
    pub fn timeout(self, asked: Option<Duration>) -> Duration {
        granted(asked, self.timeout, limits::DEFAULT_TIMEOUT)
    }
}

fn granted<T: Ord>(asked: Option<T>, most: Option<T>, default: T) -> T {
    match (asked, most) {
        (None, None) => default,
        (Some(one), None) | (None, Some(one)) => one,
        (Some(asked), Some(most)) => asked.min(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_nothing_gets_the_policy_who_asks_for_less_gets_less_and_nobody_more() {
        let attempts = |most, asked| KindLimits { max_attempts: most, timeout: None }.attempts(asked);
        assert_eq!(attempts(None, None), 20);
        assert_eq!(attempts(Some(50), None), 50);
        assert_eq!(attempts(Some(50), Some(20)), 20);
        assert_eq!(attempts(Some(3), None), 3);
        assert_eq!(attempts(Some(3), Some(2)), 2);
        assert_eq!(attempts(Some(3), Some(7)), 3);
        assert_eq!(attempts(None, Some(7)), 7);
    }

    #[test]
    fn policy_out_of_bounds_is_refused() {
        assert!(JobPolicy::default().check().is_ok());
        assert!(JobPolicy { timeout: Some(Duration::ZERO), ..JobPolicy::default() }.check().is_err());
        assert!(JobPolicy { max_attempts: Some(1_001), ..JobPolicy::default() }.check().is_err());
    }
}
