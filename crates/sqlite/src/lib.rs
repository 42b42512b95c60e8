//! The embedded store of longshore: one SQLite file, shared by all processes of one machine.
//!
//! Design: docs/design/sqlite.md
//!
//! - Each process has one writer thread, which commits all waiting writes as one transaction ([`writer`]). So
//!   concurrent callers share the cost of a durable commit.
//! - A pushed job survives a power loss: WAL with `synchronous=FULL`. [`Synchronous::Normal`] is faster but survives
//!   only a kill.
//! - A wake file beside the database notifies other processes of work and news ([`wake`]).
//! - Leases use the kernel's boot id and boot clock, so that a change of the wall clock neither shortens nor extends a
//!   lease.
//! - A file of an older longshore is upgraded when it is opened (`layout.rs`).
//! - When the disk is full, new jobs are refused. The [`reserve`] has room to settle running jobs.
//!
//! SQL is in `sql/`, one file per statement. Each file starts with its parameters and results.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//! use longshore_core::{Backend, artifact::Folder};
//! use longshore_sqlite::{Options, Sqlite};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("jobs.db");
//! let store = Sqlite::open(&path, Options::default())?;
//! let backend = Backend::new(Arc::new(store), Arc::new(Folder::new(path.with_extension("artifacts"))));
//! # let _ = backend; Ok(()) }
//! ```

#![deny(missing_docs)]

mod act;
mod claim;
mod closing;
mod column;
mod counts;
mod error;
mod file;
mod identity;
mod layout;
mod log_size;
mod moves;
mod names;
mod outage;
mod push;
mod read;
mod readers;
mod repair;
pub mod reserve;
mod settle;
mod stray;
mod testing;
mod transaction;
mod tx;
mod unique;
mod unused;
mod upgrade;
mod upkeep;
pub mod wake;
mod workers;
pub mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::store::{each, fail_all};
use longshore_core::{
    Acted, Action, Answers, Capabilities, Claim, Claims, Clock, Cursor, Durability, Error, ErrorKind, Filter, Gone,
    JobId, Jobs, Kind, Label, Listed, Logs, Moved, NewJob, Notifications, Notifier, Page, Pushed, QueueName,
    QueueStats, Queues, Reach, Renewal, Renewed, Repair, RepairReport, RepairStep, Rules, RulesChange, Settings,
    Settled, Settlement, Snapshot, Status, Store, Timestamp, Token, Upkeep, UpkeepReport, Work, WorkSubscription,
    WorkerId, WorkerNote, WorkerSecret, WorkerSeen, Workers,
};
use rusqlite::Connection;

pub use rusqlite;
pub use transaction::PushedIn;

use file::Location;
use identity::Identity;
use log_size::LogSize;
use readers::Readers;
use reserve::Reserve;
use tx::Tx;
use upkeep::Searches;
use wake::{Publisher, WakeFile};
use writer::{Need, Writer};

#[cfg(feature = "testing")]
pub use testing::Testing;

/// When a commit is written to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// Before it is answered: an acknowledged job survives a power loss.
    #[default]
    Full,
    /// Soon after it is answered: an acknowledged job survives a kill of any process, but a power loss may lose the
    /// newest ones.
    Normal,
}

/// Options for opening a database.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Retention and clock.
    pub settings: Settings,
    /// When a commit is written to the disk. Defaults to [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// Whether to open a file on a network file system, where SQLite's locks may not work. Defaults to no.
    pub accept_network_file_system: bool,
    /// Bytes reserved beside the database, so that running jobs can be settled when the disk is full. Defaults to 16
    /// MiB. Zero reserves nothing.
    pub reserve: u64,
    testing: testing::Testing,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            settings: Settings::default(),
            synchronous: Synchronous::default(),
            accept_network_file_system: false,
            reserve: 16 << 20,
            testing: testing::Testing::default(),
        }
    }
}

impl Options {
    /// Returns the defaults with these settings.
    pub fn with(settings: Settings) -> Self {
        Options { settings, ..Options::default() }
    }

    /// Sets when a commit is written to the disk.
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Allows a file on a network file system.
    pub fn accept_network_file_system(mut self) -> Self {
        self.accept_network_file_system = true;
        self
    }

    /// Sets how many bytes are reserved for a full disk. Zero reserves nothing.
    pub fn reserve(mut self, bytes: u64) -> Self {
        self.reserve = bytes;
        self
    }

    /// Sets options for tests.
    #[cfg(feature = "testing")]
    pub fn testing(mut self, testing: Testing) -> Self {
        self.testing = testing;
        self
    }
}

