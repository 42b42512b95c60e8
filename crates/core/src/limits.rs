//! Every bound and default in one place; docs and error messages quote them from here.

use std::time::Duration;

use crate::Error;

/// Declares the constants, and the list of them that the reference page is made of.
macro_rules! limits {
    ($($(#[doc = $meaning:literal])+ $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[doc = $meaning])+ pub const $name: $type = $value;)+

        /// Every bound and default: its name, its value as text, and what it means. For the reference page.
        pub fn all() -> Vec<(&'static str, String, &'static str)> {
            vec![$((stringify!($name), format!("{:?}", $name), concat!($($meaning),+).trim_ascii())),+]
        }
    };
}

limits! {
    /// Largest payload of one job, in bytes of JSON text.
    PAYLOAD_BYTES: usize = 256 * 1024;
    /// Deepest nesting of arrays and objects in a payload.
    PAYLOAD_DEPTH: usize = 64;
    /// Most items in one call to a backend: jobs pushed, renewed, settled or read.
    BATCH: usize = 1_000;
    /// Most rows on one page of a list.
    PAGE: usize = 200;
    /// Longest queue name or kind, in bytes.
    NAME_BYTES: usize = 64;
    /// Longest key, unique key, reuse key, alias or tag, in bytes.
    LABEL_BYTES: usize = 200;
    /// Most tags on one job.
    TAGS: usize = 16;
    /// Lowest and highest priority; the default is 0 and higher runs first.
    PRIORITIES: std::ops::RangeInclusive<i16> = -100..=100;
    /// Most attempts a job may ask for.
    ATTEMPTS: u16 = 1_000;
    /// Longest time-out of one attempt.
    TIMEOUT: Duration = Duration::from_secs(24 * 3600);
    /// Farthest a job may be scheduled ahead, and the longest unique or reuse period.
    AHEAD: Duration = Duration::from_secs(5 * 366 * 24 * 3600);
    /// Attempts of a job whose kind says nothing else.
    DEFAULT_ATTEMPTS: u16 = 20;
    /// Time-out of an attempt whose kind says nothing else.
    DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
    /// How long a claim holds a job without being renewed.
    LEASE: Duration = Duration::from_secs(30);
    /// How often a running job's lease is renewed.
    RENEW: Duration = Duration::from_secs(10);
    /// Shortest and longest lease that a worker may ask for.
    LEASES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
    /// A lease that ends farther ahead than this was written by a broken clock and counts as expired. Well above the longest lease that may be asked for.
    LONGEST_LEASE: Duration = Duration::from_secs(3600);
    /// How often a worker notes in the store that it is alive, and what it does.
    WORKER_NOTE: Duration = Duration::from_secs(15);
    /// A worker that has not noted itself for this long counts as gone.
    WORKER_ALIVE: Duration = Duration::from_secs(60);
    /// How long the store remembers a worker that does not note itself any more.
    WORKER_KEPT: Duration = Duration::from_secs(3600);
    /// How long a store remembers a queue that has no jobs and no rules, after the last push to it and the last claim from it; and a kind that no job has, after a worker last looked for it.
    UNUSED_KEPT: Duration = Duration::from_secs(24 * 3600);
    /// Most jobs that a worker names when it notes what it does.
    WORKER_JOBS: usize = 100;
    /// Shortest time between two progress writes of one job.
    PROGRESS_EVERY: Duration = Duration::from_millis(250);
    /// Longest progress message, in bytes; longer ones are cut.
    PROGRESS_BYTES: usize = 200;
    /// Crashes after which a job is dead.
    CRASHES: u16 = 3;
    /// Wait before a job that was lost to a crash twice runs again, isolated: its worker runs nothing else.
    CRASH_BACKOFF: Duration = Duration::from_secs(30);
    /// Wait after the first attempt that ended in an outage; it doubles with each further one.
    OUTAGE_BACKOFF: Duration = Duration::from_secs(5);
    /// Shortest wait after an attempt that ended in an outage, whatever the handler asks for: it costs no attempt, and would otherwise go on for ever in a tight loop.
    SHORTEST_OUTAGE_BACKOFF: Duration = Duration::from_secs(1);
    /// Longest wait after an attempt that ended in an outage, unless the handler asks for another.
    LONGEST_OUTAGE_BACKOFF: Duration = Duration::from_secs(300);
    /// How long a job's attempts may all end in outages until it is dead.
    OUTAGE: Duration = Duration::from_secs(24 * 3600);
    /// Largest result that is kept in the job's row, in bytes; larger and binary ones become artifacts.
    INLINE_RESULT_BYTES: usize = 64 * 1024;
    /// Largest result of all, in bytes.
    RESULT_BYTES: usize = 64 * 1024 * 1024;
    /// Bytes of a large result that go to its place, or come from there, at a time.
    ARTIFACT_CHUNK_BYTES: usize = 256 * 1024;
    /// Failures kept for one job: the newest.
    FAILURES_KEPT: usize = 20;
    /// Most that is kept of the log of one attempt, in bytes: its end.
    LOG_BYTES: usize = 64 * 1024;
    /// Longest line of a log, in bytes; longer ones are cut.
    LOG_LINE_BYTES: usize = 2 * 1024;
    /// How often the log of a running job is written, where there is something new.
    LOG_EVERY: Duration = Duration::from_secs(2);
    /// Longest message kept of one failure, in bytes; longer ones are cut.
    FAILURE_BYTES: usize = 4 * 1024;
    /// How long succeeded and cancelled jobs are kept.
    KEEP_FINISHED: Duration = Duration::from_secs(24 * 3600);
    /// How long dead jobs are kept.
    KEEP_DEAD: Duration = Duration::from_secs(7 * 24 * 3600);
    /// How long a job of a kind that no live worker knows waits until it is dead.
    UNKNOWN_KIND: Duration = Duration::from_secs(24 * 3600);
    /// How long an idempotency key is kept, where its job is not kept longer.
    IDEMPOTENCY: Duration = Duration::from_secs(24 * 3600);
    /// Age from which an artifact that no job points at is an orphan.
    ORPHAN_AGE: Duration = Duration::from_secs(2 * 24 * 3600);
    /// Most rows one part of one upkeep call touches.
    UPKEEP_ROWS: usize = 500;
    /// Rows a filtered list looks at before it hands back what it has with a cursor to go on from.
    LIST_SCAN: usize = 5_000;
    /// How long a draining worker waits for running handlers.
    GRACE: Duration = Duration::from_secs(25);
    /// How long every slot of a worker may be held by handlers that do not return although their attempts are over, until the worker ends.
    STUCK: Duration = Duration::from_secs(30);
    /// How long a cancelled or timed-out handler may take to notice before it is dropped.
    CANCEL_GRACE: Duration = Duration::from_secs(2);
}

/// Checks the length of a lease that is asked for.
pub(crate) fn check_lease(lease: Duration) -> Result<(), Error> {
    if !LEASES.contains(&lease) {
        return Err(Error::invalid(format!("a lease of {lease:?} is not within 1 second and 10 minutes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_lease_that_may_be_asked_for_counts_as_written_by_a_broken_clock() {
        assert!(super::LEASES.contains(&super::LEASE));
        assert!(*super::LEASES.end() * 2 < super::LONGEST_LEASE);
    }

    #[test]
    fn the_page_of_all_limits_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        let mut page = String::from(
            "# Bounds and defaults\n\nWhat cannot be configured, or is the default of what can: see [configuration.md](configuration.md) \
             and the HTTP server's\nbounds in [http.md](http.md). This page is generated from the code.\n\n| name | value | means |\n|---|---|---|\n",
        );
        for (name, value, meaning) in super::all() {
            page += &format!("| `{name}` | {value} | {meaning} |\n");
        }
        if std::env::var_os("LONGSHORE_UPDATE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == page, "docs/limits.md is stale: run the tests once with LONGSHORE_UPDATE_DOCS=1");
    }
}
