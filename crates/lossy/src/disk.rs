//! The contents of a disk, which of them were synced, and what a power cut leaves.

use std::collections::HashMap;
use std::io;

use fastrand::Rng;

/// The size that a disk writes atomically.
const SECTOR: u64 = 512;

/// The number of a file. It stays the same when the name is deleted.
pub(crate) type Inode = usize;

/// A disk with its files.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    names: HashMap<String, Inode>,
    synced_names: HashMap<String, Inode>,
    /// Changes of names since they were last synced; `None` is a deletion.
    renamed: Vec<(String, Option<Inode>)>,
    /// Files without contents, and their lengths.
    allocated: HashMap<String, u64>,
    size: Option<u64>,
}

/// The disk has no room left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

#[derive(Debug, Default)]
struct File {
    now: Vec<u8>,
    synced: Vec<u8>,
    /// Changes since the last sync, in order.
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate { length: u64 },
}

impl Change {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes } => {
                let (from, to) = (*at as usize, *at as usize + bytes.len());
                if contents.len() < to {
                    contents.resize(to, 0);
                }
                contents[from..to].copy_from_slice(bytes);
            }
            Change::Truncate { length } => contents.truncate(*length as usize),
        }
    }

    /// Splits a write at sector boundaries.
    fn pieces(&self) -> Vec<Change> {
        let Change::Write { at, bytes } = self else { return vec![self.clone()] };
        let (mut pieces, mut at, mut rest) = (Vec::new(), *at, bytes.as_slice());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min((SECTOR - at % SECTOR) as usize));
            pieces.push(Change::Write { at, bytes: piece.to_vec() });
            (at, rest) = (at + piece.len() as u64, after);
        }
        pieces
    }
}

impl Disk {
    /// Returns the file with that name.
    pub(crate) fn look_up(&self, name: &str) -> Option<Inode> {
        self.names.get(name).copied()
    }

    /// Creates an empty file. A file without a name is lost at a power cut.
    pub(crate) fn create(&mut self, name: Option<&str>) -> Inode {
        self.files.push(File::default());
        let inode = self.files.len() - 1;
        if let Some(name) = name {
            self.names.insert(name.to_owned(), inode);
            self.renamed.push((name.to_owned(), Some(inode)));
        }
        inode
    }

    /// Deletes a name. Returns whether it existed.
    pub(crate) fn unlink(&mut self, name: &str) -> bool {
        let was_there = self.names.remove(name).is_some();
        if was_there {
            self.renamed.push((name.to_owned(), None));
        }
        was_there
    }

    /// Makes all names durable.
    pub(crate) fn sync_names(&mut self) {
        self.renamed.clear();
        self.synced_names = self.names.clone();
    }

    pub(crate) fn contents(&self, inode: Inode) -> &[u8] {
        &self.files[inode].now
    }

    pub(crate) fn write(&mut self, inode: Inode, at: u64, bytes: &[u8]) -> Result<(), NoRoom> {
        let grows = (at + bytes.len() as u64).saturating_sub(self.files[inode].now.len() as u64);
        if grows > 0 && self.size.is_some_and(|size| self.used() + grows > size) {
            return Err(NoRoom);
        }
        self.change(inode, Change::Write { at, bytes: bytes.to_vec() });
        Ok(())
    }

    pub(crate) fn truncate(&mut self, inode: Inode, length: u64) {
        self.change(inode, Change::Truncate { length });
    }

    fn change(&mut self, inode: Inode, change: Change) {
        let file = &mut self.files[inode];
        change.apply(&mut file.now);
        file.changes.push(change);
    }

    /// Makes the contents of a file durable, but not its name.
    pub(crate) fn sync(&mut self, inode: Inode) {
        let file = &mut self.files[inode];
        for change in file.changes.drain(..) {
            change.apply(&mut file.synced);
        }
    }

    /// Frees the space of a file without a name and without handles.
    pub(crate) fn forget(&mut self, inode: Inode) {
        let named = |names: &HashMap<String, Inode>| names.values().any(|named| *named == inode);
        if !named(&self.names) {
            self.files[inode].now = Vec::new();
            if !named(&self.synced_names) && !self.renamed.iter().any(|(_, made)| *made == Some(inode)) {
                self.files[inode] = File::default();
            }
        }
    }

    pub(crate) fn set_size(&mut self, bytes: Option<u64>) {
        self.size = bytes;
    }

    pub(crate) fn used(&self) -> u64 {
        let files: u64 = self.files.iter().map(|file| file.now.len() as u64).sum();
        files + self.allocated.values().sum::<u64>()
    }

    pub(crate) fn allocate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        let others = self.used() - self.allocated.get(name).unwrap_or(&0);
        if self.size.is_some_and(|size| others + bytes > size) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.allocated.insert(name.to_owned(), bytes);
        Ok(())
    }

    pub(crate) fn free(&mut self, name: &str) -> bool {
        self.allocated.remove(name).is_some()
    }

    pub(crate) fn allocated(&self, name: &str) -> Option<u64> {
        self.allocated.get(name).copied()
    }

    /// Returns the disk as it is after a power cut.
    pub(crate) fn after_power_loss(self, dice: &mut Rng) -> Disk {
        let mut left = Disk { allocated: self.allocated, size: self.size, ..Disk::default() };
        let mut names: Vec<(String, Inode)> =
            surviving_names(self.synced_names, self.renamed, dice).into_iter().collect();
        names.sort_unstable(); // so that a seed always hits the same files
        for (name, inode) in names {
            let file = &self.files[inode];
            let contents = survive(&file.synced, &file.changes, dice);
            left.files.push(File { now: contents.clone(), synced: contents, changes: Vec::new() });
            left.names.insert(name, left.files.len() - 1);
        }
        left.synced_names = left.names.clone();
        left
    }
}

