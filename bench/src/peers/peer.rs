//! The other job systems: how each is installed and run, and what it guarantees.

use std::thread::available_parallelism;

use serde_json::{Map, Value, json};

use crate::store::Engine;

/// Another job system, with the script that runs it.
pub struct Peer {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name as its authors write it.
    pub title: &'static str,
    pub engine: Engine,
    pub package: Package,
    /// The files that it is run from. The first one is the script.
    pub files: &'static [(&'static str, &'static str)],
    /// The number of jobs that its worker runs at once.
    pub concurrency: fn() -> usize,
    /// The meaning of that number.
    pub slots: &'static str,
    /// Options that are not defaults.
    pub options: fn() -> Map<String, Value>,
    /// The guarantees that differ from longshore's.
    pub promises: &'static str,
}

/// The source of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// npm, with `package-lock.json`.
    Npm,
    /// PyPI, with `requirements.txt`.
    Pip,
    /// Debian, with the name of a package.
    Apt(&'static str),
}

impl Package {
    /// Returns the file that contains the versions, if the bench has one.
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

const BULLMQ_PROMISES: &str = "a job is locked while it runs, and runs again if its worker is gone; one attempt unless more \
                               are requested; finished jobs are kept with their results";

/// BullMQ on Redis, which some goals are relative to.
pub const BULLMQ_NAME: &str = "bullmq";

/// The name of longshore.
pub const OUR_NAME: &str = "longshore";

/// All systems, in the order in which they are measured.
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
        promises: "the free version removes a job from its list before it runs: a killed worker loses its running jobs; \
                   finished jobs and results are not kept",
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
        promises: "a job is acknowledged before it runs: a killed worker loses its running jobs, and jobs that it had fetched \
                   ahead wait for an hour; no retry unless the job requests it; finished jobs are not kept, \
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
        promises: "the jobs of a killed worker wait for 4 hours; finished jobs are deleted, results are not kept",
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
        promises: "the jobs of a killed worker, including those fetched ahead, wait for 4 hours; finished jobs are deleted, \
                   results are not kept",
    },
];

/// Longshore's guarantees, for the same table.
pub const OURS: &str = "a job is leased while it runs, and runs again within 45 seconds if its worker is gone; failures are \
                        retried; a worker that lost a job cannot settle it; finished jobs are kept with their results";

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
