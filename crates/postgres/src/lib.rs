//! The PostgreSQL store of longshore: one database, shared by all processes of many machines.
//!
//! Design: docs/design/postgres.md
//!
//! - Every verb is one call of one function of the schema (`sql/`), in its own transaction and one round trip: a claim
//!   with all its steps, or a batch of settles with all outcomes. The plans of the functions do not depend on
//!   statistics.
//! - Waiting jobs are in `waiting` and running jobs in `running`, both small; final jobs are in `history`. Reading
//!   counts never counts rows, and there is no row that every transaction writes: transactions append changes, and
//!   upkeep adds them up.
//! - A pushed job is as durable as a commit of the server. `synchronous_commit=off` and `fsync=off` are refused
//!   ([`Postgres::open`]).
//! - Concurrent pushes are batched ([`Batcher`]). [`Postgres::push_in`] pushes inside the caller's own transaction, and
//!   the SQL function `longshore.push` (`sql/enqueue.sql`) does the same for every other language.
//! - LISTEN and NOTIFY wake other processes at once (`publisher.rs`, `listener.rs`), but are never used inside a transaction that pushes.
//!   Behind a pooler, processes poll.
//! - Leases and schedules use only the server's clock.
//!
//! When the server's disk is full, pushes are refused as [`Full`](longshore_core::ErrorKind::Full). PostgreSQL has no
//! reserve: settles and renewals fail as well, workers keep outcomes in memory until there is room, and jobs whose
//! leases end meanwhile run again.
//!
//! # Examples
//!
//! ```no_run
//! use std::sync::Arc;
//! use longshore_core::Backend;
//! use longshore_postgres::{Options, Postgres};
//!
//! # async fn connect() -> Result<Backend, longshore_core::Error> {
//! let store = Postgres::open("postgres://me@db.example/jobs?sslmode=verify-full", Options::default()).await?;
//! let artifacts = Arc::new(store.artifacts());
//! let backend = Backend::new(Arc::new(store), artifacts);
//! # Ok(backend) }
//! ```

#![deny(missing_docs)]

mod act;
mod artifact;
mod claim;
mod error;
mod listener;
mod open;
mod pace;
mod pool;
mod publisher;
mod push;
mod read;
mod repair;
mod rules;
mod schema;
mod settle;
mod tls;
mod transaction;
mod upkeep;
mod url;
mod vacuum;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::{
    Acted, Action, Answers, Batcher, Capabilities, Claim, Claims, Error, ExpiryClock, Filter, Gone, JobId, Jobs, Kind,
    Label, Listed, Logs, Moved, NewJob, Notifications, Notifier, Page, Pushed, QueueName, QueueStats, Queues, Reach,
    Renewal, Renewed, Repair, RepairReport, RepairStep, Rules, RulesChange, Settings, Settled, Settlement, Snapshot,
    Status, StepWatch, Store, Timestamp, Token, Upkeep, UpkeepReport, Work, WorkSubscription, WorkerId, WorkerNote,
    WorkerSecret, WorkerSeen, Workers, limits, millis, store::each,
};

pub use artifact::ArtifactTable;
pub use tokio_postgres;
pub use transaction::PushedIn;

#[doc(hidden)]
pub use schema::{in_sql, next_version};

use listener::Listener;
use open::Found;
use pool::Pool;
use publisher::Publisher;
use url::Url;
use vacuum::Vacuum;

/// Options for opening a database, besides those in its URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Retention and clock. Only the offset of the clock is used, which tests set: time is the server's.
    pub settings: Settings,
    /// How long a call may take, so that an unresponsive server is detected. Defaults to 15 seconds.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { settings: Settings::default(), timeout: Duration::from_secs(15) }
    }
}

impl Options {
    /// Returns the defaults with these settings.
    pub fn with(settings: Settings) -> Self {
        Options { settings, ..Options::default() }
    }

    /// Sets how long a call may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    pool: Pool,
    artifacts: ArtifactTable,
    pushes: Batcher<NewJob, Pushed>,
    publisher: Publisher,
    _listener: Option<Listener>,
    settings: Settings,
    found: Found,
    steps: StepWatch,
    expiry: ExpiryClock,
    noted: claim::Noted,
    searches: upkeep::Searches,
    vacuum: Arc<Vacuum>,
}

/// The number of concurrent pushes. While one waits for the disk, the next batch collects.
const PUSHES_AT_ONCE: usize = 1;

