//! The meaning of a command's exit status. The codes are those of sysexits.h.

use std::borrow::Cow;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use longshore_core::handler::{Error, Result};

use crate::log::Log;

/// `EX_DATAERR`: the payload is invalid, so a retry is useless.
const FATAL: i32 = 65;
/// `EX_UNAVAILABLE`: something that the command needs is unavailable.
const OUTAGE: i32 = 69;
/// `EX_TEMPFAIL`: a later attempt may succeed.
const TRY_AGAIN: i32 = 75;

/// Returns `Ok` if the output is the job's result, or the error that the exit status stands for.
pub(crate) fn judge(status: ExitStatus, log: &Log) -> Result<()> {
    match status.code() {
        Some(0) => Ok(()),
        Some(FATAL) => Err(Error::fatal(log.below("exit code 65 (fatal)"))),
        Some(OUTAGE) => {
            let message = log.below("exit code 69 (outage)");
            Err(log
                .retry_in()
                .map_or_else(|| Error::outage(message.as_str()), |delay| Error::outage_for(delay, message.as_str())))
        }
        Some(TRY_AGAIN) => {
            let message = log.below("exit code 75 (try again)");
            Err(log
                .retry_in()
                .map_or_else(|| Error::retry(message.as_str()), |delay| Error::retry_in(delay, message.as_str())))
        }
        Some(code) => Err(Error::retry(log.below(&format!("exit code {code}")))),
        None => Err(Error::retry(log.below(&killed(status)))),
    }
}

fn killed(status: ExitStatus) -> String {
    let dumped = if status.core_dumped() { ", and dumped core" } else { "" };
    match status.signal() {
        Some(signal) => format!("killed by {}{dumped}", name(signal)),
        None => format!("ended with {status}"),
    }
}

fn name(signal: i32) -> Cow<'static, str> {
    use rustix::process::Signal;
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL, possibly because memory ran out"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    let known = names.into_iter().find(|(known, _)| known.as_raw() == signal);
    known.map_or_else(|| format!("signal {signal}").into(), |(_, name)| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: i32) -> String {
        format!("{:?}", judge(ExitStatus::from_raw(raw), &Log::default()))
    }

    #[test]
    fn exit_codes_mean_what_sysexits_says() {
        assert_eq!(text(0), "Ok(())");
        assert_eq!(text(65 << 8), r#"Err(Error { then: Bury, message: "exit code 65 (fatal)" })"#);
        assert_eq!(text(75 << 8), r#"Err(Error { then: Retry, message: "exit code 75 (try again)" })"#);
        assert_eq!(text(69 << 8), r#"Err(Error { then: Outage(None), message: "exit code 69 (outage)" })"#);
        assert_eq!(text(1 << 8), r#"Err(Error { then: Retry, message: "exit code 1" })"#);
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(text(15), r#"Err(Error { then: Retry, message: "killed by SIGTERM" })"#);
        assert_eq!(text(11 | 0x80), r#"Err(Error { then: Retry, message: "killed by SIGSEGV, and dumped core" })"#);
        assert_eq!(text(40), r#"Err(Error { then: Retry, message: "killed by signal 40" })"#);
    }
}
