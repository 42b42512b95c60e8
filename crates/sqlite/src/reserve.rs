//! The reserve: room on the disk that is given up when it is full, so that what runs can still be settled.
//!
//! `<database>-reserve` holds nothing but room: 16 MiB, made when the database is opened. Whichever process finds no room to
//! claim, renew, settle or keep up deletes it and tries once more. While it is gone new jobs are refused, by every process,
//! because its file is all they look at. It is made again as soon as there is room for it.
//!
//! Free room is not asked for beforehand: quotas, compression and other writers make such numbers lie. Only a write knows.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::{Error, ErrorKind};

/// A reserve that is gone is tried to be made again at most this often.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Where the reserve lies; tests put one of their own in its place.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes a file that takes up that many bytes.
    ///
    /// # Errors
    ///
    /// If there is no room for all of it; then nothing is left behind.
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()>;

    /// Deletes a file; one that is missing is an error.
    ///
    /// # Errors
    ///
    /// If it cannot be deleted.
    fn delete(&self, path: &Path) -> io::Result<()>;

    /// Returns a file's length, or `None` where it is missing.
    fn length(&self, path: &Path) -> Option<u64>;
}

/// The reserve of one database, as one process sees it.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    disk: Arc<dyn Disk>,
    /// When this process last tried to make it.
    tried: Option<Instant>,
    /// Why that failed.
    failed: Option<io::Error>,
    /// Whether people were told that the disk is full.
    told: bool,
}

impl Reserve {
    /// Makes the reserve beside a database, unless it is there; `None` where zero bytes are asked for.
    pub(crate) fn open(database: &Path, bytes: u64, disk: Option<Arc<dyn Disk>>) -> Option<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-reserve");
        let disk = disk.unwrap_or_else(|| Arc::new(Files));
        let mut reserve = Reserve { path: path.into(), bytes, disk, tried: None, failed: None, told: false };
        if bytes == 0 {
            return None;
        }
        if !reserve.is_there() && !reserve.make() {
            reserve.tell();
        }
        Some(reserve)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether it is there, whoever made it or gave it up.
    pub(crate) fn is_there(&self) -> bool {
        self.disk.length(&self.path).is_some_and(|length| length >= self.bytes)
    }

    /// Gives the room back to the disk.
    pub(crate) fn give_up(&mut self) {
        self.tried = Some(Instant::now()); // a write that finds no room needs the space more
        match self.disk.delete(&self.path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {} // another process was faster
            Err(e) => tracing::warn!(error = %e, reserve = %self.path.display(), "cannot delete the reserve"),
        }
        self.tell();
    }

    /// Makes it again where it is missing and there is room; looks at most once a second. Returns whether it is there.
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

    /// Returns whether this process knows that it was missing, and should look for room now and then.
    pub(crate) fn was_missing(&self) -> bool {
        self.told
    }

    /// Says why a job is refused.
    pub(crate) fn refusal(&mut self) -> Error {
        self.tell();
        if let Some(e) = self.failed.as_ref().filter(|e| !is_full(e)) {
            let text = format!(
                "new jobs are refused until `{}` can be made, which is set aside for running ones: {e}",
                self.path.display()
            );
            return Error::new(ErrorKind::Full, text);
        }
        let text = format!(
            "the disk is full: new jobs are refused until {} MiB are free beside the database; make room, and it goes on by itself",
            self.bytes.div_ceil(1 << 20)
        );
        Error::new(ErrorKind::Full, text)
    }

    fn make(&mut self) -> bool {
        self.tried = Some(Instant::now());
        self.failed = self.disk.allocate(&self.path, self.bytes).err();
        self.failed.is_none()
    }

    fn tell(&mut self) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        if let Some(error) = self.failed.as_ref().filter(|e| !is_full(e)) {
            tracing::warn!(reserve = %self.path.display(), %error, "cannot set room aside for running jobs: new ones are refused");
        } else {
            tracing::warn!(
                reserve = %self.path.display(),
                "the disk is full: running jobs are settled on the reserve, new ones are refused until there is room"
            );
        }
    }

    fn all_clear(&mut self) {
        if std::mem::take(&mut self.told) {
            tracing::info!(reserve = %self.path.display(), "there is room on the disk again: jobs are accepted");
        }
    }
}

/// Returns whether an error says that there is no room.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// The file system.
#[derive(Debug)]
struct Files;

impl Disk for Files {
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Only to spare others the moment in which a vain try takes all that is left.
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

/// Takes up room, for real: where the file system cannot set it aside, with bytes that cannot be compressed.
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
