//! Outages: times in which others may not have been able to renew their leases. After one, an expired lease proves nothing.
//!
//! A disk that hangs, a database that another process holds locked, a process that was stopped and a machine that slept have this
//! in common: leases end, and nobody could have renewed them. No process is told of what holds up another. But whoever had the
//! lock knows that it was free then, and whoever wrote knows that the disk took it. So each process keeps account of its *stalls*:
//! the times between two such moments, whatever was the reason. That includes its own transactions, with their commits; waiting
//! for the lock; being stopped; and having had nothing to do. How long work waited for the writer thread is in there as well.
//!
//! A worker renews its lease when a third of it has passed. So if it lives, and its lease has ended, something held it up for two
//! thirds of the lease. A lease is therefore taken from its worker only after a while without a stall of a quarter of the lease.
//! The while is a third of the lease: a worker on a machine that slept may be that late, since its timers slept as well.
//!
//! On a store that is always slow, that would never be. There a lease must have ended longer ago than any stall explains.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Duration;

use longshore_core::Clock;

/// How late a thread may be that has all it needs.
const LATE_MS: i64 = 250;
/// Shorter stalls end nobody's lease.
const SHORTEST_MS: i64 = 5;
/// Stalls that are remembered; of more, the oldest two count as one.
const REMEMBERED: usize = 64;
/// Longer than any lease: how long a process did not write before it was there.
const FOR_EVER_MS: i64 = i64::MAX / 8;

/// A moment, in milliseconds since the machine started, sleep included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// By the machine's own clock, which measures how long stalls were.
    real: i64,
    /// By the store's, which says how long ago that was. Only in tests they differ.
    store: i64,
}

impl Moment {
    pub(crate) fn now(clock: &Clock) -> Self {
        static REAL: LazyLock<Clock> = LazyLock::new(Clock::default);
        let real = REAL.boot_time().ms;
        Moment { real, store: real.saturating_add(clock.shift().1) }
    }
}

/// What one process knows of outages.
#[derive(Debug)]
pub(crate) struct Outage {
    /// When it had the lock: from each taking of it to the next giving back, and from that to the next taking.
    lock: Stalls,
    /// When it wrote, and the disk took it.
    disk: Stalls,
}

impl Outage {
    pub(crate) fn new(now: Moment) -> Self {
        let mut lock = Stalls { last: now.real, noted: VecDeque::new() };
        let disk = Stalls { last: now.real, noted: VecDeque::new() };
        lock.note(FOR_EVER_MS, now.store); // nothing is known about the time before
        Outage { lock, disk }
    }

    /// Notes that the lock is had.
    pub(crate) fn locked(&mut self, now: Moment) {
        self.lock.passed(now);
    }

    /// Notes that the lock was given back; returns for how many milliseconds it was had.
    pub(crate) fn unlocked(&mut self, now: Moment) -> i64 {
        self.lock.passed(now)
    }

    /// Notes that a commit with something to write has succeeded.
    pub(crate) fn written(&mut self, now: Moment) {
        self.disk.passed(now);
    }

    /// Returns whether a lease of that length, which ended so long ago, has ended because its worker is gone. To be asked while the
    /// lock is had; all in milliseconds.
    pub(crate) fn proves_death(&self, lease: i64, ended_ago: i64, now: Moment) -> bool {
        let lease = lease.max(1);
        // Whoever waits for the lock or the disk tries again at least so often, and at the latest renews when it is time.
        let worst_of_lock = self.lock.worst(lease / 3 + LATE_MS, now);
        let worst_of_disk = self.disk.worst(lease / 10 + LATE_MS, now);
        let worst = worst_of_lock.max(worst_of_disk);
        worst < lease / 4 || ended_ago >= worst.saturating_mul(4).saturating_add(lease)
    }
}

/// Returns how soon to look again at a lease of that length that has ended and proves nothing: well before not looking would itself
/// count as a stall.
pub(crate) fn look_again(lease: i64) -> Duration {
    Duration::from_millis((lease / 9).clamp(50, 3_400).unsigned_abs())
}

/// Times that are free of news between moments at which all was well.
#[derive(Debug)]
struct Stalls {
    /// The newest such moment, by the machine's own clock.
    last: i64,
    /// Oldest first; a stall behind which a longer one came is not kept.
    noted: VecDeque<Stall>,
}

