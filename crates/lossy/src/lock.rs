//! Locks: the five levels of a database file, and the eight slots of its shared memory.

/// The levels that a handle can hold on a file, numbered as in SQLite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// Another handle holds the requested lock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The locks on one file.
#[derive(Debug, Default)]
pub(crate) struct FileLock {
    shared: usize,
    /// The level of the one handle above `Shared`.
    writer: Level,
}

impl FileLock {
    /// Raises a handle's level as far as other handles allow. On `Busy` it may be raised part of the way.
    pub(crate) fn raise(&mut self, held: &mut Level, wanted: Level) -> Result<(), Busy> {
        if *held >= wanted {
            return Ok(());
        }
        if *held == Level::None {
            if self.writer >= Level::Pending {
                return Err(Busy);
            }
            self.shared += 1;
            *held = Level::Shared;
        }
        if wanted == Level::Shared {
            return Ok(());
        }
        if *held == Level::Shared && self.writer > Level::None {
            return Err(Busy);
        }
        let alone = self.shared == 1;
        *held = if wanted == Level::Exclusive && !alone { Level::Pending } else { wanted };
        self.writer = *held;
        if *held == wanted { Ok(()) } else { Err(Busy) }
    }

    /// Lowers a handle's level to `Shared` or `None`.
    pub(crate) fn lower(&mut self, held: &mut Level, wanted: Level) {
        if *held > Level::Shared {
            self.writer = Level::None;
            *held = Level::Shared;
        }
        if *held == Level::Shared && wanted == Level::None {
            self.shared -= 1;
            *held = Level::None;
        }
    }

    /// Returns whether a handle is about to write.
    pub(crate) fn is_reserved(&self) -> bool {
        self.writer > Level::None
    }
}

/// The slots of shared memory that one handle holds, as bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slots {
    pub(crate) shared: u8,
    pub(crate) exclusive: u8,
}

/// The locks on shared memory.
#[derive(Debug, Default)]
pub(crate) struct ShmLock {
    shared: [usize; 8],
    exclusive: u8,
}

impl ShmLock {
    pub(crate) fn share(&mut self, held: &mut Slots, wanted: u8) -> Result<(), Busy> {
        if self.exclusive & !held.exclusive & wanted != 0 {
            return Err(Busy);
        }
        let new = wanted & !held.shared;
        bits(new).for_each(|slot| self.shared[slot] += 1);
        held.shared |= new;
        Ok(())
    }

    pub(crate) fn exclude(&mut self, held: &mut Slots, wanted: u8) -> Result<(), Busy> {
        let shared_by_others = |slot: usize| self.shared[slot] > usize::from(held.shared >> slot & 1);
        if self.exclusive & !held.exclusive & wanted != 0 || bits(wanted).any(shared_by_others) {
            return Err(Busy);
        }
        self.exclusive |= wanted;
        held.exclusive |= wanted;
        Ok(())
    }

    pub(crate) fn unlock(&mut self, held: &mut Slots, given: u8) {
        bits(held.shared & given).for_each(|slot| self.shared[slot] -= 1);
        self.exclusive &= !(held.exclusive & given);
        held.shared &= !given;
        held.exclusive &= !given;
    }
}

fn bits(mask: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |slot| mask >> slot & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_when_nobody_reads() {
        let (mut file, mut a, mut b) = (FileLock::default(), Level::None, Level::None);
        file.raise(&mut a, Level::Shared).unwrap();
        file.raise(&mut b, Level::Shared).unwrap();
        file.raise(&mut a, Level::Reserved).unwrap();
        assert_eq!(file.raise(&mut b, Level::Reserved), Err(Busy));
        assert_eq!(file.raise(&mut a, Level::Exclusive), Err(Busy));
        let mut c = Level::None;
        assert_eq!(file.raise(&mut c, Level::Shared), Err(Busy), "no new readers while one waits to write");
        file.lower(&mut b, Level::None);
        file.raise(&mut a, Level::Exclusive).unwrap();
        file.lower(&mut a, Level::None);
        assert!(!file.is_reserved());
        file.raise(&mut c, Level::Shared).unwrap();
    }

    #[test]
    fn slots_are_shared_or_exclusive() {
        let (mut shm, mut a, mut b) = (ShmLock::default(), Slots::default(), Slots::default());
        shm.share(&mut a, 0b100).unwrap();
        shm.share(&mut b, 0b100).unwrap();
        assert_eq!(shm.exclude(&mut a, 0b110), Err(Busy));
        shm.unlock(&mut b, 0b100);
        shm.exclude(&mut a, 0b110).unwrap();
        assert_eq!(shm.share(&mut b, 0b010), Err(Busy));
        shm.unlock(&mut a, 0b110);
        shm.exclude(&mut b, 0b110).unwrap();
    }
}
