//! Job types of the user, and the job that is pushed to a backend.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Answer, Clock, Error, JobId, Kind, Label, Payload, QueueName, Retry, When, limits};

/// A typed job: a serde struct with its kind, its policy and its result type.
///
/// The constants are the policy of the kind. A single job may be enqueued with other values. The worker applies
/// [`Job::RETRY`] and [`Job::STOP_AT_LEASE_END`]; all other values are written into the job when it is pushed.
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    label = "`Job` is not implemented for `{Self}`",
    note = "add `#[derive(Serialize, Deserialize, Job)]` to the type; a handler takes the job by value, as its first argument"
)]
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name that connects jobs to their handler, in all languages and backends.
    const KIND: &'static str;
    /// The queue of such jobs. Defaults to `default`.
    const QUEUE: &'static str = "default";
    /// How many attempts such a job has before it is dead. Defaults to 20.
    const MAX_ATTEMPTS: u16 = limits::DEFAULT_ATTEMPTS;
    /// How long one attempt may take. Defaults to 30 minutes.
    const TIMEOUT: Duration = limits::DEFAULT_TIMEOUT;
    /// From -100 to 100; higher runs first within a queue. Defaults to 0.
    const PRIORITY: i16 = 0;
    /// When a failed attempt is retried. Defaults to [`Retry::DEFAULT`].
    const RETRY: Retry = Retry::DEFAULT;
    /// Whether a handler is stopped when its lease has ended because the store cannot be reached. Defaults to no: the
    /// handler continues, and the job may run twice at the same time if another worker can reach the store.
    const STOP_AT_LEASE_END: bool = false;
    /// The return type of the handler: any type that serde can read and write, or an [`Output`](crate::Output).
    type Output: Answer;
}

/// How long a unique key is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UniqueScope {
    /// Until a worker starts the job: at most one waits.
    UntilStarted,
    /// Until the job is finished: at most one waits or runs.
    UntilFinished,
    /// For this period from the push, however the job ends. A dead or cancelled job releases the key earlier.
    For(Duration),
}

/// A unique key. While a job holds the key, a push with the same key answers `existing`. Keys belong to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique {
    /// The key.
    pub key: Label,
    /// How long it is held.
    pub scope: UniqueScope,
}

/// Reuses the result of an equal job that succeeded recently. Keys belong to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// The key that equal jobs share, for example a hash of the input.
    pub key: Label,
    /// How old the result may be.
    pub within: Duration,
}

/// Answers a repeated request like the first one. While the key is kept, a repeat of the push gets the first answer,
/// and a different push with the same key is a conflict.
///
/// A key is kept for 24 hours, and at least as long as the job. Keys belong to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key, chosen by the caller.
    pub key: Label,
    /// A hash of the request, which distinguishes a repeat from a different request.
    pub fingerprint: [u8; 32],
}

/// A job that is ready to be pushed: validated, and with its own id, so that a repeated push is recognised.
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
    /// The id, created by the producer.
    pub id: JobId,
    /// The queue.
    pub queue: QueueName,
    /// The kind, which selects the handler.
    pub kind: Kind,
    /// The input of the handler.
    pub payload: Payload,
    /// When the job becomes ready. Defaults to now.
    pub when: When,
    /// From -100 to 100; higher runs first within a queue. Defaults to 0.
    pub priority: i16,
    /// The group within the queue that the job belongs to, for example a tenant, a host or an account. Stored for
    /// limits and fair scheduling.
    pub key: Option<Label>,
    /// The unique key to hold.
    pub unique: Option<Unique>,
    /// The key of an equal job whose result may be reused.
    pub reuse: Option<Reuse>,
    /// The key that makes a repeat of this push return the same answer.
    pub idempotency: Option<Idempotency>,
    /// An id of the application under which the job can be looked up. If several jobs have it, the newest is found.
    pub alias: Option<Label>,
    /// The number of attempts before the job is dead. The worker may grant fewer. `None`, the default, uses the
    /// worker's [`JobPolicy`](crate::JobPolicy), or 20 if the policy has no value.
    pub max_attempts: Option<u16>,
    /// How long one attempt may take. The worker may grant less. `None`, the default, uses the worker's policy, or 30
    /// minutes if the policy has no value.
    pub timeout: Option<Duration>,
    /// The time after which the job is not started and not retried: it becomes dead (`expired`). Defaults to never.
    pub deadline: Option<When>,
    /// Tags for finding the job; at most 16.
    pub tags: Vec<Label>,
}

impl NewJob {
    /// Creates a job with all defaults and a new id.
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

    /// Creates a job from a typed one, with the policy of its kind.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be written as JSON within the limits, or if a constant is not a valid name.
    pub fn of<J: Job>(job: &J) -> Result<Self, Error> {
        let mut new = NewJob::new(J::QUEUE.parse()?, J::KIND.parse()?, Payload::of(job)?);
        new.max_attempts = Some(J::MAX_ATTEMPTS);
        new.timeout = Some(J::TIMEOUT);
        new.priority = J::PRIORITY;
        Ok(new)
    }

    /// Moves the job to another queue. The job gets a new id, because an id contains the tag of its queue.
    pub fn move_to(&mut self, queue: QueueName) {
        self.id = JobId::new(&queue);
        self.queue = queue;
    }

    /// Checks the limits that the types do not check.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first invalid field.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::invalid(text));
        if !limits::PRIORITIES.contains(&self.priority) {
            return wrong(format!("priority {} is out of range: use -100 to 100", self.priority));
        }
        if let Some(attempts) = self.max_attempts.filter(|attempts| !(1..=limits::ATTEMPTS).contains(attempts)) {
            return wrong(format!("{attempts} attempts are out of range: use 1 to {}", limits::ATTEMPTS));
        }
        if let Some(timeout) = self.timeout.filter(|timeout| timeout.is_zero() || *timeout > limits::TIMEOUT) {
            return wrong(format!("time-out {timeout:?} is out of range: use 1 ms to 24 hours"));
        }
        if self.tags.len() > limits::TAGS {
            return wrong(format!("{} tags are too many: the limit is {}", self.tags.len(), limits::TAGS));
        }
        if matches!(self.when, When::In(delay) if delay > limits::AHEAD) {
            return wrong("the delay is longer than five years".into());
        }
        // By the clock of this machine, which differs little from the store's. Without a bound, a misspelt year would
        // keep a job for ever.
        if matches!(self.when, When::At(moment) if moment > Clock::default().now().after(limits::AHEAD)) {
            return wrong("the time is more than five years ahead".into());
        }
        if matches!(self.deadline, Some(When::In(period)) if period > limits::AHEAD) {
            return wrong("the deadline is more than five years ahead".into());
        }
        if self.id.queue_tag() != self.queue.tag() {
            return wrong(format!(
                "job id {} does not belong to queue `{}`: create the id for that queue",
                self.id, self.queue
            ));
        }
        let period = match &self.unique {
            Some(Unique { scope: UniqueScope::For(period), .. }) => *period,
            _ => Duration::ZERO,
        };
        let reuse = self.reuse.as_ref().map_or(Duration::ZERO, |reuse| reuse.within);
        if period.max(reuse) > limits::AHEAD {
            return wrong("the unique or reuse period is longer than five years".into());
        }
        Ok(())
    }
}
