//! The sweeper: a process that outlives a killed worker, to end the commands that the worker leaves behind.
//!
//! A worker that ends in any other way ends its commands itself. The sweeper needs no messages: it waits for the end of its
//! standard input, which comes with the worker's, however that ends; then it kills whatever bears the worker's mark.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use clap::Args;
use longshore::Nonce;
use longshore_command::end_marked;

use crate::Exit;
use crate::config::Config;

/// The variable that marks all commands of one worker process.
pub const MARK: &str = "LONGSHORE_WORKER";

/// A sweeper that waits for our end.
#[derive(Debug)]
pub struct Sweeper {
    /// Holds the pipe whose closing is the signal.
    process: Child,
}

impl Drop for Sweeper {
    /// Lets it sweep once more, and waits for it, so that an ordinary end leaves nothing behind, not even a sweeper.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait(); // it is gone either way
    }
}

impl Sweeper {
    /// Starts a sweeper, and marks all commands; without commands there is nothing to sweep.
    pub fn start(config: &mut Config) -> Option<Self> {
        if config.kinds.is_empty() || cfg!(not(target_os = "linux")) {
            return None;
        }
        let mark = format!("{}-{:016x}", std::process::id(), Nonce::new().0);
        for kind in &mut config.kinds {
            kind.command.set.insert(MARK.to_owned(), mark.clone());
        }
        match spawn(&mark) {
            Ok(process) => Some(Sweeper { process }),
            Err(e) => {
                tracing::warn!(error = %e, "cannot start the sweeper: should this worker be killed, its commands run on");
                None
            }
        }
    }
}

/// In a process group of its own, so that a Ctrl+C for the worker does not reach it, and without our environment.
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

/// Wait until standard input ends, then kill whatever bears that mark
#[derive(Debug, Args)]
pub struct Sweep {
    mark: String,
}

impl Sweep {
    pub fn run(self) -> Result<(), Exit> {
        let _ = std::io::stdin().read(&mut [0]); // nothing is ever written: this is the end, or as good as that
        end_marked(MARK, &self.mark);
        Ok(())
    }
}
