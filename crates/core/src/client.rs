//! The producer's side: enqueue typed jobs and wait for their results.

mod enqueue;
mod enqueue_many;
mod handle;

use crate::{Backend, Job, JobId};

pub use enqueue::Enqueue;
pub use enqueue_many::EnqueueMany;
pub use handle::{Handle, WaitError};

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
        Enqueue::new(self.backend.clone(), &job)
    }

    /// Starts a push of many jobs of one kind. Nothing is pushed until the returned value is awaited; it then returns
    /// their handles, in order. See [`EnqueueMany`].
    pub fn enqueue_many<J: Job>(&self, jobs: impl IntoIterator<Item = J>) -> EnqueueMany<J> {
        EnqueueMany::new(&self.backend, jobs)
    }

    /// Returns a handle to a job that was pushed earlier, by any client.
    pub fn handle<J: Job>(&self, id: JobId) -> Handle<J> {
        Handle::new(self.backend.clone(), id, None)
    }
}
