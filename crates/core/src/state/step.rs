//! The state machine of a job: events and transitions.

use std::time::Duration;

use crate::{Death, Outcome, Reason, State, limits};

/// An event in the life of a job.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Its scheduled time has come.
    Due,
    /// A worker claims it.
    Claim,
    /// The worker that holds it settles it.
    Settle(&'a Outcome),
    /// The worker that holds it is gone.
    Lose(Death),
    /// Cancellation is requested.
    Cancel,
    /// A retry is requested.
    Retry,
    /// Its deadline passed, its kind is unknown, or its row is corrupt.
    Bury(Reason),
}

/// What a store must know about a job to compute its transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its state.
    pub state: State,
    /// Attempts started, including the running one.
    pub attempt: u16,
    /// Worker processes that died while they ran this job.
    pub crashes: u16,
    /// Runs that ended for a reason outside the job.
    pub interruptions: u32,
    /// Attempts in a row that ended in an outage. While this is not 0, the store also keeps when the first of them
    /// ended.
    pub outages: u16,
    /// Whether cancellation was requested while the job runs.
    pub cancel_asked: bool,
}

/// A transition: the new state of a job and the other changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The facts after the transition.
    pub facts: Facts,
    /// The delay until the job is ready, if it is scheduled again; `None` keeps its time.
    pub wait: Option<Duration>,
    /// Why the job is dead, if it is.
    pub reason: Option<Reason>,
}

/// Returns the transition for an event, or `None` if the event changes nothing because the state of the job has
/// changed.
///
/// This is the one function that knows every transition. The embedded stores call it, and the conformance suite checks
/// the scripts of the other stores against it.
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
        next.facts.interruptions = facts.interruptions.saturating_add(1);
        next
    };
    // The attempt did not end in an outage, so the series of outages ends.
    let reached = |mut next: Move| {
        next.facts.outages = 0;
        next
    };
    match (facts.state, event) {
        (Scheduled, Event::Due) => Some(to(Ready)),
        (Ready, Event::Claim) => {
            let mut next = to(Running);
            next.facts.attempt = facts.attempt.saturating_add(1);
            Some(next)
        }
        (Running, Event::Settle(outcome)) => Some(match outcome {
            Outcome::Succeed { .. } => to(Succeeded),
            Outcome::Bury { reason, .. } => dead(*reason),
            Outcome::Cancel => to(Cancelled),
            _ if facts.cancel_asked => to(Cancelled),
            Outcome::Retry { delay, .. } => reached(after(*delay)),
            Outcome::Outage { delay, .. } => {
                let mut next = unburned(after(*delay));
                next.facts.outages = facts.outages.saturating_add(1);
                next
            }
            Outcome::Snooze { delay } => reached(interrupted(after(*delay))),
            Outcome::Release => interrupted(to(Ready)),
        }),
        (Running, Event::Lose(_)) if facts.cancel_asked => Some(to(Cancelled)),
        (Running, Event::Lose(Death::Interrupted)) => Some(interrupted(to(Ready))),
        (Running, Event::Lose(Death::Crashed)) => {
            let crashes = facts.crashes.saturating_add(1);
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
        (Ready | Running | Succeeded | Dead | Cancelled, Event::Due)
        | (Scheduled | Running | Succeeded | Dead | Cancelled, Event::Claim)
        | (Scheduled | Ready | Succeeded | Dead | Cancelled, Event::Settle(_) | Event::Lose(_))
        | (Ready | Running | Succeeded, Event::Retry)
        | (Succeeded | Dead | Cancelled, Event::Cancel | Event::Bury(_)) => None,
    }
}

/// Returns every outcome, with edge values, for tests that compare a store's transitions with [`step`].
#[cfg(any(test, feature = "testing"))]
pub fn every_outcome() -> Vec<Outcome> {
    let message = String::new;
    let mut every = vec![Outcome::Succeed { result: None }, Outcome::Release, Outcome::Cancel];
    for delay in [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(3_600), limits::AHEAD] {
        every.push(Outcome::Retry { delay, message: message() });
        every.push(Outcome::Outage { delay, message: message() });
        every.push(Outcome::Snooze { delay });
    }
    every.extend(Reason::ALL.map(|reason| Outcome::Bury { reason, message: message() }));
    // This match makes the compiler report a new outcome, which belongs into the list above.
    for outcome in &every {
        match outcome {
            Outcome::Succeed { .. } | Outcome::Release | Outcome::Cancel | Outcome::Bury { .. } => {}
            Outcome::Retry { .. } | Outcome::Outage { .. } | Outcome::Snooze { .. } => {}
        }
    }
    every
}

/// Returns every event except settles, for the same tests.
#[cfg(any(test, feature = "testing"))]
pub fn every_other_event() -> Vec<Event<'static>> {
    let mut every = vec![Event::Due, Event::Claim, Event::Cancel, Event::Retry];
    every.extend([Death::Interrupted, Death::Crashed].map(Event::Lose));
    every.extend(Reason::ALL.map(Event::Bury));
    every
}

/// Returns whether a job with this many crashes must run isolated in its worker.
pub fn is_isolated(crashes: u16) -> bool {
    crashes >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Facts {
        Facts { state: State::Running, attempt: 3, crashes: 0, interruptions: 0, outages: 0, cancel_asked: false }
    }

    fn every_event(check: impl Fn(Event<'_>)) {
        every_outcome().iter().for_each(|outcome| check(Event::Settle(outcome)));
        every_other_event().into_iter().for_each(check);
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
    fn third_crash_buries_the_job_and_no_crash_costs_an_attempt() {
        let first = step(running(), Event::Lose(Death::Crashed)).unwrap();
        assert_eq!((first.facts.state, first.facts.crashes, first.facts.attempt), (State::Ready, 1, 2));
        let second = step(Facts { crashes: 1, ..running() }, Event::Lose(Death::Crashed)).unwrap();
        assert_eq!((second.facts.state, second.wait), (State::Scheduled, Some(limits::CRASH_BACKOFF)));
        assert!(is_isolated(second.facts.crashes));
        let third = step(Facts { crashes: 2, ..running() }, Event::Lose(Death::Crashed)).unwrap();
        assert_eq!((third.facts.state, third.reason), (State::Dead, Some(Reason::Crashed)));
    }

    #[test]
    fn job_with_a_requested_cancel_ends_cancelled_unless_it_succeeds_or_dies() {
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
