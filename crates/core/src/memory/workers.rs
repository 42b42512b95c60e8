//! Workers as claims know them, and the registry of live workers.

use std::ops::Range;

use async_trait::async_trait;

use super::Memory;
use crate::{Error, Nonce, WorkerId, WorkerNote, WorkerSeen, Workers};

/// The newest claim of a worker that returned jobs.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) nonce: Nonce,
    pub(super) tokens: Range<u64>,
    pub(super) released: bool,
}

impl Worker {
    /// Returns a worker whose claims are refused.
    pub(super) fn released() -> Self {
        Worker { nonce: Nonce::new(), tokens: 0..0, released: true }
    }
}

#[async_trait]
impl Workers for Memory {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        let now = self.now();
        let mut tables = self.tables();
        let since = tables.seen.get(&id).map_or(now, |worker| worker.since);
        tables.seen.insert(id, WorkerSeen { id, since, seen: now, note });
        Ok(())
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.tables().seen.remove(&id);
        Ok(())
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        let tables = self.tables();
        let workers = tables.seen.values().filter(|worker| after.is_none_or(|after| worker.id > after));
        Ok(workers.take(limit).cloned().collect())
    }
}
