//! The layout of the database: its version, and which programs may write to it. `upgrade.rs` brings older ones to this.
//!
//! A file says which version its layout has (`user_version`), and from which version on programs may write to it
//! (`store.oldest_program`). So a layout that older programs can live with keeps them at work, and one that they cannot live with
//! stops them: each write transaction looks at that number.
//!
//! `sql/names.sql` and `sql/schema.sql` make a new file. A change of them is a new version, with a step from the one before.

use longshore_core::{Clock, Error, ErrorKind};
use rusqlite::Connection;

use crate::{error, upgrade};

/// The version that this program writes.
const VERSION: i64 = 3;
/// The oldest version that this program can upgrade.
const OLDEST: i64 = 1;
/// Marks a database as ours, in SQLite's header: "LShr".
pub(crate) const APPLICATION_ID: i64 = 0x4c53_6872;

/// Refuses a file whose layout this program cannot work with.
pub(crate) fn check(connection: &Connection) -> Result<(), Error> {
    let found = version(connection).map_err(error::of)?;
    let refused = |text| Err(Error::new(ErrorKind::Refused, text));
    if found < OLDEST {
        return refused(format!(
            "its schema has version {found}, older than any that this program can upgrade: upgrade it with an older longshore first"
        ));
    }
    // Whatever else a newer layout changes, it keeps this column.
    if found > VERSION && oldest_program(connection).unwrap_or(found) > VERSION {
        return refused(format!(
            "its schema has version {found}, and this program knows {VERSION}: use a newer longshore"
        ));
    }
    Ok(())
}

/// Refuses to write where a newer program has changed the layout in the meantime. That is no end: once this process is replaced,
/// what it could not write is done by its successor, and until then it keeps what it has.
///
/// Returns how often names were forgotten: numbers of names that were learned before the newest time may be void.
pub(crate) fn check_writer(connection: &Connection) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached("SELECT oldest_program, forgotten FROM store").map_err(error::of)?;
    let (oldest, forgotten): (i64, i64) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error::of)?;
    if oldest > VERSION {
        let text = "the database was upgraded by a newer longshore and takes no writes from this version: restart with the newer one";
        return Err(Error::new(ErrorKind::Unavailable, text));
    }
    Ok(forgotten)
}

/// Makes the layout, or upgrades it, in one transaction; of several processes that start at once, one does it and the others find
/// it done.
pub(crate) fn migrate(connection: &Connection, clock: &Clock) -> Result<(), Error> {
    let found = version(connection).map_err(error::of)?;
    if found >= VERSION {
        return Ok(());
    }
    // Tables are replaced by new ones of the same name: what refers to them is not to notice. Inside a transaction this has no effect.
    let keys: bool = connection.pragma_query_value(None, "foreign_keys", |row| row.get(0)).map_err(error::of)?;
    connection.pragma_update(None, "foreign_keys", false).map_err(error::of)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(error::of)?;
    let made = bring_up(connection, clock).and_then(|()| connection.execute_batch("COMMIT").map_err(error::of));
    if made.is_err() {
        let _ = connection.execute_batch("ROLLBACK"); // the first error is reported
    }
    connection.pragma_update(None, "foreign_keys", keys).map_err(error::of)?;
    made
}

fn bring_up(connection: &Connection, clock: &Clock) -> Result<(), Error> {
    let found = version(connection).map_err(error::of)?;
    if found >= VERSION {
        return Ok(()); // another process was faster
    }
    if found == 0 {
        let sql = concat!(include_str!("../sql/names.sql"), include_str!("../sql/schema.sql"));
        connection.execute_batch(sql).map_err(error::of)?;
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(error::of)?;
    } else {
        upgrade::bring_up(connection, clock, found)?;
        tracing::warn!(
            "the database was upgraded from version {found} to {VERSION}: there is no way back but a backup"
        );
    }
    connection.pragma_update(None, "user_version", VERSION).map_err(error::of)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn oldest_program(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT oldest_program FROM store")?.query_row([], |row| row.get(0))
}
