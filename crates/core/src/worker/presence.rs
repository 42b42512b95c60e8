//! A worker's note in the registry, for people: that it is alive, and what it does.

use std::time::Instant;

use tokio::task::JoinHandle;

use crate::{Backend, WorkerId, WorkerNote, limits};

/// When the worker is noted next, and its note on the way.
#[derive(Debug)]
pub(super) struct Presence {
    at: Instant,
    /// The registry forgets the worker only after it.
    noting: Option<JoinHandle<()>>,
}

impl Presence {
    pub(super) fn new() -> Self {
        Presence { at: Instant::now(), noting: None }
    }

    /// Returns when the worker is to be noted next.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// Asks for a note at once: people see without delay what has changed.
    pub(super) fn hurry(&mut self) {
        self.at = Instant::now();
    }

    /// Writes a note, in a task of its own.
    pub(super) fn note(&mut self, backend: Backend, worker: WorkerId, note: WorkerNote) {
        self.at = Instant::now() + limits::WORKER_NOTE;
        self.noting = Some(tokio::spawn(async move {
            if let Err(e) = backend.note_worker(worker, note).await {
                tracing::debug!(%worker, error = %e, "cannot note the worker in the registry; will try again");
            }
        }));
    }

    /// Takes the worker out of the registry, after its note that is on its way.
    pub(super) fn forget(
        &mut self,
        backend: Backend,
        worker: WorkerId,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let noting = self.noting.take();
        async move {
            if let Some(noting) = noting {
                let _ = noting.await; // one that panicked noted nothing
            }
            if let Err(e) = backend.forget_worker(worker).await {
                tracing::debug!(%worker, error = %e, "the registry forgets the worker by itself, later");
            }
        }
    }
}
