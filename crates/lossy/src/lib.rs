//! A simulated machine for SQLite whose power can be cut and whose disk can become full and hang. For tests only; never
//! shipped.
//!
//! This is the only crate of the workspace that allows unsafe code: a file layer of SQLite (a "VFS") is a table of C
//! functions. All unsafe code is in `vfs.rs`. The simulation of the disk (`disk.rs`) and of locks (`lock.rs`) is safe
//! code.
//!
//! A [`Lossy`] machine keeps its files in memory and knows for each byte whether it was synced. A power cut keeps
//! everything that was synced, and a random part of the rest: writes that are kept, dropped, out of order or torn at
//! sectors of 512 bytes, and truncations and changes of names that took effect or not. Otherwise it guarantees what
//! SQLite's own layer guarantees for a disk under Linux: a write does not damage the bytes next to it.
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

/// A machine with its own disk, registered with SQLite under [`Lossy::name`]. Dropping it removes the registration.
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

    /// Returns the name for opening a database.
    pub fn name(&self) -> &str {
        self.registered.name()
    }

    /// Cuts the power now, and starts another machine with the rest of the disk. From now on, all calls on the old
    /// machine fail. The same seed on the same disk has the same result.
    pub fn power_loss(&self, seed: u64) -> Lossy {
        let disk = self.machine.cut_power();
        Lossy::with(disk.after_power_loss(&mut fastrand::Rng::with_seed(seed)))
    }

    /// Cuts the power at the `n`th change of the disk from now: a write, a sync, a truncation or a deletion, which
    /// fails.
    pub fn cut_power_after(&self, n: u64) {
        self.machine.cut_power_after(n);
    }

    /// Makes the next sync of such a file hang, until the returned value is dropped.
    pub fn hang_next_sync(&self, of: Synced) -> Hang {
        let gate = Arc::default();
        self.machine.hang_next_sync(of == Synced::Log, Arc::clone(&gate));
        Hang::new(gate)
    }

    /// Refuses to create temporary files from now on, like a read-only system without a folder for them.
    pub fn refuse_temporary_files(&self) {
        self.machine.refuse_temporary_files();
    }

    /// Returns whether the power is off.
    pub fn is_off(&self) -> bool {
        self.machine.is_off()
    }

    /// Returns the number of changes of the disk so far.
    pub fn changes(&self) -> u64 {
        self.machine.changes()
    }

    /// Sets the size of the disk in bytes; `None`, the default, is unlimited. A disk that already contains more accepts
    /// no more and loses nothing.
    pub fn set_size(&self, bytes: Option<u64>) {
        self.machine.disk().set_size(bytes);
    }

    /// Returns how many bytes are in use.
    pub fn used(&self) -> u64 {
        self.machine.disk().used()
    }

    /// Creates a file of that many bytes without contents, like `fallocate`, and replaces an earlier one with that
    /// name.
    ///
    /// # Errors
    ///
    /// Returns [`io::ErrorKind::StorageFull`] if there is no room for it.
    pub fn allocate(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.machine.disk().allocate(name, bytes)
    }

    /// Removes a file that [`Lossy::allocate`] created. Returns whether it existed.
    pub fn free(&self, name: &str) -> bool {
        self.machine.disk().free(name)
    }

    /// Returns the length of a file that [`Lossy::allocate`] created.
    pub fn allocated(&self, name: &str) -> Option<u64> {
        self.machine.disk().allocated(name)
    }
}
