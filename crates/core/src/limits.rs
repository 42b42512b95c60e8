//! Every bound and default in one place; docs and error messages quote them from here.

use std::time::Duration;

/// Largest payload of one job, in bytes of JSON text.
pub const PAYLOAD_BYTES: usize = 256 * 1024;
/// Deepest nesting of arrays and objects in a payload.
pub const PAYLOAD_DEPTH: usize = 64;
/// Most items in one call to a backend: jobs pushed, renewed, settled or read.
pub const BATCH: usize = 1_000;
/// Most rows on one page of a list.
pub const PAGE: usize = 200;
/// Longest queue name or kind, in bytes.
pub const NAME_BYTES: usize = 64;
/// Longest key, unique key, reuse key, alias or tag, in bytes.
pub const LABEL_BYTES: usize = 200;
/// Most tags on one job.
pub const TAGS: usize = 16;
/// Lowest and highest priority; the default is 0 and higher runs first.
pub const PRIORITIES: std::ops::RangeInclusive<i16> = -100..=100;
/// Most attempts a job may ask for.
pub const ATTEMPTS: u16 = 1_000;
/// Longest time-out of one attempt.
pub const TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// Farthest a job may be scheduled ahead, and the longest unique or reuse period.
pub const AHEAD: Duration = Duration::from_secs(5 * 366 * 24 * 3600);

/// Attempts of a job whose kind says nothing else.
pub const DEFAULT_ATTEMPTS: u16 = 20;
/// Time-out of an attempt whose kind says nothing else.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long a claim holds a job without being renewed.
pub const LEASE: Duration = Duration::from_secs(30);
/// How often a running job's lease is renewed.
pub const RENEW: Duration = Duration::from_secs(10);
/// A lease that ends farther ahead than this was written by a broken clock and counts as expired.
pub const LONGEST_LEASE: Duration = Duration::from_secs(3600);
/// Shortest time between two progress writes of one job.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Longest progress message, in bytes; longer ones are cut.
pub const PROGRESS_BYTES: usize = 200;

/// Crashes after which a job is dead.
pub const CRASHES: u16 = 3;
/// Wait before a job that was lost to a crash twice runs again, alone in its worker.
pub const CRASH_BACKOFF: Duration = Duration::from_secs(30);

/// Largest result that is kept in the job's row, in bytes; larger and binary ones become artifacts.
pub const INLINE_RESULT_BYTES: usize = 64 * 1024;
/// Largest result of all, in bytes.
pub const RESULT_BYTES: usize = 64 * 1024 * 1024;
/// Failures kept for one job: the newest.
pub const FAILURES_KEPT: usize = 20;
/// Longest message kept of one failure, in bytes; longer ones are cut.
pub const FAILURE_BYTES: usize = 4 * 1024;

/// How long succeeded and cancelled jobs are kept.
pub const KEEP_FINISHED: Duration = Duration::from_secs(24 * 3600);
/// How long dead jobs are kept.
pub const KEEP_DEAD: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a job of a kind that no live worker knows waits until it is dead.
pub const UNKNOWN_KIND: Duration = Duration::from_secs(24 * 3600);
/// How long an idempotency key is kept, where its job is not kept longer.
pub const IDEMPOTENCY: Duration = Duration::from_secs(24 * 3600);
/// Age from which an artifact that no job points at is an orphan.
pub const ORPHAN_AGE: Duration = Duration::from_secs(2 * 24 * 3600);

/// Most rows one part of one upkeep call touches.
pub const UPKEEP_ROWS: usize = 500;
/// Rows a filtered list looks at before it hands back what it has with a cursor to go on from.
pub const LIST_SCAN: usize = 5_000;

/// How long a draining worker waits for running handlers.
pub const GRACE: Duration = Duration::from_secs(25);
/// How long a cancelled or timed-out handler may take to notice before it is dropped.
pub const CANCEL_GRACE: Duration = Duration::from_secs(2);
