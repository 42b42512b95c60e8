//! The push of one job.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Handle;
use crate::{Backend, Error, Idempotency, Job, JobId, Label, NewJob, QueueName, Reuse, Unique, UniqueScope, When};

/// A push that is being prepared. Each method sets a value of this one job; other values come from the policy of the
/// kind.
///
/// An invalid name or label is reported when the push is awaited, before anything is pushed.
///
/// # A push whose answer is lost
///
/// If the store fails while it pushes, the error says whether the job may be there all the same
/// ([`Error::effect`]). A repeat with [`Enqueue::push`] is safe: the job keeps its id, so it is stored once. Across a
/// restart of the program, use [`Enqueue::idempotency_key`].
///
/// ```
/// # use longshore_core::{Backend, Client, Error, Job, Memory, artifact::InMemory};
/// # use serde::{Deserialize, Serialize};
/// # use std::{sync::Arc, time::Duration};
/// # #[derive(Serialize, Deserialize)] struct Charge { order: u64 }
/// # impl Job for Charge { const KIND: &'static str = "charge"; type Output = (); }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # let client = Client::new(Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default())));
/// let charge = client.enqueue(Charge { order: 7 });
/// let handle = loop {
///     match charge.push().await {
///         Err(e) if e.is_retryable() => tokio::time::sleep(Duration::from_secs(1)).await,
///         answer => break answer?,
///     }
/// };
/// assert_eq!(handle.id(), charge.id()?);
/// assert_eq!(charge.push().await?.id(), handle.id(), "one more repeat changes nothing");
/// # Ok(()) }
/// ```
#[must_use = "nothing is pushed until this is awaited"]
pub struct Enqueue<J> {
    backend: Backend,
    pub(super) new: Result<NewJob, Error>,
    kind: PhantomData<fn() -> J>,
}

impl<J: Job> Enqueue<J> {
    pub(super) fn new(backend: Backend, job: &J) -> Self {
        Enqueue { backend, new: NewJob::of(job), kind: PhantomData }
    }

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

    /// Answers a repeat of this push like the first one, also from another process: while the key is kept, no second
    /// job is stored. The key is kept for 24 hours, and at least as long as the job.
    ///
    /// The same key with another kind or payload is refused. A payload with a `HashMap` is a different one each time.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Client, Error, Job, Memory, artifact::InMemory};
    /// # use serde::{Deserialize, Serialize};
    /// # use std::sync::Arc;
    /// # #[derive(Serialize, Deserialize)] struct Charge { order: u64 }
    /// # impl Job for Charge { const KIND: &'static str = "charge"; type Output = (); }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
    /// # let client = Client::new(Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default())));
    /// let handle = client.enqueue(Charge { order: 7 }).idempotency_key("order 7").await?;
    /// let again = client.enqueue(Charge { order: 7 }).idempotency_key("order 7").await?;
    /// assert_eq!(again.id(), handle.id());
    /// assert!(client.enqueue(Charge { order: 8 }).idempotency_key("order 7").await.is_err());
    /// # Ok(()) }
    /// ```
    pub fn idempotency_key(self, key: &str) -> Self {
        self.with(|new| {
            let request = Sha256::new().chain_update(new.kind.as_str()).chain_update([0]);
            let fingerprint = request.chain_update(new.payload.as_str()).finalize().into();
            new.idempotency = Some(Idempotency { key: key.parse()?, fingerprint });
            Ok(())
        })
    }

    /// Returns the id that the job has, unless an existing job is used instead. [`Enqueue::queue`] changes it.
    ///
    /// # Errors
    ///
    /// Returns an error if a name, a label or the payload is invalid.
    pub fn id(&self) -> Result<JobId, Error> {
        self.new.as_ref().map(|new| new.id).map_err(Error::shared)
    }

    /// Pushes the job, as awaiting does. It may be called again, for example after an error: a repeat gets the same
    /// answer and stores no second job.
    ///
    /// # Errors
    ///
    /// Returns an error if a value is invalid, the store fails, or the store refuses the job.
    pub async fn push(&self) -> Result<Handle<J>, Error> {
        let new = self.new.as_ref().map_err(Error::shared)?;
        Handle::of(&self.backend, self.backend.push_one(new.clone()).await?)
    }

    /// Returns the job without pushing it, for a batch of mixed kinds or a push inside the caller's own transaction.
    ///
    /// # Errors
    ///
    /// Returns an error if a name, a label or the payload is invalid.
    pub fn into_new(self) -> Result<NewJob, Error> {
        self.new
    }
}

impl<J: Job> IntoFuture for Enqueue<J> {
    type Output = Result<Handle<J>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.push().await })
    }
}

impl<J> fmt::Debug for Enqueue<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enqueue").field(&self.new).finish()
    }
}
