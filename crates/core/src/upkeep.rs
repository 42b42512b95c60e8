//! Upkeep: on by default in every process that works or serves, bounded, jittered, one task per backend and process.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::{ArtifactName, Backend};

/// How often expired leases, missed deadlines and old jobs are looked for, give or take a fifth.
const EVERY: Duration = Duration::from_secs(5);
/// The pause between two pieces of upkeep while there is more to do, so that producers and workers get their turns.
const BREATH: Duration = Duration::from_millis(20);
/// A pause that took so much longer than it should means that this process, or the machine, stood still.
const OVERSLEPT: Duration = Duration::from_secs(3);
/// How often artifacts are searched for orphans, give or take a fifth.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Runs upkeep for as long as it is held.
#[derive(Debug)]
pub struct Running {
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The one upkeep task that the workers and servers of a process share.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<Weak<Running>>);

impl Shared {
    pub(crate) fn start(&self, backend: impl FnOnce() -> Backend) -> Arc<Running> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A task that has ended belonged to a runtime that is gone.
        shared.upgrade().filter(|running| !running.task.is_finished()).unwrap_or_else(|| {
            let running = Arc::new(Running { task: tokio::spawn(keep_up(backend())) });
            *shared = Arc::downgrade(&running);
            running
        })
    }
}

async fn keep_up(backend: Backend) {
    backend.bear_with_others();
    let mut sweep = Sweep { at: Instant::now() + SWEEP_EVERY.mul_f64(fastrand::f64()), after: None };
    loop {
        let more = match backend.upkeep().await {
            Ok(kept) => kept.more,
            Err(e) => {
                tracing::warn!(error = %e, "upkeep failed; will try again");
                false
            }
        };
        let more = sweep.step(&backend).await || more;
        let pause = if more { BREATH } else { jittered(EVERY) };
        let began = Instant::now();
        tokio::time::sleep(pause).await;
        if began.elapsed() > pause + OVERSLEPT {
            backend.bear_with_others(); // whatever kept us from running may have kept others from renewing
        }
    }
}

/// The search for orphans, a page a turn, so that it never holds up a rescue.
struct Sweep {
    at: Instant,
    after: Option<ArtifactName>,
}

impl Sweep {
    /// Looks at one page, where it is time; returns whether there are more.
    async fn step(&mut self, backend: &Backend) -> bool {
        if Instant::now() < self.at {
            return false;
        }
        self.after = backend.sweep_artifacts(self.after).await.unwrap_or_else(|e| {
            tracing::warn!(error = %e, "cannot sweep artifacts; will try again");
            None
        });
        if self.after.is_none() {
            self.at = Instant::now() + jittered(SWEEP_EVERY);
        }
        self.after.is_some()
    }
}

fn jittered(around: Duration) -> Duration {
    around.mul_f64(0.8 + 0.4 * fastrand::f64())
}
