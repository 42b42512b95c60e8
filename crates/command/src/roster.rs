//! The attempts whose commands run now, and the sweeper: a process that survives a killed worker and ends these
//! commands.
//!
//! The worker tells the sweeper of each command before it starts and after it has ended, as lines in a pipe. The pipe
//! closes when the worker ends for any reason. Then the sweeper kills the processes of all commands that had not
//! ended.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::ioctl_fionbio;

use crate::mark::Mark;
use crate::processes;

/// The attempts of this process whose commands run now. Cheap to clone; all clones are the same roster.
#[derive(Clone, Debug, Default)]
pub struct Roster(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    running: HashSet<Mark>,
    sweeper: Option<Child>,
}

impl Roster {
    /// Tells a sweeper, which was started with a pipe as its standard input, of all running commands, and from now on
    /// of each command. A sweeper that was connected before is not told any more.
    ///
    /// # Errors
    ///
    /// If the sweeper cannot be written to. Then it is killed.
    pub fn connect(&self, mut sweeper: Child) -> io::Result<()> {
        let mut inner = self.inner();
        let lines: String = inner.running.iter().map(|mark| format!("+{mark}\n")).collect();
        let stdin = sweeper.stdin.as_mut().ok_or_else(|| io::Error::other("the sweeper has no pipe"));
        let told = stdin.and_then(|pipe| {
            ioctl_fionbio(&*pipe, true)?; // a sweeper that hangs must not hold up a command
            pipe.write_all(lines.as_bytes())
        });
        if let Err(e) = told {
            let _ = sweeper.kill(); // it may have ended already
            let _ = sweeper.wait();
            return Err(e);
        }
        inner.sweeper = Some(sweeper);
        Ok(())
    }

    /// Returns the connected sweeper, which is told no more.
    pub fn disconnect(&self) -> Option<Child> {
        self.inner().sweeper.take()
    }

    /// Closes the pipe of the connected sweeper, which then does its work and ends.
    pub fn close(&self) {
        if let Some(sweeper) = &mut self.inner().sweeper {
            drop(sweeper.stdin.take());
        }
    }

    /// Adds an attempt, before its command starts. It is removed when the entry is dropped.
    pub(crate) fn enter(&self, mark: Mark) -> Entry {
        let mut inner = self.inner();
        inner.running.insert(mark);
        inner.tell(&format!("+{mark}\n"));
        Entry { roster: self.clone(), mark }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Writes a line to the sweeper. A line is short enough to be written as a whole or not at all.
    fn tell(&mut self, line: &str) {
        let Some(sweeper) = &mut self.sweeper else { return };
        let told = sweeper.stdin.as_mut().is_none_or(|pipe| pipe.write_all(line.as_bytes()).is_ok());
        if !told {
            // It has ended, or it hangs and its list is no longer true. Its owner sees its end and starts another one.
            let _ = sweeper.kill();
        }
    }
}

/// An attempt in a roster.
#[derive(Debug)]
pub(crate) struct Entry {
    roster: Roster,
    mark: Mark,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut inner = self.roster.inner();
        inner.running.remove(&self.mark);
        inner.tell(&format!("-{}\n", self.mark));
    }
}

/// Does the work of a sweeper: reads what a roster tells until its worker ends, and then kills all processes of the
/// commands that have not ended. It does not wait for their end. On systems other than Linux it kills none.
pub fn sweep(worker: impl Read) {
    let mut running = HashSet::new();
    for line in BufReader::new(worker).lines() {
        let Ok(line) = line else { break };
        match (line.strip_prefix('+').map(str::parse::<Mark>), line.strip_prefix('-').map(str::parse::<Mark>)) {
            (Some(Ok(mark)), _) => {
                running.insert(mark);
            }
            (_, Some(Ok(mark))) => {
                running.remove(&mark);
            }
            _ => {} // only a roster writes here
        }
    }
    processes::end(running);
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::mark::tests::fresh;

    /// Starts a process that writes what it is told to its standard output.
    fn echo() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn said(mut sweeper: Child) -> Vec<String> {
        drop(sweeper.stdin.take());
        let output = sweeper.wait_with_output().unwrap().stdout;
        String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_sweeper_is_told_of_commands_that_ran_before_and_of_each_later_one() {
        let (roster, before, after) = (Roster::default(), fresh(), fresh());
        let first = roster.enter(before);
        roster.connect(echo()).unwrap();
        drop(roster.enter(after));
        drop(first);
        let expected = [format!("+{before}"), format!("+{after}"), format!("-{after}"), format!("-{before}")];
        assert_eq!(said(roster.disconnect().unwrap()), expected);
        drop(roster.enter(fresh())); // nobody is told
    }

    #[test]
    fn a_sweeper_that_hangs_holds_up_no_command_and_is_killed() {
        let roster = Roster::default();
        roster.connect(Command::new("sleep").arg("1000").stdin(Stdio::piped()).spawn().unwrap()).unwrap();
        let began = Instant::now();
        (0..10_000).for_each(|_| drop(roster.enter(fresh())));
        assert!(began.elapsed() < Duration::from_secs(60));
        assert!(!roster.disconnect().unwrap().wait().unwrap().success());
    }
}
