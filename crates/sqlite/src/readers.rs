//! Connections for reading, which are opened on demand and reused.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use longshore_core::Error;
use rusqlite::Connection;

use crate::file::Location;
use crate::identity::Identity;
use crate::{Options, error, file};

/// The connections for reading of one store.
#[derive(Debug)]
pub(crate) struct Readers {
    location: Location,
    options: Options,
    identity: Arc<Identity>,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Connection>,
    borrowed: usize,
    is_closed: bool,
}

/// A connection in use. Dropping it without [`Borrowed::give_back`] closes the connection.
struct Borrowed<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Readers {
    /// More idle connections than this are closed.
    const KEPT: usize = 4;

    pub(crate) fn new(location: Location, options: Options, identity: Arc<Identity>) -> Self {
        Readers { location, options, identity, pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Reads in a short transaction.
    pub(crate) fn run<T>(&self, mut work: impl FnMut(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        self.with_connection(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let value = work(&snapshot)?;
            snapshot.finish()?;
            Ok(value)
        })
    }

    /// Starts a checkpoint. Returns whether that was not possible because another process is doing one.
    pub(crate) fn others_checkpoint(&self) -> Result<bool, Error> {
        self.with_connection(|connection| {
            let busy = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0));
            // A checkpoint that fails, for example on a full disk, was started.
            Ok(busy.unwrap_or(false))
        })
    }

    /// Closes all connections, and refuses further calls. Waits until then for calls that have begun. Returns whether
    /// all have ended.
    pub(crate) fn close(&self, until: Instant) -> bool {
        let mut pool = self.pool();
        pool.is_closed = true;
        let idle = std::mem::take(&mut pool.idle);
        drop(pool);
        drop(idle);
        let wait = until.saturating_duration_since(Instant::now());
        let pool = self.returned.wait_timeout_while(self.pool(), wait, |pool| pool.borrowed > 0);
        pool.unwrap_or_else(PoisonError::into_inner).0.borrowed == 0
    }

    fn with_connection<T>(&self, mut work: impl FnMut(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let mut borrowed = self.borrow()?;
        // Files that were deleted or replaced must not be read, and a new connection would open other files.
        self.identity.check()?;
        let connection = match borrowed.connection.take() {
            Some(connection) => connection,
            None => file::open_reader(&self.location, &self.options)
                .and_then(|opened| self.identity.check().map(|()| opened))?,
        };
        let value = work(&connection).map_err(error::of)?;
        borrowed.connection = Some(connection);
        borrowed.give_back();
        Ok(value)
    }

    /// Borrows an idle connection, or the right to open one.
    fn borrow(&self) -> Result<Borrowed<'_>, Error> {
        let mut pool = self.pool();
        if pool.is_closed {
            return Err(error::closed());
        }
        pool.borrowed += 1;
        Ok(Borrowed { readers: self, connection: pool.idle.pop() })
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Borrowed<'_> {
    fn give_back(mut self) {
        let mut pool = self.readers.pool();
        if !pool.is_closed && pool.idle.len() < Readers::KEPT {
            pool.idle.extend(self.connection.take());
        }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.connection = None; // it is closed before anybody hears that it was returned
        self.readers.pool().borrowed -= 1;
        self.readers.returned.notify_all();
    }
}
