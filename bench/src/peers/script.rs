//! A peer's script as a process. It is ended with all its children. It writes lines of JSON.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::Deserialize;
use serde_json::Value;

use crate::measure::cpu_with_children;
use crate::peers::install::Installed;
use crate::store::Result;

/// How long a script may print nothing, and how long it may take to end.
const PATIENCE: Duration = Duration::from_secs(600);
const FAREWELL: Duration = Duration::from_secs(60);

/// A line of a script's output.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Version {
        version: String,
    },
    Ready {
        #[expect(dead_code, reason = "it is always true")]
        ready: bool,
    },
    Report(Report),
    Moment(Moment),
}

/// The report of a script.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Report {
    pub jobs: f64,
    pub seconds: f64,
}

/// When something happened to a job, in microseconds of the wall clock.
#[derive(Debug, Deserialize)]
pub struct Moment {
    pub id: String,
    pub us: u64,
}

/// A running script. It is ended when dropped.
pub struct Script {
    child: Child,
    lines: Receiver<Line>,
    /// The moments reported so far.
    moments: Vec<Moment>,
    log: PathBuf,
    /// The CPU time before it was ready.
    before: Duration,
}

impl Script {
    /// Asks a peer for its version.
    pub fn version(installed: &Installed) -> Result<String> {
        let mut script = Script::spawn(installed, &["version".to_owned()])?;
        script.until(|line| match line {
            Line::Version { version } => Some(version),
            _ => None,
        })
    }

    /// Starts a role, and waits until it is ready.
    pub fn start(installed: &Installed, role: &str, options: &Value) -> Result<Self> {
        let mut script = Script::spawn(installed, &[role.to_owned(), options.to_string()])?;
        script.until(|line| matches!(line, Line::Ready { .. }).then_some(()))?;
        script.before = cpu_with_children(script.child.id());
        Ok(script)
    }

    fn spawn(installed: &Installed, args: &[String]) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(&installed.log)?;
        let mut command = Command::new(&installed.command[0]);
        command.args(&installed.command[1..]).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0);
        let mut child = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(std::result::Result::ok) {
                // Ignore other output of the system.
                let Ok(line) = serde_json::from_str(&line) else { continue };
                if say.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Script { child, lines, moments: Vec::new(), log: installed.log.clone(), before: Duration::ZERO })
    }

    /// Waits for its report, and returns it with the CPU time of the script and its children since it was ready, in
    /// seconds.
    pub fn report(&mut self) -> Result<(Report, f64)> {
        let report = self.until(|line| match line {
            Line::Report(report) => Some(report),
            _ => None,
        })?;
        Ok((report, (cpu_with_children(self.child.id()) - self.before).as_secs_f64()))
    }

    /// Starts a producer, or asks a worker for its count; [`Script::report`] waits for the answer.
    pub fn ask(&mut self) {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = stdin.write_all(b"\n"); // the end of the script is noticed when the answer is read
        }
    }

    /// Ends the script, and returns the moments that it reported.
    pub fn end(mut self) -> Result<Vec<Moment>> {
        drop(self.child.stdin.take());
        let until = Instant::now() + FAREWELL;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Line::Moment(moment)) => self.moments.push(moment),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(std::mem::take(&mut self.moments)),
                Err(RecvTimeoutError::Timeout) => return Err("the script did not end in time".into()),
            }
        }
    }

    /// Waits for a line. Moments before it are kept.
    fn until<T>(&mut self, mut wanted: impl FnMut(Line) -> Option<T>) -> Result<T> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(Line::Moment(moment)) => self.moments.push(moment),
                Ok(line) => {
                    if let Some(found) = wanted(line) {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the script printed nothing for {} s", PATIENCE.as_secs()).into());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let said = end_of(&self.log).unwrap_or_default();
                    return Err(format!("the script ended early; the end of {}:\n{said}", self.log.display()).into());
                }
            }
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) else { return };
        let until = Instant::now() + FAREWELL;
        // It is not reaped yet, so that its id remains the id of its group, with all its children.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while Instant::now() < until && matches!(waitid(WaitId::Pid(pid), look), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(pid, Signal::KILL); // usually the group is empty
        let _ = self.child.wait(); // it has ended
    }
}

/// Returns the last part of a file.
fn end_of(path: &PathBuf) -> std::io::Result<String> {
    const PART: u64 = 2_000;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(PART)))?;
    let mut part = Vec::new();
    file.read_to_end(&mut part)?;
    Ok(String::from_utf8_lossy(&part).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Installed {
        let log = std::env::temp_dir().join(format!("longshore-bench-script-{}", std::process::id()));
        Installed { command: vec!["sh".into(), "-c".into(), script.into(), "sh".into()], log }
    }

    #[test]
    fn a_script_is_read_and_ended() {
        let says = r#"echo noise; echo '{"ready": true}'; read -r _; echo '{"id": "a", "us": 7}'
                      echo '{"jobs": 3, "seconds": 0.5}'; read -r _; echo '{"id": "b", "us": 9}'"#;
        let mut script = Script::start(&shell(says), "work", &Value::Null).unwrap();
        script.ask();
        let (report, _) = script.report().unwrap();
        assert_eq!((report.jobs, report.seconds), (3.0, 0.5));
        let moments = script.end().unwrap();
        let moments: Vec<_> = moments.iter().map(|moment| (moment.id.as_str(), moment.us)).collect();
        assert_eq!(moments, [("a", 7), ("b", 9)]);
    }

    #[test]
    fn script_that_fails_says_why() {
        let error = Script::start(&shell("echo 'no such module' >&2; exit 1"), "work", &Value::Null).err().unwrap();
        assert!(error.to_string().contains("no such module"), "{error}");
    }
}
