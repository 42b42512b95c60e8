//! Hooks: functions that a worker calls for failed and dead jobs.

use std::fmt;
use std::sync::Arc;

use crate::observer::{Event, Failed, Observer};
use crate::{Backend, WorkerId};

type Wanted = fn(&Failed) -> bool;
type Hook = Box<dyn Fn(&Failed) + Send + Sync>;

/// The hooks of a worker that does not run yet.
#[derive(Default)]
pub(super) struct Hooks(Vec<(Wanted, Hook)>);

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hooks({})", self.0.len())
    }
}

impl Hooks {
    pub(super) fn add(&mut self, wanted: Wanted, hook: impl Fn(&Failed) + Send + Sync + 'static) {
        self.0.push((wanted, Box::new(hook)));
    }

    /// Starts to call the hooks, while the returned value is held.
    pub(super) fn start(self, backend: &Backend, worker: WorkerId) -> Started {
        let observers = self.0.into_iter().map(|(wanted, hook)| {
            let observer: Arc<dyn Observer> = Arc::new(Calls { worker, wanted, hook });
            backend.observers().add(Arc::clone(&observer));
            observer
        });
        Started { observers: observers.collect(), backend: backend.clone() }
    }
}

/// Active hooks. Dropping it ends the calls.
pub(super) struct Started {
    observers: Vec<Arc<dyn Observer>>,
    backend: Backend,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.observers.iter().for_each(|observer| self.backend.observers().remove(observer));
    }
}

/// Calls one hook. Jobs of other workers on the same backend belong to the hooks of those workers.
struct Calls {
    worker: WorkerId,
    wanted: Wanted,
    hook: Hook,
}

impl Observer for Calls {
    fn observe(&self, event: Event<'_>) {
        if matches!(event, Event::Finished { worker, .. } if worker != self.worker) {
            return;
        }
        if let Some(failed) = Failed::of(event).filter(self.wanted) {
            (self.hook)(&failed);
        }
    }
}
