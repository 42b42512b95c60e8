//! Queues of a cluster whose server does not answer: a claim over several queues leaves them out for a while, so that they hold up no
//! others.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{Error, QueueName};

/// How long they are left out at first; it doubles with each attempt in vain.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(8);

/// Which queues did not answer lately, by the tag that leads to their server.
#[derive(Debug, Default)]
pub(crate) struct Away {
    tags: Mutex<HashMap<u16, Absence>>,
}

#[derive(Clone, Copy, Debug)]
struct Absence {
    attempts: u32,
    until: Instant,
}

impl Away {
    /// Returns for how much longer a queue is to be left out.
    pub(crate) fn rest(&self, queue: &QueueName) -> Option<Duration> {
        let until = self.tags().get(&queue.tag())?.until;
        until.checked_duration_since(Instant::now())
    }

    /// Notes whether a queue has answered; the first failure and the first answer after it are told in the log.
    pub(crate) fn note(&self, queue: &QueueName, failed: Option<&Error>) {
        let mut tags = self.tags();
        let Some(error) = failed else {
            if tags.remove(&queue.tag()).is_some() {
                tracing::info!(%queue, "the queue's server answers again");
            }
            return;
        };
        let attempts = tags.get(&queue.tag()).map_or(0, |absence| absence.attempts);
        if attempts == 0 {
            tracing::warn!(%queue, %error, "no jobs from this queue: its server does not answer");
        }
        let rest = (FIRST * 2u32.pow(attempts.min(8))).min(LONGEST);
        tags.insert(queue.tag(), Absence { attempts: attempts + 1, until: Instant::now() + rest });
    }

    fn tags(&self) -> MutexGuard<'_, HashMap<u16, Absence>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::ErrorKind;

    #[test]
    fn queue_that_fails_is_left_out_for_longer_each_time_and_one_that_answers_is_not() {
        let (away, queue) = (Away::default(), QueueName::default());
        let error = Error::new(ErrorKind::Unavailable, "connection refused");
        assert_eq!(away.rest(&queue), None);
        for secs in [1, 2, 4, 8, 8] {
            away.note(&queue, Some(&error));
            let rest = away.rest(&queue).expect("it has just failed");
            assert!(rest <= Duration::from_secs(secs) && rest > Duration::from_secs(secs) / 2, "{rest:?}");
        }
        away.note(&queue, None);
        assert_eq!(away.rest(&queue), None);
    }
}
