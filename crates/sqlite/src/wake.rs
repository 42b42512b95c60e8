//! The wake file: how processes that share a database hear of each other at once.
//!
//! `<database>-wake` holds three numbers of eight bytes, one a bell. Whoever commits writes a fresh random number in the place of
//! each bell to ring; everybody watches the file with inotify and rings the bells whose number has changed. Watching the WAL
//! itself would not do: its write comes before the commit can be seen. A wake-up that gets lost costs a delay: workers look
//! anyway every few seconds.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use longshore_core::{Error, ErrorKind, Wakeups};

use crate::tx::Bells;

/// The wake file of one database, open for ringing; while it is held, rings of other processes are heard.
#[derive(Debug)]
pub struct WakeFile {
    file: File,
    #[cfg(target_os = "linux")]
    _listener: listener::Listener,
}

impl WakeFile {
    /// Opens the wake file beside a database and starts listening.
    pub(crate) fn open(database: &Path, wakeups: Wakeups) -> Result<Self, Error> {
        let path = beside(database);
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Refused, e.to_string()).context(format!("open wake file `{}`", path.display()))
        };
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = options.map_err(failed)?;
        #[cfg(target_os = "linux")]
        let listener = listener::Listener::start(&path, file.try_clone().map_err(failed)?, wakeups).map_err(failed)?;
        #[cfg(not(target_os = "linux"))]
        drop(wakeups); // without inotify, other processes are heard by looking now and then
        Ok(WakeFile {
            file,
            #[cfg(target_os = "linux")]
            _listener: listener,
        })
    }

    /// Rings bells in other processes; what goes wrong costs them a delay.
    pub(crate) fn ring(&self, bells: Bells) {
        for (place, rings) in [(0, bells.work), (8, bells.news), (16, bells.cancels)] {
            if rings && let Err(e) = self.file.write_all_at(&fastrand::u64(..).to_ne_bytes(), place) {
                tracing::warn!(error = %e, "cannot wake other processes; they will look by themselves");
            }
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

    use longshore_core::Wakeups;
    use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
    use rustix::fs::inotify;

    use super::Bells;

    /// A thread that hears the rings of other processes; dropping this ends it.
    #[derive(Debug)]
    pub(super) struct Listener {
        stop: Arc<OwnedFd>,
    }

    impl Listener {
        pub(super) fn start(path: &Path, file: File, wakeups: Wakeups) -> io::Result<Self> {
            let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
            inotify::add_watch(&watch, path, inotify::WatchFlags::MODIFY)?;
            let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
            let stopped = Arc::clone(&stop);
            let listen = move || {
                if let Err(e) = hear(&watch, &stopped, &file, &wakeups) {
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

    fn hear(watch: &OwnedFd, stopped: &OwnedFd, file: &File, wakeups: &Wakeups) -> io::Result<()> {
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
            // What the events say does not matter, only that they are read: the numbers tell which bells rang.
            let mut events = inotify::Reader::new(watch, &mut buffer);
            while events.next().is_ok() {}
            let now = numbers(file)?;
            let rang = |bell: usize| now[bell] != heard[bell];
            Bells { work: rang(0), news: rang(1), cancels: rang(2) }.ring(wakeups);
            heard = now;
        }
    }

    fn numbers(file: &File) -> io::Result<[u64; 3]> {
        let mut bytes = [0; 24];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], filled as u64)? {
                0 => break, // nobody has rung the later bells yet
                read => filled += read,
            }
        }
        let (words, _) = bytes.as_chunks::<8>();
        Ok(std::array::from_fn(|bell| u64::from_ne_bytes(words[bell])))
    }
}
