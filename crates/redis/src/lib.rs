//! Redis as a store of longshore, for workers on many machines: one server, a Sentinel's master, or a Cluster.
//!
//! - One Lua script a verb, in `lua/`, each of which opens with what goes in and what comes out. A script checks, then writes; it
//!   touches a bounded number of jobs, all in one slot, and goes by the server's own clock.
//! - A job is a record that its state is in, and a payload that never changes; a member of a sorted set for each thing that
//!   somebody looks for. [`keys`] names them all. Claiming costs the same whether a thousand or a million jobs wait.
//! - What an acknowledged push survives is what the server is set up for, and is looked at before a store is opened: without
//!   append-only file, or with a policy that deletes keys, it is refused. Replicas are behind by what the network holds: Redis
//!   answers before they have it.
//! - When the server has no memory left pushes are refused, and what runs goes on to its end.
//! - One connection carries all calls, and comes back by itself; meanwhile calls fail at once. A second one hears what other
//!   processes tell; in a cluster, from one of the nodes that the URL names. A third one, made with need, carries large results.
//!
//! # URLs
//!
//! | URL | server |
//! |---|---|
//! | `redis://[user][:password@]host[:port][/db]` | one, unencrypted; `rediss:` with TLS |
//! | `unix:/path/to.sock` | one on this machine; `?db=`, `user=`, `password=` |
//! | `redis+cluster://host:port,host:port` | a cluster, of which these are some nodes; `rediss+cluster:` with TLS |
//! | `redis+sentinel://host:port,host:port/name[/db]` | the master that sentinels know by that name; `rediss+sentinel:` with TLS |
//!
//! Options: `?prefix=` names the keys (default `longshore`); `persistence=accept` and `eviction=accept` open a server that may lose
//! jobs; `replicas=N` answers a push when N replicas have it; `ca=FILE` trusts certificates of that authority beside the system's.
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
//! // Large results are kept in Redis, too, so that every machine can read them.
//! let backend = Backend::new(store.clone(), store);
//! # let _ = backend; Ok(()) }
//! ```

#![deny(missing_docs)]

mod act;
mod artifacts;
mod away;
mod base;
mod call;
mod claim;
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

/// The version of the layout of keys and records. A store of another version is refused.
const LAYOUT: &str = "7";
/// Jobs that many producers push at the same time go to the server together, up to this many.
const PUSHED_AT_ONCE: usize = 500;
/// How many calls with pushed jobs are on their way at a time: while the server works on one, the next grows.
const PUSHES: usize = 1;
/// How often upkeep looks whether the server is still set up as it was.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// A store in Redis, and the artifacts of its jobs.
///
/// Cheap to share by [`Arc`]; dropping the last one closes the connections.
pub struct Redis {
    base: Arc<Base>,
    pushes: Batcher<NewJob, Result<Pushed, Error>>,
    target: Target,
    setup: Setup,
    looked: Mutex<Instant>,
    transfers: Arc<Transfers>,
    _listener: Listener,
}

impl Redis {
    /// Opens the store that a URL names (see the [crate]'s documentation), and starts to hear other processes.
    ///
    /// Must be called within a tokio runtime, which the connections then live on.
    ///
    /// # Errors
    ///
    /// If the URL makes no sense; if the server cannot be reached, is older than 7.0, or would lose jobs and the URL does not
    /// accept that; or if its jobs are of another version of longshore. The message names the server, and never a password.
    pub async fn open(url: &str, settings: Settings) -> Result<Redis, Error> {
        let target = Target::parse(url)?;
        let named = target.to_string();
        Redis::connect(target, settings).await.map_err(|e| e.context(format!("open Redis at {named}")))
    }

    async fn connect(target: Target, settings: Settings) -> Result<Redis, Error> {
        let link = Link::open(&target, settings.clock.clone()).await?;
        let setup = setup::look(&link).await?;
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
        let looked = Mutex::new(Instant::now());
        let transfers = Transfers::new(&target, &base.settings);
        Ok(Redis { base, pushes, target, setup, looked, transfers, _listener: listener })
    }

    /// Looks now and then whether jobs are still safe with the server; what is wrong is told in the log.
    async fn look_again(&self) -> Result<(), Error> {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.elapsed() < LOOK_AGAIN {
                return Ok(());
            }
            *looked = Instant::now();
        }
        setup::warn(&setup::look(&self.base.link).await?, &self.target);
        Ok(())
    }
}

/// Upgrades jobs of the layout before, and refuses those of any other.
async fn check_layout(base: &Base) -> Result<(), Error> {
    let mut other = None;
    // Where a copy has this layout there is nothing of an older one, and the node that had it may be away.
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
        _ => "work them off with the version that wrote them, then use another `prefix=`, or an empty server",
    };
    let text = format!(
        "its jobs are laid out in version {version}, and this longshore knows version {LAYOUT}: {way_out} (docs/upgrading.md)"
    );
    Err(Error::new(ErrorKind::Refused, text))
}

/// Returns the version of the layout that each copy says, which is `new` where it said none; an empty `new` writes nothing.
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
        self.look_again().await?;
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
