//! Workers that are gone, and what that costs their jobs.

use std::fmt;

/// Who died when a lease ended or a worker was released, which decides what it costs the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The machine, or a worker that was stopped on purpose: costs nothing, but is counted.
    Interrupted,
    /// The worker process: counted apart from attempts; the third makes the job dead.
    Crashed,
}

/// What is known of a worker that is gone. Displays as the message of the failure of each job that it held.
///
/// # Examples
///
/// ```
/// use longshore_core::{ExitStatus, Gone};
///
/// let killed = Gone::crashed(ExitStatus::Signal(9));
/// assert_eq!(killed.to_string(), "the worker process was killed by signal 9");
/// assert_eq!(Gone::LEASE_ENDED.to_string(), "the worker process died, or could not renew its lease");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gone {
    /// What kind of death it was, which decides what it costs the jobs.
    pub death: Death,
    /// How the process ended, where somebody saw it.
    pub status: Option<ExitStatus>,
}

impl Gone {
    /// A worker whose lease ended and of which nothing else is known.
    pub const LEASE_ENDED: Gone = Gone { death: Death::Crashed, status: None };

    /// A worker whose process crashed, and was seen to end like this.
    pub fn crashed(status: ExitStatus) -> Self {
        Gone { death: Death::Crashed, status: Some(status) }
    }
}

impl From<Death> for Gone {
    fn from(death: Death) -> Self {
        Gone { death, status: None }
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, self.death) {
            (Some(ExitStatus::Code(code)), _) => write!(f, "the worker process exited with code {code}"),
            (Some(ExitStatus::Signal(signal)), _) => write!(f, "the worker process was killed by signal {signal}"),
            (None, Death::Crashed) => f.write_str("the worker process died, or could not renew its lease"),
            (None, Death::Interrupted) => f.write_str("the worker was stopped"),
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// With this code.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
}
