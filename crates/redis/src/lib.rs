//! A longshore store in Redis, for workers on many machines: one server, a master found by Sentinel, or a Redis Cluster.
//!
//! - There is one Lua file for each verb, in `lua/`. Each function begins with a comment about its arguments and its answer. A
//!   function checks first and writes afterwards. It touches a bounded number of jobs in one slot, and uses the server's clock.
//! - A job is stored as a record, which contains its state, and a payload, which never changes. It is also a member of a sorted set
//!   for each property that jobs are searched by. [`keys`] lists all keys. A claim costs the same with a thousand ready jobs as
//!   with a million.
//! - The configuration of the server decides what an acknowledged push survives. It is checked when a store is opened: a server
//!   without an append-only file, or with a policy that deletes keys, is refused. Replicas may lag behind, because Redis answers
//!   before they have the data.
//! - When the server has no memory left, it refuses pushes, but running jobs can still be renewed and settled.
//! - One connection carries all calls. It reconnects by itself, and calls fail at once while it is lost. A second connection
//!   receives notifications of other processes; in a cluster it goes to one of the nodes in the URL. A third connection carries
//!   large results; it is opened when it is first needed.
//!
//! # URLs
//!
//! | URL | server |
//! |---|---|
//! | `redis://[user][:password@]host[:port][/db]` | one server, unencrypted; `rediss:` with TLS |
//! | `unix:/path/to.sock` | one server on this machine; options `?db=`, `user=`, `password=` |
//! | `redis+cluster://host:port,host:port` | a cluster with these nodes and others; `rediss+cluster:` with TLS |
//! | `redis+sentinel://host:port,host:port/name[/db]` | the master of this name, found by sentinels; `rediss+sentinel:` with TLS |
//!
//! Options: `?prefix=` is the prefix of all keys (default `longshore`). `persistence=accept` and `eviction=accept` accept a server
//! that may lose jobs. With `replicas=N`, a push is acknowledged when N replicas have it. `ca=FILE` trusts the certificates in a
//! file in addition to the system's.
//!
//! # Examples
//!
//! ```no_run
//! use std::sync::Arc;
//! use longshore_core::{Backend, Settings};
//! use longshore_redis::Redis;
//!
//! # async fn open() -> Result<(), longshore_core::Error> {
//! let store = Arc::new(Redis::open("redis://localhost", Settings::default()).await?);
//! // Large results are stored in Redis too, so that every machine can read them.
//! let backend = Backend::new(store.clone(), store);
//! # let _ = backend; Ok(()) }
//! ```

#![deny(missing_docs)]

mod act;
mod artifacts;
mod base;
mod call;
mod claim;
mod clocks;
mod copies;
mod error;
mod groups;
pub mod keys;
mod library;
mod link;
mod list;
mod notify;
mod push;
mod queues;
mod read;
mod reader;
mod layout;
mod record;
mod release;
mod repair;
mod route;
mod settle;
mod setup;
mod shards;
mod shared;
mod target;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;
mod unreachable;
mod upgrade;
mod upkeep;
mod workers;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use longshore_core::store::fail_all;
use longshore_core::{
    Acted, Action, Answers, Batcher, Capabilities, Claim, Claims, Error, ErrorKind, Filter, Gone, JobId, Jobs, Kind,
    Label, Listed, Logs, Moved, NewJob, Notifications, Notifier, Page, Pushed, QueueName, QueueStats, Queues, Reach,
    Renewal, Renewed, Repair, RepairReport, RepairStep, Rules, RulesChange, Settings, Settled, Settlement, Snapshot,
    Status, Store, Timestamp, Token, Upkeep, UpkeepReport, Work, WorkSubscription, WorkerId, WorkerNote, WorkerSecret,
    WorkerSeen, Workers,
};
use redis::ProtocolVersion;

use artifacts::Transfers;
use base::{Base, Replicated};
use keys::Keys;
use link::Link;
use notify::Listener;
use route::Route;
use setup::Setup;
use target::Target;

/// The version of the layout of keys and records. Jobs with an unknown version are refused.
const LAYOUT: &str = "7";
/// The maximum number of jobs in one batch of concurrent pushes.
const PUSHED_AT_ONCE: usize = 500;
/// The number of push batches that are sent at the same time. While the server handles one batch, the next one fills.
const PUSHES: usize = 1;
/// How often upkeep checks the configuration of the server again.
const CHECK_SETUP_EVERY: Duration = Duration::from_secs(300);

/// A store in Redis for jobs and their artifacts.
///
/// Share it in an [`Arc`]. Dropping it closes its connections.
pub struct Redis {
    base: Arc<Base>,
    pushes: Batcher<NewJob, Result<Pushed, Error>>,
    target: Target,
    setup: Setup,
    checked: Mutex<Instant>,
    transfers: Arc<Transfers>,
    _listener: Listener,
}

impl Redis {
    /// Opens the store at a URL (see the documentation of the [crate]), and subscribes to notifications of other processes.
    ///
    /// It must be called within a tokio runtime. The tasks of the connections run on this runtime.
    ///
    /// # Errors
    ///
    /// - The URL is invalid.
    /// - The server cannot be reached, or is older than Redis 7.0.
    /// - The server may lose jobs, and the URL does not accept that.
    /// - The stored jobs have the layout of another version of longshore.
    ///
    /// The message names the server, and never contains a password.
    pub async fn open(url: &str, settings: Settings) -> Result<Redis, Error> {
        let target = Target::parse(url)?;
        let named = target.to_string();
        Redis::connect(target, settings).await.map_err(|e| e.context(format!("open Redis at {named}")))
    }