impl Postgres {
    /// Opens the database of a URL, and creates or upgrades longshore's schema in it.
    ///
    /// The URL has the usual form of PostgreSQL clients, `postgres://user:password@host:port/database`, with several
    /// hosts for a primary and its standbys, or `?host=/path` for a socket. Besides the usual options it may contain:
    ///
    /// | option | means |
    /// |---|---|
    /// | `schema=name` | another schema than `longshore` |
    /// | `sslmode=` | `disable`, `prefer` (default), `require`, `verify-ca`, `verify-full` |
    /// | `sslrootcert=path` | trusts these authorities beside the system's |
    /// | `pool=n` | at most this many connections, plus one that listens and two for large results; defaults to 10 |
    /// | `listen=off` | neither listens nor notifies; a pooler, through which listening is impossible, is detected
    /// automatically |
    /// | `synchronous_commit=accept` | accepts a server whose crash may lose acknowledged jobs |
    /// | `fsync=accept` | accepts a server that a power loss may damage |
    ///
    /// Any number of processes may open an empty database at once. If the schema is up to date, no permission to create
    /// objects is needed: USAGE on the schema, SELECT, INSERT, UPDATE and DELETE on its tables, and USAGE on its
    /// sequences are enough.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid; if the server cannot be reached, refuses the connection, is older than
    /// 13, or has settings with which it would lose jobs (the message says how to change them); or if the schema is
    /// incomplete or does not support this version any more.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime. The runtime must live as long as the store.
    pub async fn open(url: &str, options: Options) -> Result<Self, Error> {
        let url: Url = url.parse()?;
        let tried = format!("open PostgreSQL at {}, schema `{}`", url.place(), url.schema.as_str());
        let open = async {
            let pool = Pool::new(url, options.timeout)?;
            let found = open::open(&pool).await?;
            let (steps, expiry) = (StepWatch::default(), ExpiryClock::default());
            let (clock, now) = (&options.settings.clock, upkeep::clock(&pool).await?);
            steps.steady(now + clock.shift().1, clock);
            expiry.note(now + clock.shift().0, clock);
            Ok((pool, found, steps, expiry))
        };
        let (pool, found, steps, expiry) = open.await.map_err(|e: Error| e.context(tried))?;
        let (publisher, listener) = if pool.url().listen {
            let (publisher, listener) = Publisher::across(pool.clone());
            if !pool.is_pooled() {
                publisher.ready().await; // from here on no notification is missed
            }
            (publisher, Some(listener))
        } else {
            (Publisher::alone(), None)
        };
        let settings = options.settings;
        let (pushing, telling, clock) = (pool.clone(), publisher.clone(), settings.clock.clone());
        let push = move |jobs| push::push(pushing.clone(), telling.clone(), clock.shift().0, jobs);
        let pushes = Batcher::new(limits::BATCH, PUSHES_AT_ONCE, push);
        Ok(Postgres {
            artifacts: ArtifactTable::beside(&pool),
            pool,
            pushes,
            publisher,
            _listener: listener,
            settings,
            found,
            steps,
            expiry,
            noted: claim::Noted::default(),
            searches: upkeep::Searches::default(),
            vacuum: Arc::default(),
        })
    }

    /// Returns storage for large and binary results in the same database, with separate connections.
    pub fn artifacts(&self) -> ArtifactTable {
        self.artifacts.clone()
    }

    /// Returns how long finished jobs are kept, in milliseconds.
    fn keep_finished(&self) -> i64 {
        push::bounded(millis(self.settings.keep_finished))
    }

    /// Returns how long dead jobs are kept, in milliseconds.
    fn keep_dead(&self) -> i64 {
        push::bounded(millis(self.settings.keep_dead))
    }
}

#[async_trait]
impl Jobs for Postgres {
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed> {
        each(jobs.len(), self.pushes.call(jobs).await)
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        claim::claim(self, claim).await
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        settle::renew(self, renewals).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        settle::settle(self, settlements).await
    }

    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        settle::settle_and_claim(self, settlements, claim).await
    }

    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        settle::release(self, worker, gone).await
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        upkeep::upkeep(self, upkeep).await
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        read::get(self, ids).await
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        read::status(self, ids).await
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        read::find(self, alias).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        read::list(self, filter, page).await
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        act::act(self, id, action).await
    }
}

#[async_trait]
impl Queues for Postgres {
    async fn now(&self) -> Result<Timestamp, Error> {
        rules::now(self).await
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        read::queues(self, after, limit).await
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        read::queue(self, &queue).await
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        rules::rules(self, queue).await
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        rules::change(self, queue, expected, rules).await
    }
}

#[async_trait]
impl Logs for Postgres {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        act::write_log(self, id, token, text).await
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        read::log(self, id, claim).await
    }
}

#[async_trait]
impl Workers for Postgres {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        workers::note(self, id, note).await
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        workers::forget(self, id).await
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        workers::workers(self, after, limit).await
    }
}

#[async_trait]
impl Repair for Postgres {
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        repair::repair(self, step).await
    }
}

impl Notifier for Postgres {
    fn notify(&self, work: Vec<Work>) {
        self.publisher.notify_others(work);
    }

    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.publisher.notifications().subscribe_work(queues, kinds)
    }
}

impl Store for Postgres {
    fn notifications(&self) -> &Notifications {
        self.publisher.notifications()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("postgresql", self.found.version.clone(), self.found.durability, Reach::Network)
    }
}
