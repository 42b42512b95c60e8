//! Finds processes that belong to a command although they have left its process group and session.
//!
//! On Linux they are found in two ways: by their parents, and by the environment that each process was started with,
//! which its children inherit. A process is not found if it clears its environment *and* outlives its parent *and*
//! leaves its group. On other systems only the group is known.

use std::collections::HashSet;

use rustix::process::{Pid, Signal};

/// How many times the search is repeated, for processes that were created while others were killed.
const ROUNDS: usize = 50;

/// Environment variables that mark the processes of one attempt, or of one worker.
#[derive(Clone, Debug)]
pub(super) struct Marks(Vec<Vec<u8>>);

impl Marks {
    pub(super) fn of(marks: &[(&str, String)]) -> Self {
        Marks(marks.iter().map(|(name, value)| format!("{name}={value}").into_bytes()).collect())
    }

    /// Returns whether an environment, in the format of `/proc`, contains all marks.
    fn are_in(&self, environment: &[u8]) -> bool {
        let variables: HashSet<&[u8]> = environment.split(|byte| *byte == 0).collect();
        !self.0.is_empty() && self.0.iter().all(|mark| variables.contains(mark.as_slice()))
    }
}

/// Kills all processes that were started with this variable in their environment, without waiting for their end.
///
/// A process that outlives a killed worker uses this to kill the commands that the worker left running. It does nothing
/// on systems other than Linux.
pub fn end_marked(name: &str, value: &str) {
    Descendants { root: None, marks: Marks::of(&[(name, value.to_owned())]), killed: HashSet::new() }.kill_all();
}

/// The processes of one attempt: the command, its descendants, and all processes with the marks.
#[derive(Debug)]
pub(super) struct Descendants {
    root: Option<Pid>,
    marks: Marks,
    killed: HashSet<Pid>,
}

impl Descendants {
    pub(super) fn new(root: Pid, marks: Marks) -> Self {
        Descendants { root: Some(root), marks, killed: HashSet::new() }
    }

    /// Kills processes until no new one is found.
    pub(super) fn kill_all(&mut self) {
        for _ in 0..ROUNDS {
            let mut found = self.find();
            found.retain(|process| self.killed.insert(process.pid));
            if found.is_empty() {
                return;
            }
            found.iter().for_each(|process| process.signal(Signal::KILL));
        }
    }

    /// Returns the processes that are alive now, without the command itself.
    pub(super) fn find(&self) -> Vec<Process> {
        let all = system::all();
        let marked = all.iter().filter(|entry| system::environment(entry.pid).is_some_and(|it| self.marks.are_in(&it)));
        let mut family: HashSet<Pid> = marked.map(|entry| entry.pid).chain(self.root).collect();
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
        let others = all.iter().filter(|entry| family.contains(&entry.pid) && self.root != Some(entry.pid));
        others.filter_map(|entry| system::open(entry, self.root)).collect()
    }
}

/// A process handle. It never refers to another process, even if this one ends and its id is reused.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    handle: system::Handle,
    /// Whether the process is in the command's own group.
    pub(super) in_group: bool,
}

impl Process {
    pub(super) fn signal(&self, signal: Signal) {
        system::signal(&self.handle, signal);
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::os::fd::OwnedFd;

    use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

    use super::Process;

    pub(super) type Handle = OwnedFd;

    /// The data of a process in `/proc`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Entry {
        pub(super) pid: Pid,
        pub(super) parent: Pid,
        group: Pid,
        dead: bool,
        /// The start time. It distinguishes the process from a later one with the same id.
        born: u64,
    }

    /// Returns all visible processes, except this one and kernel threads.
    pub(super) fn all() -> Vec<Entry> {
        let Ok(folder) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = folder.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        pids.filter(|pid| *pid != getpid()).filter_map(entry).collect()
    }

    fn entry(pid: Pid) -> Option<Entry> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        parse(pid, &stat)
    }

    /// Parses `7 (name) S 1 7 …`. The name may contain any character.
    pub(super) fn parse(pid: Pid, stat: &str) -> Option<Entry> {
        let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
        let dead = matches!(fields.next()?, "Z" | "X");
        let mut number = || Pid::from_raw(fields.next()?.parse().ok()?);
        let (parent, group) = (number()?, number()?);
        let born = fields.nth(16)?.parse().ok()?;
        Some(Entry { pid, parent, group, dead, born })
    }

    /// Returns the environment that a process was started with; `None` for processes of other users, which cannot be
    /// signalled either.
    pub(super) fn environment(pid: Pid) -> Option<Vec<u8>> {
        fs::read(format!("/proc/{pid}/environ")).ok()
    }

    /// Opens a process, if it is alive and still the same.
    pub(super) fn open(found: &Entry, root: Option<Pid>) -> Option<Process> {
        if found.dead {
            return None;
        }
        let handle = pidfd_open(found.pid, PidfdFlags::empty()).ok()?;
        let same = entry(found.pid).is_some_and(|now| now.born == found.born);
        same.then_some(Process { pid: found.pid, handle, in_group: root == Some(found.group) })
    }

    pub(super) fn signal(process: &Handle, signal: Signal) {
        let _ = pidfd_send_signal(process, signal); // it may have ended, or belong to another user
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_may_look_like_anything() {
            let pid = Pid::from_raw(7).unwrap();
            let entry = parse(pid, "7 (a) Z 1) S 42 43 43 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 9876 0").unwrap();
            assert_eq!((entry.parent.as_raw_nonzero().get(), entry.group.as_raw_nonzero().get()), (42, 43));
            assert_eq!((entry.dead, entry.born), (false, 9876));
            assert!(parse(pid, "7 (a) Z 42 43 43 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 9876 0").unwrap().dead);
            assert_eq!(parse(pid, "7 (kthreadd) S 0 0 0"), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use rustix::process::{Pid, Signal};

    use super::Process;

    pub(super) type Handle = std::convert::Infallible;

    pub(super) struct Entry {
        pub(super) pid: Pid,
        pub(super) parent: Pid,
    }

    pub(super) fn all() -> Vec<Entry> {
        Vec::new()
    }

    pub(super) fn environment(_: Pid) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn open(_: &Entry, _: Option<Pid>) -> Option<Process> {
        None
    }

    pub(super) fn signal(process: &Handle, _: Signal) {
        match *process {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_must_have_all_marks_in_full() {
        let marks = Marks::of(&[("A", "1".into()), ("B", "2".into())]);
        assert!(marks.are_in(b"X=0\0B=2\0A=1\0"));
        assert!(!marks.are_in(b"A=1\0B=22\0"));
        assert!(!marks.are_in(b"A=1\0"));
        assert!(!marks.are_in(b""));
        assert!(!Marks::of(&[]).are_in(b"A=1\0"), "an empty set of marks matches no process");
    }
}
