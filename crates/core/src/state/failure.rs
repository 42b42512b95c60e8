//! Why jobs are dead, and the record of a failed attempt.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Timestamp, WorkerId};

/// Why a job is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The last attempt failed.
    Exhausted,
    /// A handler returned a fatal error.
    Fatal,
    /// Its worker processes died three times.
    Crashed,
    /// Its deadline passed while it waited to be started or retried.
    Expired,
    /// No live worker knows its kind.
    UnknownKind,
    /// Its data in the store is corrupt.
    Corrupt,
    /// All its attempts ended in an outage for 24 hours.
    Outage,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Reason; 7] = [
        Reason::Exhausted,
        Reason::Fatal,
        Reason::Crashed,
        Reason::Expired,
        Reason::UnknownKind,
        Reason::Corrupt,
        Reason::Outage,
    ];

    /// Returns the number that a store keeps: the position in [`Reason::ALL`], counted from 1. 0 means no reason.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Converts a store's [number](Reason::number) to a reason. Returns `None` for 0 and for an unknown number.
    pub fn from_number(number: u8) -> Option<Self> {
        Reason::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Returns the class of the failure that belongs to this reason.
    pub fn class(self) -> FailureClass {
        match self {
            Reason::Exhausted => FailureClass::Retry,
            Reason::Fatal | Reason::Expired | Reason::UnknownKind => FailureClass::Fatal,
            Reason::Crashed => FailureClass::Crash,
            Reason::Corrupt => FailureClass::Corrupt,
            Reason::Outage => FailureClass::Outage,
        }
    }

    /// Returns the reason's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Exhausted => "exhausted",
            Reason::Fatal => "fatal",
            Reason::Crashed => "crashed",
            Reason::Expired => "expired",
            Reason::UnknownKind => "unknown_kind",
            Reason::Corrupt => "corrupt",
            Reason::Outage => "outage",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Reason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| Error::invalid(format!("`{text}` is not a reason")))
    }
}

/// A failed attempt, recorded for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it ended, by the store's clock.
    pub at: Timestamp,
    /// When it started; `None` if it never started, or if an older version wrote the failure.
    pub started_at: Option<Timestamp>,
    /// What kind of failure it was.
    pub class: FailureClass,
    /// The number of the attempt. An interrupted or crashed attempt has the number that it would have had.
    pub attempt: u16,
    /// The number of its claim, which identifies its log; `None` if it had no claim, or if an older version wrote the
    /// failure.
    pub claim: Option<u64>,
    /// The worker that ran it.
    pub worker: Option<WorkerId>,
    /// What went wrong; at most 4 KiB.
    pub message: String,
}

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// The failure may be temporary. It cost an attempt.
    Retry,
    /// The failure is permanent: a retry cannot succeed.
    Fatal,
    /// Something that the job needs was unavailable. It cost no attempt.
    Outage,
    /// The worker process died or lost its lease. It cost no attempt and is counted as a crash.
    Crash,
    /// The job's data in the store is corrupt.
    Corrupt,
}

impl FailureClass {
    /// All classes, in the order of their numbers.
    pub const ALL: [FailureClass; 5] =
        [FailureClass::Retry, FailureClass::Fatal, FailureClass::Outage, FailureClass::Crash, FailureClass::Corrupt];

    /// Returns the class's name.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureClass::Retry => "retry",
            FailureClass::Fatal => "fatal",
            FailureClass::Outage => "outage",
            FailureClass::Crash => "crash",
            FailureClass::Corrupt => "corrupt",
        }
    }

    /// Returns the number that a store keeps: the position in [`FailureClass::ALL`].
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Converts a store's [number](FailureClass::number) to a class. An unknown number becomes `Retry`.
    pub fn from_number(number: i64) -> Self {
        let known = usize::try_from(number).ok().and_then(|number| FailureClass::ALL.get(number));
        known.copied().unwrap_or(FailureClass::Retry)
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