/// When to check again for jobs of dead workers while another process checkpoints.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long other processes have to renew before expired leases are checked.
const GIVE_WAY: Duration = Duration::from_millis(50);

/// A store in a SQLite database.
#[derive(Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Option<Arc<Readers>>,
    identity: Arc<Identity>,
    publisher: Publisher,
    settings: Settings,
    durability: Durability,
    reach: Reach,
    searches: Mutex<Searches>,
}

impl Sqlite {
    /// Opens the database in that file, or creates it. A new file is readable only by its owner.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is not a SQLite database, or belongs to another program or a newer longshore
    /// version; if an older longshore version wrote it whose workers may still run, see `docs/upgrading.md`; if it is
    /// on a network file system; if it or its folder is not writable; or if the built-in SQLite has the WAL-reset bug
    /// (before 3.51.3).
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        let path = path.as_ref();
        let open = || {
            let location = Location::File(path.to_owned());
            let mut reserve = Reserve::open(path, options.reserve, options.testing.disk.clone());
            let connection = match (file::open(&location, &options), &mut reserve) {
                (Err(e), Some(reserve)) if e.kind() == ErrorKind::Full => {
                    reserve.give_up();
                    file::open(&location, &options)?
                }
                (opened, _) => opened?,
            };
            let identity = Arc::new(match options.testing.vfs {
                None => Identity::of(path)?,
                Some(_) => Identity::default(), // the operating system does not know the file paths of this VFS
            });
            let notifications = Notifications::default();
            let boot = options.testing.boot.unwrap_or_else(|| Clock::default().boot_time().boot);
            let file = Some(Arc::new(WakeFile::open(path, notifications.clone(), boot)?));
            let publisher = Publisher { notifications, file };
            // A later change of the working folder must have no effect, neither for SQLite nor for this crate.
            let absolute = std::path::absolute(path).map_err(|e| Error::invalid(e.to_string()).caused_by(e))?;
            let readers = Arc::new(Readers::new(Location::File(absolute), options.clone(), identity.clone()));
            let durability = match options.synchronous {
                Synchronous::Full => Durability::PowerLoss,
                Synchronous::Normal => Durability::Kill,
            };
            let log_size = LogSize::new(options.testing.largest_log.unwrap_or(log_size::LARGEST));
            let (settings, reach, readers) = (options.settings, Reach::Machine, Some(readers));
            let writer =
                Writer::start(connection, settings.clone(), publisher.clone(), reserve, identity.clone(), log_size)?;
            Ok(Sqlite { writer, readers, identity, publisher, settings, durability, reach, searches: Mutex::default() })
        };
        open().map_err(|e: Error| e.context(format!("open database `{}`", path.display())))
    }

    /// Creates a database in memory, which ends with the store.
    ///
    /// # Errors
    ///
    /// Returns an error if the built-in SQLite is too old.
    pub fn in_memory(options: Options) -> Result<Self, Error> {
        let connection = file::open(&Location::Memory, &options)?;
        let publisher = Publisher { notifications: Notifications::default(), file: None };
        let settings = options.settings;
        let identity = Arc::new(Identity::default());
        let log_size = LogSize::new(log_size::LARGEST);
        let writer = Writer::start(connection, settings.clone(), publisher.clone(), None, identity.clone(), log_size)?;
        let durability = Durability::Nothing;
        let (readers, reach) = (None, Reach::Process);
        Ok(Sqlite { writer, readers, identity, publisher, settings, durability, reach, searches: Mutex::default() })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.writer.run(Need::Reserve, 1, work).await
    }

    /// Checks without the lock whether a lease has ended. Returns whether to check with the lock, and if not, when to
    /// check again.
    async fn check_leases(&self, readers: Arc<Readers>) -> Result<(bool, Option<Duration>), Error> {
        let clock = self.writer.clock().clone();
        if !self.read(move |connection| upkeep::some_lease_is_over(connection, clock.boot_time())).await? {
            return Ok((false, None));
        }
        // A checkpoint of another process may hang without the lock. Then that process's renewals wait although ours
        // would succeed.
        if blocking(move || readers.others_checkpoint()).await? {
            return Ok((false, Some(LOOK_AGAIN)));
        }
        // A process that became unblocked only now gets a moment to renew.
        tokio::time::sleep(GIVE_WAY).await;
        Ok((true, None))
    }

    /// Reads on a separate connection, in a short transaction. A database in memory has only the writer's connection.
    async fn read<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let Some(readers) = &self.readers else {
            return self.writer.run(Need::Reserve, 1, move |tx| work(tx.connection)).await;
        };
        let readers = Arc::clone(readers);
        blocking(move || readers.run(work)).await
    }
}

