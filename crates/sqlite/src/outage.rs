//! Outages: times in which this process could not write, so that others may not have been able to renew either.
//!
//! A database that another process holds locked, a disk that hangs, a process that was stopped and a machine that slept have
//! this in common: leases end, and nobody could have renewed them. Calls that fail are counted by `Backend`; these only take long.
//!
//! An outage of some length can end leases up to one and a half times as long, since they are renewed when a third of them has
//! passed. So after an outage a lease must have ended longer ago than twice the outage took, until there was none for a while.

use longshore_core::{Clock, limits, millis};

/// A wait for the lock counts from this length on: leases are a second or longer, and are renewed after a third of it.
const LONG_WAIT_MS: i64 = 250;

/// What one process knows of outages. Times are in milliseconds since the machine started, sleep included.
#[derive(Debug)]
pub(crate) struct Outage {
    /// When this process could last write.
    reached: i64,
    /// Whether it was tried in vain since then.
    failed: bool,
    /// How long ago a lease must have ended.
    owed: i64,
    /// When the newest outage was over.
    over: Option<i64>,
}

impl Outage {
    pub(crate) fn new() -> Self {
        Outage::at(now())
    }

    fn at(now: i64) -> Self {
        Outage { reached: now, failed: false, owed: 0, over: None }
    }

    /// Notes that the lock could not be had.
    pub(crate) fn failed(&mut self) {
        self.failed = true;
    }

    /// Notes that the lock is had, which was asked for then; returns how long ago a lease must have ended to count as over.
    pub(crate) fn reached(&mut self, asked: i64) -> i64 {
        self.reached_at(asked, now())
    }

    fn reached_at(&mut self, asked: i64, now: i64) -> i64 {
        let lease = millis(limits::LEASE);
        if self.over.is_some_and(|over| now - over >= lease) {
            (self.owed, self.over) = (0, None);
        }
        let away = now - self.reached;
        // Whoever keeps up writes every few seconds: a longer silence was a stop or a sleep.
        if std::mem::take(&mut self.failed) || now - asked >= LONG_WAIT_MS || away >= lease {
            // Bounded, so that a store that is always slow still rescues: a minute late.
            let most = (2 * lease).max(2 * away);
            self.owed = (self.owed + 2 * away).min(most);
            self.over = Some(now);
        }
        self.reached = now;
        self.owed
    }
}

/// Returns the time since the machine started; tests that move the store's clock do not move this one.
pub(crate) fn now() -> i64 {
    Clock::default().boot_time().ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_owed_while_the_lock_is_had_quickly() {
        let mut outage = Outage::at(0);
        for second in 1..100 {
            assert_eq!(outage.reached_at(second * 5_000 - 20, second * 5_000), 0);
        }
    }

    #[test]
    fn outage_counts_twice_until_it_is_over_for_a_lease() {
        let mut outage = Outage::at(0);
        assert_eq!(outage.reached_at(3_000, 40_000), 80_000);
        assert_eq!(outage.reached_at(69_000, 69_000), 80_000);
        assert_eq!(outage.reached_at(71_000, 71_000), 0);
    }

    #[test]
    fn lock_that_could_not_be_had_is_an_outage() {
        let mut outage = Outage::at(0);
        outage.failed();
        assert_eq!(outage.reached_at(2_000, 2_000), 4_000);
        assert_eq!(outage.reached_at(20_000, 20_000), 4_000);
        assert_eq!(outage.reached_at(33_000, 33_000), 0);
    }

    #[test]
    fn sleep_is_an_outage() {
        let mut outage = Outage::at(0);
        assert_eq!(outage.reached_at(3_600_000, 3_600_000), 7_200_000);
    }

    #[test]
    fn store_that_is_always_slow_rescues_a_minute_late() {
        let mut outage = Outage::at(0);
        let owed = (1..1_000).map(|n| outage.reached_at(n * 500 - 400, n * 500)).max();
        assert_eq!(owed, Some(60_000));
    }
}
