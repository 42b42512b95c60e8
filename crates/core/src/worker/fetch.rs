//! When a worker claims next: at once while there is more, when it is notified, and now and then anyway. Decisions are values, so that they
//! are tested without a worker.

use std::time::{Duration, Instant};

use crate::{Claim, Claims, Effect, Error, ErrorKind, HeldBackReason, QueueName};

/// The first look without having been notified comes after this; each that finds nothing doubles it.
pub(super) const SHORTEST_LOOK: Duration = Duration::from_millis(250);
/// The longest time without a look.
pub(super) const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// A worker that claims nothing, because it is full or quiet, shows itself this often.
pub(super) const SHOW_EVERY: Duration = Duration::from_secs(60);
/// A job that must run isolated and has waited this long makes a worker claim nothing else, even if there is enough.
pub(super) const ALONE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a worker does so before it works on for as long, give or take a half.
pub(super) const YIELD: Duration = Duration::from_secs(30);

/// What to do about claims now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Claim up to so many jobs; none asks only what waits, and shows that the worker is there.
    Claim(usize),
    /// Nothing before then, unless something happens.
    Wait(Instant),
}

/// What the decision looks at, beside what was found so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Whether the worker claims jobs, rather than being quiet or about to end.
    pub(super) works: bool,
    /// Whether it may show itself: it is not about to end.
    pub(super) may_show: bool,
    /// How many jobs more may run.
    pub(super) free_slots: usize,
    /// Whether it runs nothing.
    pub(super) is_idle: bool,
    /// Whether a job runs that must run isolated.
    pub(super) runs_isolated: bool,
    /// Whether a handler runs on although its attempt is over: such a worker never becomes idle.
    pub(super) is_stuck: bool,
}

/// What a worker knows of the jobs that wait.
pub(super) struct Fetch {
    /// Whether a fresh claim is under way.
    under_way: bool,
    /// Whether a repeat is under way.
    repeating: bool,
    /// Claims whose answers were lost, to be repeated under their nonces. Their queues get no fresh claims meanwhile.
    unanswered: Vec<Unanswered>,
    /// There may be more than was claimed last.
    hungry: bool,
    look_at: Instant,
    look_every: Duration,
    /// When a job is due that perhaps nobody else knows of: a worker that is full by then has the store make it ready.
    due_at: Option<Instant>,
    /// Since when claims have said that a job waits which must run isolated.
    isolated_since: Option<Instant>,
    /// Claims nothing until then, so that what runs can end and such a job can be had.
    yield_until: Option<Instant>,
    /// When the next yield may begin: others wait for this worker too.
    yield_from: Instant,
    /// When to let the store know at the latest that this worker is there, and knows its kinds.
    show_at: Instant,
    retry: Backoff,
}

/// A claim whose answer was lost.
struct Unanswered {
    claim: Claim,
    retry: Backoff,
}

impl Fetch {
    /// Begins hungry.
    pub(super) fn begin(now: Instant) -> Self {
        Fetch {
            under_way: false,
            repeating: false,
            unanswered: Vec::new(),
            hungry: true,
            look_at: now,
            look_every: SHORTEST_LOOK,
            due_at: None,
            isolated_since: None,
            yield_until: None,
            yield_from: now,
            show_at: now + SHOW_EVERY,
            retry: Backoff::default(),
        }
    }

    /// Notes that there may be jobs.
    pub(super) fn notified(&mut self) {
        self.hungry = true;
    }

    /// Notes that a job is over: if it was the last, one that must run isolated can be had.
    pub(super) fn job_is_over(&mut self) {
        self.hungry |= self.yield_until.is_some();
    }

    pub(super) fn is_fresh_under_way(&self) -> bool {
        self.under_way
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way || self.repeating
    }

    /// Returns whether the answer to some claim is owed: which jobs are the worker's is not known before.
    pub(super) fn owes_an_answer(&self) -> bool {
        self.is_under_way() || !self.unanswered.is_empty()
    }

