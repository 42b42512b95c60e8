//! What a user writes: a typed job, and the job that is handed to a backend.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Answer, Error, JobId, Kind, Label, Payload, QueueName, Retry, When, limits};

/// A typed job: a serde struct that knows its kind, its policy and what it gives back.
///
/// The constants are the policy of the kind; a single job may be enqueued with other values. [`Job::RETRY`] and
/// [`Job::STOP_AT_LEASE_END`] are applied by the worker, all others are written into the job when it is pushed.
///
/// # Examples
///
/// ```
/// use longshore_core::Job;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Greet { name: String }
///
/// impl Job for Greet {
///     const KIND: &'static str = "greet";
///     const MAX_ATTEMPTS: u16 = 5;
///     type Output = String;
/// }
/// ```
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name that ties jobs to their handler, in every language and on every backend.
    const KIND: &'static str;
    /// The queue such jobs go to. Defaults to `default`.
    const QUEUE: &'static str = "default";
    /// How often such a job is tried before it is dead. Defaults to 20.
    const MAX_ATTEMPTS: u16 = limits::DEFAULT_ATTEMPTS;
    /// How long one attempt may take. Defaults to 30 minutes.
    const TIMEOUT: Duration = limits::DEFAULT_TIMEOUT;
    /// From -100 to 100; higher runs first within a queue. Defaults to 0.
    const PRIORITY: i16 = 0;
    /// When a failed attempt is tried again. Defaults to [`Retry::DEFAULT`].
    const RETRY: Retry = Retry::DEFAULT;
    /// Whether a handler is stopped when its lease has ended because the store cannot be reached. Defaults to no: it goes on, and
    /// may then run twice at the same time if another worker can reach the store.
    const STOP_AT_LEASE_END: bool = false;
    /// What the handler returns: anything serde reads and writes, or an [`Output`](crate::Output).
    type Output: Answer;
}

/// How long a unique key is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueScope {
    /// Until a worker starts the job: at most one waits.
    UntilStarted,
    /// Until the job is finished: at most one waits or runs.
    UntilFinished,
    /// For this long from the push, however the job ends; a dead or cancelled job gives the key free earlier.
    For(Duration),
}

/// One live holder: while a job holds the key, pushing another with it answers `existing`. Keys belong to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique {
    /// The key.
    pub key: Label,
    /// How long it is held.
    pub scope: UniqueScope,
}

/// Serves the result of an equal job that succeeded a short while ago. Keys belong to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// The key that equal jobs share, for example a hash of what goes in.
    pub key: Label,
    /// How old the result may be.
    pub within: Duration,
}

/// Gives a repeated request the first answer: while the key is kept, the same push is answered as it was then, and another one
/// with the same key is a conflict. Kept for 24 hours and at least as long as the job. Keys belong to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, made up by whoever asks.
    pub key: Label,
    /// A hash of the request, by which a repeat is told from another request.
    pub fingerprint: [u8; 32],
}

/// A job on its way to a backend: parsed, with an id of its own, so that a repeated push is recognised.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use longshore_core::{NewJob, Payload, When};
///
/// let job = NewJob {
///     when: When::In(Duration::from_secs(60)),
///     ..NewJob::new("mail".parse().unwrap(), "email".parse().unwrap(), Payload::parse("{}").unwrap())
/// };
/// assert_eq!(job.max_attempts, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// The id, made by whoever pushes.
    pub id: JobId,
    /// The queue.
    pub queue: QueueName,
    /// The kind, which decides the handler.
    pub kind: Kind,
    /// What the handler gets.
    pub payload: Payload,
    /// When the job becomes ready. Defaults to now.
    pub when: When,
    /// From -100 to 100; higher runs first within a queue. Defaults to 0.
    pub priority: i16,
    /// Whom the job belongs to within the queue: a tenant, a host, an account. Carried for limits and fair turns.
    pub key: Option<Label>,
    /// Holds a unique key.
    pub unique: Option<Unique>,
    /// May be answered by an equal job's result.
    pub reuse: Option<Reuse>,
    /// Gives a repeat of this push the same answer.
    pub idempotency: Option<Idempotency>,
    /// A foreign id under which the job can be looked up; the newest job with it wins.
    pub alias: Option<Label>,
    /// Attempts before it is dead; its worker may grant fewer. `None`, the default, leaves them to the worker's
    /// [`JobPolicy`](crate::JobPolicy), and to 20 if that says nothing.
    pub max_attempts: Option<u16>,
    /// How long one attempt may take; its worker may grant less. `None`, the default, leaves it to the worker's policy, and to 30 minutes if that says
    /// nothing.
    pub timeout: Option<Duration>,
    /// The job is not started, nor tried again, after this: then it is dead (`expired`). Defaults to never.
    pub deadline: Option<When>,
    /// Words to find the job by; at most 16.
    pub tags: Vec<Label>,
}

