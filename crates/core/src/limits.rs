//! All limits and defaults. Documentation and error messages take them from here.

use std::time::Duration;

use crate::Error;

/// Declares the constants and the list of them, from which the reference page is generated.
macro_rules! limits {
    ($($(#[doc = $meaning:literal])+ $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[doc = $meaning])+ pub const $name: $type = $value;)+

        /// Returns every limit and default: name, value as text, and meaning. The reference page is generated from it.
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
    /// Most items in one backend call: jobs pushed, renewed, settled or read.
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
    /// Attempts of a job if neither the job nor the worker's policy has a value.
    DEFAULT_ATTEMPTS: u16 = 20;
    /// Time-out of an attempt if neither the job nor the worker's policy has a value.
    DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);
    /// How long a claim lasts without renewal.
    LEASE: Duration = Duration::from_secs(30);
    /// How often a running job's lease is renewed.
    RENEW: Duration = Duration::from_secs(10);
    /// Shortest and longest lease that a worker may request.
    LEASES: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
    /// Shortest lease that keeps jobs with their live workers on a store on a server (Redis, PostgreSQL), where a pause of the server of up to
    /// three seconds is not noticed. A worker with a shorter lease starts with a warning.
    NETWORK_LEASE: Duration = Duration::from_secs(10);
    /// A lease that ends later than this was written by a broken clock and counts as expired. This is far above the
    /// longest lease that may be requested.
    LONGEST_LEASE: Duration = Duration::from_secs(3600);
    /// How often a worker writes its state to the registry of workers.
    WORKER_NOTE: Duration = Duration::from_secs(15);
    /// Age of a worker's entry in the registry after which the worker counts as gone.
    WORKER_ALIVE: Duration = Duration::from_secs(60);
    /// How long the registry keeps the entry of a worker that no longer updates it.
    WORKER_KEPT: Duration = Duration::from_secs(3600);
    /// How long the store keeps an unused queue or kind. A queue is unused from its last push or claim on, if it has no jobs and no
    /// rules. A kind is unused from the last claim of a worker that knows it on, if no job has it.
    UNUSED_KEPT: Duration = Duration::from_secs(24 * 3600);
    /// Most running jobs that a worker's entry in the registry names.
    WORKER_JOBS: usize = 100;
    /// Shortest time between two progress writes of one job.
    PROGRESS_EVERY: Duration = Duration::from_millis(250);
    /// Longest progress message, in bytes; longer ones are cut.
    PROGRESS_BYTES: usize = 200;
    /// Crashes after which a job is dead.
    CRASHES: u16 = 3;
    /// Delay before a job that was lost to two crashes runs again. It then runs isolated: its worker runs nothing else.
    CRASH_BACKOFF: Duration = Duration::from_secs(30);
    /// Delay after the first attempt that ended in an outage. It doubles with each further outage.
    OUTAGE_BACKOFF: Duration = Duration::from_secs(5);
    /// Shortest delay after an attempt that ended in an outage, even if the handler requests less. An outage costs no
    /// attempt, so this prevents an endless tight loop.
    SHORTEST_OUTAGE_BACKOFF: Duration = Duration::from_secs(1);
    /// Longest delay after an attempt that ended in an outage, unless the handler requests another one.
    LONGEST_OUTAGE_BACKOFF: Duration = Duration::from_secs(300);
    /// How long all attempts of a job may end in outages before the job is dead.
    OUTAGE: Duration = Duration::from_secs(24 * 3600);
    /// Largest result in bytes that is stored in the job's row. Larger and binary results become artifacts.
    INLINE_RESULT_BYTES: usize = 64 * 1024;
    /// Largest result, in bytes.
    RESULT_BYTES: usize = 64 * 1024 * 1024;
    /// Chunk size in bytes for writing and reading large results.
    ARTIFACT_CHUNK_BYTES: usize = 256 * 1024;
    /// Number of failures kept for one job: the newest.
    FAILURES_KEPT: usize = 20;
    /// Largest log of one attempt, in bytes. Older lines are dropped.
    LOG_BYTES: usize = 64 * 1024;
    /// Longest log line, in bytes; longer ones are cut.
    LOG_LINE_BYTES: usize = 2 * 1024;
    /// How often the log of a running job is written, if there are new lines.
    LOG_EVERY: Duration = Duration::from_secs(2);
    /// Longest failure message, in bytes; longer ones are cut.
    FAILURE_BYTES: usize = 4 * 1024;
    /// How long succeeded and cancelled jobs are kept.
    KEEP_FINISHED: Duration = Duration::from_secs(24 * 3600);
    /// How long dead jobs are kept.
    KEEP_DEAD: Duration = Duration::from_secs(7 * 24 * 3600);
    /// How long a job waits whose kind no live worker knows, before it is dead.
    UNKNOWN_KIND: Duration = Duration::from_secs(24 * 3600);
    /// How long an idempotency key is kept, unless its job is kept longer.
    IDEMPOTENCY: Duration = Duration::from_secs(24 * 3600);
    /// Age at which an artifact without a job is an orphan.
    ORPHAN_AGE: Duration = Duration::from_secs(2 * 24 * 3600);
    /// Most rows that one part of one upkeep call changes.
    UPKEEP_ROWS: usize = 500;
    /// Rows that a filtered list reads before it returns a page and a cursor.
    LIST_SCAN: usize = 5_000;
    /// How long a draining worker waits for running handlers.
    GRACE: Duration = Duration::from_secs(25);
    /// How long all slots of a worker may be held by handlers that do not return after their attempts have ended,
    /// before the worker ends.
    STUCK: Duration = Duration::from_secs(30);
    /// How long a cancelled or timed-out handler may take to return before it is dropped.
    CANCEL_GRACE: Duration = Duration::from_secs(2);
}

/// Checks the length of a requested lease.
pub(crate) fn check_lease(lease: Duration) -> Result<(), Error> {
    if !LEASES.contains(&lease) {
        return Err(Error::invalid(format!("lease {lease:?} is out of range: use 1 second to 10 minutes")));
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
            "# Limits and defaults\n\nFixed limits, and defaults of settings. Settings are in [configuration.md](configuration.md), \
             the limits of the\nHTTP server in [http.md](http.md). This page is generated from the code.\n\n| name | value | means |\n|---|---|---|\n",
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
