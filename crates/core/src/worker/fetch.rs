//! When a worker claims next: at once while there may be more jobs, after a notification, and from time to time.
//! Decisions are values, so that they are tested without a worker.

use std::time::{Duration, Instant};

use crate::{Claim, Claims, Effect, Error, ErrorKind, HeldBackReason, QueueName};

/// The delay of the first poll without a notification. Each poll that finds nothing doubles it.
pub(super) const SHORTEST_POLL: Duration = Duration::from_millis(250);
/// The longest time between two polls.
pub(super) const LONGEST_POLL: Duration = Duration::from_secs(5);
/// How often a worker that claims nothing, because it is full or quiet, sends an empty claim to show that it is alive.
pub(super) const PRESENCE_INTERVAL: Duration = Duration::from_secs(60);
/// If a job that must run isolated has waited this long, the worker claims nothing else, even if there are other jobs.
pub(super) const ISOLATED_PATIENCE: Duration = Duration::from_secs(5);
/// How long a worker claims nothing else for an isolated job. Afterwards it claims normally for the same time, plus or
/// minus a half.
pub(super) const YIELD: Duration = Duration::from_secs(30);

/// What to do about claims now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Claim up to this many jobs. Zero only asks what waits, and reports that the worker is alive.
    Claim(usize),
    /// Do nothing before this time, unless something happens.
    Wait(Instant),
}

/// The state of the worker on which the decision depends.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Whether the worker claims jobs; it is not quiet and does not shut down.
    pub(super) works: bool,
    /// Whether it may send empty claims to show that it is alive; it does not shut down.
    pub(super) may_report: bool,
    /// How many more jobs may run.
    pub(super) free_slots: usize,
    /// Whether no job runs.
    pub(super) is_idle: bool,
    /// Whether a job runs that must run isolated.
    pub(super) runs_isolated: bool,
    /// Whether a handler has not returned although its attempt has ended. Such a worker never becomes idle.
    pub(super) is_stuck: bool,
}

/// A worker's knowledge of waiting jobs.
pub(super) struct Fetch {
    /// Whether a fresh claim is running.
    under_way: bool,
    /// Whether a repeated claim is running.
    repeating: bool,
    /// Claims whose answers were lost, to be repeated with the same nonce. Meanwhile there are no fresh claims for
    /// their queues.
    unanswered: Vec<Unanswered>,
    /// Whether there may be more jobs than the last claim returned.
    may_have_more: bool,
    poll_at: Instant,
    poll_interval: Duration,
    /// When a job is due that possibly no other worker knows of. A worker that is full at that time makes the store
    /// promote it.
    due_at: Option<Instant>,
    /// Since when claims have reported that an isolated job waits.
    isolated_since: Option<Instant>,
    /// Until this time nothing is claimed, so that running jobs end and the isolated job can be claimed.
    yield_until: Option<Instant>,
    /// When the next such period may start: other jobs wait for this worker too.
    yield_from: Instant,
    /// The latest time for the next claim, which reports the store that this worker is alive and knows its kinds.
    presence_at: Instant,
    retry: Backoff,
}

/// A claim whose answer was lost.
struct Unanswered {
    claim: Claim,
    retry: Backoff,
}

impl Fetch {
    /// Returns the initial state, in which there may be jobs.
    pub(super) fn begin(now: Instant) -> Self {
        Fetch {
            under_way: false,
            repeating: false,
            unanswered: Vec::new(),
            may_have_more: true,
            poll_at: now,
            poll_interval: SHORTEST_POLL,
            due_at: None,
            isolated_since: None,
            yield_until: None,
            yield_from: now,
            presence_at: now + PRESENCE_INTERVAL,
            retry: Backoff::default(),
        }
    }

    /// Records that there may be jobs.
    pub(super) fn notified(&mut self) {
        self.may_have_more = true;
    }

    /// Records that a job has ended. If it was the last one, an isolated job can be claimed.
    pub(super) fn job_ended(&mut self) {
        self.may_have_more |= self.yield_until.is_some();
    }

    pub(super) fn is_fresh_under_way(&self) -> bool {
        self.under_way
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way || self.repeating
    }

    /// Returns whether a claim has no answer yet. Until then it is not known which jobs the worker holds.
    pub(super) fn has_unanswered(&self) -> bool {
        self.is_under_way() || !self.unanswered.is_empty()
    }

