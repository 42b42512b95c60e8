//! Time as the stores see it: wall time for schedules, boot time for leases, and a clock that tests can move.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ExpiryClock;

/// A moment on the wall clock, in milliseconds since 1970-01-01 UTC. Displays as RFC 3339.
///
/// # Examples
///
/// ```
/// use longshore_core::Timestamp;
///
/// let moment: Timestamp = "2026-02-03T04:05:06.789Z".parse().unwrap();
/// assert_eq!(moment.to_string(), "2026-02-03T04:05:06.789Z");
/// assert!("yesterday".parse::<Timestamp>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a moment from milliseconds since 1970.
    pub const fn from_millis(ms: i64) -> Self {
        Timestamp(ms)
    }

    /// Returns the milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the moment `by` later. The result saturates and never overflows.
    pub fn after(self, by: Duration) -> Self {
        Timestamp(self.0.saturating_add(millis(by)))
    }

    /// Returns how long after `earlier` this is, or zero if it is not later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, crate::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Timestamp(moment.as_millisecond())).map_err(|e| {
            crate::Error::invalid(format!("`{text}` is not a time such as 2026-02-03T04:05:06Z")).caused_by(e)
        })
    }
}

/// Returns a duration in whole milliseconds, at most `i64::MAX`.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// When something is to happen, by the store's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After this delay; zero means now.
    In(Duration),
    /// At this moment; a moment in the past means now.
    At(Timestamp),
}

impl When {
    /// As soon as possible.
    pub const NOW: When = When::In(Duration::ZERO);

    /// Returns the moment, by the store's clock.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::In(delay) => now.after(delay),
            When::At(moment) => moment,
        }
    }
}

/// A moment since the machine started. Changes of the wall clock do not affect it, and it has no meaning after a
/// reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootTime {
    /// The boot that the time belongs to.
    pub boot: u128,
    /// Milliseconds since that boot, including sleep.
    pub ms: i64,
}

/// The clock of an embedded store. Clones share one offset, which only tests can change (feature `testing`).
///
/// On Linux, leases use `CLOCK_BOOTTIME` and the kernel's boot id. On other systems the wall clock replaces both, so
/// that a change of the wall clock lengthens or shortens leases there.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shift: Arc<Shift>,
    expiry: Arc<ExpiryClock>,
}

#[derive(Debug, Default)]
struct Shift {
    wall_ms: AtomicI64,
    boot_ms: AtomicI64,
    reboots: AtomicU64,
    /// The times at which a test stopped the clocks: wall and boot, in milliseconds.
    stopped: OnceLock<(i64, i64)>,
}

impl Clock {
    /// Returns the wall time.
    pub fn now(&self) -> Timestamp {
        let real = self.shift.stopped.get().map_or_else(since_1970, |(wall, _)| *wall);
        Timestamp(real.saturating_add(self.shift.wall_ms.load(Ordering::Relaxed)))
    }

    /// Returns the wall time for what ends at a time and cannot be undone; see [`ExpiryClock`].
    pub fn expiry_now(&self) -> Timestamp {
        Timestamp(self.expiry.note(self.now().0, self))
    }

    /// Checks that this process can tell one boot of the machine from another.
    ///
    /// # Errors
    ///
    /// Returns an error if the kernel's boot id cannot be read, because leases would be judged wrongly.
    pub fn check(&self) -> Result<(), crate::Error> {
        if cfg!(target_os = "linux") && boot_id() == 0 {
            let text = "cannot read /proc/sys/kernel/random/boot_id, without which leases cannot be told from those before a \
                        reboot: let the process see it (under systemd, not ProcSubset=pid)";
            return Err(crate::Error::new(crate::ErrorKind::Refused, text));
        }
        Ok(())
    }

    /// Returns the time since the machine started.
    pub fn boot_time(&self) -> BootTime {
        BootTime {
            boot: boot_id() ^ u128::from(self.shift.reboots.load(Ordering::Relaxed)),
            ms: self
                .shift
                .stopped
                .get()
                .map_or_else(since_boot, |(_, boot)| *boot)
                .saturating_add(self.shift.boot_ms.load(Ordering::Relaxed)),
        }
    }
}

impl Clock {
    /// Returns how far tests have moved the wall clock and the boot clock, in milliseconds. Both are zero outside
    /// tests. A store on a server adds them to the server's clock: the first for schedules, the second for leases.
    pub fn shift(&self) -> (i64, i64) {
        (self.shift.wall_ms.load(Ordering::Relaxed), self.shift.boot_ms.load(Ordering::Relaxed))
    }
}

