//! What only tests ask of a database.

use std::sync::Arc;
use std::time::Duration;

use crate::reserve::Disk;

/// Changes how a database is opened, for tests (feature `testing`).
#[derive(Clone, Debug, Default)]
pub struct Testing {
    /// The name of the file layer ("VFS") that SQLite is to use.
    pub vfs: Option<String>,
    /// Where the reserve lies.
    pub disk: Option<Arc<dyn Disk>>,
    /// Never waits for the disk, so that a power loss takes what was acknowledged, or everything.
    pub synchronous_off: bool,
    /// How long to wait for another process's lock, instead of 10 seconds.
    pub patience: Option<Duration>,
}
