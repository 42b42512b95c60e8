//! Detects a stuck worker: all slots are held by handlers that should have returned.

use std::time::{Duration, Instant};

/// How long a worker that shuts down retries settles while the store does not answer. A drain has retried them during its
/// grace period already.
pub(super) const LAST_TRIES: Duration = Duration::from_secs(10);

/// Since when a worker is stuck, and whether that was reported.
#[derive(Debug)]
pub(super) struct Stuck {
    /// The time after which the worker ends. It is reported after a third of that.
    after: Duration,
    since: Option<Instant>,
    reported: bool,
}

impl Stuck {
    pub(super) fn new(after: Duration) -> Self {
        Stuck { after, since: None, reported: false }
    }

    /// Records whether all slots are held now. Returns whether to report that the worker is stuck.
    pub(super) fn record(&mut self, all: bool, now: Instant) -> bool {
        if !all {
            (self.since, self.reported) = (None, false);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let reports = !self.reported && now.duration_since(since) >= self.after / 3;
        self.reported |= reports;
        reports
    }

    /// Returns whether all slots are held now, for any length of time.
    pub(super) fn is_now(&self) -> bool {
        self.since.is_some()
    }

    /// Returns whether it was reported. Then the worker counts as dead.
    pub(super) fn is_reported(&self) -> bool {
        self.reported
    }

    /// Returns whether the worker must end. Outcomes that the store has not accepted are retried for some more seconds.
    pub(super) fn is_over(&self, unsettled: bool, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) >= self.end(unsettled))
    }

    /// Returns when to check again, if nothing changes before.
    pub(super) fn wake_at(&self, unsettled: bool) -> Option<Instant> {
        self.report_at().or_else(|| self.since?.checked_add(self.end(unsettled)))
    }

    /// Returns when to report it, if it was not reported and nothing changes before.
    pub(super) fn report_at(&self) -> Option<Instant> {
        self.since.filter(|_| !self.reported)?.checked_add(self.after / 3)
    }

    fn end(&self, unsettled: bool) -> Duration {
        if unsettled { self.after.saturating_add(LAST_TRIES) } else { self.after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    #[test]
    fn stuck_is_reported_once_after_a_third_and_ends_the_worker_later() {
        let (mut stuck, began) = (Stuck::new(30 * SEC), Instant::now());
        assert!(!stuck.record(true, began) && stuck.is_now());
        assert_eq!(stuck.wake_at(false), Some(began + 10 * SEC));
        assert!(!stuck.record(true, began + 9 * SEC) && stuck.record(true, began + 10 * SEC) && stuck.is_reported());
        assert!(!stuck.record(true, began + 11 * SEC), "it was said");
        assert_eq!(stuck.report_at(), None);
        assert_eq!(stuck.wake_at(false), Some(began + 30 * SEC));
        assert!(!stuck.is_over(false, began + 29 * SEC) && stuck.is_over(false, began + 30 * SEC));
        assert!(!stuck.is_over(true, began + 30 * SEC) && stuck.is_over(true, began + 30 * SEC + LAST_TRIES));
    }

    #[test]
    fn worker_that_may_be_stuck_for_ever_never_ends() {
        let (mut stuck, began) = (Stuck::new(Duration::MAX), Instant::now());
        assert!(!stuck.record(true, began) && !stuck.record(true, began + 1_000_000 * SEC));
        assert!(!stuck.is_over(true, began + 1_000_000 * SEC));
        assert!(stuck.wake_at(true).is_none_or(|at| at > began + 1_000_000 * SEC));
    }

    #[test]
    fn returning_handler_resets_it() {
        let (mut stuck, began) = (Stuck::new(3 * SEC), Instant::now());
        stuck.record(true, began);
        stuck.record(true, began + SEC);
        stuck.record(false, began + 2 * SEC);
        assert!(!stuck.is_now() && !stuck.is_reported());
        assert!(!stuck.record(true, began + 3 * SEC), "it starts again");
        assert!(!stuck.is_over(false, began + 5 * SEC));
    }
}
