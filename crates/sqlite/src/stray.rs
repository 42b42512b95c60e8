//! Logs without their database. Opening one would lose jobs, so it is refused.
//!
//! The newest jobs are in the log `FILE-wal` until they are copied into `FILE`. If `FILE` is missing or empty, SQLite
//! creates a new database and deletes the log. If `FILE` is now a symbolic link, SQLite looks for the log beside the
//! target, and the jobs in the log beside the link are missing.

use std::fs;
use std::path::{Path, PathBuf};

use longshore_core::{Error, ErrorKind};

use crate::file::target;

/// The size of the header of a log. A log that is not longer contains nothing.
const HEADER_BYTES: u64 = 32;

/// Refuses to open a database whose log would be lost.
pub(crate) fn check(database: &Path) -> Result<(), Error> {
    let real = target(database);
    let log = log_of(&real);
    // In this order, because another process may create the database now: it writes to the file before the log.
    let has_log = is_filled(&log);
    let file = fs::metadata(&real).map(|metadata| metadata.len());
    let (missing, empty) = (file.is_err(), file.is_ok_and(|bytes| bytes == 0));
    if has_log && (missing || empty) {
        let (real, log) = (real.display(), log.display());
        let what = if missing { "is missing" } else { "is empty" };
        return Err(refused(format!(
            "`{real}` {what}, but its log `{log}` contains jobs, which a new database would delete: put the file that belongs to \
             this log back under its name; or, to begin without these jobs, move `{log}` away"
        )));
    }
    let beside_link = log_of(database);
    if real != database && is_filled(&beside_link) && !is_same(&beside_link, &log) {
        let (link, beside_link, real, log) = (database.display(), beside_link.display(), real.display(), log.display());
        return Err(refused(format!(
            "`{link}` is a link to `{real}`, but beside the link is a log `{beside_link}` with jobs that are perhaps not in `{real}`: if it \
             belongs to that file, move it to `{log}`; otherwise, move it away"
        )));
    }
    if missing && !real.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir()) {
        let text = format!("`{}` is a link to `{}`, whose folder does not exist", database.display(), real.display());
        return Err(refused(text));
    }
    Ok(())
}

fn refused(text: String) -> Error {
    Error::new(ErrorKind::Refused, text)
}

fn log_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

fn is_filled(log: &Path) -> bool {
    fs::metadata(log).is_ok_and(|metadata| metadata.len() > HEADER_BYTES)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
