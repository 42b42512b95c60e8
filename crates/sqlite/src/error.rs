//! Conversion of SQLite's errors.

use longshore_core::{Error, ErrorKind};
use rusqlite::{ErrorCode, ffi};

/// The message if there is no room.
pub(crate) const FULL: &str = "the disk is full: make room, and waiting work continues";

/// Returns the error of a call after the store was closed.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Unavailable, "the store was closed by this process")
}

/// Converts an error of a statement. Nothing was changed, because there was no commit.
pub(crate) fn of(error: rusqlite::Error) -> Error {
    let kind = match error.sqlite_error_code() {
        _ if is_full(&error) => ErrorKind::Full,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => ErrorKind::Corrupt,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => ErrorKind::Refused,
        Some(_) => ErrorKind::Unavailable,
        None => ErrorKind::Corrupt, // a value of a type that the schema does not allow
    };
    let text = match kind {
        ErrorKind::Full => FULL.to_owned(),
        _ => error.to_string(),
    };
    Error::new(kind, text).caused_by(error)
}

/// Returns whether the disk has no room.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    // The shared memory of a WAL is a file, too.
    let is_shared_memory = error.sqlite_error().is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
    is_shared_memory || error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// Returns whether another connection held the lock.
pub(crate) fn is_busy(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    let code = source.and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Returns the error for index entries without a row or in the wrong order. A search could otherwise loop without end.
pub(crate) fn index_is_damaged(what: &str) -> rusqlite::Error {
    let text = format!(
        "the index of {what} does not match the jobs: the database is damaged; stop all programs that use it, and run `REINDEX` on it"
    );
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT_INDEX), Some(text))
}

/// Converts an error of a commit. Unless SQLite reports that there was no room, the commit may have reached the disk.
pub(crate) fn of_commit(error: rusqlite::Error) -> Error {
    let error = of(error);
    if error.kind() == ErrorKind::Full { error } else { error.perhaps_done() }
}
