//! Conversion of PostgreSQL's errors.

use longshore_core::{Error, ErrorKind};
use tokio_postgres::error::{DbError, Severity, SqlState};

/// Converts an error of a statement that was sent.
///
/// If the server reports an error, the statement was rolled back. If the connection broke, it may have taken effect.
pub(crate) fn of(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        return match std::error::Error::source(&error) {
            // The error is about a parameter or a column: another program wrote the row, or the database is damaged.
            Some(cause) if is_about_values(&error) => {
                Error::new(ErrorKind::Corrupt, format!("{error}: {cause}")).caused_by(error)
            }
            Some(cause) => {
                Error::new(ErrorKind::Unavailable, format!("{error}: {cause}")).caused_by(error).perhaps_done()
            }
            None => Error::new(ErrorKind::Unavailable, error.to_string()).caused_by(error).perhaps_done(),
        };
    };
    let kind = kind(db.code());
    let text = match kind {
        ErrorKind::Full => {
            format!("the server's disk is full ({}): make room, and waiting work continues", db.message())
        }
        _ => words(db),
    };
    // A terminated session may have been terminated between the commit and its answer.
    let ended = !matches!(db.parsed_severity(), Some(Severity::Error)) || db.code().code().starts_with("08");
    let mut ours = Error::new(kind, text).caused_by(error);
    if ended {
        ours = ours.perhaps_done();
    }
    ours
}

/// Converts an error of connecting. No statement was sent yet.
pub(crate) fn of_connecting(error: tokio_postgres::Error) -> Error {
    let (kind, text) = match error.as_db_error() {
        // A password, a role or a database can be corrected while we wait. open.rs refuses them at the start.
        Some(db) => (kind(db.code()), words(db)),
        None => (ErrorKind::Unavailable, chain(&error)),
    };
    Error::new(kind, text).caused_by(error)
}

fn kind(code: &SqlState) -> ErrorKind {
    match *code {
        SqlState::DISK_FULL => ErrorKind::Full,
        SqlState::UNDEFINED_FUNCTION => ErrorKind::Unavailable, // see `words`
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => ErrorKind::Corrupt,
        SqlState::INVALID_PASSWORD
        | SqlState::INVALID_AUTHORIZATION_SPECIFICATION
        | SqlState::INVALID_CATALOG_NAME
        | SqlState::INVALID_SCHEMA_NAME
        | SqlState::FEATURE_NOT_SUPPORTED => ErrorKind::Refused,
        _ => match &code.code()[..2] {
            "22" => ErrorKind::Invalid,
            "42" => ErrorKind::Refused, // missing permission or object: the schema has changed since it was opened
            "23" => ErrorKind::Corrupt, // our calls cannot violate a constraint of an intact schema
            _ => ErrorKind::Unavailable,
        },
    }
}

/// Returns the server's message with its hint.
pub(crate) fn words(db: &DbError) -> String {
    if *db.code() == SqlState::UNDEFINED_FUNCTION {
        return format!(
            "{}: a newer longshore version has upgraded the schema, or its functions were dropped; update and restart this program",
            db.message()
        );
    }
    if *db.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST {
        // Names the dependent objects. Other details may contain values, which must not be logged.
        return format!("{}: {}; drop these first", db.message(), db.detail().unwrap_or_default().replace('\n', ", "));
    }
    let hint = db.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}{hint}", db.message())
}

/// Returns whether a repeat of the statement may succeed at once: it conflicted with another transaction and was rolled
/// back.
pub(crate) fn lost_a_race(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE))
}

/// Returns whether the connection is still usable after that error.
pub(crate) fn spares_connection(error: &tokio_postgres::Error) -> bool {
    let of_the_statement = |db: &DbError| {
        // After a failover the address may belong to another server, or this server is read-only.
        db.parsed_severity() == Some(Severity::Error) && *db.code() != SqlState::READ_ONLY_SQL_TRANSACTION
    };
    error.as_db_error().is_some_and(of_the_statement)
}

/// Returns whether only this statement failed: the server answers, has room and accepts writes, so that other
/// statements may succeed.
pub(crate) fn is_of_the_statement(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<tokio_postgres::Error>());
    source.is_some_and(|source| match source.as_db_error() {
        Some(db) => spares_connection(source) && !db.code().code().starts_with("53"),
        None => is_about_values(source),
    })
}

/// Returns whether the driver could not write a parameter or read a column.
fn is_about_values(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    ["error serializing", "error deserializing", "invalid column"].iter().any(|start| text.starts_with(start))
}

/// Returns an error with all its sources.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
