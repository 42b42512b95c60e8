//! What PostgreSQL says, in our words.

use longshore_core::{Error, ErrorKind};
use tokio_postgres::error::{DbError, Severity, SqlState};

/// Turns an error of a statement that was sent into ours.
///
/// An error that the server raises undoes the statement. Of a connection that broke, nobody knows: it may have been done.
pub(crate) fn of(error: tokio_postgres::Error) -> Error {
    let Some(db) = error.as_db_error() else {
        return match std::error::Error::source(&error) {
            // Of a parameter or a column: a row of another program, or of a damaged database.
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
            format!("the server's disk is full ({}): make room, and what waits goes on by itself", db.message())
        }
        _ => words(db),
    };
    // A session that is ended may be ended between the commit and its answer.
    let ended = !matches!(db.parsed_severity(), Some(Severity::Error)) || db.code().code().starts_with("08");
    let mut ours = Error::new(kind, text).caused_by(error);
    if ended {
        ours = ours.perhaps_done();
    }
    ours
}

/// Turns an error of connecting into ours: nothing was asked yet.
pub(crate) fn of_connecting(error: tokio_postgres::Error) -> Error {
    let (kind, text) = match error.as_db_error() {
        // A password, a role or a database can be put right while we wait; open.rs refuses them at the start.
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

/// Returns what the server says, with its hint.
pub(crate) fn words(db: &DbError) -> String {
    if *db.code() == SqlState::UNDEFINED_FUNCTION {
        return format!(
            "{}: a newer longshore has upgraded the schema, or somebody has dropped its functions; update and restart this program",
            db.message()
        );
    }
    if *db.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST {
        // Says which. Other details may hold values, which are nobody's business in a log.
        return format!("{}: {}; drop these first", db.message(), db.detail().unwrap_or_default().replace('\n', ", "));
    }
    let hint = db.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{}{hint}", db.message())
}

/// Returns whether the same statement may go through at once: it lost against another transaction and was undone.
pub(crate) fn lost_a_race(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE))
}

/// Returns whether the connection is still of use after that error.
pub(crate) fn spares_connection(error: &tokio_postgres::Error) -> bool {
    let of_the_statement = |db: &DbError| {
        // After a failover the same address is another server, or this one takes no writes any more.
        db.parsed_severity() == Some(Severity::Error) && *db.code() != SqlState::READ_ONLY_SQL_TRANSACTION
    };
    error.as_db_error().is_some_and(of_the_statement)
}

/// Returns whether a statement failed by itself: the server answers, has room, and takes writes, so that another may go through.
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

/// Returns an error with all that is underneath.
fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