    /// Decides what to do about claims now.
    pub(super) fn decide(&self, now: Instant, view: View) -> Next {
        let far = now + LONGEST_LOOK;
        if self.under_way {
            return Next::Wait(far);
        }
        let wanted = self.appetite(now, view);
        let yields = view.works && self.is_yielding(now, view);
        let hungry = wanted > 0 && (self.hungry || now >= self.look_at);
        // While it yields, a claim for nothing still says whether the job that must run isolated is waiting.
        let looks = yields && now >= self.look_at;
        let shows = view.may_show && now >= self.show_at;
        let due = self.due_at.filter(|_| view.works && wanted == 0);
        let promotes = due.is_some_and(|at| now >= at);
        if (hungry || looks || shows || promotes) && self.retry.is_over(now) {
            return Next::Claim(wanted);
        }
        let look = (wanted > 0 || yields).then_some(if hungry { now } else { self.look_at });
        let show = view.may_show.then_some(self.show_at);
        let soonest = look.into_iter().chain(show).chain(due).min().unwrap_or(far);
        Next::Wait(soonest.max(self.retry.until(now)).min(far))
    }

    /// Returns how many jobs the worker could take now.
    pub(super) fn appetite(&self, now: Instant, view: View) -> usize {
        match view.free_slots {
            _ if !view.works || view.runs_isolated => 0,
            _ if self.is_yielding(now, view) && !view.is_idle => 0,
            free => free,
        }
    }

    /// Returns whether the worker holds back for a job that must run isolated.
    fn is_yielding(&self, now: Instant, view: View) -> bool {
        !view.is_stuck && self.yield_until.is_some_and(|until| now < until)
    }

    /// Returns those queues that get fresh claims.
    pub(super) fn answering(&self, mut queues: Vec<QueueName>) -> Vec<QueueName> {
        queues.retain(|queue| !self.unanswered.iter().any(|lost| lost.claim.queues.contains(queue)));
        queues
    }

    /// Notes that a fresh claim is sent.
    pub(super) fn sent(&mut self, now: Instant, limit: usize) {
        self.under_way = true;
        self.hungry &= limit == 0;
        self.due_at = None;
        self.show_at = now + SHOW_EVERY;
    }

    /// Takes a claim that is to be repeated now.
    pub(super) fn repeat(&mut self, now: Instant) -> Option<Claim> {
        if self.repeating {
            return None;
        }
        let due = self.unanswered.iter().find(|lost| lost.retry.is_over(now))?;
        self.repeating = true;
        Some(due.claim.clone())
    }

    /// Returns when to repeat a claim next; `None` where none is to be, or a repeat is under way.
    pub(super) fn repeat_at(&self, now: Instant) -> Option<Instant> {
        let due = self.unanswered.iter().map(|lost| lost.retry.until(now)).min();
        due.filter(|_| !self.repeating)
    }

    /// Takes note of an answer.
    pub(super) fn answered(&mut self, now: Instant, claim: &Claim, claims: &Claims) {
        let repeated = self.ended(claim);
        let fresh = repeated.is_none();
        let lost: Vec<_> = unreachable(claims).cloned().collect();
        if !lost.is_empty() {
            let limit = claim.limit.saturating_sub(claims.jobs.len());
            self.remember(now, claim.clone().queues(lost).limit(limit), repeated.unwrap_or_default());
        }
        // What was notified while the claim was under way counts as well.
        self.hungry |= claim.limit > 0 && claims.jobs.len() >= claim.limit;
        self.hungry |= claims.look_again == Some(Duration::ZERO);
        // A job may become due a little later than the store's rounded clock says.
        let again = claims.look_again.map(|wait| wait + Duration::from_millis(1));
        let due_at = again.map(|wait| now + wait.max(SHORTEST_LOOK));
        if !fresh {
            // A repeat asks a part of the queues, and says nothing of the others.
            self.hungry = true; // nobody has looked at them for fresh jobs meanwhile
            self.due_at = self.due_at.into_iter().chain(due_at).min();
            self.look_at = again.map_or(self.look_at, |wait| self.look_at.min(now + wait));
            return;
        }
        self.retry = Backoff::default();
        self.note_isolated(now, claims);
        self.look_every = match claims.jobs.len() {
            0 if self.yield_until.is_some() => Duration::from_secs(1),
            0 => (self.look_every * 2).min(LONGEST_LOOK),
            _ => SHORTEST_LOOK,
        };
        self.due_at = due_at;
        self.look_at = now + again.map_or(self.look_every, |wait| wait.min(self.look_every));
    }

