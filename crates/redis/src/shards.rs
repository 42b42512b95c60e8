//! The servers of a store by the slots that they have, and whether each answered promptly of late: one that stands still says nothing of
//! the others.

use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_core::{Clock, limits, millis};
use redis::Value;

use crate::call::{bytes, list, number};

/// All slots there are.
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
    /// By the clock of leases: until then nobody is rescued there, because others could not renew.
    shaken_until: i64,
}

impl Shards {
    /// Begins with one server that has all slots.
    pub(crate) fn one(clock: Clock) -> Self {
        let all = Shard { slots: 0..=SLOTS - 1, master: Vec::new(), shaken_until: i64::MIN };
        Shards { clock, shards: Mutex::new(vec![all]) }
    }

    /// Takes over what a cluster says of its slots (`CLUSTER SLOTS`). A master that was not known before counts as one that stood still.
    pub(crate) fn learn(&self, answer: Value) {
        let Some(said) = list(answer).map(|ranges| ranges.into_iter().filter_map(read_shard).collect::<Vec<_>>())
        else {
            return;
        };
        let now = self.clock.boot_time().ms;
        let mut shards = self.shards();
        // Who has just begun rescues nobody for a lease anyway.
        let is_first = shards.iter().all(|shard| shard.master.is_empty());
        let unknown = if is_first { i64::MIN } else { now + millis(limits::LEASE) };
        let shaken_until = |slots: &RangeInclusive<u16>, master: &Vec<u8>| {
            let known = shards.iter().find(|shard| shard.slots == *slots && shard.master == *master);
            known.map_or(unknown, |shard| shard.shaken_until)
        };
        let said = said.into_iter().map(|(slots, master)| {
            let shaken_until = shaken_until(&slots, &master);
            Shard { slots, master, shaken_until }
        });
        let said = said.collect::<Vec<_>>();
        *shards = said;
    }

    /// Returns a slot of each server, in the order of slots.
    pub(crate) fn a_slot_of_each(&self) -> Vec<u16> {
        let mut masters = std::collections::HashSet::new();
        let shards = self.shards();
        let mut ranges: Vec<&Shard> = shards.iter().collect();
        ranges.sort_by_key(|shard| *shard.slots.start());
        ranges.retain(|shard| masters.insert(shard.master.clone()));
        ranges.iter().map(|shard| *shard.slots.start()).collect()
    }

    /// Returns the number of the shard that has these keys; nothing where that is not known.
    pub(crate) fn of(&self, root: &str) -> Option<u16> {
        self.with(root, |shard| *shard.slots.start())
    }

    /// Notes that the server of these keys did not answer, or late: others could not renew there either, and get a lease's time to do so.
    pub(crate) fn note_away(&self, root: &str) {
        let until = self.clock.boot_time().ms + millis(limits::LEASE);
        self.with(root, |shard| shard.shaken_until = shard.shaken_until.max(until));
    }

    /// Returns whether the server of these keys answered promptly for the length of a lease, so that who did not renew could have.
    pub(crate) fn is_prompt(&self, root: &str) -> bool {
        let now = self.clock.boot_time().ms;
        self.with(root, |shard| now >= shard.shaken_until).unwrap_or(false)
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

/// Returns the slot of keys that begin like that: what stands in their braces decides.
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

    fn said(ranges: &[(i64, i64, &str)]) -> Value {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = |id: &str| Value::Array(vec![bulk("127.0.0.1"), Value::Int(7000), bulk(id)]);
        let range =
            |(from, to, id): &(i64, i64, &str)| Value::Array(vec![Value::Int(*from), Value::Int(*to), node(id)]);
        Value::Array(ranges.iter().map(range).collect())
    }

    #[test]
    fn shard_that_stood_still_says_nothing_of_others_and_a_new_master_is_waited_for() {
        let clock = Clock::default();
        let shards = Shards::one(clock.clone());
        assert!(shards.is_prompt("p:{all}:"), "one server that always answered");
        // `all` lies in slot 3894, `1` in slot 9842.
        let cluster = [(0, 8191, "a"), (8192, 16383, "b")];
        shards.learn(said(&cluster));
        assert!(shards.is_prompt("p:{all}:") && shards.is_prompt("p:{1}:"));
        assert_eq!(shards.a_slot_of_each(), [0, 8192]);
        shards.note_away("p:{all}:");
        assert!(!shards.is_prompt("p:{all}:") && shards.is_prompt("p:{1}:"));
        clock.advance(limits::LEASE);
        shards.learn(said(&[(0, 8191, "a"), (8192, 16383, "c")]));
        assert!(shards.is_prompt("p:{all}:") && !shards.is_prompt("p:{1}:"), "a replica took over");
        assert_ne!(shards.of("p:{all}:"), shards.of("p:{1}:"));
    }
}
