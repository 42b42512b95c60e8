//! The registry of workers: which workers are alive, and what each does.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, JobId, Kind, QueueName, Timestamp, WorkerId, limits};

/// The registry of live workers.
///
/// A worker writes its entry when it starts, every [`WORKER_NOTE`](limits::WORKER_NOTE) and when it ends. The registry
/// is for people and supervisors; no lease depends on it. Stores keep the text and the time. Upkeep deletes entries
/// that were not updated for [`WORKER_KEPT`](limits::WORKER_KEPT).
#[async_trait]
pub trait Workers: Send + Sync + 'static {
    /// Writes the entry of a live worker. Replaces its earlier entry.
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error>;

    /// Removes a worker that has ended.
    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error>;

    /// Returns up to `limit` workers, sorted by id, starting after `after`.
    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error>;
}

/// A worker's description of itself.
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
    /// The host name of its machine.
    pub host: String,
    /// The id of its process.
    pub pid: u32,
    /// The version of longshore that it runs.
    pub version: String,
    /// The queues that it claims from.
    pub queues: Vec<QueueName>,
    /// The kinds that it has handlers for.
    pub kinds: Vec<Kind>,
    /// The most jobs that it runs at a time.
    pub slots: usize,
    /// The ids of running jobs; at most [`WORKER_JOBS`](limits::WORKER_JOBS).
    pub jobs: Vec<JobId>,
    /// The number of running jobs.
    pub running: usize,
    /// Slots held by handlers that have not returned although their attempts have ended.
    pub stuck: usize,
    /// Whether it claims no more jobs: it is quiet or shuts down.
    pub quiet: bool,
}

/// A worker's entry in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerSeen {
    /// Its id.
    pub id: WorkerId,
    /// When its entry was first written.
    pub since: Timestamp,
    /// When its entry was last updated.
    pub seen: Timestamp,
    /// The worker's description of itself.
    pub note: WorkerNote,
}

impl WorkerSeen {
    /// Creates an entry: the worker's id, when its entry was first written and last updated, and its description.
    pub fn new(id: WorkerId, since: Timestamp, seen: Timestamp, note: WorkerNote) -> Self {
        WorkerSeen { id, since, seen, note }
    }
}

impl WorkerSeen {
    /// Returns whether the entry is recent enough at `now`, by the store's clock, for the worker to count as alive.
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
    /// Returns a note with the host, the process and the version of this process. All other fields are empty.
    pub fn of_this_process() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        WorkerNote { host, pid: std::process::id(), version, ..WorkerNote::default() }
    }

    /// Returns the text to store: a JSON object.
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

    /// Reads a note from the store's text. Invalid parts are left out. If the whole text is invalid, the note is empty,
    /// so that people still see the worker.
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
