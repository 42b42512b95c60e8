//! Time as the stores see it: wall time for schedules, boot time for leases, and a clock that tests can move.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    /// Makes a moment from milliseconds since 1970.
    pub const fn from_millis(ms: i64) -> Self {
        Timestamp(ms)
    }

    /// Returns the milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns the moment `by` later; the far end of time is a wall, not an overflow.
    pub fn after(self, by: Duration) -> Self {
        Timestamp(self.0.saturating_add(millis(by)))
    }

    /// Returns how long after `earlier` this is; zero if it is not after it.
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
        text.parse::<jiff::Timestamp>()
            .map(|moment| Timestamp(moment.as_millisecond()))
            .map_err(|e| crate::Error::invalid(format!("`{text}` is no time like 2026-02-03T04:05:06Z")).caused_by(e))
    }
}

/// Returns a duration as whole milliseconds, as far as an `i64` holds it.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// When something is to happen, by the store's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After this much time; zero means now.
    In(Duration),
    /// At this moment; one that has passed means now.
    At(Timestamp),
}

impl When {
    /// As soon as possible.
    pub const NOW: When = When::In(Duration::ZERO);

    /// Returns the moment meant, given the store's clock.
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            When::In(delay) => now.after(delay),
            When::At(moment) => moment,
        }
    }
}

/// A moment since the machine started: immune to steps of the wall clock, and worthless after a reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootTime {
    /// Which run of the machine this is.
    pub boot: u128,
    /// Milliseconds since it started, sleep included.
    pub ms: i64,
}

/// The clock of an embedded store. Clones share one shift, which only tests can move (feature `testing`).
///
/// On Linux leases use `CLOCK_BOOTTIME` and the kernel's boot id; elsewhere the wall clock stands in for both, so
/// that a step of the wall clock there lengthens or shortens leases.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    shift: Arc<Shift>,
}

#[derive(Debug, Default)]
struct Shift {
    wall_ms: AtomicI64,
    boot_ms: AtomicI64,
    reboots: AtomicU64,
}

impl Clock {
    /// Returns the wall time.
    pub fn now(&self) -> Timestamp {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or(0);
        Timestamp(real.saturating_add(self.shift.wall_ms.load(Ordering::Relaxed)))
    }

    /// Makes sure that this process can tell one run of the machine from another, as every other process on it can.
    ///
    /// # Errors
    ///
    /// If the kernel's boot id cannot be read: leases would be judged wrongly.
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
            ms: since_boot().saturating_add(self.shift.boot_ms.load(Ordering::Relaxed)),
        }
    }
}

impl Clock {
    /// Returns how far tests have moved the wall clock and the boot clock, in milliseconds; zero in every program that works on
    /// real jobs. A store whose server has the clock adds them to what that says: the first for schedules, the second for leases.
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

    /// Steps the wall clock alone, as a correction by NTP or by hand would.
    pub fn step_wall(&self, by_ms: i64) {
        self.shift.wall_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Pretends that the machine was started anew: another boot id.
    pub fn reboot(&self) {
        self.shift.reboots.fetch_add(1, Ordering::Relaxed);
    }
}

/// Notices when the clock of a server was stepped, or another server took its place, by comparing it with this machine's clock
/// that no step touches. Leases by a stepped clock end too early; who renews gets one by the new clock.
#[derive(Debug, Default)]
pub struct StepWatch {
    noted: Mutex<Option<Noted>>,
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    /// How far the server's clock was ahead of this machine's time since its start.
    ahead: i64,
    /// Until when live workers may not have renewed since a step, by this machine's clock.
    unsteady_until: i64,
}

impl StepWatch {
    /// Clocks that drift, and answers that take their time, differ by less than this between two looks.
    const STEP_MS: i64 = 2_000;

    /// Takes note of the server's clock, as leases use it; returns whether it ran steadily for as long as a lease, so that
    /// one that has ended by it has ended in truth.
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

    /// Takes note of a call that took long: whatever held it up has held up renewals, too.
    pub fn stalled(&self, clock: &Clock) {
        let local = clock.boot_time().ms;
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(noted) = &mut *noted {
            noted.unsteady_until = local + millis(crate::limits::LEASE);
        }
    }
}

#[cfg(target_os = "linux")]
fn boot_id() -> u128 {
    static ID: std::sync::OnceLock<u128> = std::sync::OnceLock::new();
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
    SystemTime::now().duration_since(UNIX_EPOCH).map(millis).unwrap_or(0)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    #[test]
    fn step_of_a_servers_clock_is_noticed_and_forgotten_after_a_lease() {
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
