//! Decides outcomes: what to write for an attempt that has ended.

use std::time::Duration;

use crate::handler::{self, Then};
use crate::name::cut;
use crate::{Claimed, JobPolicy, Outcome, Reason, Retry, Stored, limits};

/// How an attempt ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// The handler returned, and its result is stored; `None` if the result is empty.
    Returned(Option<Stored>),
    /// The handler returned an error.
    Failed(handler::Error),
    /// The handler panicked, with this message.
    Panicked(String),
    /// The handler did not return in time.
    TimedOut {
        /// The time-out.
        after: Duration,
        /// The handler's message after it was told to stop; may be empty.
        message: String,
    },
    /// A request to cancel the job stopped the handler.
    Cancelled,
    /// The worker stopped the attempt for a reason outside the job: the worker shuts down, or it could not renew the
    /// lease.
    Interrupted,
}

/// Returns what to write for an attempt that has ended. Stores write it and never change it.
///
/// A failure is retried after the backoff of the policy until the job has no attempts left. An outage, a snooze and an
/// interruption cost no attempt. After 24 hours of nothing but outages the job is dead. Messages are cut at 4 KiB. This
/// function is pure: `jitter`, from 0 to 1, is the random part of the backoff.
///
/// # Examples
///
/// ```
/// use longshore_core::{AttemptEnd, Claimed, JobPolicy, Outcome, Reason, decide};
///
/// fn last_attempt(job: Claimed) {
///     assert_eq!(job.attempt, job.max_attempts);
///     let outcome = decide(&job, &JobPolicy::default(), AttemptEnd::Panicked("oh".into()), 0.5);
///     assert_eq!(outcome, Outcome::Bury { reason: Reason::Exhausted, message: "panicked: oh".into() });
/// }
/// ```
pub fn decide(job: &Claimed, policy: &JobPolicy, end: AttemptEnd, jitter: f64) -> Outcome {
    let kept = |message: String| cut(&message, limits::FAILURE_BYTES).to_owned();
    let failed = |delay: Option<Duration>, message: String| {
        let message = kept(message);
        if job.attempt >= job.max_attempts {
            return Outcome::Bury { reason: Reason::Exhausted, message };
        }
        let delay = delay.unwrap_or_else(|| policy.retry.delay(job.attempt, jitter));
        Outcome::Retry { delay: delay.min(limits::AHEAD), message }
    };
    match end {
        AttemptEnd::Returned(result) => Outcome::Succeed { result },
        AttemptEnd::Failed(handler::Error { then, message }) => match then {
            Then::Retry => failed(None, message),
            Then::RetryIn(delay) => failed(Some(delay), message),
            Then::Outage(delay) => outage(job, delay, kept(message), jitter),
            Then::Bury => Outcome::Bury { reason: Reason::Fatal, message: kept(message) },
            Then::Snooze(delay) => Outcome::Snooze { delay: delay.min(limits::AHEAD) },
            Then::Interrupted => Outcome::Release,
            Then::Cancel => Outcome::Cancel,
        },
        AttemptEnd::Panicked(message) => failed(None, format!("panicked: {message}")),
        AttemptEnd::TimedOut { after, message } => {
            let gap = if message.is_empty() { "" } else { ": " };
            failed(None, format!("timed out after {after:?}{gap}{message}"))
        }
        AttemptEnd::Cancelled => Outcome::Cancel,
        AttemptEnd::Interrupted => Outcome::Release,
    }
}

/// Returns the outcome of an outage: retry with backoff, or bury after a day.
fn outage(job: &Claimed, delay: Option<Duration>, message: String, jitter: f64) -> Outcome {
    const BACKOFF: Retry = Retry { base: limits::OUTAGE_BACKOFF, cap: limits::LONGEST_OUTAGE_BACKOFF };
    if job.outages > 0 && job.outage_for >= limits::OUTAGE {
        return Outcome::Bury { reason: Reason::Outage, message };
    }
    let delay = delay.unwrap_or_else(|| BACKOFF.delay(job.outages.saturating_add(1), jitter));
    Outcome::Outage { delay: delay.clamp(limits::SHORTEST_OUTAGE_BACKOFF, limits::AHEAD), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(attempt: u16) -> Claimed {
        Claimed { attempt, ..Claimed::example("x") }
    }

    fn decided(job: &Claimed, end: AttemptEnd) -> Outcome {
        let second = Duration::from_secs(1);
        let policy = JobPolicy { retry: Retry { base: second, cap: 60 * second }, ..JobPolicy::default() };
        decide(job, &policy, end, 1.0)
    }

    #[test]
    fn failure_is_retried_until_attempts_are_used_up() {
        let no = || AttemptEnd::Failed(handler::Error::retry("no"));
        let retried = Outcome::Retry { delay: Duration::from_secs(2), message: "no".into() };
        assert_eq!(decided(&job(2), no()), retried);
        let late = AttemptEnd::Failed(handler::Error::retry_in(Duration::MAX, "no"));
        assert_eq!(decided(&job(2), late), Outcome::Retry { delay: limits::AHEAD, message: "no".into() });
        for (end, message) in [
            (no(), "no"),
            (AttemptEnd::Panicked("no".into()), "panicked: no"),
            (AttemptEnd::TimedOut { after: Duration::from_secs(1), message: "no".into() }, "timed out after 1s: no"),
        ] {
            assert_eq!(decided(&job(3), end), Outcome::Bury { reason: Reason::Exhausted, message: message.into() });
        }
    }

    #[test]
    fn fatal_failure_is_not_retried_and_an_interruption_costs_nothing() {
        let fatal = AttemptEnd::Failed(handler::Error::fatal("no"));
        assert_eq!(decided(&job(1), fatal), Outcome::Bury { reason: Reason::Fatal, message: "no".into() });
        assert_eq!(decided(&job(3), AttemptEnd::Interrupted), Outcome::Release);
        assert_eq!(decided(&job(3), AttemptEnd::Failed(handler::Error::interrupted())), Outcome::Release);
        assert_eq!(decided(&job(3), AttemptEnd::Cancelled), Outcome::Cancel);
        assert_eq!(decided(&job(3), AttemptEnd::Returned(None)), Outcome::Succeed { result: None });
    }

    #[test]
    fn outage_backs_off_and_buries_the_job_after_a_day() {
        let away = || AttemptEnd::Failed(handler::Error::outage("away"));
        let outage = |secs| Outcome::Outage { delay: Duration::from_secs(secs), message: "away".into() };
        let nth = |outages, outage_for| Claimed { outages, outage_for, ..job(3) };
        assert_eq!(decided(&job(3), away()), outage(5), "it costs no attempt, not even the last");
        assert_eq!(decided(&nth(1, Duration::from_secs(5)), away()), outage(10));
        assert_eq!(decided(&nth(50, limits::OUTAGE - Duration::from_secs(1)), away()), outage(300));
        let dead = Outcome::Bury { reason: Reason::Outage, message: "away".into() };
        assert_eq!(decided(&nth(50, limits::OUTAGE), away()), dead);
        let at_once = AttemptEnd::Failed(handler::Error::outage_for(Duration::ZERO, "away"));
        let second = Duration::from_secs(1);
        assert_eq!(decided(&job(1), at_once), Outcome::Outage { delay: second, message: "away".into() });
        let known = AttemptEnd::Failed(handler::Error::outage_for(Duration::from_secs(7), "away"));
        assert_eq!(decided(&nth(9, limits::RENEW), known), outage(7));
    }
}
