//! The producer's side: enqueue typed jobs and wait for their results.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use crate::store::whole;
use crate::{
    Acted, Action, Answer, Backend, DuplicateReason, Error, Job, JobId, Label, NewJob, Pushed, QueueName, Reason,
    Reuse, Snapshot, State, Unique, UniqueScope, Watch, When,
};

/// Enqueues jobs on one backend. Cheap to clone and safe to share.
///
/// # Examples
///
/// ```
/// # use longshore_core::{Backend, Client, Error, Job, Memory, artifact::InMemory};
/// # use serde::{Deserialize, Serialize};
/// # use std::{sync::Arc, time::Duration};
/// # #[derive(Serialize, Deserialize)] struct Remind { user: u64 }
/// # impl Job for Remind { const KIND: &'static str = "remind"; type Output = (); }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # let client = Client::new(Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default())));
/// let handle = client
///     .enqueue(Remind { user: 7 })
///     .after(Duration::from_secs(3600))
///     .unique("remind:7")
///     .tag("reminders")
///     .await?;
/// let again = client.enqueue(Remind { user: 7 }).unique("remind:7").await?;
/// assert_eq!(again.id(), handle.id());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    backend: Backend,
}

impl Client {
    /// Creates a client of that backend.
    pub fn new(backend: Backend) -> Self {
        Client { backend }
    }

    /// Returns the backend.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Starts a push of one job. Nothing is pushed until the returned value is awaited.
    pub fn enqueue<J: Job>(&self, job: J) -> Enqueue<J> {
        Enqueue { backend: self.backend.clone(), new: NewJob::of(&job), kind: PhantomData }
    }

    /// Pushes many jobs of one kind at once, with the policy of the kind.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Backend::push`], or an error if one of the jobs was refused.
    pub async fn enqueue_many<J: Job>(&self, jobs: impl IntoIterator<Item = J>) -> Result<Vec<Handle<J>>, Error> {
        let new = jobs.into_iter().map(|job| NewJob::of(&job)).collect::<Result<_, _>>()?;
        let pushed = whole(self.backend.push(new).await?)?;
        pushed.into_iter().map(|pushed| Handle::of(&self.backend, pushed)).collect()
    }

    /// Returns a handle to a job that was pushed earlier, by any client.
    pub fn handle<J: Job>(&self, id: JobId) -> Handle<J> {
        Handle { backend: self.backend.clone(), id, duplicate: None, kind: PhantomData }
    }
}

/// A push that is being prepared. Each method sets a value of this one job; other values come from the policy of the
/// kind.
///
/// An invalid name or label is reported when the push is awaited, before anything is pushed.
#[must_use = "nothing is pushed until this is awaited"]
#[derive(Debug)]
pub struct Enqueue<J> {
    backend: Backend,
    new: Result<NewJob, Error>,
    kind: PhantomData<fn() -> J>,
}

impl<J: Job> Enqueue<J> {
    fn with(mut self, change: impl FnOnce(&mut NewJob) -> Result<(), Error>) -> Self {
        self.new = self.new.and_then(|mut new| change(&mut new).map(|()| new));
        self
    }

    /// Runs the job after this delay, by the store's clock.
    pub fn after(self, delay: Duration) -> Self {
        self.when(When::In(delay))
    }

    /// Runs the job at this time, or as soon as possible if the time has passed.
    pub fn when(self, when: When) -> Self {
        self.with(|new| {
            new.when = when;
            Ok(())
        })
    }

    /// Pushes the job to another queue.
    pub fn queue(self, name: &str) -> Self {
        self.with(|new| {
            new.move_to(name.parse::<QueueName>()?);
            Ok(())
        })
    }

    /// Sets the priority, from -100 to 100. Jobs with a higher priority run first within a queue.
    pub fn priority(self, priority: i16) -> Self {
        self.with(|new| {
            new.priority = priority;
            Ok(())
        })
    }

    /// Sets the group within the queue that the job belongs to, for example a tenant, a host or an account.
    pub fn key(self, key: &str) -> Self {
        self.with(|new| {
            new.key = Some(key.parse()?);
            Ok(())
        })
    }

    /// Pushes the job only if no live job of the queue holds this key. The key is held until the job is finished.
    pub fn unique(self, key: &str) -> Self {
        self.unique_for(key, UniqueScope::UntilFinished)
    }

    /// Pushes the job only if no live job of the queue holds this key, and sets how long the key is held.
    pub fn unique_for(self, key: &str, scope: UniqueScope) -> Self {
        self.with(|new| {
            new.unique = Some(Unique { key: key.parse()?, scope });
            Ok(())
        })
    }

    /// Reuses the result of a job of the queue that succeeded with this key within this period, instead of pushing a
    /// new job.
    pub fn reuse(self, key: &str, within: Duration) -> Self {
        self.with(|new| {
            new.reuse = Some(Reuse { key: key.parse()?, within });
            Ok(())
        })
    }