#[derive(Clone, Copy, Debug)]
struct Stall {
    length: i64,
    /// When it was over, by the store's clock.
    over: i64,
}

impl Stalls {
    /// Notes that all is well, and returns how long nothing was known.
    fn passed(&mut self, now: Moment) -> i64 {
        let length = now.real - self.last;
        self.note(length, now.store);
        self.last = now.real;
        length
    }

    fn note(&mut self, length: i64, over: i64) {
        if length < SHORTEST_MS {
            return;
        }
        while self.noted.back().is_some_and(|newest| newest.length <= length) {
            self.noted.pop_back();
        }
        self.noted.push_back(Stall { length, over });
        if self.noted.len() > REMEMBERED
            && let Some(oldest) = self.noted.pop_front()
            && let Some(next) = self.noted.front_mut()
        {
            next.length = oldest.length;
        }
    }

    /// Returns how long the longest stall was that is not over for so long, the one included that may be under way.
    fn worst(&self, within: i64, now: Moment) -> i64 {
        let recent = self.noted.iter().find(|stall| now.store - stall.over < within);
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

    /// A process that has been there for long.
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

        /// Writes after `idle`, waiting for nothing, with a commit that takes so long.
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

        /// Looks at a lease that ended so long ago, with nothing to write.
        fn look(&mut self, lease: i64, ended_ago: i64) -> bool {
            self.outage.locked(at(self.now));
            let dead = self.outage.proves_death(lease, ended_ago, at(self.now));
            self.outage.unlocked(at(self.now));
            dead
        }
    }

    #[test]
    fn lease_that_ends_while_all_is_well_proves_death_at_once() {
        for lease in LEASES {
            assert!(Process::new().look(lease, 1), "{lease}");
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
                assert!(!process.look(lease, 1), "{what} {lease}");
                let of_disk = what == "commits that fail";
                process.quiet(if of_disk { lease / 10 } else { lease / 3 });
                assert!(!process.look(lease, lease / 3), "{what} {lease}: the worker may not have tried again yet");
                process.quiet(LATE_MS + 100);
                assert!(process.look(lease, lease / 3), "{what} {lease}");
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
        assert!(!process.look(30_000, 1), "it has not written for long: who knows whether anybody can");
        process.write(0, 5); // like a check that leaves open whether a worker is dead
        process.now += millis(look_again(30_000));
        assert!(process.look(30_000, 1));
    }

    #[test]
    fn looking_again_is_soon_enough_for_every_lease() {
        for lease in LEASES {
            let mut process = Process::new();
            process.now += 3_600_000; // no check for an hour
            let mut looks = 0;
            while !process.look(lease, 1) {
                process.write(millis(look_again(lease)), 20);
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
            assert!(!process.look(lease, 1), "{lease}");
            process.quiet(LATE_MS + 100);
            assert!(process.look(lease, 1), "{lease}");
        }
    }

    #[test]
    fn store_that_is_always_slow_rescues_late() {
        for (lease, commit) in [(1_000, 300), (1_000, 2_000), (30_000, 10_000)] {
            let mut process = Process::new();
            for _ in 0..100 {
                process.write(20, commit);
            }
            assert!(!process.look(lease, lease), "{lease}");
            assert!(!process.look(lease, 3 * commit), "{lease}");
            assert!(process.look(lease, lease + 4 * (20 + commit)), "{lease}");
        }
    }

    #[test]
    fn sleep_of_hours_is_a_stall_like_others() {
        let mut process = Process::new();
        process.write(8 * 3_600_000, 2);
        assert!(!process.look(30_000, 8 * 3_600_000));
        process.quiet(11_000);
        assert!(process.look(30_000, 8 * 3_600_000));
    }

    #[test]
    fn more_stalls_than_are_remembered_forget_none_that_matters() {
        let mut process = Process::new();
        for n in 0..200 {
            process.write(18, 10_000 - n);
        }
        assert!(process.outage.lock.noted.len() <= REMEMBERED);
        assert!(!process.look(30_000, 1));
        assert!(!process.look(1_000, 1));
    }

    #[test]
    fn time_that_tests_skip_is_no_stall() {
        let mut outage = Outage::new(at(0));
        let moment = Moment { real: 20, store: 31_020 };
        outage.locked(moment);
        assert!(outage.proves_death(30_000, 1_000, moment));
    }
}