    /// Decides what to do about claims now.
    pub(super) fn decide(&self, now: Instant, view: View) -> Next {
        let far = now + LONGEST_POLL;
        if self.under_way {
            return Next::Wait(far);
        }
        let wanted = self.capacity(now, view);
        let yields = view.works && self.is_yielding(now, view);
        let may_have_more = wanted > 0 && (self.may_have_more || now >= self.poll_at);
        // In this period, an empty claim still reports whether the isolated job waits.
        let polls = yields && now >= self.poll_at;
        let reports = view.may_report && now >= self.presence_at;
        let due = self.due_at.filter(|_| view.works && wanted == 0);
        let promotes = due.is_some_and(|at| now >= at);
        if (may_have_more || polls || reports || promotes) && self.retry.is_over(now) {
            return Next::Claim(wanted);
        }
        let look = (wanted > 0 || yields).then_some(if may_have_more { now } else { self.poll_at });
        let show = view.may_report.then_some(self.presence_at);
        let soonest = look.into_iter().chain(show).chain(due).min().unwrap_or(far);
        Next::Wait(soonest.max(self.retry.until(now)).min(far))
    }

    /// Returns how many jobs the worker could take now.
    pub(super) fn capacity(&self, now: Instant, view: View) -> usize {
        match view.free_slots {
            _ if !view.works || view.runs_isolated => 0,
            _ if self.is_yielding(now, view) && !view.is_idle => 0,
            free => free,
        }
    }

    /// Returns whether the worker claims nothing else because an isolated job waits.
    fn is_yielding(&self, now: Instant, view: View) -> bool {
        !view.is_stuck && self.yield_until.is_some_and(|until| now < until)
    }

    /// Returns the queues for which fresh claims may be sent.
    pub(super) fn answered_queues(&self, mut queues: Vec<QueueName>) -> Vec<QueueName> {
        queues.retain(|queue| !self.unanswered.iter().any(|lost| lost.claim.queues.contains(queue)));
        queues
    }

    /// Records that a fresh claim is sent.
    pub(super) fn sent(&mut self, now: Instant, limit: usize) {
        self.under_way = true;
        self.may_have_more &= limit == 0;
        self.due_at = None;
        self.presence_at = now + PRESENCE_INTERVAL;
    }

    /// Takes a claim that must be repeated now.
    pub(super) fn repeat(&mut self, now: Instant) -> Option<Claim> {
        if self.repeating {
            return None;
        }
        let due = self.unanswered.iter().find(|lost| lost.retry.is_over(now))?;
        self.repeating = true;
        Some(due.claim.clone())
    }

    /// Returns when to repeat a claim next, or `None` if there is none or a repeat is running.
    pub(super) fn repeat_at(&self, now: Instant) -> Option<Instant> {
        let due = self.unanswered.iter().map(|lost| lost.retry.until(now)).min();
        due.filter(|_| !self.repeating)
    }

    /// Records the answer to a claim.
    pub(super) fn answered(&mut self, now: Instant, claim: &Claim, claims: &Claims) {
        let repeated = self.ended(claim);
        let fresh = repeated.is_none();
        let lost: Vec<_> = unreachable(claims).cloned().collect();
        if !lost.is_empty() {
            let limit = claim.limit.saturating_sub(claims.jobs.len());
            self.remember(now, claim.clone().queues(lost).limit(limit), repeated.unwrap_or_default());
        }
        // A notification during the claim counts as well.
        self.may_have_more |= claim.limit > 0 && claims.jobs.len() >= claim.limit;
        self.may_have_more |= claims.look_again == Some(Duration::ZERO);
        // A job may become due a little later than the store's rounded clock says.
        let again = claims.look_again.map(|wait| wait + Duration::from_millis(1));
        let due_at = again.map(|wait| now + wait.max(SHORTEST_POLL));
        if !fresh {
            // A repeat covers only some of the queues and says nothing about the others.
            self.may_have_more = true; // these queues had no fresh claims meanwhile
            self.due_at = self.due_at.into_iter().chain(due_at).min();
            self.poll_at = again.map_or(self.poll_at, |wait| self.poll_at.min(now + wait));
            return;
        }
        self.retry = Backoff::default();
        self.note_isolated(now, claims);
        self.poll_interval = match claims.jobs.len() {
            0 if self.yield_until.is_some() => Duration::from_secs(1),
            0 => (self.poll_interval * 2).min(LONGEST_POLL),
            _ => SHORTEST_POLL,
        };
        self.due_at = due_at;
        self.poll_at = now + again.map_or(self.poll_interval, |wait| wait.min(self.poll_interval));
    }

