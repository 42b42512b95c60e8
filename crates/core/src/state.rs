//! The life of a job: its states, what can happen to it, and the one function that knows every move.
//!
//! ```text
//! scheduled ─due─► ready ─claim─► running ─settle─► succeeded
//!     ▲              ▲               │├─ failed, attempts left ─► scheduled (retry at)
//!     └── retry ─────┴── release ────┘├─ failed, none left / fatal / crashed 3× ─► dead ──retry by hand──► ready
//!                                    └─ cancelled (asked) ─► cancelled      (scheduled, ready → cancelled at once)
//! ```
//!
//! Paused, limited or broken off is a property of a queue, never a state of a job.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::{Error, Stored, Timestamp, WorkerId, limits};

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Waits for its time: pushed for later, or tried and to be tried again.
    Scheduled,
    /// Waits for a worker.
    Ready,
    /// A worker holds it.
    Running,
    /// Finished well; its result is kept for a while.
    Succeeded,
    /// Finished badly; kept for a while, and can be retried by hand.
    Dead,
    /// Called off.
    Cancelled,
}

impl State {
    /// All states, in the order of a job's life.
    pub const ALL: [State; 6] =
        [State::Scheduled, State::Ready, State::Running, State::Succeeded, State::Dead, State::Cancelled];

    /// Returns whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        matches!(self, State::Succeeded | State::Dead | State::Cancelled)
    }

    /// Returns the state's name in every language, database and answer.
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
            Error::invalid(format!("`{text}` is no state; the states are {all}"))
        })
    }
}

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

/// What a worker says of an attempt that has ended. [`decide`](crate::decide()) decides it, stores only write it.
///
/// Exhaustive on purpose: the compiler names every store that misses a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned.
    Succeed {
        /// Its result; `None` where it is nothing.
        result: Option<Stored>,
    },
    /// It failed and is tried again.
    Retry {
        /// After this long.
        delay: Duration,
        /// What went wrong.
        message: String,
    },
    /// Something that the job needs is away: it is tried again and costs no attempt.
    Outage {
        /// After this long.
        delay: Duration,
        /// What is away.
        message: String,
    },
    /// It asked to be run later; costs no attempt.
    Snooze {
        /// After this long.
        delay: Duration,
    },
    /// The worker hands it back unfinished; costs no attempt.
    Release,
    /// It failed and is not tried again.
    Bury {
        /// Why.
        reason: Reason,
        /// What went wrong.
        message: String,
    },
    /// The handler called it off, or gave way to a request to cancel.
    Cancel,
}

impl Outcome {
    /// Returns the class and the message of the failure that it records, where it records one.
    pub fn failure(&self) -> Option<(FailureClass, &str)> {
        match self {
            Outcome::Retry { message, .. } => Some((FailureClass::Retry, message)),
            Outcome::Outage { message, .. } => Some((FailureClass::Outage, message)),
            Outcome::Bury { reason, message } => Some((reason.class(), message)),
            Outcome::Succeed { .. } | Outcome::Snooze { .. } | Outcome::Release | Outcome::Cancel => None,
        }
    }
}

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
/// use longshore_core::{Death, ExitStatus, Gone};
///
/// let killed = Gone { death: Death::Crashed, status: Some(ExitStatus::Signal(9)) };
/// assert_eq!(killed.to_string(), "the worker process was killed by signal 9");
/// assert_eq!(Gone::LEASE_ENDED.to_string(), "the worker process died, or could not renew its lease");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// What kind of death it was, which decides what it costs the jobs.
    pub death: Death,
    /// How the process ended, where somebody saw it.
    pub status: Option<ExitStatus>,
}

impl Gone {
    /// A worker whose lease ended and of which nothing else is known.
    pub const LEASE_ENDED: Gone = Gone { death: Death::Crashed, status: None };
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

/// What can happen to a job.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Its time has come.
    Due,
    /// A worker takes it.
    Claim,
    /// The worker that holds it settles it.
    Settle(&'a Outcome),
    /// The worker that holds it is gone.
    Lose(Death),
    /// Somebody asks to call it off.
    Cancel,
    /// Somebody asks to try it again.
    Retry,
    /// Its deadline passed, its kind is unknown, or its row is damaged.
    Bury(Reason),
}

/// What a store must know of a job to move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its state.
    pub state: State,
    /// Attempts begun, the running one included.
    pub attempt: u16,
    /// Worker processes that died with it.
    pub crashes: u16,
    /// Runs that ended through no fault of the job.
    pub interruptions: u32,
    /// Attempts in a row that ended in an outage. A store keeps beside it when the first of them ended, for as long as this is not 0.
    pub outages: u16,
    /// Whether somebody asked to call it off while it ran.
    pub cancel_asked: bool,
}

