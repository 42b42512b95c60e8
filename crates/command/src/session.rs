//! Processes without a controlling terminal.

use std::io;
use std::process::Command;

use process_wrap::std::{CommandWrap, CommandWrapper, ProcessSession};

/// Makes the process of a command the leader of a session and of a process group of its own. It has no controlling
/// terminal: it cannot ask on `/dev/tty`, and signals from a terminal do not reach it.
///
/// # Errors
///
/// None on the systems that longshore runs on.
pub fn in_own_session(command: &mut Command) -> io::Result<()> {
    // Only the step before the start is of use here. It needs a wrap, but does nothing with it.
    let unused = CommandWrap::with_new("", |_| {});
    ProcessSession.pre_spawn(command, &unused)
}
