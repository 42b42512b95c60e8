//! What this process knows of the servers' clocks, by shard.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_core::{Clock, ExpiryClock, StepWatch};

/// The clocks of the servers.
#[derive(Debug, Default)]
pub(crate) struct Clocks(Mutex<BTreeMap<Option<u16>, ServerClock>>);

#[derive(Debug, Default)]
struct ServerClock {
    steps: StepWatch,
    expiry: ExpiryClock,
}

impl Clocks {
    /// Records a reading of a server's clock, in milliseconds. Returns whether it ran steadily for the length of a lease.
    pub(crate) fn steady(&self, shard: Option<u16>, ms: i64, clock: &Clock) -> bool {
        let (wall, lease) = clock.shift();
        let mut clocks = self.clocks();
        let server = clocks.entry(shard).or_default();
        server.expiry.note(ms + wall, clock);
        server.steps.steady(ms + lease, clock)
    }

    /// Records a time that a server answered, as far as tests moved it.
    pub(crate) fn note(&self, shard: Option<u16>, now: i64, clock: &Clock) {
        self.clocks().entry(shard).or_default().expiry.note(now, clock);
    }

    /// Returns the latest time that a server's clock can have unless it was set ahead; see [`ExpiryClock::latest`].
    pub(crate) fn latest(&self, shard: Option<u16>, clock: &Clock) -> i64 {
        self.clocks().get(&shard).map_or(i64::MAX, |server| server.expiry.latest(clock))
    }

    fn clocks(&self) -> MutexGuard<'_, BTreeMap<Option<u16>, ServerClock>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
