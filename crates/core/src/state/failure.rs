//! Why jobs are dead, and attempts that did not end well.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Timestamp, WorkerId};

/// Why a job is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The last attempt failed and none was left.
    Exhausted,
    /// A handler said that trying again is no use.
    Fatal,
    /// Worker processes died with it, three times.
    Crashed,
    /// Its deadline passed while it waited to be started, or tried again.
    Expired,
    /// No live worker knows its kind.
    UnknownKind,
    /// What the store holds of it makes no sense.
    Corrupt,
    /// For 24 hours all its attempts ended in an outage of something that it needs.
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

    /// Returns the number for a store to keep, which is its place in [`Reason::ALL`], from 1: 0 is left for none.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Takes back the [number](Reason::number) that a store has kept; `None` for 0 and for an unknown one.
    pub fn from_number(number: u8) -> Option<Self> {
        Reason::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }

    /// Returns the class of the failure that goes with it.
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
            .ok_or_else(|| Error::invalid(format!("`{text}` is no reason")))
    }
}

/// One attempt that did not end well, kept for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it ended, by the store's clock.
    pub at: Timestamp,
    /// When it started; `None` where it never did, or a version that did not keep this wrote the failure.
    pub started_at: Option<Timestamp>,
    /// What kind of failure it was.
    pub class: FailureClass,
    /// Which attempt it was; an interrupted or crashed one has the number it would have had.
    pub attempt: u16,
    /// The number of its claim, which names its log; `None` where it had none, or a version that did not keep this wrote the failure.
    pub claim: Option<u64>,
    /// The worker that ran it.
    pub worker: Option<WorkerId>,
    /// What went wrong; at most 4 KiB.
    pub message: String,
}

/// What kind of failure an attempt ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// It failed in a way that may be over next time: it used up an attempt.
    Retry,
    /// It failed in a way that no repeat mends.
    Fatal,
    /// Something that the job needs was away: it used up no attempt.
    Outage,
    /// The worker process died, or lost its lease: it used up no attempt, and is counted apart.
    Crash,
    /// What the store holds of the job makes no sense.
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

    /// Returns the number for a store to keep, which is its place in [`FailureClass::ALL`].
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Takes back the [number](FailureClass::number) that a store has kept; an unknown one is a retry.
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
