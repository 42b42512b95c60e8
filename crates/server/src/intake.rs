//! How much is taken over at a time: the pushes in flight, and the depth of queues.
//!
//! Who comes while the store is busy with as many pushes as allowed hears so at once: a short line that moves is worth more
//! than a long one in which every caller's patience ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use longshore_core::{Backend, Error, NewJob, Pushed, QueueName, QueueStats, State, store::whole};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::Config;
use crate::problem::{Code, Problem};

/// How long counted depths are believed; what we push meanwhile is added to them.
const FRESH: Duration = Duration::from_millis(250);
/// Queues of one push that are counted at a time.
const COUNTED: usize = 8;

/// Takes jobs over, within bounds.
#[derive(Debug)]
pub(crate) struct Intake {
    pushes: Arc<Semaphore>,
    allowed: usize,
    depth: Option<Depth>,
}

/// How deep a queue may be, and how deep those are that were pushed to lately.
#[derive(Debug)]
struct Depth {
    allowed: u64,
    known: Mutex<HashMap<QueueName, Known>>,
}

/// How many jobs of a queue wait, and when they were counted.
#[derive(Debug)]
struct Known {
    at: Instant,
    waiting: u64,
}

impl Intake {
    pub(crate) fn new(config: &Config) -> Self {
        let depth = config.queue_depth.map(|allowed| Depth { allowed, known: Mutex::default() });
        Intake { pushes: Arc::new(Semaphore::new(config.pushes)), allowed: config.pushes, depth }
    }

    /// Pushes one job; as [`Intake::push`].
    pub(crate) async fn push_one(&self, backend: &Backend, job: NewJob) -> Result<Pushed, Problem> {
        Ok(self.push(backend, vec![job]).await?.pop().expect("one job has one answer"))
    }

    /// Pushes jobs; or says why not now, or that some of them could not be pushed, and whether others may have been.
    pub(crate) async fn push(&self, backend: &Backend, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Problem> {
        let permit = Arc::clone(&self.pushes).try_acquire_owned().map_err(|_| {
            let detail = format!("{} pushes are under way, as many as allowed; nothing was taken over", self.allowed);
            Problem::new(Code::TooBusy, detail).retry_after_about(1)
        })?;
        if let Some(depth) = &self.depth {
            depth.admit(backend, &jobs).await?;
        }
        // A push goes on when its caller goes away, so its permit goes with it.
        let backend = backend.clone();
        let pushing = tokio::spawn(async move {
            let pushed = backend.push(jobs).await;
            drop(permit);
            pushed
        });
        let pushed = pushing.await.map_err(|e| Problem::new(Code::Internal, format!("the push broke off: {e}")))?;
        Ok(whole(pushed?)?)
    }
}

impl Depth {
    async fn admit(&self, backend: &Backend, jobs: &[NewJob]) -> Result<(), Problem> {
        let mut more: HashMap<&QueueName, u64> = HashMap::new();
        for job in jobs {
            *more.entry(&job.queue).or_default() += 1;
        }
        let mut known = self.known.lock().await;
        known.retain(|_, known| known.at.elapsed() < FRESH);
        let unknown: Vec<QueueName> =
            more.keys().filter(|queue| !known.contains_key(**queue)).map(|queue| (*queue).clone()).collect();
        let at = Instant::now();
        let waiting = |stats: QueueStats| stats.count(State::Scheduled) + stats.count(State::Ready);
        let counts = stream::iter(unknown).map(|queue| async move {
            let stats = backend.queue(queue.clone()).await?;
            Ok::<_, Error>((queue, Known { at, waiting: stats.map_or(0, waiting) }))
        });
        known.extend(counts.buffer_unordered(COUNTED).try_collect::<Vec<_>>().await?);
        for (queue, more) in &more {
            let waiting = known.get(*queue).map_or(0, |known| known.waiting);
            if waiting + more > self.allowed {
                let detail = format!(
                    "{waiting} jobs wait in queue `{queue}`, which may hold {}; nothing was taken over",
                    self.allowed
                );
                return Err(Problem::new(Code::QueueFull, detail).retry_after_about(5));
            }
        }
        for (queue, more) in more {
            if let Some(known) = known.get_mut(queue) {
                known.waiting += more;
            }
        }
        Ok(())
    }
}
