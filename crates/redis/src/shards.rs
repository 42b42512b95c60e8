//! The servers of a store with their slots, and whether each server answered promptly during the last lease. A stalled server does not
//! affect the others.

use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_core::{Clock, limits, millis};
use redis::Value;

use crate::call::{bytes, list, number};

/// The number of slots in a cluster.
const SLOTS: u16 = 16_384;

/// The shards, or the one server.
#[derive(Debug)]
pub(crate) struct Shards {
    clock: Clock,
    shards: Mutex<Vec<Shard>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Shard {
    slots: RangeInclusive<u16>,
    /// Which server is the master.
    master: Vec<u8>,
    /// Until this time of the lease clock no job is rescued there, because workers may have been unable to renew.
    no_rescue_until: i64,
}

impl Shards {
    /// Begins with one server that has all slots.
    pub(crate) fn one(clock: Clock) -> Self {
        let all = Shard { slots: 0..=SLOTS - 1, master: Vec::new(), no_rescue_until: i64::MIN };
        Shards { clock, shards: Mutex::new(vec![all]) }
    }

    /// Reads the answer to `CLUSTER SLOTS`. A new master counts as a server that stalled.
    pub(crate) fn learn(&self, answer: Value) {
        let Some(learned) = list(answer).map(|ranges| ranges.into_iter().filter_map(read_shard).collect::<Vec<_>>())
        else {
            return;
        };
        let now = self.clock.boot_time().ms;
        let mut shards = self.shards();
        // A process that has just started does not rescue for the length of a lease anyway.
        let is_first = shards.iter().all(|shard| shard.master.is_empty());
        let unknown = if is_first { i64::MIN } else { now + millis(limits::LEASE) };
        let no_rescue_until = |slots: &RangeInclusive<u16>, master: &Vec<u8>| {
            let known = shards.iter().find(|shard| shard.slots == *slots && shard.master == *master);
            known.map_or(unknown, |shard| shard.no_rescue_until)
        };
        let learned = learned.into_iter().map(|(slots, master)| {
            let no_rescue_until = no_rescue_until(&slots, &master);
            Shard { slots, master, no_rescue_until }
        });
        let learned = learned.collect::<Vec<_>>();
        *shards = learned;
    }

    /// Returns one slot of each master.
    pub(crate) fn a_slot_of_each(&self) -> Vec<u16> {
        let mut found: Vec<(Vec<u8>, u16)> = Vec::new();
        for shard in self.shards().iter() {
            if !found.iter().any(|(master, _)| *master == shard.master) {
                found.push((shard.master.clone(), *shard.slots.start()));
            }
        }
        found.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Returns the first slot of the shard that has these keys; `None` if the shard is not known.
    pub(crate) fn of(&self, root: &str) -> Option<u16> {
        self.with(root, |shard| *shard.slots.start())
    }

    /// Notes that the server of these keys did not answer promptly. Workers may have been unable to renew there, so they get the
    /// length of a lease to do so.
    pub(crate) fn note_unresponsive(&self, root: &str) {
        let until = self.clock.boot_time().ms + millis(limits::LEASE);
        self.with(root, |shard| shard.no_rescue_until = shard.no_rescue_until.max(until));
    }

    /// Returns whether the server of these keys answered promptly for the length of a lease, so that every live worker could renew.
    pub(crate) fn is_prompt(&self, root: &str) -> bool {
        let now = self.clock.boot_time().ms;
        self.with(root, |shard| now >= shard.no_rescue_until).unwrap_or(false)
    }

    fn with<T>(&self, root: &str, f: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        let mut shards = self.shards();
        if let [only] = &mut shards[..] {
            return Some(f(only));
        }
        let slot = slot_of(root);
        shards.iter_mut().find(|shard| shard.slots.contains(&slot)).map(f)
    }

    fn shards(&self) -> MutexGuard<'_, Vec<Shard>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the slot of keys with this prefix. The text in braces decides.
fn slot_of(root: &str) -> u16 {
    let tag = root.split(['{', '}']).nth(1).unwrap_or(root);
    crc16::State::<crc16::XMODEM>::calculate(tag.as_bytes()) % SLOTS
}

/// Reads a range of slots and the id of its master: `[first, last, [ip, port, id, …], replicas …]`.
fn read_shard(range: Value) -> Option<(RangeInclusive<u16>, Vec<u8>)> {
    let mut parts = list(range)?.into_iter();
    let mut slot = || parts.next().as_ref().and_then(number).and_then(|slot| u16::try_from(slot).ok());
    let slots = slot()?..=slot()?;
    let master = list(parts.next()?)?.into_iter().nth(2).and_then(bytes)?;
    Some((slots, master))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots_answer(ranges: &[(i64, i64, &str)]) -> Value {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = |id: &str| Value::Array(vec![bulk("127.0.0.1"), Value::Int(7000), bulk(id)]);
        let range =
            |(from, to, id): &(i64, i64, &str)| Value::Array(vec![Value::Int(*from), Value::Int(*to), node(id)]);
        Value::Array(ranges.iter().map(range).collect())
    }

    #[test]
    fn stalled_shard_does_not_affect_others_and_a_new_master_delays_rescues() {
        let clock = Clock::default();
        let shards = Shards::one(clock.clone());
        assert!(shards.is_prompt("p:{all}:"), "one server that always answered");
        // `all` lies in slot 3894, `1` in slot 9842.
        let cluster = [(0, 8191, "a"), (8192, 16383, "b")];
        shards.learn(slots_answer(&cluster));
        assert!(shards.is_prompt("p:{all}:") && shards.is_prompt("p:{1}:"));
        shards.note_unresponsive("p:{all}:");
        assert!(!shards.is_prompt("p:{all}:") && shards.is_prompt("p:{1}:"));
        clock.advance(limits::LEASE);
        shards.learn(slots_answer(&[(0, 8191, "a"), (8192, 16383, "c")]));
        assert!(shards.is_prompt("p:{all}:") && !shards.is_prompt("p:{1}:"), "a replica took over");
        assert_ne!(shards.of("p:{all}:"), shards.of("p:{1}:"));
    }
}
