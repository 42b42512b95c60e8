//! The limit of open files: as high as the system allows for this process, and as before for commands.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// The highest limit that is set. No process needs more, and some systems allow billions.
const HIGHEST: u64 = 1 << 20;
/// How many descriptors a worker needs beside those of its jobs.
const BASE: u64 = 64;
/// How many descriptors a command needs while it starts: its pipes, and what is needed to end it.
const PER_JOB: u64 = 16;

/// Raises the soft limit of open files as far as the hard limit allows. Commands get the limit that was set before,
/// because some programs do not work with a high one. Warns if the limit is too low for the jobs of this worker.
pub fn raise(config: &mut Config) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(before) = current else { return }; // it is unlimited
    let highest = maximum.unwrap_or(HIGHEST).min(HIGHEST);
    let mut limit = before;
    if before < highest && setrlimit(Resource::Nofile, Rlimit { current: Some(highest), maximum }).is_ok() {
        limit = highest;
        config.kinds.iter_mut().for_each(|kind| kind.command.open_files = Some(before));
    }
    let slots = config.concurrency as u64;
    let needed = BASE + PER_JOB * slots;
    if !config.kinds.is_empty() && limit < needed {
        tracing::warn!(
            limit,
            "{slots} commands at a time need up to {needed} open files, but the limit is {limit}; jobs will wait when there are no more: \
             raise the limit (`ulimit -Hn`, systemd's `LimitNOFILE`), or lower `worker.concurrency`"
        );
    }
}
