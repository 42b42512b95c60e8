//! A machine for SQLite whose power can be cut, and whose disk can run full and hang. For tests only; never shipped.
//!
//! This crate alone of the workspace allows unsafe code: a file layer of SQLite (a "VFS") is a table of C functions. All of it
//! is in `vfs.rs`; what a disk remembers and loses (`disk.rs`), and who may lock what (`lock.rs`), is safe code.
//!
//! A [`Lossy`] machine keeps its files in memory and knows of each byte whether it was synced. A power cut leaves everything
//! that was synced, and of the rest whatever chance leaves: writes kept, dropped, out of order or torn at sectors of 512 bytes,
//! truncations and changes of names that happened or did not. What it promises otherwise is what SQLite's own layer promises for
//! a disk under Linux: a write harms no byte beside it.
//!
//! ```
//! use longshore_lossy::Lossy;
//! use rusqlite::{Connection, OpenFlags};
//!
//! let machine = Lossy::new();
//! let open = |machine: &Lossy| Connection::open_with_flags_and_vfs("/a.db", OpenFlags::default(), machine.name());
//! let connection = open(&machine)?;
//! connection.execute_batch("CREATE TABLE t (n); INSERT INTO t VALUES (1)")?;
//!
//! let again = machine.power_loss(42);
//! assert!(connection.execute_batch("INSERT INTO t VALUES (2)").is_err(), "the old machine is off");
//! let count: i64 = open(&again)?.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?;
//! assert_eq!(count, 1);
//! # Ok::<(), rusqlite::Error>(())
//! ```

#![deny(missing_docs)]

mod disk;
mod hang;
mod lock;
mod vfs;

use std::io;
use std::sync::Arc;

use disk::Disk;
pub use hang::{Hang, Synced};
use vfs::{Machine, Registered};

/// A machine with a disk of its own, registered with SQLite under [`Lossy::name`]. Dropping it takes the name back.
#[derive(Debug)]
pub struct Lossy {
    machine: Arc<Machine>,
    registered: Registered,
}

impl Default for Lossy {
    fn default() -> Self {
        Lossy::new()
    }
}

impl Lossy {
    /// Starts a machine with an empty disk.
    pub fn new() -> Self {
        Lossy::with(Disk::default())
    }

    fn with(disk: Disk) -> Self {
        let machine = Arc::new(Machine::new(disk));
        let registered = Registered::new(&machine);
        Lossy { machine, registered }
    }

    /// Returns the name to open a database with.
    pub fn name(&self) -> &str {
        self.registered.name()
    }

    /// Cuts the power now and starts another machine with what is left of the disk. From here on everything fails that still
    /// holds on to this one. The same seed on the same disk leaves the same.
    pub fn power_loss(&self, seed: u64) -> Lossy {
        let disk = self.machine.cut_power();
        Lossy::with(disk.after_power_loss(&mut fastrand::Rng::with_seed(seed)))
    }

    /// Cuts the power at the `n`th change of the disk from now: a write, a sync, a truncation or a deletion, which fails.
    pub fn cut_power_after(&self, n: u64) {
        self.machine.cut_power_after(n);
    }

    /// Has the next sync of such a file hang, whoever asks for it, until the answer says otherwise.
    pub fn hang_next_sync(&self, of: Synced) -> Hang {
        let gate = Arc::default();
        self.machine.hang_next_sync(of == Synced::Log, Arc::clone(&gate));
        Hang::new(gate)
    }

    /// Returns whether the power is off.
    pub fn is_off(&self) -> bool {
        self.machine.is_off()
    }

    /// Returns how many changes the disk has seen.
    pub fn changes(&self) -> u64 {
        self.machine.changes()
    }

    /// Says how many bytes the disk holds in all; `None`, as at the start, for as many as may come. A disk that holds more
    /// already takes no more, and loses nothing.
    pub fn set_size(&self, bytes: Option<u64>) {
        self.machine.disk().set_size(bytes);
    }

    /// Returns how many bytes are in use.
    pub fn used(&self) -> u64 {
        self.machine.disk().used()
    }

    /// Makes a file of that many bytes without contents, as `fallocate` does, in place of an earlier one of that name.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::StorageFull`] if there is no room for it.
    pub fn allocate(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.machine.disk().allocate(name, bytes)
    }

    /// Removes a file that [`Lossy::allocate`] made; returns whether it was there.
    pub fn free(&self, name: &str) -> bool {
        self.machine.disk().free(name)
    }

    /// Returns the length of a file that [`Lossy::allocate`] made.
    pub fn allocated(&self, name: &str) -> Option<u64> {
        self.machine.disk().allocated(name)
    }
}
