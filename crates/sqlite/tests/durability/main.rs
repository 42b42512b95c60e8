//! Guarantees at a power failure, on a full disk, and with a database that is locked for long.
//!
//! `LONGSHORE_SEED` repeats one run of a test; `LONGSHORE_LONG=10` does ten times as many runs. The seed decides when
//! the power fails and what the disk loses. The scheduler decides the order of threads until then.

mod closing;
mod full;
mod hang;
mod kill;
mod ledger;
mod locked;
mod power;
mod read_only;
mod workload;

use std::sync::Arc;

use longshore_core::{NewJob, Payload, Settings};
use longshore_lossy::Lossy;
use longshore_sqlite::{Options, Sqlite, Testing};

/// A folder for the wake file; the database itself is on the simulated disk.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { folder: tempfile::tempdir().expect("there is room for a temporary folder") }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("jobs.db")
    }

    /// Opens the database like a process on that machine would.
    fn open(
        &self,
        machine: &Lossy,
        settings: &Settings,
        change: impl FnOnce(Options, Testing) -> Options,
    ) -> Result<Arc<Sqlite>, longshore_core::Error> {
        let testing = Testing { vfs: Some(machine.name().to_owned()), ..Testing::default() };
        Sqlite::open(self.path(), change(Options::with(settings.clone()), testing)).map(Arc::new)
    }
}

/// Returns a job of kind `work` with a payload of about that size.
fn job(bytes: usize) -> NewJob {
    let payload = format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes));
    let name = |text: &str| text.to_owned();
    NewJob::new(
        name("default").parse().expect("a name"),
        name("work").parse().expect("a name"),
        Payload::parse(&payload).expect("JSON"),
    )
}
