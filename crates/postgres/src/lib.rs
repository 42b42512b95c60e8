//! PostgreSQL as a store of longshore: one database, shared by all processes of many machines.
//!
//! - Every verb is one call of one function of the schema (`sql/`), in a transaction of its own and one round trip: a claim and all
//!   that goes with it, a batch of settles with all outcomes. The functions keep their plans whatever the statistics say.
//! - What waits is in `waiting` and what runs in `running`, small and hot; what is final in `history`. Counts are never counted, and no row is written by
//!   everybody: transactions append changes, which upkeep adds up.
//! - A pushed job survives what the server's commit does; `synchronous_commit=off` and `fsync=off` are refused ([`Postgres::open`]).
//! - Pushes of many callers go together ([`Batcher`]); [`Postgres::push_in`] pushes inside the caller's own
//!   transaction, and the SQL function `longshore.push` (`sql/enqueue.sql`) does so for every other language.
//! - LISTEN and NOTIFY wake other processes at once (`notify.rs`), never inside a transaction that pushes; behind a pooler processes
//!   look by themselves.
//! - Leases and schedules go by the server's clock alone.
//!
//! When the server's disk is full, pushes are refused as [`Full`](longshore_core::ErrorKind::Full). PostgreSQL keeps no room back for
//! anybody: settles and renewals fail as well, workers keep outcomes in memory until there is room, and jobs whose leases end
//! meanwhile run again.
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
mod notify;
mod open;
mod pool;
mod push;
mod read;
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
    Acted, Action, Answers, Batcher, Capabilities, Claim, Claims, Error, Filter, Gone, JobId, Jobs, Kind, Label,
    Listed, Logs, Moved, NewJob, Notifications, Notifier, Page, Pushed, QueueName, QueueStats, Queues, Reach, Renewal,
    Renewed, Rules, RulesChange, Settings, Settled, Settlement, Snapshot, Status, StepWatch, Store, Timestamp, Token,
    Upkeep, UpkeepReport, Work, WorkSubscription, WorkerId, WorkerNote, WorkerSecret, WorkerSeen, Workers, limits,
    millis, store::each,
};

pub use artifact::ArtifactTable;
pub use tokio_postgres;
pub use transaction::PushedIn;

#[doc(hidden)]
pub use schema::{in_sql, next_version};

use notify::{Listener, Publisher};
use open::Found;
use pool::Pool;
use url::Url;
use vacuum::Vacuum;

/// How to open a database, beside what its URL says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Retention and clock. Of the clock only how far tests moved it counts: time is the server's.
    pub settings: Settings,
    /// How long a call may take, so that a server that is gone without a word is noticed. Defaults to 15 seconds.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options { settings: Settings::default(), timeout: Duration::from_secs(15) }
    }
}

impl Options {
    /// Returns the defaults with those settings.
    pub fn with(settings: Settings) -> Self {
        Options { settings, ..Options::default() }
    }

    /// Says how long a call may take.
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
    noted: claim::Noted,
    searches: upkeep::Searches,
    vacuum: Arc<Vacuum>,
}

/// How many pushes are under way at the same time: while one waits for the disk, the next grows.
const PUSHES_AT_ONCE: usize = 1;

impl Postgres {
    /// Opens the database that a URL names, and makes or updates longshore's schema in it.
    ///
    /// The URL is that of every PostgreSQL client, `postgres://user:password@host:port/database`, with several hosts for a primary and
    /// its standbys, or `?host=/path` for a socket. Beside the usual options it may say:
    ///
    /// | option | means |
    /// |---|---|
    /// | `schema=name` | another schema than `longshore` |
    /// | `sslmode=` | `disable`, `prefer` (default), `require`, `verify-ca`, `verify-full` |
    /// | `sslrootcert=path` | trusts these authorities beside the system's |
    /// | `pool=n` | at most so many connections, one that listens, and two for large results; defaults to 10 |
    /// | `listen=off` | neither listens nor notifies; what a pooler in between makes impossible is found out without being told |
    /// | `synchronous_commit=accept` | takes a server whose crash may lose jobs that were acknowledged |
    /// | `fsync=accept` | takes a server that a power loss may damage |
    ///
    /// Any number of processes may open an empty database at once. An up-to-date schema needs no right to make one: USAGE on it,
    /// SELECT, INSERT, UPDATE and DELETE on its tables and USAGE on its sequences are enough.
    ///
    /// # Errors
    ///
    /// If the URL is wrong; the server cannot be reached, refuses us, is older than 13, or is set up so that it would lose jobs: the
    /// message says how to put that right; or if the schema is incomplete, or does not admit this version any more.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, which has to live as long as the store.
    pub async fn open(url: &str, options: Options) -> Result<Self, Error> {
        let url: Url = url.parse()?;
        let tried = format!("open PostgreSQL at {}, schema `{}`", url.place(), url.schema.as_str());
        let open = async {
            let pool = Pool::new(url, options.timeout)?;
            let found = open::open(&pool).await?;
            let steps = StepWatch::default();
            let clock = &options.settings.clock;
            steps.steady(upkeep::clock(&pool).await? + clock.shift().1, clock);
            Ok((pool, found, steps))
        };
        let (pool, found, steps) = open.await.map_err(|e: Error| e.context(tried))?;
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
            noted: claim::Noted::default(),
            searches: upkeep::Searches::default(),
            vacuum: Arc::default(),
        })
    }

    /// Returns a place for large and binary results in the same database, reached by connections of its own.
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

impl Notifier for Postgres {
    fn notify(&self, work: Vec<Work>) {
        self.publisher.tell_others(work);
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
