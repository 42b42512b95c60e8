//! The reserve: a file that is deleted when the disk is full, so that running jobs can still be settled.
//!
//! `<database>-reserve` only takes up space: 16 MiB by default, created when the database is opened. A process that
//! finds no room for a claim, a renewal, a settle or upkeep deletes it and tries again. While the file is missing, all
//! processes refuse new jobs, because each checks only whether the file exists. It is created again as soon as there is
//! room for it.
//!
//! Free space is not queried before a write: quotas, compression and other writers make such numbers unreliable. Only a
//! write shows whether there is room.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::{Error, ErrorKind};

/// The shortest time between two tries to create a missing reserve.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// The storage of the reserve. Tests replace it.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file that takes up that many bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no room for all of it. Then nothing remains of the file.
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()>;

    /// Deletes a file. A missing file is an error.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be deleted.
    fn delete(&self, path: &Path) -> io::Result<()>;

    /// Returns the length of a file, or `None` if it is missing.
    fn length(&self, path: &Path) -> Option<u64>;
}

/// The reserve of one database, as one process sees it.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    disk: Arc<dyn Disk>,
    /// When this process last tried to create it.
    tried: Option<Instant>,
    /// Why the last try failed.
    failed: Option<io::Error>,
    /// Whether it was reported that the disk is full.
    reported: bool,
}

impl Reserve {
    /// Creates the reserve beside a database, unless it exists. Returns `None` if `bytes` is zero.
    pub(crate) fn open(database: &Path, bytes: u64, disk: Option<Arc<dyn Disk>>) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-reserve");
        let disk = disk.unwrap_or_else(|| Arc::new(Files));
        let mut reserve = Reserve { path: path.into(), bytes, disk, tried: None, failed: None, reported: false };
        if bytes == 0 {
            return None;
        }
        if !reserve.is_there() && !reserve.make() {
            reserve.report();
        }
        Some(reserve)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether the reserve exists, whichever process created or deleted it.
    pub(crate) fn is_there(&self) -> bool {
        self.disk.length(&self.path).is_some_and(|length| length >= self.bytes)
    }

    /// Deletes the reserve, so that its space is free.
    pub(crate) fn give_up(&mut self) {
        self.tried = Some(Instant::now()); // a write that finds no room needs the space more
        match self.disk.delete(&self.path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {} // another process was faster
            Err(e) => tracing::warn!(error = %e, reserve = %self.path.display(), "cannot delete the reserve"),
        }
        self.report();
    }

    /// Creates the reserve again if it is missing and there is room; tries at most once a second. Returns whether it
    /// exists.
    pub(crate) fn restore(&mut self) -> bool {
        if self.is_there() {
            self.all_clear();
            return true;
        }
        if self.tried.is_some_and(|at| at.elapsed() < TRY_EVERY) || !self.make() {
            return false;
        }
        self.all_clear();
        true
    }

    /// Returns whether this process knows that the reserve was missing and should try regularly to create it.
    pub(crate) fn was_missing(&self) -> bool {
        self.reported
    }

    /// Returns the error for a refused job.
    pub(crate) fn refusal(&mut self) -> Error {
        self.report();
        if let Some(e) = self.failed.as_ref().filter(|e| !is_full(e)) {
            let text = format!(
                "new jobs are refused until the reserve `{}` for running jobs can be created: {e}",
                self.path.display()
            );
            return Error::new(ErrorKind::Full, text);
        }
        let text = format!(
            "the disk is full: new jobs are refused until {} MiB are free beside the database; make room, and new jobs are accepted again",
            self.bytes.div_ceil(1 << 20)
        );
        Error::new(ErrorKind::Full, text)
    }

    fn make(&mut self) -> bool {
        self.tried = Some(Instant::now());
        self.failed = self.disk.allocate(&self.path, self.bytes).err();
        self.failed.is_none()
    }

    fn report(&mut self) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        if let Some(error) = self.failed.as_ref().filter(|e| !is_full(e)) {
            tracing::warn!(reserve = %self.path.display(), %error, "cannot create the reserve for running jobs: new jobs are refused");
        } else {
            tracing::warn!(
                reserve = %self.path.display(),
                "the disk is full: running jobs use the reserve, and new jobs are refused until there is room"
            );
        }
    }

    fn all_clear(&mut self) {
        if std::mem::take(&mut self.reported) {
            tracing::info!(reserve = %self.path.display(), "the disk has room again: new jobs are accepted");
        }
    }
}

/// Returns whether an error means that there is no room.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// The file system.
#[derive(Debug)]
struct Files;

impl Disk for Files {
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // This check only prevents that a failing try takes the last free space from others for a moment.
        if rustix::fs::statvfs(folder).is_ok_and(|room| room.f_bavail.saturating_mul(room.f_frsize) < bytes) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        fill(&file, bytes).inspect_err(|_| {
            let _ = fs::remove_file(path); // the first error is reported
        })
    }

    fn delete(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn length(&self, path: &Path) -> Option<u64> {
        fs::metadata(path).ok().map(|metadata| metadata.len())
    }
}

/// Takes up space on the disk. If the file system cannot allocate it, writes bytes that cannot be compressed.
fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
        result => return result.map_err(io::Error::from),
    }
    let mut dice = fastrand::Rng::new();
    let mut block = vec![0; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let n = left.min(block.len() as u64) as usize;
        dice.fill(&mut block[..n]);
        io::Write::write_all(&mut file, &block[..n])?;
        left -= n as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_up_room_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("jobs.db");
        let reserve = || Reserve::open(&database, 1 << 20, None).expect("more than zero bytes");
        let mut ours = reserve();
        let mut theirs = reserve();
        let blocks = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&ours.path).unwrap());
        assert!(blocks * 512 >= 1 << 20, "it takes up {blocks} blocks");
        ours.give_up();
        assert!(!ours.is_there() && !theirs.is_there());
        theirs.give_up();
        assert!(!theirs.restore(), "not again at once");
        (ours.tried, theirs.tried) = (None, None);
        assert!(ours.restore() && theirs.restore());
        assert!(!ours.was_missing() && !theirs.was_missing());
    }
}