/// Runs a blocking function on a separate thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Error::new(ErrorKind::Unavailable, e.to_string()).caused_by(e)))
}

#[async_trait]
impl Jobs for Sqlite {
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed> {
        let count = jobs.len();
        let push = move |tx: &mut Tx<'_>| jobs.iter().map(|job| push::push(tx, job)).collect();
        each(count, self.writer.run(Need::Room, count, push).await)
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        self.write(move |tx| claim::claim(tx, &claim)).await?
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        let count = renewals.len();
        each(count, self.write(move |tx| renewals.iter().map(|renewal| settle::renew(tx, renewal)).collect()).await)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        let count = settlements.len();
        each(count, self.write(move |tx| settle::settle(tx, &settlements)).await)
    }

    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        let count = settlements.len();
        let both = self.write(move |tx| {
            let settled = settle::settle(tx, &settlements)?;
            // A failed claim must not undo settles.
            let claims = tx.with_rollback(|tx| claim::claim(tx, &claim))?;
            Ok((settled, claims.flatten()))
        });
        match both.await {
            Ok((settled, claims)) => (settled.into_iter().map(Ok).collect(), claims),
            Err(e) => (fail_all(count, &e), Err(e)),
        }
    }

    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        self.write(move |tx| settle::release(tx, worker.id(), gone)).await
    }

    async fn upkeep(&self, mut upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        let mut again = None;
        if upkeep.rescue
            && let Some(readers) = &self.readers
        {
            (upkeep.rescue, again) = self.check_leases(Arc::clone(readers)).await.unwrap_or_else(|e| {
                tracing::warn!(error = %e, "cannot look for jobs of dead workers; will try again");
                (false, None)
            });
        }
        let searches = || self.searches.lock().unwrap_or_else(PoisonError::into_inner);
        let before = searches().clone();
        let start_upkeep = move |tx: &mut Tx<'_>| {
            let mut after = before.clone(); // a transaction may be rolled back and run again
            Ok((upkeep::upkeep(tx, upkeep, &mut after)?, after))
        };
        let (mut kept, after) = self.write(start_upkeep).await?;
        *searches() = after;
        kept.again = kept.again.or(again);
        Ok(kept)
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        self.read(move |connection| ids.iter().map(|id| read::job(connection, *id)).collect()).await
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        self.read(move |connection| ids.iter().map(|id| read::status(connection, *id)).collect()).await
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        self.read(move |connection| read::find(connection, &alias)).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        let (end, limit) = (page.after.map_or(i64::MAX, |Cursor(seq)| seq), page.limit);
        self.read(move |connection| read::list(connection, &filter, end, limit)).await
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        self.write(move |tx| act::act(tx, id, action)).await
    }
}

#[async_trait]
impl Queues for Sqlite {
    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.writer.clock().now())
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        let clock = self.writer.clock().clone();
        self.read(move |connection| read::queues(connection, clock.now(), after.as_ref(), limit)).await
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        let clock = self.writer.clock().clone();
        self.read(move |connection| read::queue(connection, clock.now(), &queue)).await
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        self.read(move |connection| read::rules(connection, &queue)).await
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        self.write(move |tx| act::change_rules(tx, &queue, expected, &rules)).await
    }
}

#[async_trait]
impl Logs for Sqlite {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        self.write(move |tx| settle::write_log(tx, id, token, &text)).await
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        self.read(move |connection| read::log(connection, id, claim)).await
    }
}

#[async_trait]
impl Workers for Sqlite {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        self.write(move |tx| workers::note(tx, id, &note)).await
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.write(move |tx| workers::forget(tx, id)).await
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        self.read(move |connection| read::workers(connection, after, limit)).await
    }
}

#[async_trait]
impl Repair for Sqlite {
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        repair::repair(self, step).await
    }
}

impl Notifier for Sqlite {
    fn notify(&self, _work: Vec<Work>) {
        self.publisher.notify_work();
    }

    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.publisher.notifications.subscribe_work(queues, kinds)
    }
}

#[async_trait]
impl Store for Sqlite {
    fn notifications(&self) -> &Notifications {
        &self.publisher.notifications
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("sqlite", rusqlite::version(), self.durability, self.reach)
    }

    async fn close(&self) -> Result<(), Error> {
        let (readers, writer) = (self.readers.clone(), self.writer.clone());
        blocking(move || closing::close_all(readers.as_deref(), &writer)).await
    }
}

/// Closes the database, unless that was done. This waits a few seconds at most.
impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Err(e) = closing::close_all(self.readers.as_deref(), &self.writer) {
            tracing::warn!(error = %e, "the database was not closed completely");
        }
    }
}
