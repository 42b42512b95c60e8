//! When a worker is stuck: every slot is held by a handler that should have returned, and nothing more can be done here.

use std::time::{Duration, Instant};

/// How long a worker that is to end goes on trying to settle with a store that does not answer.
pub(super) const LAST_TRIES: Duration = Duration::from_secs(10);

/// Since when a worker is stuck, and whether that was said.
#[derive(Debug)]
pub(super) struct Stuck {
    /// After how long the worker ends. It says so after a third of that.
    after: Duration,
    since: Option<Instant>,
    told: bool,
}

impl Stuck {
    pub(super) fn new(after: Duration) -> Self {
        Stuck { after, since: None, told: false }
    }

    /// Notes whether all slots are held so now; returns whether it is to be said that this lasts.
    pub(super) fn look(&mut self, all: bool, now: Instant) -> bool {
        if !all {
            (self.since, self.told) = (None, false);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let tells = !self.told && now.duration_since(since) >= self.after / 3;
        self.told |= tells;
        tells
    }

    /// Returns whether all slots are held so, for however short a time.
    pub(super) fn is_so(&self) -> bool {
        self.since.is_some()
    }

    /// Returns whether it was said: the worker is taken for dead.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    /// Returns whether the worker is to end. Outcomes that the store has not taken are tried for some seconds more.
    pub(super) fn is_over(&self, unsettled: bool, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) >= self.end(unsettled))
    }

    /// Returns when there is something to do, where nothing changes until then.
    pub(super) fn wake_at(&self, unsettled: bool) -> Option<Instant> {
        let after = if self.told { self.end(unsettled) } else { self.after / 3 };
        self.since.map(|since| since + after)
    }

    fn end(&self, unsettled: bool) -> Duration {
        if unsettled { self.after + LAST_TRIES } else { self.after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_said_once_after_a_third_and_over_at_the_end() {
        let (mut stuck, began) = (Stuck::new(30 * SEC), Instant::now());
        assert!(!stuck.look(true, began) && stuck.is_so());
        assert_eq!(stuck.wake_at(false), Some(began + 10 * SEC));
        assert!(!stuck.look(true, began + 9 * SEC) && stuck.look(true, began + 10 * SEC) && stuck.is_told());
        assert!(!stuck.look(true, began + 11 * SEC), "it was said");
        assert_eq!(stuck.wake_at(false), Some(began + 30 * SEC));
        assert!(!stuck.is_over(false, began + 29 * SEC) && stuck.is_over(false, began + 30 * SEC));
        assert!(!stuck.is_over(true, began + 30 * SEC) && stuck.is_over(true, began + 30 * SEC + LAST_TRIES));
    }

    #[test]
    fn a_handler_that_returns_ends_it() {
        let (mut stuck, began) = (Stuck::new(3 * SEC), Instant::now());
        stuck.look(true, began);
        stuck.look(true, began + SEC);
        stuck.look(false, began + 2 * SEC);
        assert!(!stuck.is_so() && !stuck.is_told());
        assert!(!stuck.look(true, began + 3 * SEC), "it begins anew");
        assert!(!stuck.is_over(false, began + 5 * SEC));
    }
}
