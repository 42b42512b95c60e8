//! Outages: times in which other processes may not have been able to renew their leases. After an outage, an expired
//! lease proves nothing.
//!
//! Design: docs/design/leases.md
//!
//! A hanging disk, a database that another process holds locked, a stopped process and a machine that slept have one
//! thing in common: leases end although no worker could have renewed them. No process can see what blocks another one.
//! But a process that held the lock knows that the lock was free then, and a process that wrote knows that the disk
//! worked. So each process records its *stalls*: the times between two such moments, for any reason. They include its
//! own transactions and commits, waiting for the lock, being stopped, having had nothing to do, and the time that work
//! waited for the writer thread.
//!
//! A worker renews its lease after a third of it. So if the worker is alive and its lease has ended, something blocked
//! it for two thirds of the lease. A lease is therefore taken from its worker only after a period without a stall of a
//! quarter of the lease. That period is a third of the lease: a worker on a machine that slept may be that late,
//! because its timers slept as well.
//!
//! On a store that is always slow there is no such period. There, a lease must have ended longer ago than any stall
//! explains.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use longshore_core::Clock;

/// How late a thread may be that is not blocked.
const LATE_MS: i64 = 250;
/// Shorter stalls are ignored.
const SHORTEST_MS: i64 = 5;
/// The number of recorded stalls. Beyond it, the two oldest are merged.
const REMEMBERED: usize = 64;
/// Longer than any lease: the assumed stall before the process started.
const LONG_BEFORE_MS: i64 = i64::MAX / 8;

/// A moment, in milliseconds since the machine started, including sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// By the machine's clock, which measures the length of stalls.
    real: i64,
    /// By the store's clock, which measures how long ago a stall was. The two differ only in tests.
    store: i64,
}

impl Moment {
    pub(crate) fn now(clock: &Clock) -> Self {
        static REAL: LazyLock<Clock> = LazyLock::new(Clock::default);
        let real = REAL.boot_time().ms;
        Moment { real, store: real.saturating_add(clock.shift().1) }
    }
}

/// One process's knowledge about outages.
#[derive(Debug)]
pub(crate) struct Outage {
    /// The lock: from each time it was taken to the time it was released, and from there to the next time it was taken.
    lock: Stalls,
    /// The disk: from each successful write to the next.
    disk: Stalls,
}

impl Outage {
    pub(crate) fn new(now: Moment) -> Self {
        let mut lock = Stalls { last: now.real, recorded: VecDeque::new() };
        let disk = Stalls { last: now.real, recorded: VecDeque::new() };
        lock.note(LONG_BEFORE_MS, now.store); // nothing is known about the time before
        Outage { lock, disk }
    }

    /// Records that the lock was taken.
    pub(crate) fn locked(&mut self, now: Moment) {
        self.lock.passed(now);
    }

    /// Records that the lock was released. Returns for how many milliseconds it was held.
    pub(crate) fn unlocked(&mut self, now: Moment) -> i64 {
        self.lock.passed(now)
    }

    /// Records a successful commit that wrote something.
    pub(crate) fn written(&mut self, now: Moment) {
        self.disk.passed(now);
    }

    /// Returns whether a lease of that length, which ended so long ago, proves that its worker is gone. It must be
    /// called while the lock is held. All values are in milliseconds.
    pub(crate) fn proves_death(&self, lease: i64, ended_ago: i64, now: Moment) -> bool {
        let lease = lease.max(1);
        // A process that waits for the lock or the disk tries again at least this often, and it renews at the latest
        // when the renewal is due.
        let worst_of_lock = self.lock.worst(lease / 3 + LATE_MS, now);
        let worst_of_disk = self.disk.worst(lease / 10 + LATE_MS, now);
        let worst = worst_of_lock.max(worst_of_disk);
        worst < lease / 4 || ended_ago >= worst.saturating_mul(4).saturating_add(lease)
    }
}

/// Returns when to check an expired lease of that length again that proves nothing yet: well before the wait itself
/// counts as a stall.
pub(crate) fn next_check(lease: i64) -> Duration {
    Duration::from_millis((lease / 9).clamp(50, 3_400).unsigned_abs())
}

/// The times between moments at which the resource was known to work.
#[derive(Debug)]
struct Stalls {
    /// The last such moment, by the machine's clock.
    last: i64,
    /// Oldest first. A stall is dropped when a longer one follows.
    recorded: VecDeque<Stall>,
}

#[derive(Clone, Copy, Debug)]
struct Stall {
    length: i64,
    /// When it ended, by the store's clock.
    ended: i64,
}

impl Stalls {
    /// Records that the resource works now. Returns the time since the last such moment.
    fn passed(&mut self, now: Moment) -> i64 {
        let length = now.real - self.last;
        self.note(length, now.store);
        self.last = now.real;
        length
    }

    fn note(&mut self, length: i64, ended: i64) {
        if length < SHORTEST_MS {
            return;
        }
        while self.recorded.back().is_some_and(|newest| newest.length <= length) {
            self.recorded.pop_back();
        }
        self.recorded.push_back(Stall { length, ended });
        if self.recorded.len() > REMEMBERED
            && let Some(oldest) = self.recorded.pop_front()
            && let Some(next) = self.recorded.front_mut()
        {
            next.length = oldest.length;
        }
    }

