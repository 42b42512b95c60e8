//! The states of a job, its events, and the one function that knows every transition.
//!
//! ```text
//! scheduled ─due─► ready ─claim─► running ─settle─► succeeded
//!     ▲              ▲               │├─ failed, attempts left ─► scheduled (retry at)
//!     └── retry ─────┴── release ────┘├─ failed, none left / fatal / crashed 3× ─► dead ──retry by hand──► ready
//!                                    └─ cancelled (asked) ─► cancelled      (scheduled, ready → cancelled at once)
//! ```
//!
//! Pauses, limits and outages are properties of a queue, never states of a job.

mod failure;
mod gone;
mod outcome;
mod step;
mod unique;

use std::fmt;
use std::str::FromStr;

pub use self::failure::{Failure, FailureClass, Reason};
pub use self::gone::{Death, ExitStatus, Gone};
pub use self::outcome::Outcome;
pub use self::step::{Event, Facts, Move, is_isolated, step};
#[cfg(any(test, feature = "testing"))]
pub use self::step::{every_other_event, every_outcome};
#[cfg(any(test, feature = "testing"))]
pub use self::unique::every_scope;
pub use self::unique::{gives_key_back, holds_key, kept_for_key, key_until};
use crate::Error;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waits for its time: the job was pushed for later or is to be retried.
    Scheduled,
    /// Waits for a worker.
    Ready,
    /// A worker holds it.
    Running,
    /// Finished with success. The result is kept for a while.
    Succeeded,
    /// Finished without success. The job is kept for a while and can be retried by hand.
    Dead,
    /// Cancelled.
    Cancelled,
}

impl State {
    /// All states, in the order of a job's life.
    pub const ALL: [State; 6] =
        [State::Scheduled, State::Ready, State::Running, State::Succeeded, State::Dead, State::Cancelled];

    /// Returns whether the job is finished. It changes only if a person acts on it or upkeep deletes it.
    pub fn is_final(self) -> bool {
        matches!(self, State::Succeeded | State::Dead | State::Cancelled)
    }

    /// Returns the state's name, which is the same in all languages, databases and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Scheduled => "scheduled",
            State::Ready => "ready",
            State::Running => "running",
            State::Succeeded => "succeeded",
            State::Dead => "dead",
            State::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        State::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
            let all = State::ALL.map(State::as_str).join(", ");
            Error::invalid(format!("`{text}` is not a state; the states are {all}"))
        })
    }
}
