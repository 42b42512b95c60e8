//! Test options of a database.

use std::sync::Arc;
use std::time::Duration;

use crate::reserve::Disk;

/// Options for tests (feature `testing`).
#[derive(Clone, Debug, Default)]
pub struct Testing {
    /// The name of the file layer ("VFS") that SQLite uses.
    pub vfs: Option<String>,
    /// The storage of the reserve.
    pub disk: Option<Arc<dyn Disk>>,
    /// Never waits for the disk, so that a power loss may lose acknowledged jobs or the whole database.
    pub synchronous_off: bool,
    /// How long to wait for another process's lock, instead of 10 seconds.
    pub patience: Option<Duration>,
    /// The size in bytes from which the log is emptied, instead of 64 MiB.
    pub largest_log: Option<u64>,
    /// The boot id of the machine as this process sees it, instead of the kernel's.
    pub boot: Option<u128>,
}
