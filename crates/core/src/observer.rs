//! Observers: they receive what happens to jobs in this process. Logs, metrics and hooks are observers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::one_line;
use crate::{Claimed, Death, Error, FailureClass, Kind, Moved, Outcome, Pushed, QueueName, State, WorkerId};

/// Something that happened in this process to a job or to the connection with the store.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A job was pushed, and this is the store's answer.
    Pushed {
        /// The kind.
        kind: &'a Kind,
        /// The queue.
        queue: &'a QueueName,
        /// The answer, which names the job.
        answer: &'a Pushed,
    },
    /// A worker starts an attempt.
    Started {
        /// The job.
        job: &'a Claimed,
        /// The worker.
        worker: WorkerId,
    },
    /// An attempt has ended and its outcome is written.
    Finished {
        /// The job.
        job: &'a Claimed,
        /// The worker.
        worker: WorkerId,
        /// The outcome that was written.
        outcome: &'a Outcome,
        /// How long the attempt took.
        ran: Duration,
    },
    /// An attempt has ended or was stopped, and its outcome is discarded: the job was taken from the worker.
    Lost {
        /// The job.
        job: &'a Claimed,
        /// The worker.
        worker: WorkerId,
    },
    /// This process took a job from a worker that is gone, during upkeep or by releasing the worker.
    Rescued(&'a Moved),
    /// A job became dead outside an attempt: its deadline passed, no worker knows its kind, or its row is corrupt.
    Buried(&'a Moved),
    /// All slots of a worker are held by handlers that did not return after their attempts ended.
    Stuck {
        /// The worker.
        worker: WorkerId,
        /// The number of slots.
        slots: usize,
    },
    /// The store cannot be reached any more.
    StoreUnreachable(&'a Error),
    /// The store can be reached again.
    StoreReachable,
}

/// Receives events; see [`Backend::observe`](crate::Backend::observe).
///
/// It is called on the tasks that do the work, so it must not block. A panic in it is logged and has no other effect.
pub trait Observer: Send + Sync + 'static {
    /// Handles an event.
    fn observe(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Send + Sync + 'static> Observer for F {
    fn observe(&self, event: Event<'_>) {
        self(event);
    }
}

/// A job that failed or is dead, as hooks receive it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failed {
    /// The job, its new state and the reason.
    pub job: Moved,
    /// The class of the failure, if an attempt failed.
    pub class: Option<FailureClass>,
    /// The failure message; empty if there is none.
    pub message: String,
}

impl Failed {
    /// Returns what hooks receive for an event, or `None` if nothing failed.
    pub fn of(event: Event<'_>) -> Option<Self> {
        match event {
            Event::Finished { job, worker, outcome, .. } => {
                let (class, message) = outcome.failure()?;
                let (state, reason) = match outcome {
                    Outcome::Bury { reason, .. } => (State::Dead, Some(*reason)),
                    _ => (State::Scheduled, None),
                };
                let moved = Moved {
                    id: job.id,
                    queue: job.queue.clone(),
                    kind: job.kind.clone(),
                    worker: Some(worker),
                    attempt: job.attempt,
                    crashes: job.crashes,
                    state,
                    reason,
                    death: None,
                };
                Some(Failed { job: moved, class: Some(class), message: message.to_owned() })
            }
            Event::Rescued(moved) => {
                let class = (moved.death == Some(Death::Crashed)).then_some(FailureClass::Crash);
                Some(Failed { job: moved.clone(), class, message: String::new() })
            }
            Event::Buried(moved) => Some(Failed { job: moved.clone(), class: None, message: String::new() }),
            _ => None,
        }
    }
}

/// The observers of a backend. The log is always the first.
#[derive(Default)]
pub(crate) struct Observers(RwLock<Vec<Arc<dyn Observer>>>);

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    pub(crate) fn remove(&self, observer: &Arc<dyn Observer>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|known| !Arc::ptr_eq(known, observer));
    }

    pub(crate) fn tell(&self, event: Event<'_>) {
        log(event);
        // The lock is released first, because an observer may add another one.
        let observers = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            if catch_unwind(AssertUnwindSafe(|| observer.observe(event))).is_err() {
                tracing::error!("an observer or a hook panicked; the job is not affected");
            }
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observers({})", self.0.read().unwrap_or_else(PoisonError::into_inner).len())
    }
}

/// Writes an event to the log. Failures are visible without debug logs; successes are not.
fn log(event: Event<'_>) {
    match event {
        Event::Pushed { kind, queue, answer } => tracing::debug!(%kind, %queue, ?answer, "job pushed"),
        Event::Started { job, worker } => {
            let Claimed { id, kind, queue, attempt, max_attempts, waited, .. } = job;
            let wait_ms = waited.as_millis();
            tracing::debug!(job = %id, %kind, %queue, attempt, max_attempts, %worker, wait_ms, "attempt started");
        }
        Event::Finished { job, worker, outcome, ran } => log_finished(job, worker, outcome, ran),
        Event::Lost { job, worker } => {
            let Claimed { id, kind, queue, attempt, .. } = job;
            tracing::warn!(job = %id, %kind, %queue, attempt, %worker, "job lost: its claim was taken from this worker");
        }
        Event::Rescued(Moved { id, kind, queue, attempt, crashes, worker, state, reason, .. }) => {
            let held_by = worker.map(tracing::field::display);
            match reason {
                Some(reason) => {
                    tracing::error!(job = %id, %kind, %queue, attempt, crashes, worker = held_by, %reason, "job is dead: its workers died");
                }
                None => {
                    tracing::warn!(job = %id, %kind, %queue, attempt, crashes, worker = held_by, %state, "job taken from a worker that is gone");
                }
            }
        }
        Event::Buried(Moved { id, kind, queue, attempt, worker, reason, .. }) => {
            let (worker, reason) = (worker.map(tracing::field::display), reason.map(tracing::field::display));
            tracing::error!(job = %id, %kind, %queue, attempt, worker, reason, "job is dead");
        }
        Event::Stuck { worker, slots } => {
            tracing::error!(%worker, slots, "worker is stuck: every slot is held by a handler that does not return");
        }
        Event::StoreUnreachable(error) => {
            tracing::warn!(%error, "store unreachable: calls are retried until it is reachable again")
        }
        Event::StoreReachable => tracing::info!("store reachable again"),
    }
}

fn log_finished(job: &Claimed, worker: WorkerId, outcome: &Outcome, ran: Duration) {
    let Claimed { id, kind, queue, attempt, max_attempts, waited, .. } = job;
    let (wait_ms, run_ms) = (waited.as_millis(), ran.as_millis());
    macro_rules! say {
        ($level:ident, $($rest:tt)*) => {
            tracing::$level!(job = %id, %kind, %queue, attempt, max_attempts, %worker, wait_ms, run_ms, $($rest)*)
        };
    }
    match outcome {
        Outcome::Succeed { .. } => say!(debug, "job succeeded"),
        Outcome::Retry { delay, message } => {
            say!(warn, error = %one_line(message), retry_in = ?delay, "attempt failed")
        }
        Outcome::Outage { delay, message } => {
            say!(warn, error = %one_line(message), retry_in = ?delay, "attempt failed with an outage; this costs no attempt");
        }
        Outcome::Bury { reason, message } => say!(error, error = %one_line(message), %reason, "job is dead"),
        Outcome::Snooze { delay } => say!(debug, ?delay, "job snoozed"),
        Outcome::Release => say!(info, "job released unfinished"),
        Outcome::Cancel => say!(info, "job cancelled"),
    }
}
