//! A command with all its offspring, which is ended as a whole.
//!
//! The command leads a process group of its own. Whoever has left the group is found by ancestry, and by the variables of the
//! attempt that every process inherits; see `processes`.

use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};

use crate::processes::{Marks, Relatives};
use crate::talk::Pipes;

/// A command that was started; killed with its offspring when it is dropped.
pub(crate) struct Tree {
    child: Child,
    /// The command, and its group. Both belong to us until it is reaped: the system gives the number to nobody else before.
    root: Pid,
    relatives: Relatives,
    /// Hears of children that change; ours may be among them.
    changes: unix::Signal,
    reaped: bool,
}

impl Tree {
    /// Starts a command; `marks` are variables of its environment that no other attempt's processes have.
    pub(crate) fn spawn(mut command: Command, marks: Marks) -> io::Result<(Self, Pipes)> {
        let changes = unix::signal(SignalKind::child())?;
        let mut child = command.process_group(0).spawn()?;
        let root = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let root = root.expect("a child that was not waited for has a number");
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let tree = Tree { child, root, relatives: Relatives::new(root, marks), changes, reaped: false };
        match (stdin, stdout, stderr) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((tree, Pipes { stdin, stdout, stderr })),
            _ => Err(io::Error::other("its pipes are missing")),
        }
    }

    /// Waits until the command itself has exited, without reaping it, so that its number stays ours.
    pub(crate) async fn exited(&mut self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while let Ok(None) = waitid(WaitId::Pid(self.root), options) {
            if self.changes.recv().await.is_none() {
                std::future::pending().await // no signal will ever come: the runtime is going down, and this task with it
            }
        }
    }

    /// Asks all to end.
    pub(crate) fn terminate(&mut self) {
        let strayed = self.relatives.find();
        let _ = kill_process_group(self.root, Signal::TERM); // nobody may be left to hear it
        strayed.iter().filter(|process| !process.in_group).for_each(|process| process.signal(Signal::TERM));
    }

    /// Kills what is left of the group.
    pub(crate) fn kill_group(&self) {
        let _ = kill_process_group(self.root, Signal::KILL); // nobody may be left to kill
    }

    /// Kills all of them, wherever they went.
    pub(crate) fn kill(&mut self) {
        let strayed = self.relatives.find(); // before their parents die: after that, ancestry tells nothing
        self.kill_group();
        strayed.iter().for_each(|process| process.signal(Signal::KILL));
        self.relatives.kill_all();
    }

    /// Returns how the command has ended. After that, nothing of it is signalled any more.
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
