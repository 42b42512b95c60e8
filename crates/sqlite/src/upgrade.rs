//! The steps that upgrade the layout of an older file, each from one version to the next.
//!
//! Tables that change are renamed, created again, filled, and dropped. Numbers stay, and so does everything that the
//! application has in the same file: its tables and views, and its triggers and indexes on our tables.

use longshore_core::{Clock, Error, ErrorKind};
use rusqlite::Connection;

use crate::error;

/// A worker of version 1 that claimed within this time may still run.
const ALIVE_MS: i64 = 180_000;

/// Tables and their columns.
type Tables = &'static [(&'static str, &'static str)];

/// A step from one version to the next: the tables that it replaces, and the SQL that renames them, creates the new
/// ones and fills them.
struct Step {
    from: i64,
    tables: Tables,
    aside: &'static str,
    make: &'static [&'static str],
    fill: &'static str,
}

const STEPS: [Step; 2] = [
    Step {
        from: 1,
        tables: TABLES_OF_1,
        aside: include_str!("../sql/upgrade/001_aside.sql"),
        make: &[include_str!("../sql/upgrade/002_names.sql"), include_str!("../sql/schema.sql")],
        fill: include_str!("../sql/upgrade/001_to_002.sql"),
    },
    Step {
        from: 2,
        tables: NAMES_OF_2,
        aside: include_str!("../sql/upgrade/002_aside.sql"),
        make: &[include_str!("../sql/names.sql")],
        fill: include_str!("../sql/upgrade/002_to_003.sql"),
    },
];

/// The tables of version 1 and their columns.
const TABLES_OF_1: Tables = &[
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

/// The tables of version 2 that are replaced, and their columns.
const NAMES_OF_2: Tables = &[
    ("store", "only last_claim oldest_program"),
    (
        "queue",
        "id name workers_since workers_seen rules_version rules_level rules scheduled ready running succeeded dead cancelled",
    ),
    ("kind", "id name seen"),
];

/// Runs all steps from that version on, in the caller's transaction.
///
/// # Errors
///
/// Returns an error if a program of version 1 still runs, or if an object of the application does not fit the new
/// tables.
pub(crate) fn upgrade(connection: &Connection, clock: &Clock, found: i64) -> Result<(), Error> {
    for step in STEPS.iter().filter(|step| step.from >= found) {
        if step.from == 1 {
            check_unused(connection, clock)?;
        }
        step.take(connection)?;
    }
    // It is not known when a queue was last pushed to, so the present time is used.
    let used = "UPDATE queue SET used_at = ?1";
    connection.execute(used, [clock.now().as_millis()]).map(|_| ()).map_err(error::of)
}

impl Step {
    fn take(&self, connection: &Connection) -> Result<(), Error> {
        let own = self.own_parts(connection)?;
        let sql = std::iter::once(&self.aside).chain(self.make).chain([&self.fill]);
        for sql in sql {
            connection.execute_batch(sql).map_err(error::of)?;
        }
        for (name, sql) in own {
            connection.execute_batch(&sql).map_err(error::of).map_err(|e| {
                let text = format!(
                    "your own `{name}` does not fit the tables of version {} ({e}): drop it, and start this program again",
                    self.from + 1
                );
                Error::new(ErrorKind::Refused, text).caused_by(e)
            })?;
        }
        Ok(())
    }

    /// Returns the application's triggers and indexes on the replaced tables, each with its statement.
    ///
    /// # Errors
    ///
    /// Returns an error if a table has a column of the application, which would be lost.
    fn own_parts(&self, connection: &Connection) -> Result<Vec<(String, String)>, Error> {
        let mut own = Vec::new();
        for (table, columns) in self.tables {
            let mut found = connection.prepare("SELECT name FROM pragma_table_xinfo(?1)").map_err(error::of)?;
            let found: Vec<String> =
                found.query_map([table], |row| row.get(0)).and_then(Iterator::collect).map_err(error::of)?;
            if let Some(column) = found.iter().find(|found| !columns.split_whitespace().any(|known| known == *found)) {
                let text = format!(
                    "table `{table}` has a column `{column}` that does not belong to longshore and would be lost by the upgrade: move its data to a table of your \
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
            // The statements that rename the tables drop each of our indexes.
            own.extend(parts.into_iter().filter(|(name, _)| !self.aside.contains(&format!("DROP INDEX {name};"))));
        }
        Ok(own)
    }
}

/// Refuses to upgrade while a worker of version 1 may run, which does not know the new layout.
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
            [now.as_millis() + ALIVE_MS], // a time in the far future was written by a wrong clock
            |row| row.get(0),
        )
        .map_err(error::of)?;
    let ago =
        seen.map(|at| now.as_millis().saturating_sub(at)).filter(|ago| *ago < ALIVE_MS).map(|ago| ago.max(0) / 1000);
    let what = match (live, ago) {
        (0, None) => return Ok(()),
        (0, Some(ago)) => format!("one of its workers claimed {ago} s ago"),
        (1, _) => "1 job runs under a live lease".to_owned(),
        (live, _) => format!("{live} jobs run under live leases"),
    };
    let text = format!(
        "an older longshore version wrote it, and {what}: stop all processes of the older version, wait three minutes, and start this one again"
    );
    Err(Error::new(ErrorKind::Refused, text))
}
