//! Closing a database: the last process that does so leaves everything in the one file.
//!
//! Commits are in the log `FILE-wal` until a checkpoint copies them into the file. When SQLite closes the last connection
//! to a database, it does a checkpoint and deletes the log. But if two processes close at the same moment, each finds
//! the other one still there, and neither does it. So a process that has written does a checkpoint before it closes. The
//! last one of these has all commits of all others before it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use longshore_core::{Error, ErrorKind};
use rusqlite::Connection;

use crate::error;
use crate::identity::Identity;
use crate::readers::Readers;
use crate::writer::Writer;

/// How long to wait for everything that must end before the database is closed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for another process that does a checkpoint. If it takes longer, it still runs, and closes later.
const OTHERS_CHECKPOINT: Duration = Duration::from_secs(2);

/// Closes all connections: first those for reading, because SQLite copies the log only if nobody reads from it.
pub(crate) fn close_all(readers: Option<&Readers>, writer: &Writer) -> Result<(), Error> {
    let until = Instant::now() + PATIENCE;
    let all_read = readers.is_none_or(|readers| readers.close(until));
    writer.close(until)?;
    match all_read {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Unavailable, "some reads did not end in time")),
    }
}

/// Closes the writer's connection.
pub(crate) fn close(connection: Connection, identity: &Identity) -> Result<(), Error> {
    let _ = connection.execute_batch("PRAGMA optimize"); // statistics for the next start; optional
    // If the file was moved, another process may use it under its new name with another log. Then the log that is open
    // here must not be copied into it. SQLite also refuses to.
    identity.check()?;
    let copied = if connection.total_changes() > 0 { checkpoint(&connection) } else { Ok(()) };
    connection.close().map_err(|(_, e)| error::of(e))?;
    copied
}

/// Copies the log into the database as far as others permit.
fn checkpoint(connection: &Connection) -> Result<(), Error> {
    let until = Instant::now() + OTHERS_CHECKPOINT;
    loop {
        let busy = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, bool>(0));
        if !busy.map_err(error::of)? || Instant::now() >= until {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// How closing ended, once it has.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    result: Mutex<Option<Result<(), Error>>>,
    changed: Condvar,
}

/// Reports how closing ended. If it is dropped before, the thread has panicked.
pub(crate) struct Report(Arc<Closed>);

impl Closed {
    /// Returns what the closing thread must hold until its end.
    pub(crate) fn at_the_end(self: &Arc<Self>) -> Report {
        Report(Arc::clone(self))
    }

    /// Waits until closing has ended, and returns how.
    pub(crate) fn wait(&self, until: Instant) -> Result<(), Error> {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(result, wait, |result| result.is_none());
        match &*waited.unwrap_or_else(PoisonError::into_inner).0 {
            Some(Ok(())) => Ok(()),
            Some(Err(e)) => Err(e.shared()),
            None => Err(Error::new(ErrorKind::Unavailable, "the last writes to the database did not end in time")),
        }
    }

    fn set(&self, ended: Result<(), Error>) {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(ended);
        self.changed.notify_all();
    }
}

impl Report {
    pub(crate) fn with(self, ended: Result<(), Error>) {
        self.0.set(ended);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.0.set(Err(Error::new(ErrorKind::Corrupt, "bug in longshore: the writer thread panicked")));
    }
}
