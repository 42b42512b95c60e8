//! The workers that are alive, and how to ask for them.

use longshore_core::{JobId, Kind, QueueName, Timestamp, WorkerId, WorkerNote, WorkerSeen};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::{page_limit, parsed};
use crate::{Job, WrongField, schema, text};

/// What `GET /v1/workers` answers: a page of the workers that were seen in the last hour, in the order of their ids.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Workers {
    /// The workers.
    pub workers: Vec<Worker>,
    /// What to send as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// A worker as it noted itself last.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// Its id.
    pub id: String,
    /// Whether it noted itself within the last minute.
    pub alive: bool,
    /// The name of its machine.
    pub host: String,
    /// The id of its process there.
    pub pid: u32,
    /// The version of longshore that it runs.
    pub version: String,
    /// The queues that it works on.
    pub queues: Vec<String>,
    /// The kinds that it has handlers for.
    pub kinds: Vec<String>,
    /// How many jobs it runs at a time, at most.
    pub slots: usize,
    /// How many jobs it runs.
    pub running: usize,
    /// The ids of jobs that it runs, at most 100 of them.
    pub jobs: Vec<String>,
    /// Slots that are held by handlers which go on although their attempts are over.
    pub stuck: usize,
    /// Whether it claims no more: it is quiet, or about to end.
    pub quiet: bool,
    /// When it noted itself first.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub since: Timestamp,
    /// When it noted itself last, every 15 seconds.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub seen: Timestamp,
}

impl Worker {
    /// Makes the answer about a worker, given the store's time.
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

    /// Returns whether it takes jobs of that queue and kind.
    pub fn serves(&self, job: &Job) -> bool {
        self.alive && !self.quiet && self.queues.contains(&job.queue) && self.kinds.contains(&job.kind)
    }
}

impl Workers {
    /// Makes a page.
    pub fn of(workers: Vec<WorkerSeen>, limit: usize, now: Timestamp) -> Self {
        let next = workers.last().filter(|_| workers.len() == limit).map(|last| last.id.to_string());
        Workers { workers: workers.into_iter().map(|worker| Worker::of(worker, now)).collect(), next }
    }

    /// Says why nobody takes a job that is ready, where that is the workers: `None` where one of them would.
    ///
    /// These must be all workers, not a page of them.
    pub fn nobody_for(&self, job: &Job) -> Option<String> {
        if self.workers.iter().any(|worker| worker.serves(job)) {
            return None;
        }
        let alive: Vec<_> = self.workers.iter().filter(|worker| worker.alive).collect();
        Some(if alive.is_empty() {
            "no worker is alive".to_owned()
        } else if !alive.iter().any(|worker| worker.queues.contains(&job.queue)) {
            format!("no live worker works on queue `{}`", job.queue)
        } else if !alive.iter().any(|worker| worker.kinds.contains(&job.kind)) {
            format!("no live worker knows kind `{}`", job.kind)
        } else {
            format!("no live worker takes jobs of kind `{}` from queue `{}` now", job.kind, job.queue)
        })
    }
}

/// The query of `GET /v1/workers`, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkersQuery {
    /// Goes on where an earlier page ended: its `next`.
    pub after: Option<String>,
    /// Most workers, from 1 to 200. Defaults to 50.
    pub limit: Option<String>,
}

impl WorkersQuery {
    /// Returns which part of the list is asked for.
    ///
    /// # Errors
    ///
    /// Names the first parameter that is wrong.
    pub fn parse(&self) -> Result<(Option<WorkerId>, usize), WrongField> {
        let WorkersQuery { after, limit } = self;
        Ok((parsed("after", after)?, page_limit(limit)?))
    }
}
