//! The systems that we measure ourselves against: how each is installed and run, and what it promises.

use std::thread::available_parallelism;

use serde_json::{Map, Value, json};

use crate::store::Engine;

/// Another system, with a script of ours that runs it.
pub struct Peer {
    /// Its name on our command line.
    pub name: &'static str,
    /// Its name as its makers write it.
    pub title: &'static str,
    pub engine: Engine,
    pub package: Package,
    /// The files that it is run from; the first one is the script.
    pub files: &'static [(&'static str, &'static str)],
    /// How many jobs its worker runs at once where there is one worker.
    pub concurrency: fn() -> usize,
    /// What that number is made of.
    pub slots: &'static str,
    /// What is not its default.
    pub options: fn() -> Map<String, Value>,
    /// What it promises or leaves out that we do not, or the other way round.
    pub promises: &'static str,
}

/// Where a system comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// npm, by `package-lock.json`.
    Npm,
    /// PyPI, by `requirements.txt`.
    Pip,
    /// Debian: the name of a package.
    Apt(&'static str),
}

impl Package {
    /// Returns the file that says which versions are installed, if it is one of ours.
    pub fn lock(self) -> Option<&'static str> {
        match self {
            Package::Npm => Some("package-lock.json"),
            Package::Pip => Some("requirements.txt"),
            Package::Apt(_) => None,
        }
    }
}

const BULLMQ: &[(&str, &str)] = &[
    ("bullmq.mjs", include_str!("../../peers/bullmq/bullmq.mjs")),
    ("roles.mjs", include_str!("../../peers/roles.mjs")),
    ("package.json", include_str!("../../peers/bullmq/package.json")),
    ("package-lock.json", include_str!("../../peers/bullmq/package-lock.json")),
];

const GRAPHILE_WORKER: &[(&str, &str)] = &[
    ("graphile-worker.mjs", include_str!("../../peers/graphile-worker/graphile-worker.mjs")),
    ("roles.mjs", include_str!("../../peers/roles.mjs")),
    ("package.json", include_str!("../../peers/graphile-worker/package.json")),
    ("package-lock.json", include_str!("../../peers/graphile-worker/package-lock.json")),
];

const BULLMQ_PROMISES: &str = "a job is locked while it runs, and runs again when its worker is gone; one attempt where no more \
                               are asked for; finished jobs are kept with their results";

/// The one on Redis, which some of our goals are relative to.
pub const BULLMQ_NAME: &str = "bullmq";

/// Ourselves.
pub const OUR_NAME: &str = "longshore";

/// All of them, in the order in which they are measured.
pub const PEERS: &[Peer] = &[
    Peer {
        name: BULLMQ_NAME,
        title: "BullMQ",
        engine: Engine::Redis,
        package: Package::Npm,
        files: BULLMQ,
        concurrency: || 100,
        slots: "at once in one Node process",
        options: Map::new,
        promises: BULLMQ_PROMISES,
    },
    Peer {
        name: "sidekiq",
        title: "Sidekiq",
        engine: Engine::Redis,
        package: Package::Apt("ruby-sidekiq"),
        files: &[("sidekiq.rb", include_str!("../../peers/sidekiq/sidekiq.rb"))],
        concurrency: || 10,
        slots: "threads in one Ruby process, its default",
        options: Map::new,
        promises: "the free version's fetch takes a job off the list before it runs: a worker that is killed loses what it ran; \
                   finished jobs leave nothing, results are not kept",
    },
    Peer {
        name: "celery",
        title: "Celery",
        engine: Engine::Redis,
        package: Package::Pip,
        files: &[
            ("bench_celery.py", include_str!("../../peers/celery/bench_celery.py")),
            ("requirements.txt", include_str!("../../peers/celery/requirements.txt")),
        ],
        concurrency: || available_parallelism().map_or(2, usize::from),
        slots: "processes of one worker, a core each, its default",
        options: Map::new,
        promises: "a job is acknowledged before it runs: a worker that is killed loses what it ran, and what it had fetched \
                   ahead waits for an hour; no retry where the job does not ask for it; finished jobs leave nothing, \
                   the result backend is off by default",
    },
    Peer {
        name: "bullmq-postgres",
        title: "BullMQ",
        engine: Engine::Postgres,
        package: Package::Npm,
        files: BULLMQ,
        concurrency: || 100,
        slots: "at once in one Node process",
        options: Map::new,
        promises: BULLMQ_PROMISES,
    },
    Peer {
        name: "graphile-worker",
        title: "graphile-worker",
        engine: Engine::Postgres,
        package: Package::Npm,
        files: GRAPHILE_WORKER,
        concurrency: || 24,
        slots: "at once in one Node process",
        options: Map::new,
        promises: "the jobs of a worker that is killed wait for 4 hours; finished jobs are deleted, results are not kept",
    },
    Peer {
        name: "graphile-worker-batched",
        title: "graphile-worker in batches",
        engine: Engine::Postgres,
        package: Package::Npm,
        files: GRAPHILE_WORKER,
        concurrency: || 24,
        slots: "at once in one Node process, 500 fetched ahead, completed in batches",
        options: || Map::from_iter([("batched".to_owned(), json!(true))]),
        promises: "the jobs of a worker that is killed, those fetched ahead included, wait for 4 hours; finished jobs are deleted, \
                   results are not kept",
    },
];

/// What we promise, for the same table.
pub const OURS: &str = "a job is leased while it runs, and runs again when its worker is gone, within 45 seconds; failures are \
                        retried; who lost a job cannot settle it; finished jobs are kept with their results";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_its_lock() {
        for peer in PEERS {
            let has = |name: &str| peer.files.iter().any(|(file, _)| *file == name);
            assert!(peer.package.lock().is_none_or(has), "{}", peer.name);
        }
    }
}
