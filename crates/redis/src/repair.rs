//! Looks for what other programs have changed, and repairs it: a walk over all keys of the store, in three passes.
//!
//! No set leads to a record that is in none, so this is the one place that scans: each step asks one server for some names (`SCAN`), or looks at
//! keys whose names it got earlier, in one call of a function a slot. In the first pass each key must be of its type; in the second one records
//! are held against sets, and sets against records; in the third one each queue with jobs must be known to be one. Names that wait to be looked at stand in the cursor.

use std::collections::BTreeMap;
use std::fmt::Write;

use longshore_core::{Error, ErrorKind, Finding, JobId, QueueName, RepairCursor, RepairReport, RepairStep};
use redis::Value;

use crate::base::Base;
use crate::call::{bytes, list, number};
use crate::copies::on_each;
use crate::error;
use crate::keys;
use crate::library;

/// Most keys, or entries of a set, that one step looks at: each costs some commands, and everybody waits meanwhile.
const ROWS: usize = 200;
/// How many keys, of whomever, one `SCAN` passes.
const SCANNED: usize = 1_000;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Types,
    Entries,
    Queues,
}

/// Where a walk goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    pass: Pass,
    /// A slot of the server whose keys are walked over.
    slot: u16,
    /// Where its scan goes on; nothing where it has ended.
    scan: Option<u64>,
    /// Names of keys that are to be looked at.
    keys: Vec<Vec<u8>>,
    /// Names of sets whose entries are to be looked at afterwards.
    sets: Vec<Vec<u8>>,
    /// Where in the first of them.
    entry: String,
}

/// Where a set begins, and what a function says at its end.
const BEGINNING: &str = "0";

/// Does one step.
pub(crate) async fn repair(base: &Base, step: RepairStep) -> Result<RepairReport, Error> {
    let mut place = match &step.after {
        None => Place::first(base),
        Some(cursor) => Place::parse(&cursor.0).ok_or_else(|| cursor.unknown())?,
    };
    let mut walk = Walk { base, write: step.write, findings: Vec::new(), checked: 0 };
    match walk.step(&mut place, step.limit.min(ROWS)).await {
        // A server of a cluster that is away keeps nobody from the keys of the others.
        Err(e) if base.link.is_cluster() && e.is_retryable() => {
            let what = format!(
                "the server of slot {} did not answer, so that not all of its keys were checked: {e}",
                place.slot
            );
            walk.findings.push(Finding::new(what));
            place = Place { scan: None, ..Place::of_server(place.pass, place.slot) };
        }
        done => done?,
    }
    let next = place.next(base).map(|place| RepairCursor(place.to_text()));
    Ok(RepairReport::new(walk.findings, walk.checked, next))
}

/// Asks a server for names of our keys; returns where to go on.
async fn scan(base: &Base, pass: Pass, slot: u16, cursor: u64, keys: &mut Vec<Vec<u8>>) -> Result<Option<u64>, Error> {
    let mut pattern = String::new();
    for c in base.keys.of_channels().chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push_str(":{*");
    if pass == Pass::Queues {
        pattern.push_str(&format!("}}:{}*", keys::ALL));
    }
    let mut command = redis::cmd("SCAN");
    command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCANNED);
    let answer = list(base.link.send_to_slot(slot, &command).await?).and_then(|answer| {
        let mut answer = answer.into_iter();
        let next = String::from_utf8(bytes(answer.next()?)?).ok()?.parse::<u64>().ok()?;
        Some((next, list(answer.next()?)?))
    });
    let (next, names) = answer.ok_or_else(|| error::unexpected("SCAN"))?;
    keys.extend(names.into_iter().filter_map(bytes));
    Ok((next != 0).then_some(next))
}

/// One step on its way.
struct Walk<'a> {
    base: &'a Base,
    write: bool,
    findings: Vec<Finding>,
    checked: usize,
}

