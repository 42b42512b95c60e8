//! The registry of workers: who is alive, and what each does.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, JobId, Kind, QueueName, Timestamp, WorkerId, limits};

/// Which workers are alive.
///
/// A worker notes itself when it starts, every [`WORKER_NOTE`](limits::WORKER_NOTE) and when it ends. The registry is for people and supervisors: no lease depends on
/// it. Stores keep the text and the time, and upkeep deletes what was not seen for [`WORKER_KEPT`](limits::WORKER_KEPT).
#[async_trait]
pub trait Workers: Send + Sync + 'static {
    /// Notes that a worker is alive and what it does; replaces what it noted before.
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error>;

    /// Forgets a worker that has ended.
    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error>;

    /// Returns up to `limit` workers, in the order of their ids, from the first one after `after`.
    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error>;
}

/// What a worker says of itself.
///
/// # Examples
///
/// ```
/// use longshore_core::WorkerNote;
///
/// let mut note = WorkerNote::of_this_process();
/// note.slots = 10;
/// assert_eq!(WorkerNote::from_text(&note.to_text()), note);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerNote {
    /// The name of its machine.
    pub host: String,
    /// The id of its process there.
    pub pid: u32,
    /// The version of longshore that it runs.
    pub version: String,
    /// The queues that it works on.
    pub queues: Vec<QueueName>,
    /// The kinds that it has handlers for.
    pub kinds: Vec<Kind>,
    /// How many jobs it runs at a time, at most.
    pub slots: usize,
    /// Jobs that it runs; at most [`WORKER_JOBS`](limits::WORKER_JOBS) of them are named.
    pub jobs: Vec<JobId>,
    /// How many jobs it runs.
    pub running: usize,
    /// Slots that are held by handlers which go on although their attempts are over.
    pub stuck: usize,
    /// Whether it claims no more: it is quiet, or about to end.
    pub quiet: bool,
}

/// A worker as the store has seen it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerSeen {
    /// Its id.
    pub id: WorkerId,
    /// When it noted itself first.
    pub since: Timestamp,
    /// When it noted itself last.
    pub seen: Timestamp,
    /// What it said.
    pub note: WorkerNote,
}

impl WorkerSeen {
    /// Makes what is known of a worker: its id, when it noted itself first and last, and what it said then.
    pub fn new(id: WorkerId, since: Timestamp, seen: Timestamp, note: WorkerNote) -> Self {
        WorkerSeen { id, since, seen, note }
    }
}

impl WorkerSeen {
    /// Returns whether it has noted itself lately enough to be alive at `now`, by the store's clock.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now.since(self.seen) < limits::WORKER_ALIVE
    }
}

#[derive(Serialize, Deserialize)]
struct Text {
    host: String,
    pid: u32,
    version: String,
    queues: Vec<String>,
    kinds: Vec<String>,
    slots: usize,
    jobs: Vec<String>,
    running: usize,
    #[serde(default)]
    stuck: usize,
    #[serde(default)]
    quiet: bool,
}

impl WorkerNote {
    /// Says where this process runs and which version it is; the rest is empty.
    pub fn of_this_process() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        WorkerNote { host, pid: std::process::id(), version, ..WorkerNote::default() }
    }

    /// Returns the text to keep: a JSON object.
    pub fn to_text(&self) -> String {
        let WorkerNote { host, pid, version, queues, kinds, slots, jobs, running, stuck, quiet } = self.clone();
        let text = Text {
            host,
            pid,
            version,
            queues: queues.iter().map(ToString::to_string).collect(),
            kinds: kinds.iter().map(ToString::to_string).collect(),
            slots,
            jobs: jobs.iter().take(limits::WORKER_JOBS).map(ToString::to_string).collect(),
            running,
            stuck,
            quiet,
        };
        serde_json::to_string(&text).expect("strings and numbers are always JSON")
    }

    /// Takes back what a store has kept. What makes no sense is left out; a note that is no note at all is empty, so that people still see the worker.
    pub fn from_text(text: &str) -> Self {
        let Ok(Text { host, pid, version, queues, kinds, slots, jobs, running, stuck, quiet }) =
            serde_json::from_str(text)
        else {
            return WorkerNote::default();
        };
        WorkerNote {
            host,
            pid,
            version,
            queues: queues.iter().filter_map(|name| name.parse().ok()).collect(),
            kinds: kinds.iter().filter_map(|kind| kind.parse().ok()).collect(),
            slots,
            jobs: jobs.iter().filter_map(|id| id.parse().ok()).collect(),
            running,
            stuck,
            quiet,
        }
    }
}
