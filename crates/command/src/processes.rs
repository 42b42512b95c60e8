//! Finds processes that belong to a command although they have left its process group and session.
//!
//! On Linux they are found in three ways: by their session, by their parents, and by the environment that each process
//! was started with, which its children inherit. A process is not found if it clears its environment *and* outlives its
//! parent *and* leaves its session. On other systems only the group is known.

use std::collections::HashSet;

use rustix::process::{Pid, Signal};

use crate::mark::Mark;

/// How many times the search is repeated, for processes that were created while others were killed.
const ROUNDS: usize = 50;

/// Kills all processes of these attempts, without waiting for their end. Does nothing on systems other than Linux.
pub(crate) fn end(attempts: HashSet<Mark>) {
    if !attempts.is_empty() {
        Descendants { root: None, marks: attempts, killed: HashSet::new() }.kill_all();
    }
}

/// The processes of attempts: a command, its descendants, and all processes with the marks.
#[derive(Debug)]
pub(super) struct Descendants {
    root: Option<Pid>,
    marks: HashSet<Mark>,
    /// The process ids and start times of those that were killed.
    killed: HashSet<(Pid, u64)>,
}

impl Descendants {
    /// Returns the processes of one attempt. `root` is the command itself, which leads a session.
    pub(super) fn new(root: Pid, mark: Mark) -> Self {
        Descendants { root: Some(root), marks: HashSet::from([mark]), killed: HashSet::new() }
    }

    /// Kills processes until no new one is found.
    pub(super) fn kill_all(&mut self) {
        for _ in 0..ROUNDS {
            let mut found = self.find();
            found.retain(|process| self.killed.insert((process.pid, process.born)));
            if found.is_empty() {
                return;
            }
            found.iter().for_each(|process| process.signal(Signal::KILL));
        }
    }

    /// Returns the processes of the attempts, without the command itself.
    pub(super) fn find(&self) -> Vec<Process> {
        let all = system::all();
        let is_marked = |process: &Process| {
            let mark = system::environment(process.pid).and_then(|environment| Mark::of_environment(&environment));
            mark.is_some_and(|mark| self.marks.contains(&mark))
        };
        let begin =
            all.iter().filter(|process| self.root.is_some_and(|root| process.session == root) || is_marked(process));
        let mut family: HashSet<Pid> = begin.map(|process| process.pid).chain(self.root).collect();
        // Each round adds the children of the processes found before, so the loop ends after at most as many rounds as
        // there are processes.
        loop {
            let children = all.iter().filter(|entry| family.contains(&entry.parent) && !family.contains(&entry.pid));
            let children: Vec<_> = children.map(|entry| entry.pid).collect();
            if children.is_empty() {
                break;
            }
            family.extend(children);
        }
        all.into_iter().filter(|process| family.contains(&process.pid) && self.root != Some(process.pid)).collect()
    }
}

/// A process as it was found. It holds no descriptor, so that any number of processes can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pid: Pid,
    parent: Pid,
    pub(super) group: Pid,
    session: Pid,
    /// The start time. It distinguishes the process from a later one with the same id.
    born: u64,
}

impl Process {
    /// Sends a signal, unless the process has ended.
    pub(super) fn signal(&self, signal: Signal) {
        system::signal(self, signal);
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

    use super::Process;

    /// Returns all visible processes, except this one and kernel threads.
    pub(super) fn all() -> Vec<Process> {
        let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = folder.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        pids.filter(|pid| *pid != getpid()).filter_map(process).collect()
    }

    fn process(pid: Pid) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        parse(pid, &stat)
    }

    /// Parses `7 (name) S 1 7 7 …`. The name may contain any character.
    pub(super) fn parse(pid: Pid, stat: &str) -> Option<Process> {
        let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(1);
        let mut number = || Pid::from_raw(fields.next()?.parse().ok()?);
        let (parent, group, session) = (number()?, number()?, number()?);
        let born = fields.nth(15)?.parse().ok()?;
        Some(Process { pid, parent, group, session, born })
    }

    /// Returns the environment that a process was started with; `None` for processes of other users, which cannot be
    /// signalled either.
    pub(super) fn environment(pid: Pid) -> Option<Vec<u8>> {
        fs::read(format!("/proc/{pid}/environ")).ok()
    }

    /// Sends a signal through a handle, which never refers to another process, even if this one ends and its id is
    /// reused.
    pub(super) fn signal(found: &Process, signal: Signal) {
        let Ok(handle) = pidfd_open(found.pid, PidfdFlags::empty()) else { return };
        if process(found.pid).is_some_and(|now| now.born == found.born) {
            let _ = pidfd_send_signal(&handle, signal); // it may have ended, or belong to another user
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_may_look_like_anything() {
            let pid = |raw| Pid::from_raw(raw).unwrap();
            let found = parse(pid(7), "7 (a) Z 1) S 42 43 44 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 9876 0").unwrap();
            assert_eq!((found.parent, found.group, found.session, found.born), (pid(42), pid(43), pid(44), 9876));
            assert_eq!(parse(pid(7), "7 (kthreadd) S 0 0 0"), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use rustix::process::{Pid, Signal};

    use super::Process;

    pub(super) fn all() -> Vec<Process> {
        Vec::new()
    }

    pub(super) fn environment(_: Pid) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn signal(_: &Process, _: Signal) {}
}
