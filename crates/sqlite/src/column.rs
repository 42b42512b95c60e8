//! Reading a column, whatever somebody has put there.

use std::time::Duration;

use longshore_core::{State, WorkerId};
use rusqlite::{Row, RowIndex};

/// Reads text as it is, and what is no UTF-8 as far as it can be read.
pub(crate) fn text(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<String>> {
    let value = row.get_ref(column)?;
    Ok(value.as_bytes_or_null()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

/// Reads a state; the schema allows no other numbers.
pub(crate) fn state(number: i64) -> State {
    State::ALL[usize::try_from(number).unwrap_or(0).min(5)]
}

/// Reads a small number; one out of range is taken for the nearest.
pub(crate) fn small(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u16> {
    Ok(small_or_none(row, column)?.unwrap_or(0))
}

/// As [`small`], where there may be none.
pub(crate) fn small_or_none(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<u16>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|number| number.clamp(0, i64::from(u16::MAX)) as u16))
}

/// Reads a worker's id; one that can be none is left out.
pub(crate) fn worker(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<[u8; 16]>> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.and_then(|id| id.try_into().ok()))
}

/// Returns a worker's id as SQLite takes it.
pub(crate) fn blob(worker: WorkerId) -> [u8; 16] {
    *worker.as_bytes()
}

/// Reads a number of milliseconds.
pub(crate) fn duration(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}
