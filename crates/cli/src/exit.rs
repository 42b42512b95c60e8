//! The end of the program: an exit code for scripts, and a message with the cause.

use longshore::{Error, ErrorKind, worker::Ended};

/// The exit codes. Every help text ends with them.
pub const HELP: &str = "\
Exit codes:
   0  success; for a worker: all its jobs are finished
   1  failure: the job is dead, cancelled or not found, or the request was refused
   2  invalid usage or configuration
   3  not finished within --timeout
  10  a second signal or the end of the grace period stopped a worker: some jobs were released
  11  a worker could not release some of its jobs: they run again when their leases expire
  12  all slots of a worker were occupied by handlers that did not return
  69  the store or the server is unreachable
 130  a tool was ended by INT (Ctrl+C); 129: by HUP; 143: by TERM";

/// An end of the program other than success.
#[derive(Debug)]
pub struct Exit {
    code: i32,
    /// The message; `None` if everything was already logged.
    error: Option<anyhow::Error>,
}

impl Exit {
    /// Returns the exit for a failure.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Exit { code: 1, error: Some(error.into()) }
    }

    /// Returns the exit for invalid usage or configuration.
    pub fn usage(text: impl std::fmt::Display) -> Self {
        Exit { code: 2, error: Some(anyhow::anyhow!("{text}")) }
    }

    /// Returns the exit for an invalid configuration, with all its problems.
    pub fn config(problems: Vec<String>) -> Self {
        let count = problems.len();
        let head = if count == 1 { String::new() } else { format!("{count} problems:\n  ") };
        Exit::usage(format!("{head}{}", problems.join("\n  ")))
    }

    /// Returns the exit for a job that is not finished yet.
    pub fn not_finished(text: impl std::fmt::Display) -> Self {
        Exit { code: 3, error: Some(anyhow::anyhow!("{text}")) }
    }

    /// Returns the exit for an unreachable store or server.
    pub fn unreachable(error: impl Into<anyhow::Error>) -> Self {
        Exit { code: 69, error: Some(error.into()) }
    }

    /// Returns the exit code for the end of a worker.
    pub fn of_worker(ended: Ended) -> Result<(), Self> {
        match ended.exit_code() {
            0 => Ok(()),
            code => Err(Exit { code, error: None }),
        }
    }

    /// Returns the exit for a tool that was ended by the signal with this number, as shells report it.
    pub fn by_signal(number: i32) -> Self {
        Exit { code: 128 + number, error: None }
    }

    /// Ends the process.
    pub fn end(self) -> ! {
        if let Some(error) = self.error {
            eprintln!("error: {error:#}");
        }
        std::process::exit(self.code)
    }
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Invalid => Exit::usage(error),
            ErrorKind::Unavailable => Exit::unreachable(anyhow::anyhow!("{error}")),
            _ => Exit::failed(anyhow::anyhow!("{error}")),
        }
    }
}

/// Returns the exit for an error while opening a store: invalid usage if the URL is invalid, otherwise an unreachable
/// store.
pub fn opening(error: Error) -> Exit {
    match error.kind() {
        ErrorKind::Invalid => Exit::usage(error),
        _ => Exit::unreachable(anyhow::anyhow!("{error}")),
    }
}