impl NewJob {
    /// Makes a job with all defaults and a fresh id.
    pub fn new(queue: QueueName, kind: Kind, payload: Payload) -> Self {
        NewJob {
            id: JobId::new(&queue),
            queue,
            kind,
            payload,
            when: When::NOW,
            priority: 0,
            key: None,
            unique: None,
            reuse: None,
            idempotency: None,
            alias: None,
            max_attempts: None,
            timeout: None,
            deadline: None,
            tags: Vec::new(),
        }
    }

    /// Makes a job of a typed one, with the policy of its kind.
    ///
    /// # Errors
    ///
    /// If the value cannot be written as JSON within bounds, or its constants are no valid names.
    pub fn of<J: Job>(job: &J) -> Result<Self, Error> {
        let mut new = NewJob::new(J::QUEUE.parse()?, J::KIND.parse()?, Payload::of(job)?);
        new.max_attempts = Some(J::MAX_ATTEMPTS);
        new.timeout = Some(J::TIMEOUT);
        new.priority = J::PRIORITY;
        Ok(new)
    }

    /// Moves the job to another queue; its id is made anew, because an id carries its queue's tag.
    pub fn move_to(&mut self, queue: QueueName) {
        self.id = JobId::new(&queue);
        self.queue = queue;
    }

    /// Checks what types alone do not.
    ///
    /// # Errors
    ///
    /// Names the first field that is out of bounds.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::invalid(text));
        if !limits::PRIORITIES.contains(&self.priority) {
            return wrong(format!("priority {} is not within -100 and 100", self.priority));
        }
        if let Some(attempts) = self.max_attempts.filter(|attempts| !(1..=limits::ATTEMPTS).contains(attempts)) {
            return wrong(format!("{attempts} attempts are not within 1 and {}", limits::ATTEMPTS));
        }
        if let Some(timeout) = self.timeout.filter(|timeout| timeout.is_zero() || *timeout > limits::TIMEOUT) {
            return wrong(format!("a time-out of {timeout:?} is not within 1 ms and 24 hours"));
        }
        if self.tags.len() > limits::TAGS {
            return wrong(format!("{} tags are more than {}", self.tags.len(), limits::TAGS));
        }
        if matches!(self.when, When::In(delay) if delay > limits::AHEAD) {
            return wrong("a delay of more than five years".into());
        }
        if matches!(self.deadline, Some(When::In(period)) if period > limits::AHEAD) {
            return wrong("a deadline more than five years ahead".into());
        }
        if self.id.queue_tag() != self.queue.tag() {
            return wrong(format!("job id {} was not made for queue `{}`", self.id, self.queue));
        }
        let period = match &self.unique {
            Some(Unique { scope: UniqueScope::For(period), .. }) => *period,
            _ => Duration::ZERO,
        };
        let reuse = self.reuse.as_ref().map_or(Duration::ZERO, |reuse| reuse.within);
        if period.max(reuse) > limits::AHEAD {
            return wrong("a unique or reuse period of more than five years".into());
        }
        Ok(())
    }
}