    async fn connect(target: Target, settings: Settings) -> Result<Redis, Error> {
        let link = Link::open(&target, settings.clock.clone()).await?;
        let setup = setup::query(&link).await?;
        setup::check(&setup, &target)?;
        let mut base = Base::new(link, Keys::new(&target.prefix), settings);
        if target.replicas > 0 {
            let link = Link::open(&target, base.settings.clock.clone()).await?;
            base.replicated = Some(Replicated { link, replicas: target.replicas });
        }
        let base = Arc::new(base);
        check_layout(&base).await?;
        upkeep::begin(&base).await?;
        let listener = Listener::start(Route::new(&target, ProtocolVersion::RESP2)?, &base).await.map_err(error::of)?;
        let pushing = Arc::clone(&base);
        let pushes = Batcher::new(PUSHED_AT_ONCE, PUSHES, move |jobs| {
            let base = Arc::clone(&pushing);
            async move { Ok(push::push(&base, jobs).await) }
        });
        let checked = Mutex::new(Instant::now());
        let transfers = Transfers::new(&target, &base.settings);
        Ok(Redis { base, pushes, target, setup, checked, transfers, _listener: listener })
    }

    /// Checks the configuration of the server again if the last check is five minutes old, and logs faults.
    async fn check_setup(&self) -> Result<(), Error> {
        {
            let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            if checked.elapsed() < CHECK_SETUP_EVERY {
                return Ok(());
            }
            *checked = Instant::now();
        }
        setup::warn(&setup::query(&self.base.link).await?, &self.target);
        Ok(())
    }
}

/// Upgrades jobs of the previous layout, and refuses all other layouts.
async fn check_layout(base: &Base) -> Result<(), Error> {
    let mut other = None;
    // If one copy has this layout, there are no jobs of an older one, and the node of the old version key may be unreachable.
    if !layouts(base, "").await?.iter().any(|version| version == LAYOUT) {
        let version = upgrade::old_version(base, LAYOUT).await?;
        if [upgrade::FROM, upgrade::UNDER_WAY].contains(&version.as_str()) {
            upgrade::upgrade(base, &version).await?;
        } else {
            other = Some(version);
        }
    }
    let versions = other.into_iter().chain(layouts(base, LAYOUT).await?);
    let Some(version) = versions.into_iter().find(|version| version != LAYOUT) else { return Ok(()) };
    let number = |text: &str| text.parse::<u32>().ok();
    let way_out = match (number(&version), number(LAYOUT)) {
        (Some(theirs), Some(ours)) if theirs > ours => "use the newer longshore that wrote them",
        _ => "finish them with the version that wrote them, then use another `prefix=` or an empty server",
    };
    let text = format!(
        "the stored jobs have layout version {version}, but this program needs version {LAYOUT}: \
         {way_out} (docs/upgrading.md)"
    );
    Err(Error::new(ErrorKind::Refused, text))
}

/// Returns the layout version of each copy. A copy without a version gets `new`; an empty `new` writes nothing.
async fn layouts(base: &Base, new: &str) -> Result<Vec<String>, Error> {
    let answers = copies::on_each(base, |root| base.call(&library::LAYOUT_OF, root).arg(new)).await?.0;
    Ok(answers.into_iter().map(call::text).collect())
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({:?})", self.target)
    }
}

#[async_trait]
impl Jobs for Redis {
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed> {
        if jobs.is_empty() {
            return Vec::new();
        }
        let n = jobs.len();
        self.pushes.call(jobs).await.unwrap_or_else(|e| fail_all(n, &e))
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        claim::claim(&self.base, &claim).await
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        settle::renew(&self.base, renewals).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        settle::settle(&self.base, settlements).await
    }

    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        claim::settle_and_claim(&self.base, settlements, &claim).await
    }

    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        release::release(&self.base, worker.id(), gone).await
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        self.check_setup().await?;
        upkeep::upkeep(&self.base, upkeep).await
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        read::get(&self.base, ids).await
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        read::status(&self.base, ids).await
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        read::find(&self.base, &alias).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        list::list(&self.base, &filter, page).await
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        act::act(&self.base, id, action).await
    }
}

#[async_trait]
impl Queues for Redis {
    async fn now(&self) -> Result<Timestamp, Error> {
        read::now(&self.base).await
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        queues::stats(&self.base, after, limit).await
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        queues::of_queue(&self.base, &queue).await
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        queues::rules(&self.base, &queue).await
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        queues::change_rules(&self.base, &queue, expected, &rules).await
    }
}

#[async_trait]
impl Logs for Redis {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        settle::write_log(&self.base, id, token, text).await
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        read::log(&self.base, id, claim).await
    }
}

#[async_trait]
impl Workers for Redis {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        workers::note(&self.base, id, &note).await
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        workers::forget(&self.base, id).await
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        workers::workers(&self.base, after, limit).await
    }
}

#[async_trait]
impl Repair for Redis {
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        repair::repair(&self.base, step).await
    }
}

impl Notifier for Redis {
    fn notify(&self, work: Vec<Work>) {
        notify::notify(&self.base, work);
    }

    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.base.notifications.subscribe_work(queues, kinds)
    }
}

impl Store for Redis {
    fn notifications(&self) -> &Notifications {
        &self.base.notifications
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("redis", &self.setup.version, self.setup.durability, Reach::Network)
    }
}
