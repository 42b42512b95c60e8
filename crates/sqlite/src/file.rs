//! Opening the file. Problems with it are reported before the first job.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{Error, ErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::layout::{self, APPLICATION_ID};
use crate::{Options, Synchronous, error, stray};

/// The first SQLite without the WAL-reset bug (sqlite.org/wal.html#walresetbug), which can corrupt a file that several
/// processes write to.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long to wait for another process's lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// When the log begins again from its start, its file is cut to this size in bytes.
const LOG_KEPT: i64 = 16 << 20;

thread_local!(static PATIENCE_NOW: Cell<Duration> = const { Cell::new(PATIENCE) });

/// Runs something on this thread that waits at most so long for the locks of others.
pub(crate) fn with_patience<T>(patience: Duration, work: impl FnOnce() -> T) -> T {
    let before = PATIENCE_NOW.replace(patience);
    let done = work();
    PATIENCE_NOW.set(before);
    done
}

/// The location of a database.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    File(PathBuf),
    Memory,
}

/// Opens a connection for writing, and creates or upgrades the schema.
pub(crate) fn open(location: &Location, options: &Options) -> Result<Connection, Error> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        let text = format!("the built-in SQLite {} is too old: 3.51.3 or newer is needed", rusqlite::version());
        return Err(Error::new(ErrorKind::Refused, text));
    }
    if let Location::File(path) = location
        && options.testing.vfs.is_none()
    {
        prepare_file(path, options)?;
    }
    let began = Instant::now();
    loop {
        match set_up(location, options) {
            // If several processes create the same file at once, some steps fail without waiting for the lock, for
            // example the switch to WAL.
            Err(e) if error::is_busy(&e) && began.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(fastrand::u64(1..20)));
            }
            done => return done,
        }
    }
}

fn set_up(location: &Location, options: &Options) -> Result<Connection, Error> {
    // SQLite must not create the file: if it was moved since `prepare_file`, its log is still there and would be deleted.
    let create = match (location, &options.testing.vfs) {
        (Location::File(_), None) => OpenFlags::empty(),
        _ => OpenFlags::SQLITE_OPEN_CREATE,
    };
    let connection = connect(location, options, create)?;
    check_owner(&connection)?;
    if let Location::File(_) = location {
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(error::of)?;
        if mode != "wal" {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("cannot switch the journal mode from `{mode}` to `wal`"),
            ));
        }
    }
    let level = match options.synchronous {
        _ if options.testing.synchronous_off => "OFF",
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", level).map_err(error::of)?;
    connection.pragma_update(None, "journal_size_limit", LOG_KEPT).map_err(error::of)?;
    layout::migrate(&connection, &options.settings.clock)?;
    Ok(connection)
}

/// Opens a connection for reading only.
pub(crate) fn open_reader(location: &Location, options: &Options) -> Result<Connection, Error> {
    let connection = connect(location, options, OpenFlags::empty())?;
    connection.pragma_update(None, "query_only", true).map_err(error::of)?;
    Ok(connection)
}

fn connect(location: &Location, options: &Options, create: OpenFlags) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let connection = match (location, &options.testing.vfs) {
        (Location::File(path), Some(vfs)) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
        (Location::File(path), None) => Connection::open_with_flags(path, flags),
        (Location::Memory, _) => Connection::open_in_memory_with_flags(flags),
    };
    let connection = connection.map_err(error::of)?;
    connection.set_prepared_statement_cache_capacity(128);
    // Without this, savepoints and sorting need a folder for temporary files, which a read-only system may not have.
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(error::of)?;
    // Without this, a statement is compiled again for each other `LIMIT` and for other values that may affect the
    // choice of an index.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(error::of)?;
    match options.testing.patience {
        None => connection.busy_handler(Some(wait_for_the_lock)).map_err(error::of)?,
        Some(patience) => connection.busy_timeout(patience).map_err(error::of)?,
    }
    Ok(connection)
}