#[cfg(feature = "testing")]
impl Clock {
    /// Moves both clocks ahead, as if that much time had passed.
    pub fn advance(&self, by: Duration) {
        self.shift.wall_ms.fetch_add(millis(by), Ordering::Relaxed);
        self.shift.boot_ms.fetch_add(millis(by), Ordering::Relaxed);
    }

    /// Stops both clocks, so that only [`Clock::advance`] and its like move them. For a store in memory: the clock of a
    /// server cannot be stopped.
    pub fn stop(&self) {
        self.shift.stopped.get_or_init(|| (since_1970(), since_boot()));
    }

    /// Changes the wall clock alone, like a correction by NTP or by hand.
    pub fn step_wall(&self, by_ms: i64) {
        self.shift.wall_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Simulates a reboot of the machine: the boot id changes.
    pub fn reboot(&self) {
        self.shift.reboots.fetch_add(1, Ordering::Relaxed);
    }
}

/// Detects when a server's clock was changed or another server took its place. It compares the server's clock with the
/// monotonic clock of this machine.
///
/// After the server's clock jumped ahead, leases end too early, until each worker has renewed its lease by the new
/// clock.
#[derive(Debug, Default)]
pub struct StepWatch {
    noted: Mutex<Option<Noted>>,
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    /// The difference between the server's clock and this machine's monotonic clock.
    ahead: i64,
    /// The time on this machine's clock before which live workers may not have renewed since a change.
    unsteady_until: i64,
}

impl StepWatch {
    /// Between two checks, clock drift and slow answers cause smaller differences than this.
    const STEP_MS: i64 = 2_000;

    /// Records the server's clock, as leases use it. Returns whether it ran steadily for the length of a lease, so that
    /// an expired lease has really ended.
    pub fn steady(&self, server_ms: i64, clock: &Clock) -> bool {
        let local = clock.boot_time().ms;
        let ahead = server_ms - local;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let unsteady_until = match *noted {
            Some(before) if (before.ahead - ahead).abs() < StepWatch::STEP_MS => before.unsteady_until,
            Some(_) => local + millis(crate::limits::LEASE),
            None => local,
        };
        *noted = Some(Noted { ahead, unsteady_until });
        local >= unsteady_until
    }

    /// Records a call that took long: its cause has delayed renewals as well.
    pub fn stalled(&self, clock: &Clock) {
        let local = clock.boot_time().ms;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(noted) = &mut *noted {
            noted.unsteady_until = local + millis(crate::limits::LEASE);
        }
    }
}

fn since_1970() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or(0)
}

#[cfg(target_os = "linux")]
fn boot_id() -> u128 {
    static ID: OnceLock<u128> = OnceLock::new();
    *ID.get_or_init(|| {
        std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .and_then(|text| uuid::Uuid::parse_str(text.trim()).ok())
            .map_or(0, |id| id.as_u128())
    })
}

#[cfg(target_os = "linux")]
fn since_boot() -> i64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}

#[cfg(not(target_os = "linux"))]
fn boot_id() -> u128 {
    0
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> i64 {
    since_1970()
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    #[test]
    fn stopped_clock_moves_only_when_it_is_moved() {
        let clock = Clock::default();
        clock.stop();
        let (now, boot) = (clock.now(), clock.boot_time());
        clock.advance(Duration::from_millis(7));
        let real = since_1970();
        while since_1970() <= real {}
        assert_eq!((clock.now(), clock.boot_time().ms), (now.after(Duration::from_millis(7)), boot.ms + 7));
    }

    #[test]
    fn step_of_a_servers_clock_counts_for_one_lease() {
        let (clock, watch) = (Clock::default(), StepWatch::default());
        let server = |step: i64| clock.boot_time().ms + 1_000_000 + step;
        assert!(watch.steady(server(0), &clock));
        clock.advance(Duration::from_secs(100));
        assert!(watch.steady(server(0), &clock), "time that passed is no step");
        for step in [60_000, -60_000] {
            assert!(!watch.steady(server(step), &clock));
            clock.advance(Duration::from_secs(29));
            assert!(!watch.steady(server(step), &clock));
            clock.advance(Duration::from_secs(2));
            assert!(watch.steady(server(step), &clock));
        }
    }
}
