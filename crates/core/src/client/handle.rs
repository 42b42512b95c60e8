//! A handle to a pushed job.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use crate::{
    Acted, Action, Answer, Backend, DuplicateReason, Error, Job, JobId, Pushed, Reason, Snapshot, State, Watch,
};

/// The pause after the first failed read of a result. It doubles with each further one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two reads of a result.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A handle to a pushed job: its id and access to its result. Cheap to clone.
pub struct Handle<J> {
    backend: Backend,
    id: JobId,
    duplicate: Option<DuplicateReason>,
    kind: PhantomData<fn() -> J>,
}

impl<J: Job> Handle<J> {
    pub(super) fn new(backend: Backend, id: JobId, duplicate: Option<DuplicateReason>) -> Self {
        Handle { backend, id, duplicate, kind: PhantomData }
    }

    pub(super) fn of(backend: &Backend, pushed: Pushed) -> Result<Self, Error> {
        let (id, duplicate) = pushed.into_job()?;
        Ok(Handle::new(backend.clone(), id, duplicate))
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
        let (mut watch, mut pause) = (self.watch(), SHORTEST_PAUSE);
        loop {
            let status = watch.next().await.ok_or(WaitError::Gone)?;
            if status.state.is_final() {
                match self.result().await {
                    Ok(None) => {} // the job was retried by hand: keep watching
                    Err(WaitError::Store(e)) if e.is_retryable() => {
                        tracing::warn!(job = %self.id, error = %e, "cannot read the result of a job; will try again");
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        watch = self.watch();
                    }
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

impl<J> Clone for Handle<J> {
    fn clone(&self) -> Self {
        Handle { backend: self.backend.clone(), id: self.id, duplicate: self.duplicate, kind: PhantomData }
    }
}

impl<J> fmt::Debug for Handle<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("id", &self.id).field("duplicate", &self.duplicate).finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::artifact::{InMemory, Reader, Source};
    use crate::worker::Worker;
    use crate::{ArtifactName, Artifacts, Client, ErrorKind, Memory, Output, handler};

    #[derive(Serialize, Deserialize)]
    struct Draw {}

    impl Job for Draw {
        const KIND: &'static str = "draw";
        type Output = Output;
    }

    async fn draw(_: Draw) -> handler::Result<Output> {
        Ok(Output::new("image/gif", "GIF89a"))
    }

    /// Artifacts that can be written and not be read.
    struct Unreadable {
        inner: InMemory,
        kind: ErrorKind,
        reads: AtomicU32,
    }

    #[async_trait]
    impl Artifacts for Unreadable {
        async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
            self.inner.write(name, source).await
        }

        async fn open(&self, _: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            Err(Error::new(self.kind, "cannot be read"))
        }

        async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
            self.inner.delete(name).await
        }

        async fn older_than(
            &self,
            age: Duration,
            after: Option<ArtifactName>,
            limit: usize,
        ) -> Result<Vec<ArtifactName>, Error> {
            self.inner.older_than(age, after, limit).await
        }
    }

    /// Runs a job whose result cannot be read. Returns what waiting for it returns within a minute, and how often the
    /// result was read.
    async fn wait_a_minute(kind: ErrorKind) -> (Option<Result<Output, WaitError>>, u32) {
        let artifacts = Arc::new(Unreadable { inner: InMemory::default(), kind, reads: AtomicU32::new(0) });
        let backend = Backend::new(Arc::new(Memory::default()), artifacts.clone());
        let handle = Client::new(backend.clone()).enqueue(Draw {}).await.unwrap();
        let worker = Worker::new(backend).handle(draw).start().unwrap();
        let mut watch = handle.watch();
        while !watch.next().await.unwrap().state.is_final() {}
        worker.drain().await;
        tokio::time::pause();
        let waited = tokio::time::timeout(Duration::from_secs(60), handle.clone().wait()).await;
        (waited.ok(), artifacts.reads.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn waiting_reads_a_result_again_with_growing_pauses() {
        let (waited, reads) = wait_a_minute(ErrorKind::Unavailable).await;
        assert!(waited.is_none(), "it may be there later");
        assert!((10..30).contains(&reads), "{reads} reads in a minute");
    }

    #[tokio::test]
    async fn waiting_ends_if_a_repeat_cannot_help() {
        let (waited, reads) = wait_a_minute(ErrorKind::Refused).await;
        assert!(matches!(waited, Some(Err(WaitError::Store(e))) if e.kind() == ErrorKind::Refused));
        assert_eq!(reads, 1);
    }
}
