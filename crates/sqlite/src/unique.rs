//! The holders of unique keys. `longshore_core::state` defines when a key is released.

use std::time::Duration;

use longshore_core::state::{holds_key, key_until};
use longshore_core::{JobId, Label, Timestamp, UniqueScope, millis};
use rusqlite::{OptionalExtension, params};

use crate::tx::Tx;

/// Returns the job that holds a unique key now.
pub(crate) fn holder(tx: &Tx<'_>, queue: i64, key: &Label) -> rusqlite::Result<Option<JobId>> {
    let holder: Option<([u8; 16], Option<i64>)> = tx
        .connection
        .prepare_cached(
            "SELECT job.id, until FROM unique_key JOIN job ON job.seq = unique_key.seq
             WHERE unique_key.queue = ?1 AND unique_key.key = ?2",
        )?
        .query_row(params![queue, key.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let held = holder.filter(|(_, until)| holds_key(until.map(Timestamp::from_millis), tx.now));
    Ok(held.map(|(id, _)| JobId::from_bytes(id)))
}

/// Gives a unique key to a job, replacing a holder whose period is over.
pub(crate) fn hold_key(tx: &Tx<'_>, queue: i64, key: &str, seq: i64, scope: UniqueScope) -> rusqlite::Result<()> {
    let until = key_until(scope, tx.now).map(Timestamp::as_millis);
    tx.connection
        .prepare_cached("INSERT OR REPLACE INTO unique_key (queue, key, seq, until) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![queue, key, seq, until])?;
    Ok(())
}

/// Releases the key of a job.
pub(crate) fn give_back(tx: &Tx<'_>, seq: i64) -> rusqlite::Result<()> {
    tx.connection.prepare_cached("DELETE FROM unique_key WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// Returns until when a job holds its key, if it is a period.
pub(crate) fn held_until(tx: &Tx<'_>, seq: i64) -> rusqlite::Result<Option<Timestamp>> {
    let until: Option<Option<i64>> = tx
        .connection
        .prepare_cached("SELECT until FROM unique_key WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    Ok(until.flatten().map(Timestamp::from_millis))
}

/// Converts a scope to the number that the schema stores.
pub(crate) fn scope_number(scope: UniqueScope) -> i64 {
    match scope {
        UniqueScope::UntilStarted => 0,
        UniqueScope::UntilFinished => 1,
        UniqueScope::For(period) => millis(period).saturating_add(2),
    }
}

/// Converts the number that the schema stores to a scope.
pub(crate) fn scope(number: i64) -> UniqueScope {
    match number {
        0 => UniqueScope::UntilStarted,
        1 => UniqueScope::UntilFinished,
        _ => UniqueScope::For(Duration::from_millis(number.saturating_sub(2).unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::state::every_scope;

    #[test]
    fn a_scope_is_what_its_number_says() {
        for kept in every_scope() {
            assert_eq!(scope(scope_number(kept)), kept);
        }
    }
}
