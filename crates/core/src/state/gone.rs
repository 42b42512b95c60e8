//! Workers that are gone, and what this costs their jobs.

use std::fmt;

/// How a worker ended, which determines what this costs its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The machine went down, or the worker was stopped on purpose. It costs the job nothing, but is counted.
    Interrupted,
    /// The worker process died. Crashes are counted separately from attempts. After the third one the job is dead.
    Crashed,
}

/// What is known about a worker that is gone. Displays as the failure message of each job that it held.
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
    /// The kind of death, which determines what it costs the jobs.
    pub death: Death,
    /// How the process ended, if it was observed.
    pub status: Option<ExitStatus>,
}

impl Gone {
    /// A worker whose lease ended, without further information.
    pub const LEASE_ENDED: Gone = Gone { death: Death::Crashed, status: None };

    /// Creates the description of a worker whose process crashed with this status.
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