    /// Takes note of a claim that failed as a whole.
    pub(super) fn failed(&mut self, now: Instant, claim: &Claim, error: &Error) {
        let repeated = self.ended(claim);
        if repeated.is_none() {
            self.hungry = true;
            self.retry.failed(now);
        }
        // Once one try may have taken effect, only an answer under its nonce tells which jobs are the worker's.
        let perhaps_done = repeated.is_some() || error.effect() == Effect::PerhapsDone;
        if perhaps_done && error.kind() != ErrorKind::Refused {
            self.remember(now, claim.clone(), repeated.unwrap_or_default());
        }
    }

    /// Notes that a claim is to be repeated, later each time.
    fn remember(&mut self, now: Instant, claim: Claim, mut retry: Backoff) {
        retry.failed(now);
        self.unanswered.push(Unanswered { claim, retry });
    }

    /// Notes that a call was answered, or failed; returns the back-off of a repeat, `None` for a fresh claim.
    fn ended(&mut self, claim: &Claim) -> Option<Backoff> {
        let is_it = |lost: &Unanswered| lost.claim.nonce == claim.nonce && lost.claim.queues == claim.queues;
        let repeated = self.unanswered.iter().position(is_it).map(|place| self.unanswered.swap_remove(place).retry);
        match repeated {
            Some(_) => self.repeating = false,
            None => self.under_way = false,
        }
        repeated
    }

    /// Decides whether to hold back, from what a claim has said.
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
        let patient = !claims.jobs.is_empty() && now.duration_since(since) < ALONE_PATIENCE;
        if self.yield_until.is_none() && now >= self.yield_from && !patient {
            self.yield_until = Some(now + YIELD);
        }
    }
}

fn unreachable(claims: &Claims) -> impl Iterator<Item = &QueueName> {
    let away = claims.held_back.iter().filter(|held| held.why == HeldBackReason::Unreachable);
    away.map(|held| &held.queue)
}

/// Grows with each failure, with jitter; and forgets with a success.
#[derive(Clone, Default)]
pub(super) struct Backoff {
    not_before: Option<Instant>,
    wait: Duration,
}

impl Backoff {
    pub(super) fn failed(&mut self, now: Instant) {
        self.wait = (self.wait * 2).clamp(Duration::from_millis(50), LONGEST_LOOK);
        self.not_before = Some(now + self.wait.mul_f64(0.5 + fastrand::f64() / 2.0));
    }

    pub(super) fn has_failed(&self) -> bool {
        self.not_before.is_some()
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until(now) <= now
    }

