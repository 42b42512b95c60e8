//! Upkeep tasks: on by default in every worker and server process, limited, jittered, and one per backend and process.
//!
//! Design: docs/design/upkeep.md

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::warnings::Warnings;
use crate::{ArtifactName, Backend};

/// How often to look for expired leases, missed deadlines and old jobs, plus or minus a fifth.
const EVERY: Duration = Duration::from_secs(5);
/// The pause between two upkeep calls while there is more to do, so that producers and workers can proceed.
const PAUSE: Duration = Duration::from_millis(20);
/// A pause that took this much longer than planned means that the process or the machine was suspended.
const SUSPENDED: Duration = Duration::from_secs(3);
/// How often to search for orphaned artifacts, plus or minus a fifth.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// A running upkeep task. Dropping it ends the task.
#[derive(Debug)]
pub struct Running {
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The upkeep task that the workers and servers of a process share.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<Weak<Running>>);

impl Shared {
    pub(crate) fn start(&self, backend: impl FnOnce() -> Backend) -> Arc<Running> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A task that has ended belonged to a runtime that has shut down.
        shared.upgrade().filter(|running| !running.task.is_finished()).unwrap_or_else(|| {
            let running = Arc::new(Running { task: tokio::spawn(start_upkeep(backend())) });
            *shared = Arc::downgrade(&running);
            running
        })
    }
}

async fn start_upkeep(backend: Backend) {
    backend.delay_rescues();
    let mut warnings = Warnings::default();
    let mut sweep = Sweep { at: Instant::now() + SWEEP_EVERY.mul_f64(fastrand::f64()), after: None };
    loop {
        let (more, again) = match backend.upkeep_if_elected().await {
            Ok(kept) => {
                for failure in kept.failed.iter().filter(|failure| warnings.is_due(failure.part, Instant::now())) {
                    tracing::warn!(
                        part = failure.part,
                        error = failure.message,
                        "a part of upkeep failed; will try again"
                    );
                }
                (kept.more, kept.again)
            }
            Err(e) => {
                if warnings.is_due("all", Instant::now()) {
                    tracing::warn!(error = %e, "upkeep failed; will try again");
                }
                (false, None)
            }
        };
        let more = sweep.step(&backend).await || more;
        let pause = if more { PAUSE } else { again.unwrap_or(EVERY).min(jittered(EVERY)) };
        let began = Instant::now();
        tokio::time::sleep(pause).await;
        if began.elapsed() > pause + SUSPENDED {
            backend.delay_rescues(); // the cause may have delayed renewals of other processes
        }
    }
}

/// The search for orphaned artifacts. It reads one page at a time, so that it never delays a rescue.
struct Sweep {
    at: Instant,
    after: Option<ArtifactName>,
}

impl Sweep {
    /// Checks one page, if it is time. Returns whether there are more pages.
    async fn step(&mut self, backend: &Backend) -> bool {
        if Instant::now() < self.at {
            return false;
        }
        self.after = backend.sweep_artifacts(self.after).await.unwrap_or_else(|e| {
            tracing::warn!(error = %e, "cannot search for orphaned artifacts; will try again");
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