impl Walk<'_> {
    /// Looks at keys, at a set, or for more keys.
    async fn step(&mut self, place: &mut Place, most: usize) -> Result<(), Error> {
        if !place.keys.is_empty() {
            return self.look_at_keys(place, most).await;
        }
        if !place.sets.is_empty() {
            return self.look_at_set(place, most).await;
        }
        if let Some(cursor) = place.scan {
            place.scan = scan(self.base, place.pass, place.slot, cursor, &mut place.keys).await?;
            self.look_at_keys(place, most).await?;
        }
        Ok(())
    }

    /// Looks at the first keys of those that wait, in one call a slot.
    async fn look_at_keys(&mut self, place: &mut Place, most: usize) -> Result<(), Error> {
        let some: Vec<Vec<u8>> = place.keys.drain(..most.min(place.keys.len())).collect();
        self.checked += some.len();
        let mut by_root: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
        for key in &some {
            if let Some((root, name)) = self.split(key) {
                by_root.entry(root).or_default().push(name);
            }
        }
        for (root, names) in by_root {
            if place.pass == Pass::Queues {
                for queue in names.into_iter().filter_map(queue_of_all) {
                    self.is_noted(queue).await?;
                }
                continue;
            }
            let sets = match self.keys(place.pass, &root, &names).await {
                // A function that fails ends there: each key by itself, so that one that fails stops no other.
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    let mut sets = Vec::new();
                    for name in &names {
                        match self.keys(place.pass, &root, &[*name]).await {
                            Err(e) if e.kind() == ErrorKind::Corrupt => self.cannot(name, &e),
                            found => sets.extend(found?),
                        }
                    }
                    sets
                }
                found => found?,
            };
            place.sets.extend(sets.into_iter().map(|name| [root.as_bytes(), &name].concat()));
        }
        Ok(())
    }

    /// Looks at keys of one slot; returns the names of sets among them.
    async fn keys(&mut self, pass: Pass, root: &str, names: &[&[u8]]) -> Result<Vec<Vec<u8>>, Error> {
        let call = self.base.framed(&library::REPAIR_KEYS, root);
        let call = call.number(i64::from(self.write)).number(i64::from(pass == Pass::Types)).args(names);
        let mut answer = call.list().await?.into_iter();
        let sets = self.note(answer.next()).and_then(|()| list(answer.next()?));
        let sets = sets.ok_or_else(|| error::unexpected("repair_keys"))?;
        Ok(sets.into_iter().filter_map(bytes).collect())
    }

    /// Looks at a stretch of the first set of those that wait.
    async fn look_at_set(&mut self, place: &mut Place, most: usize) -> Result<(), Error> {
        let set = place.sets[0].clone();
        let next = match self.split(&set) {
            None => BEGINNING.to_owned(),
            Some((root, name)) => match self.set(&root, name, &place.entry, most).await {
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    self.cannot(name, &e);
                    BEGINNING.to_owned()
                }
                read => read?,
            },
        };
        if next == BEGINNING {
            place.sets.remove(0);
        }
        place.entry = next;
        Ok(())
    }

    /// Looks at a stretch of a set; returns where to go on.
    async fn set(&mut self, root: &str, name: &[u8], from: &str, most: usize) -> Result<String, Error> {
        let call = self.base.framed(&library::REPAIR_SET, root).number(i64::from(self.write));
        let mut answer = call.arg(name).arg(from).number(most as i64).list().await?.into_iter();
        let read = self.note(answer.next()).and_then(|()| {
            let next = String::from_utf8(bytes(answer.next()?)?).ok()?;
            Some((next, usize::try_from(number(&answer.next()?)?).ok()?))
        });
        let (next, entries) = read.ok_or_else(|| error::unexpected("repair_set"))?;
        self.checked += entries;
        Ok(next)
    }

    /// Sees to it that a queue with jobs is among the queues: nobody would see its jobs, nor do upkeep for them.
    async fn is_noted(&mut self, queue: QueueName) -> Result<(), Error> {
        for root in &self.base.copies.roots {
            let mut command = redis::cmd("ZSCORE");
            command.arg(format!("{root}{}", keys::QUEUES)).arg(queue.as_str());
            // A copy of another type is told of elsewhere.
            if self.base.link.send(root, &command).await.is_ok_and(|score| score != Value::Nil) {
                return Ok(());
            }
        }
        if self.write {
            let note = |root: &str| self.base.framed(&library::NOTE_QUEUES, root).arg(queue.as_str());
            on_each(self.base, note).await?;
        }
        let finding = Finding::new("it has jobs, and is not in the list of all queues");
        self.findings.push(finding.queue(Some(queue)).repaired(self.write));
        Ok(())
    }

    /// Takes down what a function has found.
    fn note(&mut self, findings: Option<Value>) -> Option<()> {
        for finding in list(findings?)? {
            let mut parts = list(finding)?.into_iter().map(bytes);
            let mut next = || parts.next().flatten();
            let (queue, id, what) = (next()?, next()?, next()?);
            let finding = Finding::new(String::from_utf8_lossy(&what));
            let queue = std::str::from_utf8(&queue).ok().and_then(|queue| queue.parse().ok());
            let id = <[u8; 16]>::try_from(id).ok().map(JobId::from_bytes);
            self.findings.push(finding.queue(queue).job(id).repaired(self.write));
        }
        Some(())
    }

    fn cannot(&mut self, name: &[u8], error: &Error) {
        self.findings.push(Finding::new(format!("the key `{}` cannot be looked at: {error}", name.escape_ascii())));
    }

    /// Takes a key apart: what all keys of its slot begin with, and its name; nothing where it is none of ours.
    fn split<'k>(&self, key: &'k [u8]) -> Option<(String, &'k [u8])> {
        let prefix = self.base.keys.of_channels();
        let tagged = key.strip_prefix(prefix.as_bytes())?.strip_prefix(b":{")?;
        let end = tagged.iter().position(|byte| *byte == b'}')?;
        let name = tagged[end..].strip_prefix(b"}:")?;
        Some((self.base.keys.under(std::str::from_utf8(&tagged[..end]).ok()?), name))
    }
}

