//! The wake file: how processes that share a database notify each other at once.
//!
//! `<database>-wake` holds three numbers of eight bytes, one each for work, news and cancels. Whoever commits writes a fresh random
//! number where there is something to tell; everybody watches the file with inotify and looks at what has a new number. The file names
//! no jobs and wakes all processes of the machine; but work for which the process that pushed it has room wakes no other. Watching
//! the WAL itself would not do: its write comes before the commit can be seen. A notification that gets lost costs a delay: workers
//! look anyway every few seconds.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use longshore_core::{Error, ErrorKind, Notices, Notifications};

/// The wake file of one database; while it is held, notifications of other processes are received.
#[derive(Debug)]
pub struct WakeFile {
    file: File,
    #[cfg(target_os = "linux")]
    _listener: listener::Listener,
}

impl WakeFile {
    /// Opens the wake file beside a database and starts to receive.
    pub(crate) fn open(database: &Path, notifications: Notifications) -> Result<Self, Error> {
        let path = beside(database);
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Refused, e.to_string()).context(format!("open wake file `{}`", path.display()))
        };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = options.map_err(failed)?;
        #[cfg(target_os = "linux")]
        let listener =
            listener::Listener::start(&path, file.try_clone().map_err(failed)?, notifications).map_err(failed)?;
        #[cfg(not(target_os = "linux"))]
        drop(notifications); // without inotify, changes of other processes are found by polling
        Ok(WakeFile {
            file,
            #[cfg(target_os = "linux")]
            _listener: listener,
        })
    }

    /// Notifies other processes; what goes wrong costs them a delay.
    fn notify(&self, told: Told) {
        for (place, told) in told.into_iter().enumerate().map(|(at, told)| (8 * at as u64, told)) {
            if told && let Err(e) = self.file.write_all_at(&fastrand::u64(..).to_ne_bytes(), place) {
                tracing::warn!(error = %e, "cannot wake other processes; they will look by themselves");
            }
        }
    }
}

/// Whether there is something to tell: of work, of news, of cancels.
type Told = [bool; 3];

/// Tells this process, and through the wake file others, what was committed; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) notifications: Notifications,
    /// `None` for a database in memory.
    pub(crate) file: Option<Arc<WakeFile>>,
}

impl Publisher {
    /// Tells of a commit.
    pub(crate) fn tell(&self, notices: &Notices) {
        let left = self.notifications.notify(notices);
        self.tell_others([!left.is_empty() || notices.all_work, !notices.news.is_empty(), notices.cancels]);
    }

    /// Tells other processes that there is work.
    pub(crate) fn tell_work(&self) {
        self.tell_others([true, false, false]);
    }

    fn tell_others(&self, told: Told) {
        if let Some(file) = &self.file {
            file.notify(told);
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

    /// A thread that receives notifications of other processes; dropping this ends it.
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
                if let Err(e) = hear(&watch, &stopped, &file, &notifications) {
                    tracing::warn!(error = %e, "cannot hear other processes any more; will look now and then");
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

    fn hear(watch: &OwnedFd, stopped: &OwnedFd, file: &File, notifications: &Notifications) -> io::Result<()> {
        let mut heard = numbers(file)?;
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
            // What the events say does not matter, only that they are read: the numbers tell what there is.
            let mut events = inotify::Reader::new(watch, &mut buffer);
            while events.next().is_ok() {}
            let now = numbers(file)?;
            let told = |what: usize| now[what] != heard[what];
            let _ = notifications.notify(&Notices::without_names(told(0), told(1), told(2)));
            heard = now;
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
