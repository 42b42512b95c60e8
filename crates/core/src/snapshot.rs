//! The record of a job at one moment.

use std::time::Duration;

use crate::{Failure, JobId, Kind, Label, Payload, Progress, QueueName, Reason, State, Stored, Timestamp, WorkerId};

/// The complete record of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The id.
    pub id: JobId,
    /// The queue.
    pub queue: QueueName,
    /// The kind.
    pub kind: Kind,
    /// The input of the handler.
    pub payload: Payload,
    /// The state.
    pub state: State,
    /// The priority, from -100 to 100; higher runs first.
    pub priority: i16,
    /// The group within the queue that the job belongs to.
    pub key: Option<Label>,
    /// The unique key that the job asked for. The job may not hold it any more.
    pub unique_key: Option<Label>,
    /// The key under which its result may be reused.
    pub reuse_key: Option<Label>,
    /// The id of the application.
    pub alias: Option<Label>,
    /// The tags.
    pub tags: Vec<Label>,
    /// Attempts started, including the running one.
    pub attempt: u16,
    /// Attempts allowed: the number that the newest claim granted. Before the first claim, the number that the job
    /// asked for, or 20.
    pub max_attempts: u16,
    /// Worker processes that died while they ran this job.
    pub crashes: u16,
    /// Runs that ended for a reason outside the job: a shutdown, a snooze, a reboot.
    pub interruptions: u32,
    /// Attempts in a row that ended in an outage.
    pub outages: u16,
    /// How long one attempt may take: the time that the newest claim granted. Before the first claim, the time that the
    /// job asked for, or 30 minutes.
    pub timeout: Duration,
    /// The time after which the job is not started and not retried.
    pub deadline: Option<Timestamp>,
    /// When it was pushed.
    pub created_at: Timestamp,
    /// When the job is or was due.
    pub run_at: Timestamp,
    /// When its newest attempt started.
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
    /// The worker that holds it or held it last.
    pub worker: Option<WorkerId>,
    /// Whether cancellation was requested while the job runs.
    pub cancel_asked: bool,
    /// The latest progress.
    pub progress: Option<Progress>,
    /// Why it is dead.
    pub reason: Option<Reason>,
    /// Its result.
    pub result: Option<Stored>,
    /// The attempts that failed, oldest first; at most 20.
    pub failures: Vec<Failure>,
    /// Grows with every change that is visible to a watcher.
    pub version: u64,
}

/// The part of a [`Snapshot`] that a waiting client needs. It is cheap to read for many jobs at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The id.
    pub id: JobId,
    /// The state.
    pub state: State,
    /// Attempts started.
    pub attempt: u16,
    /// Attempts allowed.
    pub max_attempts: u16,
    /// The latest progress.
    pub progress: Option<Progress>,
    /// Why it is dead.
    pub reason: Option<Reason>,
    /// The message of the newest failure.
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
    /// Returns the status as text for people: `queued`, `Processing 7/20`, `complete`, `Failed: reason`.
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