/// For each name, only the first few changes since the last sync took effect.
fn surviving_names(
    mut names: HashMap<String, Inode>,
    renamed: Vec<(String, Option<Inode>)>,
    dice: &mut Rng,
) -> HashMap<String, Inode> {
    let mut stuck = HashMap::new();
    for (name, change) in renamed {
        let stuck: &mut bool = stuck.entry(name.clone()).or_default();
        *stuck |= dice.bool();
        match change {
            _ if *stuck => {}
            Some(inode) => {
                names.insert(name, inode);
            }
            None => {
                names.remove(&name);
            }
        }
    }
    names
}

/// Chooses at random which changes since the last sync reached the disk.
fn survive(synced: &[u8], changes: &[Change], dice: &mut Rng) -> Vec<u8> {
    let mut contents = synced.to_vec();
    let pieces: Vec<Change> = changes.iter().flat_map(Change::pieces).collect();
    match dice.u8(..5) {
        0 => {}
        1 => pieces.iter().for_each(|piece| piece.apply(&mut contents)),
        // In order up to some moment, with a torn last write.
        2 => pieces[..dice.usize(..=pieces.len())].iter().for_each(|piece| piece.apply(&mut contents)),
        // Out of order: a later sector may be written and an earlier one not.
        _ => {
            let kept = [0.05, 0.3, 0.5, 0.7, 0.95][dice.usize(..5)];
            pieces.iter().filter(|_| dice.f64() < kept).for_each(|piece| piece.apply(&mut contents));
        }
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file() -> (Disk, Inode) {
        let mut disk = Disk::default();
        let inode = disk.create(Some("a"));
        disk.sync_names();
        (disk, inode)
    }

    /// Returns the contents of the file `a` after a thousand power cuts.
    fn leftovers(make: impl Fn() -> Disk) -> Vec<Option<Vec<u8>>> {
        let left = |seed| {
            let disk = make().after_power_loss(&mut Rng::with_seed(seed));
            disk.look_up("a").map(|inode| disk.contents(inode).to_vec())
        };
        (0..1_000).map(left).collect()
    }

    #[test]
    fn what_was_synced_is_always_left() {
        let left = leftovers(|| {
            let (mut disk, a) = with_file();
            disk.write(a, 0, &[1; 2_000]).unwrap();
            disk.sync(a);
            disk
        });
        assert!(left.iter().all(|left| left.as_deref() == Some(&[1; 2_000])));
    }

    #[test]
    fn what_was_not_synced_is_kept_dropped_reordered_or_torn() {
        let left = leftovers(|| {
            let (mut disk, a) = with_file();
            disk.write(a, 0, &[1; 1_024]).unwrap();
            disk.sync(a);
            disk.write(a, 0, &[2; 1_024]).unwrap();
            disk.write(a, 512, &[3; 512]).unwrap();
            disk
        });
        let sectors = |first: u8, second: u8| [[first; 512], [second; 512]].concat();
        for (first, second) in [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (2, 3)] {
            assert!(left.contains(&Some(sectors(first, second))), "{first} {second} never happened");
        }
        assert!(
            left.iter().flatten().all(|left| left.chunks(512).all(|sector| sector.iter().all(|b| *b == sector[0])))
        );
    }

    #[test]
    fn truncations_and_names_happened_or_did_not() {
        let left = leftovers(|| {
            let (mut disk, a) = with_file();
            disk.write(a, 0, &[1; 100]).unwrap();
            disk.sync(a);
            disk.truncate(a, 10);
            disk.unlink("a");
            disk
        });
        for expected in [None, Some(vec![1; 100]), Some(vec![1; 10])] {
            assert!(left.contains(&expected), "{expected:?} never happened");
        }
    }

    #[test]
    fn name_that_was_not_synced_may_be_missing() {
        let left = leftovers(|| {
            let mut disk = Disk::default();
            let a = disk.create(Some("a"));
            disk.write(a, 0, &[1; 10]).unwrap();
            disk.sync(a);
            disk
        });
        assert!(left.contains(&None) && left.contains(&Some(vec![1; 10])));
    }

    #[test]
    fn full_disk_takes_no_more_but_what_is_there_may_change() {
        let (mut disk, a) = with_file();
        disk.set_size(Some(100));
        disk.write(a, 0, &[1; 60]).unwrap();
        assert!(disk.allocate("reserve", 41).is_err());
        disk.allocate("reserve", 40).unwrap();
        disk.write(a, 0, &[2; 60]).unwrap();
        assert_eq!(disk.write(a, 60, &[2]), Err(NoRoom));
        assert!(disk.free("reserve"));
        disk.write(a, 60, &[2]).unwrap();
        assert_eq!(disk.used(), 61);
    }
}
