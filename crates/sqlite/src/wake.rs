//! The wake file: notifications between processes that share a database.
//!
//! Design: docs/design/notifications.md
//!
//! `<database>-wake` contains three numbers of eight bytes, for work, news and cancels. After a commit, the process
//! writes a new random number for each that it has something to report about. All processes watch the file with inotify
//! and check which numbers changed. The file names no jobs and wakes all processes of the machine. But work for which
//! the pushing process itself has room wakes no other process. Watching the WAL instead would not work: it is written
//! before the commit is visible. A lost notification causes a delay, because workers poll every few seconds anyway.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::{Error, ErrorKind, Notices, Notifications};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Where the wake file contains the boot id of the processes that use the database, after the three numbers.
const BOOT_AT: u64 = 24;
/// How long to wait for a process that is writing its boot id.
const BOOT_PATIENCE: Duration = Duration::from_secs(2);

/// The wake file of one database. While it is held, notifications of other processes are received.
#[derive(Debug)]
pub struct WakeFile {
    file: File,
    /// `None` if the system cannot watch the file. Then changes of other processes are found by polling.
    #[cfg(target_os = "linux")]
    _listener: Option<listener::Listener>,
}

impl WakeFile {
    /// Opens the wake file beside a database and starts to receive notifications. `boot` is the boot id of the machine.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be opened, or if another process that uses the database has another boot id.
    pub(crate) fn open(database: &Path, notifications: Notifications, boot: u128) -> Result<Self, Error> {
        let path = beside(database);
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Refused, e.to_string()).context(format!("open wake file `{}`", path.display()))
        };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = options.map_err(failed)?;
        check_boot(&file, boot)?;
        #[cfg(target_os = "linux")]
        let listener = file
            .try_clone()
            .and_then(|file| listener::Listener::start(&path, file, notifications))
            .inspect_err(|error| {
                tracing::warn!(
                    %error, file = %path.display(),
                    "cannot receive notifications of other processes; polls instead, which takes up to five seconds (are all inotify instances of this user in use?)"
                );
            })
            .ok();
        #[cfg(not(target_os = "linux"))]
        drop(notifications); // without inotify, changes of other processes are found by polling
        Ok(WakeFile {
            file,
            #[cfg(target_os = "linux")]
            _listener: listener,
        })
    }

    /// Notifies other processes. An error only delays them.
    fn notify(&self, changes: Changes) {
        for (position, changed) in changes.into_iter().enumerate().map(|(at, changed)| (8 * at as u64, changed)) {
            if changed && let Err(e) = self.file.write_all_at(&fastrand::u64(..).to_ne_bytes(), position) {
                tracing::warn!(error = %e, "cannot notify other processes; they find work by polling");
            }
        }
    }
}

impl Drop for WakeFile {
    fn drop(&mut self) {
        // The thread that listens has the same open file, and may end later.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Refuses to use a database together with a process that has another boot id.
///
/// Containers share the kernel, but one of them may have a boot id of its own. The leases of the others then seem to be
/// from before a reboot, and it would take their jobs again and again.
///
/// Each process holds a shared lock on the wake file. The first one, which could lock it for itself alone, writes its boot
/// id. Unlike SQLite's locks, this one belongs to the open file, so another file that is closed does not release it.
fn check_boot(file: &File, boot: u128) -> Result<(), Error> {
    let until = Instant::now() + BOOT_PATIENCE;
    let is_first = flock(file, FlockOperation::NonBlockingLockExclusive).is_ok();
    let mut theirs = boot.to_be_bytes();
    if is_first && file.write_all_at(&theirs, BOOT_AT).is_err() {
        return Ok(()); // the disk is full: then nobody can be told
    }
    while let Err(e) = flock(file, FlockOperation::NonBlockingLockShared) {
        if e != Errno::WOULDBLOCK || Instant::now() >= until {
            return Ok(()); // a file system without such locks, or another program holds it
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // A process of an older version writes none.
    if file.read_exact_at(&mut theirs, BOOT_AT).is_err() || u128::from_be_bytes(theirs) == boot {
        return Ok(());
    }
    let name = |boot: u128| format!("{boot:032x}");
    let text = format!(
        "another process uses the database under another boot id ({}; this one has {}), so each would take the other's jobs: let both \
         see the kernel's own /proc/sys/kernel/random/boot_id, or stop the other process",
        name(u128::from_be_bytes(theirs)),
        name(boot)
    );
    Err(Error::new(ErrorKind::Refused, text))
}

/// Whether there is something to report: work, news, cancels.
type Changes = [bool; 3];

/// Notifies this process, and other processes through the wake file, after a commit. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) notifications: Notifications,
    /// `None` for a database in memory.
    pub(crate) file: Option<Arc<WakeFile>>,
}

impl Publisher {
    /// Sends the notifications of a commit.
    pub(crate) fn notify(&self, notices: &Notices) {
        let left = self.notifications.notify(notices);
        self.notify_others([!left.is_empty() || notices.all_work, !notices.news.is_empty(), notices.cancels]);
    }

    /// Notifies other processes of work.
    pub(crate) fn notify_work(&self) {
        self.notify_others([true, false, false]);
    }

    fn notify_others(&self, changes: Changes) {
        if let Some(file) = &self.file {
            file.notify(changes);
        }
    }
}

/// Returns the path of a database's wake file.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wake");
    PathBuf::from(name)
}

#[cfg(target_os = "linux")]
mod listener {
    use std::fs::File;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::FileExt;
    use std::path::Path;
    use std::sync::Arc;
    use std::thread;

    use longshore_core::{Notices, Notifications};
    use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
    use rustix::fs::inotify;

    /// A thread that receives notifications of other processes. Dropping it ends the thread.
    #[derive(Debug)]
    pub(super) struct Listener {
        stop: Arc<OwnedFd>,
    }

    impl Listener {
        pub(super) fn start(path: &Path, file: File, notifications: Notifications) -> io::Result<Self> {
            let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            inotify::add_watch(&watch, path, inotify::WatchFlags::MODIFY)?;
            let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
            let stopped = Arc::clone(&stop);
            let listen = move || {
                if let Err(e) = receive(&watch, &stopped, &file, &notifications) {
                    tracing::warn!(error = %e, "cannot receive notifications of other processes any more; will poll instead");
                }
            };
            thread::Builder::new().name("longshore-wake".into()).spawn(listen)?;
            Ok(Listener { stop })
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            let _ = rustix::io::write(&*self.stop, &1u64.to_ne_bytes()); // an eventfd takes eight bytes
        }
    }

    fn receive(watch: &OwnedFd, stopped: &OwnedFd, file: &File, notifications: &Notifications) -> io::Result<()> {
        let mut last = numbers(file)?;
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        loop {
            let mut ready = [PollFd::new(watch, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
            match poll(&mut ready, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
            if !ready[1].revents().is_empty() {
                return Ok(());
            }
            // The events must be read, but their content does not matter: the numbers show what changed.
            let mut events = inotify::Reader::new(watch, &mut buffer);
            while events.next().is_ok() {}
            let now = numbers(file)?;
            let changed = |what: usize| now[what] != last[what];
            let _ = notifications.notify(&Notices::without_names(changed(0), changed(1), changed(2)));
            last = now;
        }
    }

    fn numbers(file: &File) -> io::Result<[u64; 3]> {
        let mut bytes = [0; 24];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], filled as u64)? {
                0 => break, // the other numbers were not written yet
                read => filled += read,
            }
        }
        let (words, _) = bytes.as_chunks::<8>();
        Ok(std::array::from_fn(|what| u64::from_ne_bytes(words[what])))
    }
}
