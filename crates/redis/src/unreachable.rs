//! Servers of a cluster that do not answer. Calls skip them for a while, so that they do not delay calls to other servers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{Error, ErrorKind};

use crate::link::STANDSTILL;

/// How long a server is skipped after the first failure. It doubles with each further failure.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);

/// The servers that failed recently, by the prefix of the keys that they have.
#[derive(Debug, Default)]
pub(crate) struct Unreachable {
    roots: Mutex<HashMap<String, Skip>>,
}

#[derive(Clone, Copy, Debug)]
struct Skip {
    attempts: u32,
    until: Instant,
}

impl Unreachable {
    /// Returns for how much longer calls skip the server of these keys.
    pub(crate) fn remaining(&self, root: &str) -> Option<Duration> {
        let until = self.roots().get(root)?.until;
        until.checked_duration_since(Instant::now())
    }

    /// Notes whether the server of these keys answered. The first failure and the first answer after it are logged.
    pub(crate) fn note(&self, root: &str, failed: Option<&Error>) {
        let mut roots = self.roots();
        let Some(error) = failed else {
            if !roots.is_empty() && roots.remove(root).is_some() {
                tracing::info!(keys = root, "the server of these keys answers again");
            }
            return;
        };
        let attempts = roots.get(root).map_or(0, |skip| skip.attempts);
        if attempts == 0 {
            tracing::warn!(keys = root, %error, "the server of these keys does not answer; will try again");
        }
        let rest = (FIRST * 2u32.pow(attempts.min(8))).min(LONGEST);
        roots.insert(root.to_owned(), Skip { attempts: attempts + 1, until: Instant::now() + rest });
    }

    /// Waits for an answer, for a limited time. A server that failed recently is not asked.
    pub(crate) async fn ask<T>(&self, root: &str, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.remaining(root).is_some() {
            let text = "the server of these keys did not answer recently; it will be asked again soon";
            return Err(Error::new(ErrorKind::Unavailable, text).partial());
        }
        let answer = in_time(answer).await;
        self.note(root, answer.as_ref().err().filter(|e| e.is_retryable()));
        answer
    }

    fn roots(&self) -> MutexGuard<'_, HashMap<String, Skip>> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for an answer for at most [`STANDSTILL`].
pub(crate) async fn in_time<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(STANDSTILL, answer).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, "the server of these keys did not answer in time")
            .perhaps_done()
            .partial())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_server_is_skipped_for_longer_each_time_until_it_answers() {
        let (unreachable, root) = (Unreachable::default(), "p:{0001}:");
        let error = Error::new(ErrorKind::Unavailable, "connection refused");
        assert_eq!(unreachable.remaining(root), None);
        for secs in [1, 2, 4, 8, 8] {
            unreachable.note(root, Some(&error));
            let rest = unreachable.remaining(root).expect("it has just failed");
            assert!(rest <= Duration::from_secs(secs) && rest > Duration::from_secs(secs) / 2, "{rest:?}");
        }
        unreachable.note(root, None);
        assert_eq!(unreachable.remaining(root), None);
    }
}
