//! A command and all its descendants, which are killed together.
//!
//! The command leads its own session and process group. Processes that have left both are found by their parents, and
//! by the variables of the attempt that every process inherits; see `processes`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Child;
use tokio::signal::unix::{self, SignalKind};

use crate::in_own_session;
use crate::mark::Mark;
use crate::pipes::Pipes;
use crate::processes::Descendants;
use crate::roster::{Entry, Roster};

/// A started command. When it is dropped, it is killed with all its descendants.
pub(crate) struct Tree {
    child: Child,
    /// The id of the command, its group and its session. The operating system does not reuse it until the command is
    /// reaped.
    root: Pid,
    descendants: Descendants,
    /// Receives a signal when a child process changes, perhaps this one.
    changes: unix::Signal,
    /// Descriptors for the search of descendants, so that they are found even if this process has no others left.
    spare: Vec<OwnedFd>,
    reaped: bool,
    /// Removed after the command and its descendants have ended or were killed.
    _entry: Entry,
}

/// How many descriptors a search opens at a time.
const SEARCH: usize = 3;

impl Tree {
    /// Starts a command, whose environment has the variables of the mark. `open_files` is its soft limit of open files;
    /// `None` is the limit of this process.
    pub(crate) fn spawn(
        mut command: Command,
        mark: Mark,
        roster: &Roster,
        open_files: Option<u64>,
    ) -> io::Result<(Self, Pipes)> {
        let changes = unix::signal(SignalKind::child())?;
        let spare = spare()?;
        let entry = roster.enter(mark);
        in_own_session(&mut command)?;
        let mut child = tokio::process::Command::from(command).spawn()?;
        let root = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let root = root.expect("a child that was not reaped has an id");
        if let Some(soft) = open_files {
            limit_open_files(root, soft);
        }
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let descendants = Descendants::new(root, mark);
        let tree = Tree { child, root, descendants, changes, spare, reaped: false, _entry: entry };
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
        self.spare.clear();
        let descendants = self.descendants.find();
        let _ = kill_process_group(self.root, Signal::TERM); // the group may be empty
        descendants
            .iter()
            .filter(|process| process.group != self.root)
            .for_each(|process| process.signal(Signal::TERM));
        self.spare = spare().unwrap_or_default();
    }

    /// Kills the remaining processes of the group.
    pub(crate) fn kill_group(&self) {
        let _ = kill_process_group(self.root, Signal::KILL); // the group may be empty
    }

    /// Kills all processes, including those outside the group.
    pub(crate) fn kill(&mut self) {
        self.spare.clear();
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

fn spare() -> io::Result<Vec<OwnedFd>> {
    (0..SEARCH).map(|_| io::stderr().as_fd().try_clone_to_owned()).collect()
}

/// Sets the soft limit of open files of a command that has just started.
#[cfg(target_os = "linux")]
fn limit_open_files(process: Pid, soft: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = prlimit(Some(process), Resource::Nofile, Rlimit { current: Some(soft), maximum }); // it may have ended
}

#[cfg(not(target_os = "linux"))]
fn limit_open_files(_: Pid, _: u64) {}
