//! Upkeep: on by default in every process that works or serves, bounded, jittered, one task per backend and process.
//!
//! Design: docs/design/upkeep.md

use std::collections::BTreeMap;
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
/// How often the log says that the same part fails.
const WARN_EVERY: Duration = Duration::from_secs(60);

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
        let pause = if more { BREATH } else { again.unwrap_or(EVERY).min(jittered(EVERY)) };
        let began = Instant::now();
        tokio::time::sleep(pause).await;
        if began.elapsed() > pause + OVERSLEPT {
            backend.bear_with_others(); // whatever kept us from running may have kept others from renewing
        }
    }
}

/// When the log last said that a part failed, so that a part which always fails does not fill the log.
#[derive(Debug, Default)]
struct Warnings(BTreeMap<&'static str, Instant>);

impl Warnings {
    /// Returns whether it is time to say that the part failed, and notes that it was said.
    fn is_due(&mut self, part: &'static str, now: Instant) -> bool {
        let is_due = self.0.get(part).is_none_or(|said| now.duration_since(*said) >= WARN_EVERY);
        if is_due {
            self.0.insert(part, now);
        }
        is_due
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_that_always_fails_is_logged_once_a_minute() {
        let (mut warnings, start) = (Warnings::default(), Instant::now());
        let said = (0..180).filter(|second| warnings.is_due("prune", start + Duration::from_secs(*second)));
        assert_eq!(said.collect::<Vec<_>>(), [0, 60, 120]);
        assert!(warnings.is_due("rescue", start), "each part has its own turn");
    }
}