    /// Returns when the next try may be made: `now`, or later.
    pub(super) fn until(&self, now: Instant) -> Instant {
        self.not_before.map_or(now, |at| at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeldBack, KnownKind, WorkerSecret};

    const IDLE: View =
        View { works: true, may_show: true, free_slots: 3, is_idle: true, runs_isolated: false, is_stuck: false };

    fn claim(queues: &[&str]) -> Claim {
        let queues = queues.iter().map(|name| name.parse().unwrap()).collect();
        Claim::new(WorkerSecret::new().id(), queues, Vec::<KnownKind>::new()).limit(3)
    }

    fn found_nothing() -> (Fetch, Instant, Claim) {
        let (now, claim) = (Instant::now(), claim(&["a", "b"]));
        let mut fetch = Fetch::begin(now);
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3), "it begins hungry");
        fetch.sent(now, 3);
        fetch.answered(now, &claim, &Claims::default());
        (fetch, now, claim)
    }

    #[test]
    fn worker_that_found_nothing_looks_when_it_is_notified_and_now_and_then() {
        let (mut fetch, now, _) = found_nothing();
        let Next::Wait(until) = fetch.decide(now, IDLE) else { panic!("there was nothing") };
        assert!(until > now && until <= now + LONGEST_LOOK);
        assert_eq!(fetch.decide(until, IDLE), Next::Claim(3));
        fetch.notified();
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3));
    }

    #[test]
    fn full_worker_and_one_that_ends_claim_nothing_and_a_full_one_shows_itself() {
        let (mut fetch, now, _) = found_nothing();
        fetch.notified();
        let full = View { free_slots: 0, is_idle: false, ..IDLE };
        assert!(matches!(fetch.decide(now, full), Next::Wait(_)));
        assert_eq!(fetch.decide(now + SHOW_EVERY, full), Next::Claim(0));
        let ends = View { works: false, may_show: false, ..IDLE };
        assert!(matches!(fetch.decide(now + SHOW_EVERY, ends), Next::Wait(_)));
    }

    #[test]
    fn full_worker_has_the_store_make_ready_what_is_due() {
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
    fn look_that_stopped_at_a_bound_is_repeated_at_once() {
        let (mut fetch, now, claim) = found_nothing();
        fetch.sent(now, 3);
        fetch.answered(now, &claim, &Claims { look_again: Some(Duration::ZERO), ..Claims::default() });
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3));
    }

    #[test]
    fn queue_that_could_not_be_reached_is_asked_again_under_its_nonce_while_others_go_on() {
        let (mut fetch, now, claim) = found_nothing();
        fetch.sent(now, 3);
        let (a, b): (QueueName, QueueName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let away = HeldBack { queue: b.clone(), why: HeldBackReason::Unreachable, until: None };
        fetch.answered(now, &claim, &Claims { held_back: vec![away.clone()], ..Claims::default() });
        assert_eq!(fetch.answering(vec![a.clone(), b.clone()]), [a], "the others get fresh claims");
        assert!(fetch.owes_an_answer() && fetch.repeat(now).is_none(), "not at once");
        let again = fetch.repeat(now + LONGEST_LOOK).expect("it is due");
        assert_eq!((again.nonce, &again.queues), (claim.nonce, &vec![b.clone()]));
        assert!(fetch.repeat(now + LONGEST_LOOK).is_none(), "one at a time");
        fetch.failed(now, &again, &Error::new(ErrorKind::Unavailable, "refused"));
        fetch.notified();
        assert_eq!(fetch.decide(now, IDLE), Next::Claim(3), "a repeat that fails puts no fresh claim off");
        let again = fetch.repeat(now + 3 * LONGEST_LOOK).expect("a repeat is repeated until it is answered");
        let soon = Claims { look_again: Some(Duration::from_secs(1)), ..Claims::default() };
        fetch.sent(now, 3);
        fetch.answered(now, &Claim { nonce: crate::Nonce::new(), ..claim }, &soon);
        fetch.answered(now, &again, &Claims::default());
        assert!(!fetch.owes_an_answer() && fetch.due_at.is_some(), "it says nothing of the other queues");
    }

    #[test]
    fn claim_that_surely_was_not_made_is_not_repeated() {
        let (mut fetch, now, claim) = found_nothing();
        fetch.sent(now, 3);
        fetch.failed(now, &claim, &Error::new(ErrorKind::Unavailable, "refused"));
        assert!(!fetch.owes_an_answer());
        fetch.sent(now, 3);
        fetch.failed(now, &claim, &Error::new(ErrorKind::Unavailable, "no answer").perhaps_done());
        assert!(fetch.owes_an_answer());
    }
}
