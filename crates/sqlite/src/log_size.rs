//! Keeps the log `FILE-wal` small.
//!
//! After about 1,000 changed pages, SQLite copies the log into the database. It can begin the log again from its start only
//! when nobody reads from it. If the reads of several processes overlap all the time, somebody always does, and the log
//! grows. So when the log is large, the writer copies all of it and holds the lock for writing until the present reads
//! have ended. Reads that begin meanwhile find everything in the database and do not use the log.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::file;
use crate::identity::Identity;

/// A log with more bytes than this is emptied.
pub(crate) const LARGEST: u64 = 64 << 20;
/// How long writers wait for reads to end.
const WAIT: Duration = Duration::from_millis(200);
/// The time between two tries, so that a long read, such as a backup, does not hold up writers all the time.
const TRY_EVERY: Duration = Duration::from_secs(2);

/// The limit on the log, as the writer of one process sees it.
#[derive(Debug)]
pub(crate) struct LogSize {
    largest: u64,
    not_before: Option<Instant>,
}

impl LogSize {
    pub(crate) fn new(largest: u64) -> Self {
        LogSize { largest, not_before: None }
    }

    /// Empties the log if it is too large. It is called after a commit. If a read does not end in time, the log stays, and
    /// a later call tries again.
    pub(crate) fn limit(&mut self, connection: &Connection, identity: &Identity) {
        if identity.log_bytes().is_none_or(|bytes| bytes <= self.largest)
            || self.not_before.is_some_and(|at| Instant::now() < at)
        {
            return;
        }
        let truncate = || connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        let is_busy = file::with_patience(WAIT, truncate).unwrap_or_else(|e| {
            tracing::debug!(error = %e, "cannot empty the log of the database; will try again");
            true
        });
        self.not_before = is_busy.then(|| Instant::now() + TRY_EVERY);
    }
}