    /// Returns the length of the longest stall that ended within this time, including the time since the last known
    /// moment.
    fn worst(&self, within: i64, now: Moment) -> i64 {
        let recent = self.recorded.iter().find(|stall| now.store - stall.ended < within);
        (now.real - self.last).max(recent.map_or(0, |stall| stall.length))
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::millis;

    use super::*;

    const LEASES: [i64; 4] = [1_000, 5_000, 30_000, 600_000];

    fn at(ms: i64) -> Moment {
        Moment { real: ms, store: ms }
    }

    /// A process that has run for a long time.
    struct Process {
        outage: Outage,
        now: i64,
    }

    impl Process {
        fn new() -> Self {
            let mut process = Process { outage: Outage::new(at(0)), now: 0 };
            process.quiet(2_000_000);
            process
        }

        /// Writes after `idle` without waiting, with a commit that takes this long.
        fn write(&mut self, idle: i64, commit: i64) {
            self.now += idle;
            self.outage.locked(at(self.now));
            self.now += commit;
            self.outage.written(at(self.now));
            self.outage.unlocked(at(self.now));
        }

        /// Writes every 20 ms.
        fn quiet(&mut self, ms: i64) {
            for _ in 0..ms / 20 {
                self.write(18, 2);
            }
        }

        /// Checks a lease that ended this long ago, without a write.
        fn check(&mut self, lease: i64, ended_ago: i64) -> bool {
            self.outage.locked(at(self.now));
            let dead = self.outage.proves_death(lease, ended_ago, at(self.now));
            self.outage.unlocked(at(self.now));
            dead
        }
    }

    #[test]
    fn lease_that_ends_while_all_is_well_proves_death_at_once() {
        for lease in LEASES {
            assert!(Process::new().check(lease, 1), "{lease}");
        }
    }

    #[test]
    fn lease_that_ended_in_a_stall_proves_nothing_until_its_worker_could_renew() {
        type Cause = (&'static str, fn(&mut Process, i64));
        let stalls: [Cause; 4] = [
            ("own commit", |process, ms| process.write(20, ms)),
            ("wait for the lock, a stop or nothing to do", |process, ms| process.write(ms, 2)),
            ("commits that fail", |process, ms| {
                for _ in 0..ms / 100 {
                    process.now += 50;
                    process.outage.locked(at(process.now));
                    process.now += 50;
                    process.outage.unlocked(at(process.now));
                }
                process.write(20, 2);
            }),
            ("two stalls", |process, ms| {
                process.write(20, ms / 2);
                process.write(20, ms / 2);
            }),
        ];
        for lease in LEASES {
            for (what, stall) in stalls {
                let mut process = Process::new();
                stall(&mut process, lease * 2 / 3);
                assert!(!process.check(lease, 1), "{what} {lease}");
                let of_disk = what == "commits that fail";
                process.quiet(if of_disk { lease / 10 } else { lease / 3 });
                assert!(!process.check(lease, lease / 3), "{what} {lease}: the worker may not have tried again yet");
                process.quiet(LATE_MS + 100);
                assert!(process.check(lease, lease / 3), "{what} {lease}");
            }
        }
    }

    #[test]
    fn stall_under_way_in_the_same_transaction_counts() {
        let mut process = Process::new();
        process.outage.locked(at(process.now));
        assert!(process.outage.proves_death(1_000, 1, at(process.now)));
        assert!(!process.outage.proves_death(1_000, 1, at(process.now + 300)));
    }

    #[test]
    fn process_that_looks_every_six_seconds_takes_leases_of_thirty_at_the_second_look() {
        let mut process = Process::new();
        for _ in 0..10 {
            process.now += 6_000;
            process.outage.locked(at(process.now));
            process.outage.unlocked(at(process.now));
        }
        process.now += 6_000;
        assert!(!process.check(30_000, 1), "it has not written for long: who knows whether anybody can");
        process.write(0, 5); // like a check that leaves open whether a worker is dead
        process.now += millis(next_check(30_000));
        assert!(process.check(30_000, 1));
    }

    #[test]
    fn looking_again_is_soon_enough_for_every_lease() {
        for lease in LEASES {
            let mut process = Process::new();
            process.now += 3_600_000; // no check for an hour
            let mut looks = 0;
            while !process.check(lease, 1) {
                process.write(millis(next_check(lease)), 20);
                looks += 1;
            }
            assert!(looks <= 100, "{lease}: {looks} looks");
        }
    }

    #[test]
    fn new_process_knows_nothing() {
        for lease in LEASES {
            let mut process = Process { outage: Outage::new(at(0)), now: 0 };
            process.quiet(lease / 3);
            assert!(!process.check(lease, 1), "{lease}");
            process.quiet(LATE_MS + 100);
            assert!(process.check(lease, 1), "{lease}");
        }
    }

    #[test]
    fn store_that_is_always_slow_rescues_late() {
        for (lease, commit) in [(1_000, 300), (1_000, 2_000), (30_000, 10_000)] {
            let mut process = Process::new();
            for _ in 0..100 {
                process.write(20, commit);
            }
            assert!(!process.check(lease, lease), "{lease}");
            assert!(!process.check(lease, 3 * commit), "{lease}");
            assert!(process.check(lease, lease + 4 * (20 + commit)), "{lease}");
        }
    }

    #[test]
    fn sleep_of_hours_is_a_stall_like_others() {
        let mut process = Process::new();
        process.write(8 * 3_600_000, 2);
        assert!(!process.check(30_000, 8 * 3_600_000));
        process.quiet(11_000);
        assert!(process.check(30_000, 8 * 3_600_000));
    }

    #[test]
    fn more_stalls_than_are_remembered_forget_none_that_matters() {
        let mut process = Process::new();
        for n in 0..200 {
            process.write(18, 10_000 - n);
        }
        assert!(process.outage.lock.recorded.len() <= REMEMBERED);
        assert!(!process.check(30_000, 1));
        assert!(!process.check(1_000, 1));
    }

    #[test]
    fn time_that_tests_skip_is_no_stall() {
        let mut outage = Outage::new(at(0));
        let moment = Moment { real: 20, store: 31_020 };
        outage.locked(moment);
        assert!(outage.proves_death(30_000, 1_000, moment));
    }
}
