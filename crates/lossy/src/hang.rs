//! A sync that hangs as long as a test wants.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The kind of file whose sync hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// The write-ahead log: a commit, which holds the lock for writing.
    Log,
    /// The database itself: a checkpoint, during which others may write.
    Database,
}

/// A sync that hangs or is going to hang. Dropping this lets it continue.
#[derive(Debug)]
#[must_use = "dropping this ends the hang"]
pub struct Hang {
    gate: Arc<Gate>,
}

impl Hang {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Hang { gate }
    }

    /// Blocks until the sync hangs.
    pub fn wait(&self) {
        self.gate.wait_for(|state| state.arrived);
    }

    /// Lets the sync continue.
    pub fn end(self) {}
}

impl Drop for Hang {
    fn drop(&mut self) {
        self.gate.change(|state| state.open = true);
    }
}

/// The place where a sync waits.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: bool,
    open: bool,
}

impl Gate {
    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        self.change(|state| state.arrived = true);
        self.wait_for(|state| state.open);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait_for(&self, wanted: impl Fn(&State) -> bool) {
        let waited = self.changed.wait_while(self.lock(), |state| !wanted(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}