/// Returns the queue whose jobs a stream lists.
fn queue_of_all(name: &[u8]) -> Option<QueueName> {
    std::str::from_utf8(name.strip_prefix(keys::ALL.as_bytes())?).ok()?.parse().ok()
}

impl Place {
    fn first(base: &Base) -> Place {
        let slot = base.link.shards.a_slot_of_each().first().copied().unwrap_or(0);
        Place::of_server(Pass::Types, slot)
    }

    fn of_server(pass: Pass, slot: u16) -> Place {
        Place { pass, slot, scan: Some(0), keys: Vec::new(), sets: Vec::new(), entry: BEGINNING.into() }
    }

    /// Returns where the next step goes on: here, at the next server, or at the first one with the next pass.
    fn next(self, base: &Base) -> Option<Place> {
        if !self.keys.is_empty() || !self.sets.is_empty() || self.scan.is_some() {
            return Some(self);
        }
        let servers = base.link.shards.a_slot_of_each();
        if let Some(slot) = servers.iter().find(|slot| **slot > self.slot) {
            return Some(Place::of_server(self.pass, *slot));
        }
        let pass = match self.pass {
            Pass::Types => Pass::Entries,
            Pass::Entries => Pass::Queues,
            Pass::Queues => return None,
        };
        Some(Place::of_server(pass, servers.first().copied().unwrap_or(0)))
    }

    fn to_text(&self) -> String {
        let pass = match self.pass {
            Pass::Types => "types",
            Pass::Entries => "entries",
            Pass::Queues => "queues",
        };
        let scan = self.scan.map_or("-".to_owned(), |scan| scan.to_string());
        let mut text = format!("{pass} {} {scan} {}", self.slot, self.entry);
        for (mark, names) in [(" k", &self.keys), (" s", &self.sets)] {
            for name in names {
                text.push_str(mark);
                name.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a String takes all"));
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Place> {
        let mut words = text.split(' ');
        let pass = match words.next()? {
            "types" => Pass::Types,
            "entries" => Pass::Entries,
            "queues" => Pass::Queues,
            _ => return None,
        };
        let mut place = Place::of_server(pass, words.next()?.parse().ok()?);
        place.scan = match words.next()? {
            "-" => None,
            number => Some(number.parse().ok()?),
        };
        place.entry = words.next()?.to_owned();
        for word in words {
            let names = if word.starts_with('k') { &mut place.keys } else { &mut place.sets };
            names.push(unhex(word.get(1..)?)?);
        }
        Some(place)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_read_as_it_was_written() {
        let mut place = Place::of_server(Pass::Entries, 8_192);
        assert_eq!(Place::parse(&place.to_text()), Some(place.clone()));
        place.scan = None;
        place.entry = "1700000000000000-0".into();
        place.keys = vec![b"p:{0a0b}:j:\x00\xff ".to_vec()];
        place.sets = vec![b"p:{0a0b}:all:mail".to_vec(), Vec::new()];
        assert_eq!(Place::parse(&place.to_text()), Some(place));
        for text in ["", "types", "types 1 x 0", "nowhere 1 0 0", "types 1 0 0 k0", "types 1 0 0 sxx"] {
            assert_eq!(Place::parse(text), None, "{text:?}");
        }
    }
}
