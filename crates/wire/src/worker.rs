//! The workers, and the query for them.

use longshore_core::{JobId, Kind, QueueName, Timestamp, WorkerId, WorkerNote, WorkerSeen};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::{page_limit, parsed};
use crate::{Job, WrongField, schema, text};

/// The answer of `GET /v1/workers`: a page of the workers that reported within the last hour, sorted by id.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Workers {
    /// The workers.
    pub workers: Vec<Worker>,
    /// The value of `after` for the next page. Null on the last page.
    pub next: Option<String>,
}

/// A worker, as it reported itself last.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// The worker's id.
    pub id: String,
    /// Whether the worker reported within the last minute.
    pub alive: bool,
    /// The name of its machine.
    pub host: String,
    /// The id of its process on that machine.
    pub pid: u32,
    /// The version of longshore that it runs.
    pub version: String,
    /// The queues that it claims jobs from.
    pub queues: Vec<String>,
    /// The kinds that it has handlers for.
    pub kinds: Vec<String>,
    /// The maximum number of jobs that it runs at a time.
    pub slots: usize,
    /// The number of jobs that it runs now.
    pub running: usize,
    /// The ids of the jobs that it runs, at most 100.
    pub jobs: Vec<String>,
    /// The number of slots that are occupied by handlers which continue although their attempts have ended.
    pub stuck: usize,
    /// Whether it claims no more jobs: it is quiet or shutting down.
    pub quiet: bool,
    /// When it reported first.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub since: Timestamp,
    /// When it reported last. Workers report every 15 seconds.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub seen: Timestamp,
}

impl Worker {
    /// Converts a worker. `now` is the store's time.
    pub fn of(worker: WorkerSeen, now: Timestamp) -> Self {
        let alive = worker.is_alive(now);
        let WorkerSeen { id, since, seen, note, .. } = worker;
        let WorkerNote { host, pid, version, queues, kinds, slots, jobs, running, stuck, quiet, .. } = note;
        Worker {
            id: id.to_string(),
            alive,
            host,
            pid,
            version,
            queues: queues.iter().map(QueueName::to_string).collect(),
            kinds: kinds.iter().map(Kind::to_string).collect(),
            slots,
            running,
            jobs: jobs.iter().map(JobId::to_string).collect(),
            stuck,
            quiet,
            since,
            seen,
        }
    }

    /// Returns whether the worker runs jobs of this job's queue and kind.
    pub fn serves(&self, job: &Job) -> bool {
        self.alive && !self.quiet && self.queues.contains(&job.queue) && self.kinds.contains(&job.kind)
    }
}

impl Workers {
    /// Creates a page.
    pub fn of(workers: Vec<WorkerSeen>, limit: usize, now: Timestamp) -> Self {
        let next = workers.last().filter(|_| workers.len() == limit).map(|last| last.id.to_string());
        Workers { workers: workers.into_iter().map(|worker| Worker::of(worker, now)).collect(), next }
    }

    /// Returns why no worker claims a ready job, or `None` if a worker can claim it.
    ///
    /// `self` must contain all workers, not one page of them.
    pub fn why_unclaimed(&self, job: &Job) -> Option<String> {
        if self.workers.iter().any(|worker| worker.serves(job)) {
            return None;
        }
        let alive: Vec<_> = self.workers.iter().filter(|worker| worker.alive).collect();
        Some(if alive.is_empty() {
            "no worker is alive".to_owned()
        } else if !alive.iter().any(|worker| worker.queues.contains(&job.queue)) {
            format!("no live worker claims jobs from queue `{}`", job.queue)
        } else if !alive.iter().any(|worker| worker.kinds.contains(&job.kind)) {
            format!("no live worker has a handler for kind `{}`", job.kind)
        } else {
            format!("no live worker claims jobs of kind `{}` from queue `{}` at the moment", job.kind, job.queue)
        })
    }
}

/// The query of `GET /v1/workers`, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkersQuery {
    /// Continues after the previous page: the value of its `next`.
    pub after: Option<String>,
    /// The maximum number of workers, from 1 to 200. Defaults to 50.
    pub limit: Option<String>,
}

impl WorkersQuery {
    /// Returns the part of the list that the query asks for.
    ///
    /// # Errors
    ///
    /// The error names the first invalid parameter.
    pub fn parse(&self) -> Result<(Option<WorkerId>, usize), WrongField> {
        let WorkersQuery { after, limit } = self;
        Ok((parsed("after", after)?, page_limit(limit)?))
    }
}
