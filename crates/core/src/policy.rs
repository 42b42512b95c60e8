//! Limits that a worker sets for the jobs of one kind, whatever the producer asked for.

use std::time::Duration;

use crate::{Error, Retry, limits};

/// The policy under which a worker runs the jobs of one kind.
///
/// A job that asks for no time-out or number of attempts gets the values of the policy. A job that asks for less gets
/// less, and no job gets more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobPolicy {
    /// How long an attempt may take; at most 24 hours. `None` uses the job's value, or 30 minutes if it has none.
    pub timeout: Option<Duration>,
    /// How many attempts a job has; at most 1,000. `None` uses the job's value, or 20 if it has none.
    pub max_attempts: Option<u16>,
    /// When a failed attempt is retried. Defaults to [`Retry::DEFAULT`].
    pub retry: Retry,
}

impl JobPolicy {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.timeout.is_some_and(|timeout| timeout.is_zero() || timeout > limits::TIMEOUT) {
            return Err(Error::invalid("the time-out is out of range: use 1 ms to 24 hours"));
        }
        if self.max_attempts.is_some_and(|attempts| attempts == 0 || attempts > limits::ATTEMPTS) {
            return Err(Error::invalid(format!("max_attempts is out of range: use 1 to {}", limits::ATTEMPTS)));
        }
        Ok(())
    }

    /// Returns the part of the policy that the store needs.
    pub fn limits(&self) -> KindLimits {
        KindLimits { max_attempts: self.max_attempts, timeout: self.timeout }
    }
}

/// The limits of a kind, as a claim passes them to the store. The store writes the granted values into the job, so that
/// status, API and log show them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindLimits {
    /// The number of attempts; `None` uses the job's value.
    pub max_attempts: Option<u16>,
    /// How long an attempt may take; `None` uses the job's value.
    pub timeout: Option<Duration>,
}

impl KindLimits {
    /// Returns the number of attempts to grant to a job that asks for `asked`.
    pub fn attempts(self, asked: Option<u16>) -> u16 {
        granted(asked, self.max_attempts, limits::DEFAULT_ATTEMPTS)
    }

    /// Returns the time-out to grant to a job that asks for `asked`.
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
    fn policy_fills_missing_values_and_caps_larger_ones() {
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
