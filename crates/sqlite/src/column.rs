//! Reads columns, even if another program has written invalid values.

use std::time::Duration;

use longshore_core::{State, WorkerId, limits};
use rusqlite::{Row, RowIndex};

/// The largest number that a store counts to. Only another program has written a larger one.
pub(crate) const LARGEST: i64 = 1 << 53;

/// Reads text, and replaces what is not UTF-8.
pub(crate) fn text(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<String>> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes_or_null()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// Reads a state. The schema allows no other numbers.
pub(crate) fn state(number: i64) -> State {
    State::ALL[usize::try_from(number).unwrap_or(0).min(5)]
}

/// Reads a small number. A value out of range is replaced by the nearest valid one.
pub(crate) fn small(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u16> {
    Ok(small_or_none(row, column)?.unwrap_or(0))
}

/// Does the same as [`small`], for a column that may be NULL.
pub(crate) fn small_or_none(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<u16>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|number| number.clamp(0, i64::from(u16::MAX)) as u16))
}

/// Reads a worker's id, or `None` if the value is invalid.
pub(crate) fn worker(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<[u8; 16]>> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.and_then(|id| id.try_into().ok()))
}

/// Returns a worker's id in the form that SQLite stores.
pub(crate) fn blob(worker: WorkerId) -> [u8; 16] {
    *worker.as_bytes()
}

/// Reads a number of milliseconds.
pub(crate) fn duration(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

/// Reads a time-out. A value out of range is replaced by the nearest valid one: a moment so much later must exist.
pub(crate) fn timeout(ms: i64) -> Duration {
    duration(ms.max(1)).min(limits::TIMEOUT)
}
