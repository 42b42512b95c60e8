//! What Redis says, in our words.

use longshore_core::{Error, ErrorKind};
use redis::{RedisError, ServerErrorKind};

use crate::library::LIBRARY;

/// What people read when there is no room.
const FULL: &str =
    "Redis has no memory left (`maxmemory`): give it more, or keep finished jobs shorter; what runs goes on meanwhile";

/// What people read when it cannot write.
const DISK_FULL: &str = "Redis cannot write to its disk, and takes nothing until it can: make room";

/// Turns an error of a request that was sent into ours.
pub(crate) fn of(error: RedisError) -> Error {
    use redis::ErrorKind as Kind;
    let new = |kind, text: String| Error::new(kind, text);
    let unavailable = |text: String| new(ErrorKind::Unavailable, text);
    let ours = match (error.kind(), error.code().unwrap_or_default()) {
        (_, "OOM") => new(ErrorKind::Full, FULL.into()),
        (_, "MISCONF") => new(ErrorKind::Full, format!("{DISK_FULL} ({})", words(&error))),
        (_, "WRONGTYPE") => {
            new(ErrorKind::Corrupt, format!("a key is of a wrong type: {}", words(&error))).perhaps_done()
        }
        (Kind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => {
            new(ErrorKind::Refused, format!("Redis does not let us in: {}", words(&error)))
        }
        (Kind::Server(ServerErrorKind::NoPerm), _) => {
            new(ErrorKind::Refused, format!("the user of this URL may not do that: {}", words(&error)))
        }
        // A server that does not take part right now: it loads, is no master, or has too many clients.
        (Kind::Server(ServerErrorKind::ResponseError), _) if words(&error).contains("max number of clients") => {
            unavailable(words(&error))
        }
        (Kind::Server(ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot), _) => {
            new(ErrorKind::Corrupt, format!("a function failed: {}", LIBRARY.locate(&words(&error)))).perhaps_done()
        }
        (Kind::Server(_) | Kind::Extension, _) => unavailable(words(&error)),
        (Kind::Io, _) if error.is_connection_refusal() => unavailable(words(&error)),
        (Kind::Io, _) if error.is_timeout() => unavailable("no answer in time".into()).perhaps_done(),
        (Kind::InvalidClientConfig | Kind::RESP3NotSupported, _) => new(ErrorKind::Invalid, words(&error)),
        (Kind::MasterNameNotFoundBySentinel, _) => unavailable("the sentinels know no master of that name".into()),
        (Kind::ClusterConnectionNotFound, _) => unavailable("no node of the cluster can be reached".into()),
        (Kind::UnexpectedReturnType, _) => new(ErrorKind::Corrupt, words(&error)).perhaps_done(),
        _ => unavailable(words(&error)).perhaps_done(),
    };
    ours.caused_by(error)
}

/// Makes the error of an answer that is not what was asked for.
pub(crate) fn unexpected(script: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("`{script}` was answered in a way that makes no sense")).perhaps_done()
}

fn words(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// Returns whether the client of a cluster sends a request again that was answered like that, and tells of the last try alone.
pub(crate) fn is_sent_again(error: &RedisError) -> bool {
    use redis::ErrorKind as Kind;
    match error.kind() {
        Kind::Io | Kind::Parse | Kind::ClusterConnectionNotFound => true,
        Kind::Server(kind) => !matches!(
            kind,
            ServerErrorKind::ResponseError
                | ServerErrorKind::ExecAbort
                | ServerErrorKind::NoScript
                | ServerErrorKind::CrossSlot
                | ServerErrorKind::NoPerm
        ),
        _ => false,
    }
}

/// Returns whether the connection it came over is of no use any more.
pub(crate) fn ends_connection(error: &RedisError) -> bool {
    use redis::ErrorKind as Kind;
    match error.kind() {
        Kind::Io | Kind::Parse | Kind::AuthenticationFailed => true,
        // The server was made a replica: the master is elsewhere by now.
        Kind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        _ => matches!(error.code(), Some("NOAUTH")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::Effect;

    fn told(line: &str) -> Error {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).expect("an error line");
        of(value.extract_error().expect_err("an error"))
    }

    #[test]
    fn server_errors_say_whether_to_try_again_and_what_has_happened() {
        for (line, kind, effect) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::Full, Effect::NotDone),
            ("MISCONF Errors writing to the AOF file: No space left on device", ErrorKind::Full, Effect::NotDone),
            ("LOADING Redis is loading the dataset in memory", ErrorKind::Unavailable, Effect::NotDone),
            ("READONLY You can't write against a read only replica.", ErrorKind::Unavailable, Effect::NotDone),
            ("MASTERDOWN Link with MASTER is down", ErrorKind::Unavailable, Effect::NotDone),
            ("CLUSTERDOWN The cluster is down", ErrorKind::Unavailable, Effect::NotDone),
            ("TRYAGAIN Multiple keys request during rehashing of slot", ErrorKind::Unavailable, Effect::NotDone),
            ("BUSY Redis is busy running a script", ErrorKind::Unavailable, Effect::NotDone),
            ("NOREPLICAS Not enough good replicas to write.", ErrorKind::Unavailable, Effect::NotDone),
            ("ERR max number of clients reached", ErrorKind::Unavailable, Effect::NotDone),
            ("NOAUTH Authentication required.", ErrorKind::Refused, Effect::NotDone),
            ("NOPERM this user has no permissions to run the 'info' command", ErrorKind::Refused, Effect::NotDone),
            ("ERR user_script:3: attempt to index a nil value", ErrorKind::Corrupt, Effect::PerhapsDone),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                ErrorKind::Corrupt,
                Effect::PerhapsDone,
            ),
        ] {
            let error = told(line);
            assert_eq!((error.kind(), error.effect()), (kind, effect), "{line}: {error}");
        }
    }

    #[test]
    fn lost_connection_leaves_open_whether_it_was_done_and_a_refused_one_does_not() {
        use std::io::{Error as Io, ErrorKind as IoKind};
        for (kind, effect) in [
            (IoKind::ConnectionRefused, Effect::NotDone),
            (IoKind::ConnectionReset, Effect::PerhapsDone),
            (IoKind::BrokenPipe, Effect::PerhapsDone),
            (IoKind::UnexpectedEof, Effect::PerhapsDone),
            (IoKind::TimedOut, Effect::PerhapsDone),
        ] {
            let error = of(RedisError::from(Io::from(kind)));
            assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, effect), "{kind:?}");
        }
    }
}
