//! Whether the files that were opened still are the ones that their names lead to.
//!
//! A file that is deleted, moved or replaced lives on for those who have it open. What they write to it is lost when they end,
//! since nobody else ever finds it. So before anything is acknowledged the names are looked up, and must lead to the device and inode that
//! were opened: for the database, and for its log and the log's index, which SQLite keeps for as long as somebody has it open.
//!
//! Looking a name up opens nothing: closing a file would take this process's locks on it away. A file whose contents are
//! overwritten in place is not noticed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use longshore_core::{Error, ErrorKind};

/// The files of an open database, itself first; none where the operating system knows of none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    files: Vec<(PathBuf, Inode)>,
}

/// A device and the number of a file on it.
type Inode = (u64, u64);

impl Identity {
    /// Looks up the files of a database that is open.
    pub(crate) fn of(database: &Path) -> Result<Self, Error> {
        // The log lies beside the file itself, not beside a symbolic link to it.
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

    /// Makes sure that all names still lead to the files that were opened; costs three microseconds.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (path, opened) in &self.files {
            let found = inode(path);
            let (path, database) = (path.display(), self.files[0].0.display());
            let what = match found {
                Ok(found) if found == *opened => continue,
                Ok(_) => format!("another file has taken the place of `{path}` while it was open"),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    format!("`{path}` was deleted or moved while it was open")
                }
                Err(e) => format!("`{path}` cannot be found any more ({e})"),
            };
            let text = format!(
                "{what}: nothing is accepted, because it would be lost; put the same \
                 file back, or start all programs that use `{database}` anew to go on with what is there now"
            );
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        Ok(())
    }
}

fn inode(path: &Path) -> io::Result<Inode> {
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}
