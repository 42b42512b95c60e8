//! Limits on accepting jobs: concurrent pushes, and the number of waiting jobs per queue.
//!
//! If the maximum number of pushes already waits for the store, a further push is refused immediately. A short queue of
//! requests is better than a long one in which all callers time out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use longshore_core::{Answers, Backend, Error, NewJob, Pushed, QueueName, QueueStats, State};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::Config;
use crate::problem::{Code, Problem};

/// How long counted jobs are used. Jobs that this server pushes meanwhile are added.
const FRESH: Duration = Duration::from_millis(250);
/// The maximum number of queues of one push that are counted at a time.
const COUNTED: usize = 8;

/// Accepts jobs, within limits.
#[derive(Debug)]
pub(crate) struct Intake {
    pushes: Arc<Semaphore>,
    allowed: usize,
    depth: Option<Depth>,
}

/// The maximum number of waiting jobs in a queue, and the known numbers of recently used queues.
#[derive(Debug)]
struct Depth {
    allowed: u64,
    known: Mutex<HashMap<QueueName, Known>>,
}

/// The number of waiting jobs in a queue, and when they were counted.
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

    /// Pushes one job, as [`Intake::push`].
    pub(crate) async fn push_one(&self, backend: &Backend, job: NewJob) -> Result<Pushed, Problem> {
        Ok(self.push(backend, vec![job]).await?.pop().expect("one job has one answer")?)
    }

    /// Pushes jobs. Returns an answer for each of them, in order: some may be pushed while others are not.
    ///
    /// # Errors
    ///
    /// If a limit is reached. Then no job was pushed.
    pub(crate) async fn push(&self, backend: &Backend, jobs: Vec<NewJob>) -> Result<Answers<Pushed>, Problem> {
        let permit = Arc::clone(&self.pushes).try_acquire_owned().map_err(|_| {
            let detail = format!("the maximum of {} pushes is running; no job was accepted", self.allowed);
            Problem::new(Code::TooBusy, detail).retry_after_about(1)
        })?;
        if let Some(depth) = &self.depth {
            depth.admit(backend, &jobs).await?;
        }
        // A push continues when its caller goes away, so it keeps its permit.
        let backend = backend.clone();
        let pushing = tokio::spawn(async move {
            let pushed = backend.push(jobs).await;
            drop(permit);
            pushed
        });
        let pushed = pushing.await.map_err(|e| Problem::new(Code::Internal, format!("the push failed: {e}")))?;
        Ok(pushed?)
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
                    "queue `{queue}` has {waiting} waiting jobs and allows {}; no job was accepted",
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