    /// Records a claim that failed as a whole.
    pub(super) fn failed(&mut self, now: Instant, claim: &Claim, error: &Error) {
        let repeated = self.ended(claim);
        if repeated.is_none() {
            self.may_have_more = true;
            self.retry.failed(now);
        }
        // If a try may have taken effect, only an answer with its nonce reports which jobs the worker holds.
        let perhaps_done = repeated.is_some() || error.effect() == Effect::PerhapsDone;
        if perhaps_done && error.kind() != ErrorKind::Refused {
            self.remember(now, claim.clone(), repeated.unwrap_or_default());
        }
    }

    /// Schedules a claim to be repeated, with a growing delay.
    fn remember(&mut self, now: Instant, claim: Claim, mut retry: Backoff) {
        retry.failed(now);
        self.unanswered.push(Unanswered { claim, retry });
    }

    /// Records that a call was answered or failed. Returns the backoff of a repeat, or `None` for a fresh claim.
    fn ended(&mut self, claim: &Claim) -> Option<Backoff> {
        let is_same = |lost: &Unanswered| lost.claim.nonce == claim.nonce && lost.claim.queues == claim.queues;
        let repeated = self.unanswered.iter().position(is_same).map(|place| self.unanswered.swap_remove(place).retry);
        match repeated {
            Some(_) => self.repeating = false,
            None => self.under_way = false,
        }
        repeated
    }

    /// Decides from the answer whether to wait for an isolated job.
    fn note_isolated(&mut self, now: Instant, claims: &Claims) {
        if self.yield_until.is_some_and(|until| now >= until) {
            self.yield_until = None;
            self.yield_from = now + YIELD.mul_f64(0.5 + fastrand::f64());
        }
        if !claims.isolated_waits || claims.is_isolated() {
            (self.isolated_since, self.yield_until) = (None, None);
            return;
        }
        let since = *self.isolated_since.get_or_insert(now);
        let patient = !claims.jobs.is_empty() && now.duration_since(since) < ISOLATED_PATIENCE;
        if self.yield_until.is_none() && now >= self.yield_from && !patient {
            self.yield_until = Some(now + YIELD);
        }
    }
}

fn unreachable(claims: &Claims) -> impl Iterator<Item = &QueueName> {
    let away = claims.held_back.iter().filter(|held| held.why == HeldBackReason::Unreachable);
    away.map(|held| &held.queue)
}

/// A backoff that grows with each failure, with jitter. A success resets it.
#[derive(Clone, Default)]
pub(super) struct Backoff {
    not_before: Option<Instant>,
    wait: Duration,
}

impl Backoff {
    pub(super) fn failed(&mut self, now: Instant) {
        self.wait = (self.wait * 2).clamp(Duration::from_millis(50), LONGEST_POLL);
        self.not_before = Some(now + self.wait.mul_f64(0.5 + fastrand::f64() / 2.0));
    }

    pub(super) fn has_failed(&self) -> bool {
        self.not_before.is_some()
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until(now) <= now
    }

