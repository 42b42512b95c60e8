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
    address: Option<(String, u16)>,
    /// Until this time of the lease clock no job is rescued there, because workers may have been unable to renew.
    no_rescue_until: i64,
}

impl Shards {
    /// Begins with one server that has all slots.
    pub(crate) fn one(clock: Clock) -> Self {
        let all = Shard { slots: 0..=SLOTS - 1, master: Vec::new(), address: None, no_rescue_until: i64::MIN };
        Shards { clock, shards: Mutex::new(vec![all]) }
    }

    /// Reads the answer to `CLUSTER SLOTS`. A new master counts as a server that stalled.
    pub(crate) fn learn(&self, answer: Value) {
        let Some(learned) = list(answer).map(|ranges| ranges.into_iter().filter_map(read_shard).collect::<Vec<_>>())
        else {
            return;
        };
        if learned.is_empty() {
            return; // the answer of a node that has just been reset
        }
        let now = self.clock.boot_time().ms;
        let mut shards = self.shards();
        // A process that has just started does not rescue for the length of a lease anyway.
        let is_first = shards.iter().all(|shard| shard.master.is_empty());
        let unknown = if is_first { i64::MIN } else { now + millis(limits::LEASE) };
        // A master that got or gave away slots is the same master.
        let no_rescue_until = |master: &Vec<u8>| {
            let known = shards.iter().filter(|shard| shard.master == *master).map(|shard| shard.no_rescue_until);
            known.max().unwrap_or(unknown)
        };
        let learned = learned.into_iter().map(|shard| {
            let no_rescue_until = no_rescue_until(&shard.master);
            Shard { no_rescue_until, ..shard }
        });
        let learned = learned.collect::<Vec<_>>();
        *shards = learned;
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

    /// Returns the address of the server that has a slot; `None` if the cluster does not say it.
    pub(crate) fn address_of(&self, slot: u16) -> Option<(String, u16)> {
        self.shards().iter().find(|shard| shard.slots.contains(&slot)).and_then(|shard| shard.address.clone())
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
fn read_shard(range: Value) -> Option<Shard> {
    let mut parts = list(range)?.into_iter();
    let mut slot = || parts.next().as_ref().and_then(number).and_then(|slot| u16::try_from(slot).ok());
    let slots = slot()?..=slot()?;
    let mut node = list(parts.next()?)?.into_iter();
    let host = node.next().and_then(bytes).and_then(|host| String::from_utf8(host).ok());
    let port = node.next().as_ref().and_then(number).and_then(|port| u16::try_from(port).ok());
    let address = host.filter(|host| !host.is_empty() && host != "?").zip(port);
    Some(Shard { slots, master: node.next().and_then(bytes)?, address, no_rescue_until: i64::MIN })
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
        assert_eq!(shards.a_slot_of_each(), [0, 8192]);
        assert_eq!(shards.address_of(9_842), Some(("127.0.0.1".into(), 7000)));
        shards.note_unresponsive("p:{all}:");
        assert!(!shards.is_prompt("p:{all}:") && shards.is_prompt("p:{1}:"));
        clock.advance(limits::LEASE);
        shards.learn(slots_answer(&[(0, 8191, "a"), (8192, 16383, "c")]));
        assert!(shards.is_prompt("p:{all}:") && !shards.is_prompt("p:{1}:"), "a replica took over");
        assert_ne!(shards.of("p:{all}:"), shards.of("p:{1}:"));
    }
}
