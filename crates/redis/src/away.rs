//! Servers of a cluster that do not answer: they are left out for a while, so that they hold up no others.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{Error, ErrorKind};

use crate::link::STANDSTILL;

/// How long they are left out at first; it doubles with each attempt in vain.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);

/// Which keys could not be reached lately, by what they begin with.
#[derive(Debug, Default)]
pub(crate) struct Away {
    roots: Mutex<HashMap<String, Absence>>,
}

#[derive(Clone, Copy, Debug)]
struct Absence {
    attempts: u32,
    until: Instant,
}

impl Away {
    /// Returns for how much longer keys are to be left out.
    pub(crate) fn rest(&self, root: &str) -> Option<Duration> {
        let until = self.roots().get(root)?.until;
        until.checked_duration_since(Instant::now())
    }

    /// Notes whether the server of keys has answered; the first failure and the first answer after it are told in the log.
    pub(crate) fn note(&self, root: &str, failed: Option<&Error>) {
        let mut roots = self.roots();
        let Some(error) = failed else {
            if !roots.is_empty() && roots.remove(root).is_some() {
                tracing::info!(keys = root, "the server of these keys answers again");
            }
            return;
        };
        let attempts = roots.get(root).map_or(0, |absence| absence.attempts);
        if attempts == 0 {
            tracing::warn!(keys = root, %error, "the server of these keys does not answer; will try again");
        }
        let rest = (FIRST * 2u32.pow(attempts.min(8))).min(LONGEST);
        roots.insert(root.to_owned(), Absence { attempts: attempts + 1, until: Instant::now() + rest });
    }

    /// Asks the server of keys: one that did not answer lately is not asked, and one that stands still holds nobody up for long.
    pub(crate) async fn ask<T>(&self, root: &str, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.rest(root).is_some() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the server of these keys did not answer recently; it will be asked again soon",
            ));
        }
        let answer = in_time(answer).await;
        self.note(root, answer.as_ref().err().filter(|e| e.is_retryable()));
        answer
    }

    fn roots(&self) -> MutexGuard<'_, HashMap<String, Absence>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for an answer no longer than for a server that stands still.
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(STANDSTILL, answer).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, "the server of these keys did not answer in time").perhaps_done())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_left_out_for_longer_each_time_and_one_that_answers_is_not() {
        let (away, root) = (Away::default(), "p:{0001}:");
        let error = Error::new(ErrorKind::Unavailable, "connection refused");
        assert_eq!(away.rest(root), None);
        for secs in [1, 2, 4, 8, 8] {
            away.note(root, Some(&error));
            let rest = away.rest(root).expect("it has just failed");
            assert!(rest <= Duration::from_secs(secs) && rest > Duration::from_secs(secs) / 2, "{rest:?}");
        }
        away.note(root, None);
        assert_eq!(away.rest(root), None);
    }
}
