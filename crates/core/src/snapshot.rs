//! What a store knows of a job at one moment.

use std::time::Duration;

use crate::{Failure, JobId, Kind, Label, Payload, Progress, QueueName, Reason, State, Stored, Timestamp, WorkerId};

/// Everything about one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The id.
    pub id: JobId,
    /// The queue.
    pub queue: QueueName,
    /// The kind.
    pub kind: Kind,
    /// What the handler gets.
    pub payload: Payload,
    /// Where it is in its life.
    pub state: State,
    /// From -100 to 100; higher runs first.
    pub priority: i16,
    /// Whom it belongs to within the queue.
    pub key: Option<Label>,
    /// The unique key it asked for, held or not.
    pub unique_key: Option<Label>,
    /// The key under which its result may be reused.
    pub reuse_key: Option<Label>,
    /// A foreign id.
    pub alias: Option<Label>,
    /// Words to find it by.
    pub tags: Vec<Label>,
    /// Attempts begun, the running one included.
    pub attempt: u16,
    /// Attempts allowed: what its newest claim granted, before the first what it asked for, or 20.
    pub max_attempts: u16,
    /// Worker processes that died with it.
    pub crashes: u16,
    /// Runs that ended through no fault of the job: a stop, a snooze, a reboot.
    pub interruptions: u32,
    /// Attempts in a row that ended in an outage.
    pub outages: u16,
    /// How long one attempt may take: what its newest claim granted, before the first what it asked for, or 30 minutes.
    pub timeout: Duration,
    /// The moment after which it is not started, nor tried again.
    pub deadline: Option<Timestamp>,
    /// When it was pushed.
    pub created_at: Timestamp,
    /// When it is, or was, due.
    pub run_at: Timestamp,
    /// When its newest run began.
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
    /// The worker that holds it, or held it last.
    pub worker: Option<WorkerId>,
    /// Whether somebody asked to call it off while it runs.
    pub cancel_asked: bool,
    /// The newest word of its handler.
    pub progress: Option<Progress>,
    /// Why it is dead.
    pub reason: Option<Reason>,
    /// Its result.
    pub result: Option<Stored>,
    /// The attempts that did not end well, oldest first; at most 20.
    pub failures: Vec<Failure>,
    /// Grows with every change that a watcher may see.
    pub version: u64,
}

/// The part of a [`Snapshot`] that somebody who waits needs, cheap to read for many jobs at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The id.
    pub id: JobId,
    /// Where it is in its life.
    pub state: State,
    /// Attempts begun.
    pub attempt: u16,
    /// Attempts allowed.
    pub max_attempts: u16,
    /// The newest word of its handler.
    pub progress: Option<Progress>,
    /// Why it is dead.
    pub reason: Option<Reason>,
    /// The newest failure's message.
    pub message: Option<String>,
    /// Grows with every change.
    pub version: u64,
}

impl From<&Snapshot> for Status {
    fn from(job: &Snapshot) -> Self {
        Status {
            id: job.id,
            state: job.state,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            progress: job.progress.clone(),
            reason: job.reason,
            message: job.failures.last().map(|failure| failure.message.clone()),
            version: job.version,
        }
    }
}

impl Status {
    /// Returns the status in the words people see: `queued`, `Processing 7/20`, `complete`, `Failed: reason`.
    pub fn words(&self) -> String {
        match self.state {
            State::Scheduled | State::Ready => "queued".into(),
            State::Running => match &self.progress {
                Some(progress) => progress.to_string(),
                None => "Processing".into(),
            },
            State::Succeeded => "complete".into(),
            State::Cancelled => "cancelled".into(),
            State::Dead => {
                let reason = self.reason.map_or("dead", Reason::as_str);
                format!("Failed: {}", self.message.as_deref().unwrap_or(reason))
            }
        }
    }
}
