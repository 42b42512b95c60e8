//! The layout of the database: its version, which programs may write to it, and how an older one is brought to this.
//!
//! A file says which version its layout has (`user_version`), and from which version on programs may write to it
//! (`store.oldest_program`). So a layout that older programs can live with keeps them at work, and one that they cannot live with
//! stops them: each write transaction looks at that number.
//!
//! `sql/schema.sql` makes version 2, for new files and for those of version 1. Whoever makes a version 3 adds a step here, and
//! keeps the present `schema.sql` for the first.

use longshore_core::{Clock, Error, ErrorKind};
use rusqlite::Connection;

use crate::error;

/// The version that this program writes.
const VERSION: i64 = 2;
/// The oldest version that this program can upgrade.
const OLDEST: i64 = 1;
/// Marks a database as ours, in SQLite's header: "LShr".
pub(crate) const APPLICATION_ID: i64 = 0x4c53_6872;
/// A worker of version 1 that looked for jobs so lately may still be there.
const ALIVE_MS: i64 = 180_000;

/// Refuses a file whose layout this program cannot work with.
pub(crate) fn check(connection: &Connection) -> Result<(), Error> {
    let found = version(connection).map_err(error::of)?;
    let refused = |text| Err(Error::new(ErrorKind::Refused, text));
    if found < OLDEST {
        return refused(format!(
            "its schema has version {found}, older than any that this program can upgrade: upgrade it with an older longshore first"
        ));
    }
    if found == VERSION && !has_column(connection, "store", "forgotten").map_err(error::of)? {
        return refused(
            "an unreleased build of longshore made it, with an earlier form of this layout: name another file"
                .to_owned(),
        );
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
        let _ = connection.execute_batch("ROLLBACK"); // the first error is the one to tell
    }
    connection.pragma_update(None, "foreign_keys", keys).map_err(error::of)?;
    made
}

fn bring_up(connection: &Connection, clock: &Clock) -> Result<(), Error> {
    let run = |sql: &str| connection.execute_batch(sql).map_err(error::of);
    match version(connection).map_err(error::of)? {
        0 => {
            run(include_str!("../sql/schema.sql"))?;
            connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(error::of)?;
        }
        1 => {
            check_unused(connection, clock)?;
            let own = own_parts(connection)?;
            run(include_str!("../sql/upgrade/001_aside.sql"))?;
            run(include_str!("../sql/schema.sql"))?;
            run(include_str!("../sql/upgrade/001_to_002.sql"))?;
            for (name, sql) in own {
                run(&sql).map_err(|e| {
                    let text = format!("`{name}` of your own does not fit the tables of version 2 ({e}): drop it, and start this program again");
                    Error::new(ErrorKind::Refused, text).caused_by(e)
                })?;
            }
            tracing::warn!("the database was upgraded from version 1 to 2: there is no way back but a backup");
        }
        _ => return Ok(()), // another process was faster
    }
    connection.pragma_update(None, "user_version", VERSION).map_err(error::of)
}

/// The tables of version 1 and their columns.
const TABLES_OF_1: [(&str, &str); 9] = [
    ("store", "only last_claim"),
    (
        "queue",
        "id name workers_since workers_seen paused_since paused_until paused_reason paused_by scheduled ready running succeeded dead \
         cancelled",
    ),
    ("kind", "id name seen"),
    ("worker", "id nonce first_claim last_claim released seen"),
    (
        "job",
        "seq id queue kind state rank run_at created_at attempt max_attempts crashes interruptions cancel_asked version timeout_ms payload \
         deadline key tags alias unique_key unique_scope reuse_key reuse_ms worker token_number token_bits lease_boot lease_until \
         settled_number settled_bits started_at finished_at keep_until progress reason result_type result artifact artifact_bytes",
    ),
    ("unique_key", "queue key seq until"),
    ("idempotency", "queue key fingerprint job instead until"),
    ("log", "seq text"),
    ("failure", "seq n at attempt worker message"),
];

/// Returns what the application has made on tables of version 1 that are made anew, triggers and indexes, each with its statement.
///
/// # Errors
///
/// If a table has a column that is none of ours: it would be lost.
fn own_parts(connection: &Connection) -> Result<Vec<(String, String)>, Error> {
    let aside = include_str!("../sql/upgrade/001_aside.sql"); // drops each index of ours
    let mut own = Vec::new();
    for (table, columns) in TABLES_OF_1 {
        let mut found = connection.prepare("SELECT name FROM pragma_table_xinfo(?1)").map_err(error::of)?;
        let found: Vec<String> =
            found.query_map([table], |row| row.get(0)).and_then(Iterator::collect).map_err(error::of)?;
        if let Some(column) = found.iter().find(|found| !columns.split_whitespace().any(|known| known == *found)) {
            let text = format!(
                "table `{table}` has a column `{column}` that is none of longshore's, and would be lost by the upgrade: move it to a table of your \
                 own, drop it, and start this program again"
            );
            return Err(Error::new(ErrorKind::Refused, text));
        }
        let sql = "SELECT name, sql FROM sqlite_schema WHERE type IN ('trigger', 'index') AND tbl_name = ?1 AND sql IS NOT NULL";
        let mut parts = connection.prepare(sql).map_err(error::of)?;
        let parts: Vec<(String, String)> = parts
            .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(error::of)?;
        own.extend(parts.into_iter().filter(|(name, _)| !aside.contains(&format!("DROP INDEX {name};"))));
    }
    Ok(own)
}

/// Refuses to upgrade under a worker of version 1, which knows nothing of the new layout.
fn check_unused(connection: &Connection, clock: &Clock) -> Result<(), Error> {
    let (now, boot) = (clock.now(), clock.boot_time());
    let live: i64 = connection
        .query_row(
            "SELECT count(*) FROM job WHERE state = 2 AND lease_boot = ?1 AND lease_until > ?2",
            (boot.boot.to_be_bytes(), boot.ms),
            |row| row.get(0),
        )
        .map_err(error::of)?;
    let seen: Option<i64> = connection
        .query_row(
            "SELECT max(at) FROM (SELECT workers_seen AS at FROM queue UNION ALL SELECT seen FROM worker) WHERE at < ?1",
            [now.as_millis() + ALIVE_MS], // one seen in the far future is of a clock that was wrong then
            |row| row.get(0),
        )
        .map_err(error::of)?;
    let ago = seen.map(|at| now.as_millis() - at).filter(|ago| *ago < ALIVE_MS).map(|ago| ago.max(0) / 1000);
    let what = match (live, ago) {
        (0, None) => return Ok(()),
        (0, Some(ago)) => format!("a worker of it looked for jobs {ago} s ago"),
        (1, _) => "1 job runs under a live lease".to_owned(),
        (live, _) => format!("{live} jobs run under live leases"),
    };
    let text = format!(
        "it was written by an older longshore, and {what}: stop all processes of the older version, wait three minutes, and start this one again"
    );
    Err(Error::new(ErrorKind::Refused, text))
}

fn has_column(connection: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2")?.exists([table, column])
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn oldest_program(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT oldest_program FROM store")?.query_row([], |row| row.get(0))
}
