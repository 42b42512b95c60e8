//! A command and all its descendants, which are killed together.
//!
//! The command leads its own process group. Processes that have left the group are found by their parents, and by the
//! variables of the attempt that every process inherits; see `processes`.

use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

use crate::pipes::Pipes;
use crate::processes::{Descendants, Marks};

/// A started command. When it is dropped, it is killed with all its descendants.
pub(crate) struct Tree {
    child: Child,
    /// The id of the command and of its group. The operating system does not reuse it until the command is reaped.
    root: Pid,
    descendants: Descendants,
    /// Receives a signal when a child process changes, perhaps this one.
    changes: unix::Signal,
    reaped: bool,
}

impl Tree {
    /// Starts a command. `marks` are variables in its environment that processes of other attempts do not have.
    pub(crate) fn spawn(mut command: Command, marks: Marks) -> io::Result<(Self, Pipes)> {
        let changes = unix::signal(SignalKind::child())?;
        let mut child = command.process_group(0).spawn()?;
        let root = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let root = root.expect("a child that was not reaped has an id");
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let tree = Tree { child, root, descendants: Descendants::new(root, marks), changes, reaped: false };
        match (stdin, stdout, stderr) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((tree, Pipes { stdin, stdout, stderr })),
            _ => Err(io::Error::other("the command has no pipes")),
        }
    }

    /// Waits until the command itself has exited. It does not reap it, so that its id is not reused.
    pub(crate) async fn exited(&mut self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while let Ok(None) = waitid(WaitId::Pid(self.root), options) {
            if self.changes.recv().await.is_none() {
                std::future::pending().await // the runtime is shutting down, and this task with it
            }
        }
    }

    /// Sends SIGTERM to all processes.
    pub(crate) fn terminate(&mut self) {
        let descendants = self.descendants.find();
        let _ = kill_process_group(self.root, Signal::TERM); // the group may be empty
        descendants.iter().filter(|process| !process.in_group).for_each(|process| process.signal(Signal::TERM));
    }

    /// Kills the remaining processes of the group.
    pub(crate) fn kill_group(&self) {
        let _ = kill_process_group(self.root, Signal::KILL); // the group may be empty
    }

    /// Kills all processes, including those outside the group.
    pub(crate) fn kill(&mut self) {
        let descendants = self.descendants.find(); // before their parents are killed, since they are found by their parents
        self.kill_group();
        descendants.iter().for_each(|process| process.signal(Signal::KILL));
        self.descendants.kill_all();
    }

    /// Returns the exit status of the command. After that, none of its processes is signalled any more.
    pub(crate) async fn reap(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.reaped = status.is_ok();
        status
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
    }
}
