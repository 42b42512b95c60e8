//! The context of an attempt: what a handler can ask and tell.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::extract::SharedValues;
use crate::log::Log;
use crate::{Claimed, JobId, Kind, Progress, QueueName, WorkerId};

/// Gives a handler access to the attempt that it runs. Cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    pub(crate) job: Arc<Claimed>,
    pub(crate) worker: WorkerId,
    pub(crate) stopping: CancellationToken,
    pub(crate) draining: CancellationToken,
    pub(crate) latest: Arc<Latest>,
    pub(crate) log: Arc<Log>,
    pub(crate) shared: Arc<SharedValues>,
}

impl Ctx {
    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// Returns the job's queue.
    pub fn queue(&self) -> &QueueName {
        &self.job.queue
    }

    /// Returns the job's kind.
    pub fn kind(&self) -> &Kind {
        &self.job.kind
    }

    /// Returns the number of this attempt, from 1.
    pub fn attempt(&self) -> u16 {
        self.job.attempt
    }

    /// Returns how many attempts the job has.
    pub fn max_attempts(&self) -> u16 {
        self.job.max_attempts
    }

    /// Returns how long the attempt may take.
    pub fn timeout(&self) -> Duration {
        self.job.timeout
    }

    /// Returns the id of the worker that runs the attempt, as logs and the worker registry show it.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Returns whether the job is dead if this attempt fails.
    pub fn is_last_attempt(&self) -> bool {
        self.job.attempt >= self.job.max_attempts
    }

    /// Returns a fencing token: a number that grows with each claim of the store. Pass it to systems that can refuse a
    /// lower number.
    pub fn fence(&self) -> u64 {
        self.job.token.number
    }

    /// Returns a key that is the same for every attempt of this job, for services that accept idempotency keys.
    pub fn idempotency_key(&self) -> String {
        self.job.id.to_string()
    }

    /// Reports the job's progress. It may be called at any rate: the latest value wins, and at most four a second are
    /// written.
    pub fn progress(&self, progress: Progress) {
        self.latest.set(progress);
    }

    /// Reports a progress message without a count.
    pub fn say(&self, words: &str) {
        self.latest.set(Progress::from_message(words));
    }

    /// Appends a line to the job's log, which `longshore log` and the HTTP API show. The store keeps the last 64 KiB of
    /// the newest attempt that wrote a log. Lines are written every two seconds and at the end of the attempt.
    pub fn log(&self, line: &str) {
        self.log.push(line);
    }

    /// Returns whether the attempt should stop: the job was cancelled, timed out or was lost, or the worker shuts down.
    /// A blocking handler can be stopped only if it calls this from time to time.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Waits until the attempt should stop. An async handler then has two seconds to return; after that it is dropped.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Waits until the worker is told to shut down. The attempt need not stop yet: it has the grace period to finish.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctx({} attempt {})", self.job.id, self.job.attempt)
    }
}

/// The latest progress of a handler, on its way to the store.
#[derive(Debug)]
pub(crate) struct Latest {
    said: Mutex<Said>,
    keeper: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Said {
    newest: Option<Progress>,
    /// Whether the latest progress is not written yet.
    unwritten: bool,
}

impl Latest {
    pub(crate) fn new(keeper: Arc<Notify>) -> Self {
        Latest { said: Mutex::default(), keeper }
    }

    /// Sets the progress. The keeper is woken only if it does not know yet that there is something to write.
    fn set(&self, progress: Progress) {
        let mut said = self.said();
        said.newest = Some(progress);
        if !std::mem::replace(&mut said.unwritten, true) {
            self.keeper.notify_one();
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.said().unwritten
    }

    /// Takes the latest progress, unless it is already written.
    pub(crate) fn take(&self) -> Option<Progress> {
        let mut said = self.said();
        std::mem::take(&mut said.unwritten).then(|| said.newest.clone()).flatten()
    }

    /// Marks the progress as not written, after a write failed.
    pub(crate) fn mark_unwritten(&self) {
        self.said().unwritten = true;
    }

    /// Returns the latest progress, written or not. The settle carries it, because the renewal that carried it may have
    /// failed.
    pub(crate) fn last(&self) -> Option<Progress> {
        self.said().newest.clone()
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
