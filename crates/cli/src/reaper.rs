//! The first process of a container, which must reap what other processes leave behind.
//!
//! Processes that lose their parent become children of the first process. A worker cannot wait for such children,
//! because it must not take the exit statuses of its own commands. So the first process runs the program as its child,
//! passes signals on to it, reaps everything, and ends as the child ends.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::environment;

/// The signals that are passed on.
const FORWARDED: &[Signal] =
    &[Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP, Signal::USR1, Signal::USR2, Signal::TSTP, Signal::CONT];

/// Returns whether this process is the first one of its container.
pub fn is_first() -> bool {
    std::process::id() == 1
}

/// Runs this program again as a child, with the same arguments, until it ends. Returns its exit code.
///
/// # Errors
///
/// If the child cannot be started.
pub fn run() -> io::Result<i32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        // Signals are received before there is a child, so that none is missed.
        let mut changes = signal(SignalKind::child())?;
        let (inbox, mut signals) = mpsc::unbounded_channel();
        for forwarded in FORWARDED {
            let mut received = signal(SignalKind::from_raw(forwarded.as_raw()))?;
            let inbox = inbox.clone();
            tokio::spawn(async move { while received.recv().await.is_some() && inbox.send(*forwarded).is_ok() {} });
        }
        let child = start()?;
        loop {
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if pid == child {
                    return Ok(exit_code(ExitStatus::from_raw(status.as_raw())));
                }
            }
            tokio::select! {
                _ = changes.recv() => {}
                Some(received) = signals.recv() => {
                    let _ = kill_process(child, received); // it may have ended
                }
            }
        }
    })
}

/// Starts the child, in its own process group: a terminal sends its signals to the first process, which passes them on.
fn start() -> io::Result<Pid> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut args = std::env::args_os();
    command.arg0(args.next().unwrap_or_else(|| "longshore".into())).args(args).process_group(0);
    environment::hand_over(&mut command)?;
    Ok(Pid::from_child(&command.spawn()?))
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_child_ends_the_first_process_as_a_shell_would() {
        assert_eq!(exit_code(ExitStatus::from_raw(10 << 8)), 10);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
    }
}
