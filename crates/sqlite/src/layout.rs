//! The layout of the database: its version, and which programs may write to it. `upgrade.rs` upgrades older layouts.
//!
//! A file contains the version of its layout (`user_version`) and the oldest version whose programs may write to it
//! (`store.oldest_program`). So a compatible new layout lets older programs continue, and an incompatible one stops
//! them: each write transaction reads that number.
//!
//! `sql/names.sql` and `sql/schema.sql` create a new file. A change of them is a new version with an upgrade step from
//! the previous one.

use longshore_core::{Clock, Error, ErrorKind};
use rusqlite::Connection;

use crate::{error, upgrade};

/// The version that this program writes.
const VERSION: i64 = 3;
/// The oldest version that this program can upgrade.
const OLDEST: i64 = 1;
/// The application id of our databases in SQLite's header: "LShr".
pub(crate) const APPLICATION_ID: i64 = 0x4c53_6872;

/// Refuses a file whose layout this program cannot use.
pub(crate) fn check(connection: &Connection) -> Result<(), Error> {
    let found = version(connection).map_err(error::of)?;
    let refused = |text| Err(Error::new(ErrorKind::Refused, text));
    if found < OLDEST {
        return refused(format!(
            "schema version {found} is too old for this program: upgrade it with an older longshore version first"
        ));
    }
    // Every newer layout keeps this column.
    if found > VERSION && oldest_program(connection).unwrap_or(found) > VERSION {
        return refused(format!(
            "schema version {found} is newer than version {VERSION} of this program: use a newer longshore version"
        ));
    }
    Ok(())
}

/// Refuses to write if a newer program has upgraded the layout meanwhile. The process continues to run: its successor
/// does the writes that it could not do.
///
/// Returns how often names were removed. Numbers of names that were read before the last removal may be invalid.
pub(crate) fn check_writer(connection: &Connection) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached("SELECT oldest_program, forgotten FROM store").map_err(error::of)?;
    let (oldest, forgotten): (i64, i64) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error::of)?;
    if oldest > VERSION {
        let text = "a newer longshore version upgraded the database, and this version may not write to it: restart with the newer version";
        return Err(Error::new(ErrorKind::Unavailable, text));
    }
    Ok(forgotten)
}

/// Creates or upgrades the layout in one transaction. If several processes start at once, one does it and the others
/// find it done.
pub(crate) fn migrate(connection: &Connection, clock: &Clock) -> Result<(), Error> {
    let found = version(connection).map_err(error::of)?;
    if found >= VERSION {
        return Ok(());
    }
    // Tables are replaced by new ones with the same name, and references to them must stay. This setting has no effect
    // inside a transaction.
    let keys: bool = connection.pragma_query_value(None, "foreign_keys", |row| row.get(0)).map_err(error::of)?;
    connection.pragma_update(None, "foreign_keys", false).map_err(error::of)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(error::of)?;
    let made = upgrade(connection, clock).and_then(|()| connection.execute_batch("COMMIT").map_err(error::of));
    if made.is_err() {
        let _ = connection.execute_batch("ROLLBACK"); // the first error is reported
    }
    connection.pragma_update(None, "foreign_keys", keys).map_err(error::of)?;
    made
}

fn upgrade(connection: &Connection, clock: &Clock) -> Result<(), Error> {
    let found = version(connection).map_err(error::of)?;
    if found >= VERSION {
        return Ok(()); // another process was faster
    }
    if found == 0 {
        let sql = concat!(include_str!("../sql/names.sql"), include_str!("../sql/schema.sql"));
        connection.execute_batch(sql).map_err(error::of)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(error::of)?;
    } else {
        upgrade::upgrade(connection, clock, found)?;
        tracing::warn!("upgraded the database from version {found} to {VERSION}; only a backup can undo this");
    }
    connection.pragma_update(None, "user_version", VERSION).map_err(error::of)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn oldest_program(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT oldest_program FROM store")?.query_row([], |row| row.get(0))
}
