//! A worker's entry in the registry, for people: that it is alive, and what it does.

use std::time::Instant;

use tokio::task::JoinHandle;

use crate::{Backend, WorkerId, WorkerNote, limits};

/// When the entry is written next, and the running write.
#[derive(Debug)]
pub(super) struct Presence {
    at: Instant,
    /// The running write. The entry is removed only after it.
    noting: Option<JoinHandle<()>>,
}

impl Presence {
    pub(super) fn new() -> Self {
        Presence { at: Instant::now(), noting: None }
    }

    /// Returns when the entry is written next.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Requests to write the entry at once, so that people see a change without delay.
    pub(super) fn request_now(&mut self) {
        self.at = Instant::now();
    }

    /// Writes the entry, in its own task.
    pub(super) fn note(&mut self, backend: Backend, worker: WorkerId, note: WorkerNote) {
        self.at = Instant::now() + limits::WORKER_NOTE;
        self.noting = Some(tokio::spawn(async move {
            if let Err(e) = backend.note_worker(worker, note).await {
                tracing::debug!(%worker, error = %e, "cannot update the worker registry; will try again");
            }
        }));
    }

    /// Removes the worker from the registry, after a running write of its entry.
    pub(super) fn forget(
        &mut self,
        backend: Backend,
        worker: WorkerId,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let noting = self.noting.take();
        async move {
            if let Some(noting) = noting {
                let _ = noting.await; // a panic in it wrote nothing
            }
            if let Err(e) = backend.forget_worker(worker).await {
                tracing::debug!(%worker, error = %e, "cannot remove the worker from the registry; its entry expires by itself");
            }
        }
    }
}