/// Where a job goes, and what else changes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The facts afterwards.
    pub facts: Facts,
    /// How long from now it becomes ready, where it is scheduled anew; `None` keeps its time.
    pub wait: Option<Duration>,
    /// Why it is dead, where it is.
    pub reason: Option<Reason>,
}

/// Returns where that event takes a job, or `None` where it changes nothing because the job has moved on.
///
/// The one function that knows every transition; the embedded stores call it, and the scripts of the others are held to
/// it by the conformance suite.
pub fn step(facts: Facts, event: Event<'_>) -> Option<Move> {
    use State::{Cancelled, Dead, Ready, Running, Scheduled, Succeeded};
    let to = |state| Move { facts: Facts { state, ..facts }, wait: None, reason: None };
    let dead = |reason| Move { reason: Some(reason), ..to(Dead) };
    let after = |delay: Duration| {
        let state = if delay.is_zero() { Ready } else { Scheduled };
        Move { wait: Some(delay), ..to(state) }
    };
    let unburned = |mut next: Move| {
        next.facts.attempt = facts.attempt.saturating_sub(1);
        next
    };
    let interrupted = |next: Move| {
        let mut next = unburned(next);
        next.facts.interruptions += 1;
        next
    };
    // The handler could do its work, or said what it waits for: a row of outages is over.
    let reached = |mut next: Move| {
        next.facts.outages = 0;
        next
    };
    match (facts.state, event) {
        (Scheduled, Event::Due) => Some(to(Ready)),
        (Ready, Event::Claim) => {
            let mut next = to(Running);
            next.facts.attempt += 1;
            Some(next)
        }
        (Running, Event::Settle(Outcome::Succeed { .. })) => Some(to(Succeeded)),
        (Running, Event::Settle(Outcome::Bury { reason, .. })) => Some(dead(*reason)),
        (Running, Event::Settle(Outcome::Cancel)) => Some(to(Cancelled)),
        (Running, Event::Settle(_) | Event::Lose(_)) if facts.cancel_asked => Some(to(Cancelled)),
        (Running, Event::Settle(Outcome::Retry { delay, .. })) => Some(reached(after(*delay))),
        (Running, Event::Settle(Outcome::Outage { delay, .. })) => {
            let mut next = unburned(after(*delay));
            next.facts.outages = facts.outages.saturating_add(1);
            Some(next)
        }
        (Running, Event::Settle(Outcome::Snooze { delay })) => Some(reached(interrupted(after(*delay)))),
        (Running, Event::Settle(Outcome::Release) | Event::Lose(Death::Interrupted)) => Some(interrupted(to(Ready))),
        (Running, Event::Lose(Death::Crashed)) => {
            let crashes = facts.crashes + 1;
            let mut next = match crashes {
                limits::CRASHES.. => dead(Reason::Crashed),
                1 => to(Ready),
                _ => after(limits::CRASH_BACKOFF),
            };
            next.facts.crashes = crashes;
            Some(unburned(next))
        }
        (Scheduled | Ready, Event::Cancel) => Some(to(Cancelled)),
        (Running, Event::Cancel) => {
            let mut next = to(Running);
            next.facts.cancel_asked = true;
            Some(next)
        }
        (Dead | Cancelled, Event::Retry) => {
            let mut next = after(Duration::ZERO);
            next.facts = Facts { attempt: 0, crashes: 0, outages: 0, cancel_asked: false, ..next.facts };
            Some(next)
        }
        (Scheduled, Event::Retry) => Some(after(Duration::ZERO)),
        (Scheduled | Ready | Running, Event::Bury(reason)) => Some(dead(reason)),
        _ => None,
    }
}

