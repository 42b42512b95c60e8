//! Turns errors of the Redis client into errors of longshore.

use longshore_core::{Error, ErrorKind};
use redis::{RedisError, ServerErrorKind};

use crate::library::LIBRARY;

/// The message when the server's memory is full.
const FULL: &str =
    "Redis has no memory left: raise `maxmemory`, or keep finished jobs for less time; running jobs continue meanwhile";

/// The message when the server cannot write to its disk.
const DISK_FULL: &str = "Redis cannot write to its disk and refuses all writes: free disk space";

/// Turns the error of a request that was sent into an [`Error`].
pub(crate) fn of(error: RedisError) -> Error {
    use redis::ErrorKind as Kind;
    let new = |kind, text: String| Error::new(kind, text);
    let unavailable = |text: String| new(ErrorKind::Unavailable, text);
    let ours = match (error.kind(), error.code().unwrap_or_default()) {
        (_, "OOM") => new(ErrorKind::Full, FULL.into()),
        (_, "MISCONF") => new(ErrorKind::Full, format!("{DISK_FULL} ({})", words(&error))),
        (_, "WRONGTYPE") => {
            let text = LIBRARY.locate(&words(&error));
            new(ErrorKind::Corrupt, format!("a key has the wrong type; `longshore check --data` names it: {text}"))
                .perhaps_done()
        }
        (Kind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS") => {
            new(ErrorKind::Refused, format!("Redis refused the user or the password of the URL: {}", words(&error)))
        }
        (Kind::Server(ServerErrorKind::NoPerm), _) => {
            new(ErrorKind::Refused, format!("the user of the URL may not run this command: {}", words(&error)))
        }
        // The server is temporarily unavailable: it has too many clients.
        (Kind::Server(ServerErrorKind::ResponseError), _) if words(&error).contains("max number of clients") => {
            unavailable(words(&error))
        }
        (Kind::Server(ServerErrorKind::ResponseError | ServerErrorKind::CrossSlot), _) => {
            new(ErrorKind::Corrupt, format!("a function on the server failed: {}", LIBRARY.locate(&words(&error))))
                .perhaps_done()
        }
        (Kind::Server(_) | Kind::Extension, _) => unavailable(words(&error)),
        (Kind::Io, _) if error.is_connection_refusal() => unavailable(words(&error)),
        (Kind::Io, _) if error.is_timeout() => unavailable("Redis did not answer in time".into()).perhaps_done(),
        (Kind::InvalidClientConfig | Kind::RESP3NotSupported, _) => new(ErrorKind::Invalid, words(&error)),
        (Kind::MasterNameNotFoundBySentinel, _) => {
            unavailable("the sentinels do not know the master name of the URL".into())
        }
        (Kind::ClusterConnectionNotFound, _) => unavailable("cannot reach any node of the cluster".into()),
        (Kind::UnexpectedReturnType, _) => new(ErrorKind::Corrupt, words(&error)).perhaps_done(),
        _ => unavailable(words(&error)).perhaps_done(),
    };
    ours.caused_by(error)
}

/// Makes the error for an answer with an unexpected format.
pub(crate) fn unexpected(script: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("unexpected answer of Redis to `{script}`")).perhaps_done()
}

fn words(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// Returns whether the cluster client retries a request after this error. The client reports only the error of the last try.
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

/// Returns whether the connection cannot be used any more after this error.
pub(crate) fn ends_connection(error: &RedisError) -> bool {
    use redis::ErrorKind as Kind;
    match error.kind() {
        Kind::Io | Kind::Parse | Kind::AuthenticationFailed => true,
        // The server has become a replica: another server is the master now.
        Kind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        _ => matches!(error.code(), Some("NOAUTH")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::Effect;

    fn error_of(line: &str) -> Error {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).expect("an error line");
        of(value.extract_error().expect_err("an error"))
    }

    #[test]
    fn server_errors_have_a_kind_and_an_effect() {
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
            let error = error_of(line);
            assert_eq!((error.kind(), error.effect()), (kind, effect), "{line}: {error}");
        }
    }

    #[test]
    fn lost_connection_is_perhaps_done_and_refused_connection_is_not_done() {
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
