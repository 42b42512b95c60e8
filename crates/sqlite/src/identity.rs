//! Checks that the paths of the database still lead to the files that were opened.
//!
//! A file that is deleted, moved or replaced continues to exist for processes that have it open. Their writes are lost
//! when they end, because no other process can find the file. So before anything is acknowledged, the paths are looked
//! up and must lead to the device and inode that were opened: for the database, its WAL and its shared memory file,
//! which SQLite keeps while any process has the database open.
//!
//! A lookup does not open the file, because closing it would release this process's locks. A file whose contents are
//! overwritten in place is not detected.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use longshore_core::{Error, ErrorKind};

/// The files of an open database, the database first. Empty if the operating system does not know the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    files: Vec<(PathBuf, Inode)>,
}

/// A device and the number of a file on it.
type Inode = (u64, u64);

impl Identity {
    /// Looks up the files of an open database.
    pub(crate) fn of(database: &Path) -> Result<Self, Error> {
        // The WAL is beside the file itself, not beside a symbolic link to it.
        let look = |real: &Path, end: &str| -> io::Result<(PathBuf, Inode)> {
            let mut path = real.as_os_str().to_owned();
            path.push(end);
            let path = PathBuf::from(path);
            Ok((path.clone(), inode(&path)?))
        };
        let files = || -> io::Result<Vec<(PathBuf, Inode)>> {
            let real = database.canonicalize()?;
            let main = (std::path::absolute(database)?, inode(database)?);
            Ok(vec![main, look(&real, "-wal")?, look(&real, "-shm")?])
        };
        let failed = |e: io::Error| Error::new(ErrorKind::Unavailable, e.to_string()).caused_by(e);
        Ok(Identity { files: files().map_err(failed)? })
    }

    /// Returns the size of the log, if the operating system knows it.
    pub(crate) fn log_bytes(&self) -> Option<u64> {
        let (log, _) = self.files.get(1)?;
        fs::metadata(log).ok().map(|metadata| metadata.len())
    }

    /// Checks that all paths still lead to the files that were opened. It takes three microseconds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (path, opened) in &self.files {
            let found = inode(path);
            let (path, database) = (path.display(), self.files[0].0.display());
            let what = match found {
                Ok(found) if found == *opened => continue,
                Ok(_) => format!("`{path}` was replaced by another file while it was open"),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    format!("`{path}` was deleted or moved while it was open")
                }
                Err(e) => format!("cannot find `{path}` any more ({e})"),
            };
            let text = format!(
                "{what}: nothing is accepted, because it would be lost; put the same \
                 file back, or restart all programs that use `{database}` to continue with the present file"
            );
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        Ok(())
    }
}

fn inode(path: &Path) -> io::Result<Inode> {
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}