/// Returns whether a job that crashed so often must run alone in its worker.
pub fn runs_alone(crashes: u16) -> bool {
    crashes >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Facts {
        Facts { state: State::Running, attempt: 3, crashes: 0, interruptions: 0, outages: 0, cancel_asked: false }
    }

    fn every_event(check: impl Fn(Event<'_>)) {
        let outcomes = [
            Outcome::Succeed { result: None },
            Outcome::Retry { delay: Duration::from_secs(1), message: String::new() },
            Outcome::Outage { delay: Duration::from_secs(1), message: String::new() },
            Outcome::Snooze { delay: Duration::from_secs(1) },
            Outcome::Release,
            Outcome::Bury { reason: Reason::Fatal, message: String::new() },
            Outcome::Cancel,
        ];
        outcomes.iter().for_each(|outcome| check(Event::Settle(outcome)));
        for event in [Event::Due, Event::Claim, Event::Lose(Death::Interrupted), Event::Lose(Death::Crashed)] {
            check(event);
        }
        for event in [Event::Cancel, Event::Retry, Event::Bury(Reason::Expired)] {
            check(event);
        }
    }

    #[test]
    fn only_a_retry_by_hand_leaves_a_final_state_and_never_a_success() {
        for state in [State::Succeeded, State::Dead, State::Cancelled] {
            every_event(|event| {
                let by_hand = matches!(event, Event::Retry) && state != State::Succeeded;
                assert_eq!(step(Facts { state, ..running() }, event).is_some(), by_hand, "{state}");
            });
        }
    }

    #[test]
    fn only_a_running_job_can_be_settled_or_lost() {
        for state in [State::Scheduled, State::Ready] {
            let facts = Facts { state, ..running() };
            assert_eq!(step(facts, Event::Settle(&Outcome::Release)), None);
            assert_eq!(step(facts, Event::Lose(Death::Crashed)), None);
        }
    }

    #[test]
    fn the_third_crash_is_the_end_and_none_of_them_costs_an_attempt() {
        let first = step(running(), Event::Lose(Death::Crashed)).unwrap();
        assert_eq!((first.facts.state, first.facts.crashes, first.facts.attempt), (State::Ready, 1, 2));
        let second = step(Facts { crashes: 1, ..running() }, Event::Lose(Death::Crashed)).unwrap();
        assert_eq!((second.facts.state, second.wait), (State::Scheduled, Some(limits::CRASH_BACKOFF)));
        assert!(runs_alone(second.facts.crashes));
        let third = step(Facts { crashes: 2, ..running() }, Event::Lose(Death::Crashed)).unwrap();
        assert_eq!((third.facts.state, third.reason), (State::Dead, Some(Reason::Crashed)));
    }

    #[test]
    fn a_job_asked_to_stop_is_cancelled_by_whatever_ends_it_but_success_and_death() {
        let asked = Facts { cancel_asked: true, ..running() };
        assert_eq!(step(asked, Event::Settle(&Outcome::Release)).unwrap().facts.state, State::Cancelled);
        assert_eq!(step(asked, Event::Lose(Death::Crashed)).unwrap().facts.state, State::Cancelled);
        let success = Outcome::Succeed { result: None };
        assert_eq!(step(asked, Event::Settle(&success)).unwrap().facts.state, State::Succeeded);
    }

    #[test]
    fn retry_is_a_retry_whatever_the_attempt() {
        let retry = Outcome::Retry { delay: Duration::from_secs(9), message: "no".into() };
        let last = Facts { attempt: u16::MAX, ..running() };
        assert_eq!(step(last, Event::Settle(&retry)).unwrap().wait, Some(Duration::from_secs(9)));
    }

    #[test]
    fn outage_costs_no_attempt_and_is_counted_until_an_attempt_gets_through() {
        let outage = Outcome::Outage { delay: Duration::from_secs(9), message: "no".into() };
        let next = step(Facts { outages: 4, ..running() }, Event::Settle(&outage)).unwrap();
        assert_eq!((next.facts.state, next.facts.attempt, next.facts.outages), (State::Scheduled, 2, 5));
        let after = |outcome| step(Facts { outages: 5, ..running() }, Event::Settle(&outcome)).unwrap().facts.outages;
        assert_eq!(after(Outcome::Retry { delay: Duration::ZERO, message: String::new() }), 0);
        assert_eq!(after(Outcome::Snooze { delay: Duration::ZERO }), 0);
        assert_eq!(after(Outcome::Release), 5, "a worker that stopped says nothing of the outage");
        let crashed = step(Facts { outages: 5, ..running() }, Event::Lose(Death::Crashed)).unwrap();
        assert_eq!(crashed.facts.outages, 5);
    }
}
