//! The environment of a process that runs commands, out of their reach.
//!
//! On Linux a process can read the environment that another process of the same user was started with, in
//! `/proc/PID/environ`, and what is there stays there. So a worker starts its own program again, in the same process,
//! with only the variables that every command may see. It passes the others, such as the token, through a file in
//! memory as its standard input, and keeps them in memory.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Command;
use std::sync::OnceLock;

/// The variables that stay in the environment, because libraries and the operating system look for them there. None of
/// them is a secret.
const KEPT: &[&str] = &[
    "COLUMNS",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "NO_COLOR",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];
/// The first letters of further variables that stay.
const KEPT_PREFIXES: &[&str] =
    &["GLIBC_", "LC_", "LD_", "LISTEN_", "MALLOC_", "NOTIFY_", "RUST_", "TOKIO_", "WATCHDOG_"];

/// The variable that says that the other variables come through the standard input.
const MARK: &str = "LONGSHORE_ENVIRONMENT";
const THROUGH_STDIN: &str = "stdin";

type Variables = BTreeMap<OsString, OsString>;

/// The variables that were taken out of the environment.
static HIDDEN: OnceLock<Variables> = OnceLock::new();

/// Returns a variable of the environment that the program was started with.
pub fn var(name: &str) -> Option<OsString> {
    let hidden = HIDDEN.get().and_then(|hidden| hidden.get(OsStr::new(name)));
    hidden.cloned().or_else(|| std::env::var_os(name))
}

/// Returns a variable of the environment that the program was started with, if it is text.
pub fn text(name: &str) -> Option<String> {
    var(name).and_then(|value| value.into_string().ok())
}

fn is_kept(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    KEPT.contains(&name) || KEPT_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Makes the environment unreadable for other processes: starts the program again without it, or, in the program that
/// was started so, receives it. Does nothing on systems other than Linux.
///
/// # Errors
///
/// If the operating system refuses. Then the environment stays as it is.
pub fn hide() -> io::Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    if std::env::var_os(MARK).is_some_and(|through| through == THROUGH_STDIN) {
        let _ = HIDDEN.set(memory::receive()?); // it is set only here
        return Ok(());
    }
    let hidden: Variables = std::env::vars_os().filter(|(name, _)| !is_kept(name)).collect();
    if hidden.is_empty() { Ok(()) } else { Err(memory::start_again(&hidden)) }
}

/// Gives a child process, which runs this program, the whole environment without making it readable.
///
/// # Errors
///
/// If the operating system refuses.
pub fn hand_over(command: &mut Command) -> io::Result<()> {
    match HIDDEN.get() {
        Some(hidden) => memory::pass(hidden, command),
        None => Ok(()),
    }
}

#[cfg(target_os = "linux")]
mod memory {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::io::{self, Read, Seek, Write};
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::{MARK, THROUGH_STDIN, Variables, is_kept};

    /// Starts this program again in this process. Returns only if that fails.
    pub(super) fn start_again(hidden: &Variables) -> io::Error {
        let try_it = || -> io::Result<io::Error> {
            let mut command = Command::new(std::env::current_exe()?);
            let mut args = std::env::args_os();
            command.arg0(args.next().unwrap_or_else(|| "longshore".into())).args(args);
            command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_kept(name)));
            pass(hidden, &mut command)?;
            Ok(command.exec())
        };
        try_it().unwrap_or_else(|e| e)
    }

    /// Lets a program that is started next receive these variables.
    pub(super) fn pass(hidden: &Variables, command: &mut Command) -> io::Result<()> {
        let mut file = File::from(memfd_create("environment", MemfdFlags::CLOEXEC)?);
        file.write_all(&encode(hidden))?;
        file.rewind()?;
        command.stdin(file).env(MARK, THROUGH_STDIN);
        Ok(())
    }

    /// Reads the variables, and empties the file, which stays open.
    pub(super) fn receive() -> io::Result<Variables> {
        let mut stdin = io::stdin().lock();
        let mut bytes = Vec::new();
        stdin.read_to_end(&mut bytes)?;
        ftruncate(&stdin, 0)?;
        Ok(decode(&bytes))
    }

    /// Encodes variables as `/proc` shows them.
    pub(super) fn encode(variables: &Variables) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in variables {
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Variables {
        let variable = |bytes: &[u8]| {
            let gap = bytes.iter().position(|byte| *byte == b'=')?;
            Some((OsStr::from_bytes(&bytes[..gap]).to_owned(), std::ffi::OsString::from_vec(bytes[gap + 1..].to_vec())))
        };
        bytes.split(|byte| *byte == 0).filter_map(variable).collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod memory {
    use std::io;
    use std::process::Command;

    use super::Variables;

    pub(super) fn start_again(_: &Variables) -> io::Error {
        io::ErrorKind::Unsupported.into()
    }

    pub(super) fn pass(_: &Variables, _: &mut Command) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn receive() -> io::Result<Variables> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn variables_are_received_as_they_were() {
        let raw = OsString::from_vec(vec![b'a', 0xff, b'=', b'\n']);
        let variables = Variables::from([("TOKEN".into(), raw), ("EMPTY".into(), OsString::new())]);
        assert_eq!(memory::decode(&memory::encode(&variables)), variables);
    }

    #[test]
    fn every_variable_that_a_command_inherits_by_default_stays() {
        assert!(longshore_command::INHERITED.iter().all(|name| is_kept(OsStr::new(name))));
        assert!(!is_kept(OsStr::new("LONGSHORE_TOKEN")) && !is_kept(OsStr::new("LONGSHORE_STORE")));
    }
}
