//! The sweeper: a process that survives a killed worker and kills the commands that the worker left running.
//!
//! A worker that ends in any other way stops its commands itself. The sweeper needs no messages: it waits for the end
//! of its standard input, which comes when the worker ends for any reason. Then it kills all processes that carry the
//! worker's mark.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use clap::Args;
use longshore::WorkerId;
use longshore_command::end_marked;

use crate::Exit;
use crate::config::Config;

/// The environment variable that marks all commands of one worker process, with the worker's id.
pub const MARK: &str = "LONGSHORE_WORKER";

/// A running sweeper that waits for the end of this process.
#[derive(Debug)]
pub struct Sweeper {
    /// The child process. It holds the pipe that closes when this process ends.
    process: Child,
}

impl Drop for Sweeper {
    /// Ends the sweeper and waits for it, so that a normal shutdown leaves no process running.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait(); // the process has ended in any case
    }
}

impl Sweeper {
    /// Starts a sweeper and marks all commands with the id of their worker. Without commands no sweeper is needed.
    pub fn start(config: &mut Config, worker: WorkerId) -> Option<Self> {
        if config.kinds.is_empty() || cfg!(not(target_os = "linux")) {
            return None;
        }
        let mark = worker.to_string();
        for kind in &mut config.kinds {
            kind.command.set.insert(MARK.to_owned(), mark.clone());
        }
        match spawn(&mark) {
            Ok(process) => Some(Sweeper { process }),
            Err(e) => {
                tracing::warn!(error = %e, "cannot start the sweeper; if this worker is killed, its commands will continue to run");
                None
            }
        }
    }
}

/// Starts the sweeper in its own process group, so that Ctrl+C does not reach it, and without environment variables.
fn spawn(mark: &str) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(["sweep", mark])
        .env_clear()
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Wait until standard input ends, then kill all processes with this mark
#[derive(Debug, Args)]
pub struct Sweep {
    mark: String,
}

impl Sweep {
    pub fn run(self) -> Result<(), Exit> {
        let _ = std::io::stdin().read(&mut [0]); // nothing is ever written, so any return means the end
        end_marked(MARK, &self.mark);
        Ok(())
    }
}