/// Waits for another process's lock in short random steps.
///
/// SQLite's own busy time-out grows to 100 ms. At our rate of transactions, short steps cost little and reduce the
/// slowest commits of four processes from 129 ms to 10 ms.
fn wait_for_the_lock(tries: i32) -> bool {
    thread_local!(static SINCE: Cell<Option<Instant>> = const { Cell::new(None) });
    let now = Instant::now();
    let since = SINCE.with(|cell| {
        let since = cell.get().filter(|_| tries > 0).unwrap_or(now);
        cell.set(Some(since));
        since
    });
    // Most transactions take less than a millisecond, so the first steps are the shortest that the system's timers
    // allow.
    let longest = if tries < 16 { 60 } else { 450 };
    std::thread::sleep(Duration::from_micros(fastrand::u64(10..longest)));
    now.duration_since(since) < PATIENCE_NOW.get()
}

/// Creates the file if it is missing, readable only by its owner: jobs may contain secrets.
fn prepare_file(path: &Path, options: &Options) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("folder `{}` does not exist: create it first", folder.display()),
        ));
    }
    if let Some(name) = network_file_system(folder).filter(|_| !options.accept_network_file_system) {
        let text = format!(
            "`{}` is on a network file system ({name}), where SQLite's locks may not hold: use a local disk",
            folder.display()
        );
        return Err(Error::new(ErrorKind::Refused, text));
    }
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Refused, "the path is a folder: use a file in it"));
    }
    stray::check(path)?;
    let writable = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    let made = make(path).and_then(|()| Ok(rustix::fs::access(path, writable)?));
    made.map_err(|e| {
        let text = match e.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                format!("the file or its folder is read-only for this user ({e}): SQLite needs to write to both")
            }
            _ => e.to_string(),
        };
        Error::new(ErrorKind::Refused, text).caused_by(e)
    })?;
    Ok(())
}

/// Creates an empty file that only its owner can read, unless it exists.
///
/// A database must never be opened and closed outside SQLite. A process that closes a file loses all its locks on it,
/// including those that SQLite holds for other connections. Another program may then assume that the WAL is unused and
/// delete it.
fn make(path: &Path) -> io::Result<()> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = &target(path);
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        // Creates the file without opening it.
        match mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => return Ok(()),
            Err(rustix::io::Errno::PERM | rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL) => {} // not on this system
            Err(e) => return Err(e.into()),
        }
    }
    // No connection can have a new file open, and other stores of this process wait here until it is closed.
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

/// Returns the target of a symbolic link, which may not exist yet.
pub(crate) fn target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..40 {
        let Ok(to) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(to);
    }
    path
}

/// Returns the name of the network file system that contains a folder, if any.
#[cfg(target_os = "linux")]
fn network_file_system(folder: &Path) -> Option<&'static str> {
    // The magic numbers of statfs(2).
    match rustix::fs::statfs(folder).ok()?.f_type as u32 {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB2"),
        0x0102_1997 => Some("9p"),
        0x00c3_6400 => Some("Ceph"),
        0x6573_5546 => Some("FUSE"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn network_file_system(_folder: &Path) -> Option<&'static str> {
    None
}

/// Refuses a file that is not a database or belongs to another program, before anything is written to it.
fn check_owner(connection: &Connection) -> Result<(), Error> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<(i64, i64)> {
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((pragma("application_id")?, tables))
    };
    let (application, tables) = read().map_err(|e| match error::of(e) {
        e if e.kind() == ErrorKind::Corrupt => {
            Error::new(ErrorKind::Corrupt, "it is not a SQLite database").caused_by(e)
        }
        e => e,
    })?;
    if application != APPLICATION_ID && (tables > 0 || application != 0) {
        let text = "the database belongs to another program: use another file";
        return Err(Error::new(ErrorKind::Refused, text));
    }
    if tables == 0 { Ok(()) } else { layout::check(connection) }
}