    /// Returns when the next try may be made: `now` or later.
    pub(super) fn until(&self, now: Instant) -> Instant {
        self.not_before.map_or(now, |at| at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeldBack, KnownKind, WorkerSecret};

    const IDLE: View =
        View { works: true, may_report: true, free_slots: 3, is_idle: true, runs_isolated: false, is_stuck: false };

    fn claim(queues: &[&str]) -> Claim {
        let queues = queues.iter().map(|name| name.parse().unwrap()).collect();
        Claim::new(WorkerSecret::new().id(), queues, Vec::<KnownKind>::new()).limit(3)
    }

    fn found_nothing() -> (Fetch, Instant, Claim) {
        let (now, claim) = (Instant::now(), claim(&["a", "b"]));
        let mut fetch = Fetch::begin(now);
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3), "it begins may_have_more");
        fetch.sent(now, 3);
        fetch.answered(now, &claim, &Claims::default());
        (fetch, now, claim)
    }

    #[test]
    fn worker_that_found_nothing_claims_after_a_notification_and_polls() {
        let (mut fetch, now, _) = found_nothing();
        let Next::Wait(until) = fetch.decide(now, IDLE) else { panic!("there was nothing") };
        assert!(until > now && until <= now + LONGEST_POLL);
        assert_eq!(fetch.decide(until, IDLE), Next::Claim(3));
        fetch.notified();
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3));
    }

    #[test]
    fn full_or_ending_worker_claims_nothing_and_a_full_one_reports_its_presence() {
        let (mut fetch, now, _) = found_nothing();
        fetch.notified();
        let full = View { free_slots: 0, is_idle: false, ..IDLE };
        assert!(matches!(fetch.decide(now, full), Next::Wait(_)));
        assert_eq!(fetch.decide(now + PRESENCE_INTERVAL, full), Next::Claim(0));
        let ends = View { works: false, may_report: false, ..IDLE };
        assert!(matches!(fetch.decide(now + PRESENCE_INTERVAL, ends), Next::Wait(_)));
    }

    #[test]
    fn full_worker_makes_the_store_promote_due_jobs() {
        let (mut fetch, now, claim) = found_nothing();
        let second = Duration::from_secs(1);
        fetch.sent(now, 3);
        fetch.answered(now, &claim, &Claims { look_again: Some(second), ..Claims::default() });
        let full = View { free_slots: 0, is_idle: false, ..IDLE };
        let Next::Wait(until) = fetch.decide(now, full) else { panic!("it is not due yet") };
        assert!(until >= now + second && until < now + 2 * second);
        assert_eq!(fetch.decide(until, full), Next::Claim(0));
        fetch.sent(until, 0);
        fetch.answered(until, &claim, &Claims::default());
        assert!(matches!(fetch.decide(until + second, full), Next::Wait(_)), "once is enough");
    }

    #[test]
    fn claim_that_stopped_at_a_limit_is_repeated_at_once() {
        let (mut fetch, now, claim) = found_nothing();
        fetch.sent(now, 3);
        fetch.answered(now, &claim, &Claims { look_again: Some(Duration::ZERO), ..Claims::default() });
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3));
    }

    #[test]
    fn unreachable_queue_is_claimed_again_with_its_nonce_while_others_continue() {
        let (mut fetch, now, claim) = found_nothing();
        fetch.sent(now, 3);
        let (a, b): (QueueName, QueueName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let away = HeldBack { queue: b.clone(), why: HeldBackReason::Unreachable, until: None };
        fetch.answered(now, &claim, &Claims { held_back: vec![away.clone()], ..Claims::default() });
        assert_eq!(fetch.answered_queues(vec![a.clone(), b.clone()]), [a], "the others get fresh claims");
        assert!(fetch.has_unanswered() && fetch.repeat(now).is_none(), "not at once");
        let again = fetch.repeat(now + LONGEST_POLL).expect("it is due");
        assert_eq!((again.nonce, &again.queues), (claim.nonce, &vec![b.clone()]));
        assert!(fetch.repeat(now + LONGEST_POLL).is_none(), "one at a time");
        fetch.failed(now, &again, &Error::new(ErrorKind::Unavailable, "refused"));
        fetch.notified();
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3), "a repeat that fails puts no fresh claim off");
        let again = fetch.repeat(now + 3 * LONGEST_POLL).expect("a repeat is repeated until it is answered");
        let soon = Claims { look_again: Some(Duration::from_secs(1)), ..Claims::default() };
        fetch.sent(now, 3);
        fetch.answered(now, &Claim { nonce: crate::Nonce::new(), ..claim }, &soon);
        fetch.answered(now, &again, &Claims::default());
        assert!(!fetch.has_unanswered() && fetch.due_at.is_some(), "it says nothing of the other queues");
    }

    #[test]
    fn claim_that_was_not_made_is_not_repeated() {
        let (mut fetch, now, claim) = found_nothing();
        fetch.sent(now, 3);
        fetch.failed(now, &claim, &Error::new(ErrorKind::Unavailable, "refused"));
        assert!(!fetch.has_unanswered());
        fetch.sent(now, 3);
        fetch.failed(now, &claim, &Error::new(ErrorKind::Unavailable, "no answer").perhaps_done());
        assert!(fetch.has_unanswered());
    }
}
