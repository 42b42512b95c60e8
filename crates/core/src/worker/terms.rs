//! What a worker grants to the jobs of one kind, whatever whoever pushed them knew of it.

use std::time::Duration;

use crate::{Claimed, Error, Retry, limits};

/// The terms on which a worker runs jobs of one kind.
///
/// A job that asks for nothing, and so carries the default time-out or number of attempts, gets what is said here; one that asks
/// for less gets less; none gets more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long an attempt may take; at most 24 hours. `None` leaves it to the job, which has 30 minutes if it asks for nothing.
    pub timeout: Option<Duration>,
    /// How often a job is tried; at most 1,000 times. `None` leaves it to the job, which is tried 20 times if it asks for nothing.
    pub max_attempts: Option<u16>,
    /// When a failed attempt is tried again. Defaults to [`Retry::DEFAULT`].
    pub retry: Retry,
}

impl Terms {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.timeout.is_some_and(|timeout| timeout.is_zero() || timeout > limits::TIMEOUT) {
            return Err(Error::invalid("a time-out that is not within 1 ms and 24 hours"));
        }
        if self.max_attempts.is_some_and(|attempts| attempts == 0 || attempts > limits::ATTEMPTS) {
            return Err(Error::invalid(format!("attempts that are not within 1 and {}", limits::ATTEMPTS)));
        }
        Ok(())
    }

    /// Returns the job as this worker runs it.
    pub(crate) fn bind(&self, mut job: Claimed) -> Claimed {
        job.timeout = granted(job.timeout, self.timeout, limits::DEFAULT_TIMEOUT);
        job.max_attempts = granted(job.max_attempts, self.max_attempts, limits::DEFAULT_ATTEMPTS);
        job
    }
}

fn granted<T: Ord>(asked: T, most: Option<T>, default: T) -> T {
    match most {
        None => asked,
        Some(most) if asked == default => most,
        Some(most) => most.min(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_nothing_gets_the_terms_who_asks_for_less_gets_less_and_nobody_more() {
        assert_eq!(granted(20, Some(50), 20), 50);
        assert_eq!(granted(20, Some(3), 20), 3);
        assert_eq!(granted(2, Some(3), 20), 2);
        assert_eq!(granted(7, Some(3), 20), 3);
        assert_eq!(granted(7, None, 20), 7);
    }

    #[test]
    fn terms_out_of_bounds_are_refused() {
        assert!(Terms::default().check().is_ok());
        assert!(Terms { timeout: Some(Duration::ZERO), ..Terms::default() }.check().is_err());
        assert!(Terms { max_attempts: Some(1_001), ..Terms::default() }.check().is_err());
    }
}
