//! Upkeep: on by default in every process that works or serves, bounded, jittered, one task per backend and process.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::{Backend, Kept};

/// How often expired leases, missed deadlines and old jobs are looked for, give or take a fifth.
const EVERY: Duration = Duration::from_secs(5);
/// The pause between two pieces of upkeep while there is more to do, so that producers and workers get their turns.
const BREATH: Duration = Duration::from_millis(20);
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
        shared.upgrade().unwrap_or_else(|| {
            let running = Arc::new(Running { task: tokio::spawn(keep_up(backend())) });
            *shared = Arc::downgrade(&running);
            running
        })
    }
}

async fn keep_up(backend: Backend) {
    let mut sweep_at = Instant::now() + jittered(SWEEP_EVERY).mul_f64(fastrand::f64());
    loop {
        match backend.upkeep().await {
            Ok(Kept { more: true, .. }) => tokio::time::sleep(BREATH).await,
            Ok(_) => tokio::time::sleep(jittered(EVERY)).await,
            Err(e) => {
                tracing::warn!(error = %e, "upkeep failed; will try again");
                tokio::time::sleep(jittered(EVERY)).await;
            }
        }
        if Instant::now() >= sweep_at {
            sweep(&backend).await;
            sweep_at = Instant::now() + jittered(SWEEP_EVERY);
        }
    }
}

async fn sweep(backend: &Backend) {
    let mut after = None;
    loop {
        match backend.sweep_artifacts(after).await {
            Ok(None) => return,
            Ok(next) => after = next,
            Err(e) => return tracing::warn!(error = %e, "cannot sweep artifacts; will try again"),
        }
        tokio::time::sleep(BREATH).await;
    }
}

fn jittered(around: Duration) -> Duration {
    around.mul_f64(0.8 + 0.4 * fastrand::f64())
}