    /// Sets an id of the application under which the job can be looked up.
    pub fn alias(self, alias: &str) -> Self {
        self.with(|new| {
            new.alias = Some(alias.parse()?);
            Ok(())
        })
    }

    /// Sets how many attempts the job has before it is dead.
    pub fn max_attempts(self, attempts: u16) -> Self {
        self.with(|new| {
            new.max_attempts = Some(attempts);
            Ok(())
        })
    }

    /// Sets how long one attempt may take.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|new| {
            new.timeout = Some(timeout);
            Ok(())
        })
    }

    /// Sets the time after which the job is not started and not retried: it becomes dead (`expired`). A running attempt
    /// continues.
    pub fn deadline(self, when: When) -> Self {
        self.with(|new| {
            new.deadline = Some(when);
            Ok(())
        })
    }

    /// Adds a tag for finding the job.
    pub fn tag(self, tag: &str) -> Self {
        self.with(|new| {
            new.tags.push(tag.parse::<Label>()?);
            Ok(())
        })
    }

    /// Returns the job without pushing it, for a batch of mixed kinds or a push inside the caller's own transaction.
    ///
    /// # Errors
    ///
    /// Returns an error if a name, a label or the payload is invalid.
    pub fn into_new(self) -> Result<NewJob, Error> {
        self.new
    }

    async fn push(self) -> Result<Handle<J>, Error> {
        Handle::of(&self.backend, self.backend.push_one(self.new?).await?)
    }
}

impl<J: Job> IntoFuture for Enqueue<J> {
    type Output = Result<Handle<J>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.push())
    }
}

/// A handle to a pushed job: its id and access to its result.
#[derive(Debug)]
pub struct Handle<J> {
    backend: Backend,
    id: JobId,
    duplicate: Option<DuplicateReason>,
    kind: PhantomData<fn() -> J>,
}

impl<J: Job> Handle<J> {
    fn of(backend: &Backend, pushed: Pushed) -> Result<Self, Error> {
        let (id, duplicate) = pushed.into_job()?;
        Ok(Handle { backend: backend.clone(), id, duplicate, kind: PhantomData })
    }

    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.id
    }

    /// Returns why an existing job is used instead of the pushed one, or `None` if the push created a new job.
    pub fn duplicate(&self) -> Option<DuplicateReason> {
        self.duplicate
    }

    /// Waits until the job is finished and returns its result. Safe to drop at any time and to call again.
    ///
    /// Keeps waiting while the store cannot be reached. Use a time-out if that matters.
    ///
    /// # Errors
    ///
    /// Returns an error if the job is dead, cancelled or deleted, or if its result is not a `J::Output`.
    pub async fn wait(&self) -> Result<J::Output, WaitError> {
        let mut watch = self.watch();
        loop {
            let status = watch.next().await.ok_or(WaitError::Gone)?;
            if status.state.is_final() {
                match self.result().await {
                    // The job was retried by hand, or the store is unreachable for a moment: keep watching.
                    Ok(None) => {}
                    Err(WaitError::Store(e)) if e.is_retryable() => watch = self.watch(),
                    Ok(Some(output)) => return Ok(output),
                    Err(e) => return Err(e),
                }
            }
        }
    }

    /// Returns the current record of the job, or `None` if it has been deleted.
    pub async fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        self.backend.job(self.id).await
    }

    /// Watches the job's status.
    pub fn watch(&self) -> Watch {
        self.backend.watch(self.id)
    }

    /// Requests to cancel the job.
    pub async fn cancel(&self) -> Result<Acted, Error> {
        self.backend.act(self.id, Action::Cancel).await
    }

    /// Returns the result of a finished job, or `None` if it is not finished any more.
    async fn result(&self) -> Result<Option<J::Output>, WaitError> {
        let job = self.backend.job(self.id).await?.ok_or(WaitError::Gone)?;
        match job.state {
            State::Succeeded => {
                let output = match &job.result {
                    Some(stored) => self.backend.read(stored).await?.ok_or(WaitError::Gone)?,
                    None => crate::Output::new("application/json", "null"),
                };
                J::Output::from_output(output).map(Some).map_err(WaitError::Output)
            }
            State::Cancelled => Err(WaitError::Cancelled),
            State::Scheduled | State::Ready | State::Running => Ok(None),
            State::Dead => Err(WaitError::Dead {
                reason: job.reason.unwrap_or(Reason::Corrupt),
                message: job.failures.into_iter().next_back().map(|failure| failure.message).unwrap_or_default(),
            }),
        }
    }
}

/// Why waiting for a job returned no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The job is dead.
    #[error("job is dead ({reason}): {message}")]
    Dead {
        /// The reason.
        reason: Reason,
        /// The message of the last failure.
        message: String,
    },
    /// The job was cancelled.
    #[error("job was cancelled")]
    Cancelled,
    /// The job was not found, or its result was deleted.
    #[error("job not found, or its result was deleted")]
    Gone,
    /// The result does not fit the job's output type.
    #[error(transparent)]
    Output(Error),
    /// The store returned an error.
    #[error(transparent)]
    Store(#[from] Error),
}
