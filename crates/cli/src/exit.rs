//! How the program ends: an exit code that scripts can rely on, and a message that says what to do.

use longshore::{Error, ErrorKind, worker::Ended};

/// Shown below every help, and the reference for scripts.
pub const HELP: &str = "\
Exit codes:
   0  done; for a worker: everything it had begun is finished
   1  it could not be done: the job is dead, cancelled or unknown, or was refused
   2  wrong usage or configuration
   3  not finished within --timeout
  10  a worker was told twice to end, or its grace was over: some jobs were cut short and handed back
  11  some jobs could not even be handed back: they run again when their leases end
  12  every slot of a worker was held by handlers that did not return
  69  the store or the server could not be reached";

/// An end other than success.
#[derive(Debug)]
pub struct Exit {
    code: i32,
    /// What to tell; `None` where everything was said already.
    error: Option<anyhow::Error>,
}

impl Exit {
    /// It could not be done.
    pub fn failed(error: impl Into<anyhow::Error>) -> Self {
        Exit { code: 1, error: Some(error.into()) }
    }

    /// Wrong usage or configuration.
    pub fn usage(text: impl std::fmt::Display) -> Self {
        Exit { code: 2, error: Some(anyhow::anyhow!("{text}")) }
    }

    /// Everything that is wrong with the configuration.
    pub fn config(problems: Vec<String>) -> Self {
        let count = problems.len();
        let head = if count == 1 { String::new() } else { format!("{count} problems:\n  ") };
        Exit::usage(format!("{head}{}", problems.join("\n  ")))
    }

    /// Nothing is wrong, but it is not finished.
    pub fn not_finished(text: impl std::fmt::Display) -> Self {
        Exit { code: 3, error: Some(anyhow::anyhow!("{text}")) }
    }

    /// The store or the server could not be reached.
    pub fn unreachable(error: impl Into<anyhow::Error>) -> Self {
        Exit { code: 69, error: Some(error.into()) }
    }

    /// What a worker's end means for the process.
    pub fn of_worker(ended: Ended) -> Result<(), Self> {
        match ended.exit_code() {
            0 => Ok(()),
            code => Err(Exit { code, error: None }),
        }
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

/// An error on the way to opening a store: whatever it is, the store cannot be reached, unless its URL is wrong.
pub fn opening(error: Error) -> Exit {
    match error.kind() {
        ErrorKind::Invalid => Exit::usage(error),
        _ => Exit::unreachable(anyhow::anyhow!("{error}")),
    }
}
