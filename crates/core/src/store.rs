//! The contract between longshore and a database: small traits by noun, batched calls, and a test for every rule.
//!
//! Implementors run the suite in `longshore-conformance`. Users call [`Backend`], which checks limits, adds error
//! context, and delays rescues after an outage; once for all stores.
//!
//! In reading order: [`jobs`] (the trait of the hot path and of single jobs), [`push`], [`claim`], [`settle`],
//! [`upkeep`], [`moved`], [`list`], [`act`]; [`queues`] and [`rules`]; [`logs`]; [`workers`]; [`notifier`]; [`repair`].
//!
//! [`Backend`]: crate::Backend

pub mod jobs;
pub mod push;
pub mod claim;
pub mod settle;
pub mod upkeep;
pub mod moved;
pub mod list;
pub mod act;
pub mod queues;
pub mod rules;
pub mod logs;
pub mod workers;
pub mod notifier;
pub mod repair;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Clock, Error, Notifications, State, Timestamp, limits};

pub use act::{Acted, Action};
pub use claim::{Claim, Claimed, Claims, HeldBack, HeldBackReason, KnownKind};
pub use jobs::{Answers, Jobs, each, fail_all, whole};
pub use list::{Cursor, Filter, Listed, Page};
pub use logs::Logs;
pub use moved::Moved;
pub use notifier::Notifier;
pub use push::{DuplicateReason, Pushed};
pub use queues::{QueueStats, Queues};
pub use repair::{Finding, Repair, RepairCursor, RepairReport, RepairStep};
pub use rules::{Admission, NewPause, Pause, QueueState, Rules, RulesChange, admit};
pub use settle::{Renewal, Renewed, Settled, Settlement};
pub use upkeep::{Upkeep, UpkeepFailure, UpkeepReport};
pub use workers::{WorkerNote, WorkerSeen, Workers};

/// A database that stores all jobs and is the only source of truth.
#[async_trait]
pub trait Store: Jobs + Queues + Logs + Workers + Notifier + Repair {
    /// Returns the notifications of this process.
    fn notifications(&self) -> &Notifications;

    /// Returns what this store is and guarantees.
    fn capabilities(&self) -> Capabilities;

    /// Ends the use of the store by this process: finishes the calls that have begun, and leaves the data as complete
    /// as the store can. Later calls may fail with [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable).
    ///
    /// A store for which the end of a process changes nothing does nothing. The call returns after a few seconds, also
    /// if the store does not answer. A repeat is harmless.
    ///
    /// # Errors
    ///
    /// Returns an error if the store could not be closed completely in that time. What was acknowledged before is as
    /// durable as ever.
    async fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// The settings of every store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How long succeeded and cancelled jobs are kept. Defaults to 24 hours. Zero deletes them at the next upkeep.
    pub keep_finished: Duration,
    /// How long dead jobs are kept. Defaults to 7 days. Zero deletes them at the next upkeep.
    pub keep_dead: Duration,
    /// The clock. Tests pass one that they can move.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { keep_finished: limits::KEEP_FINISHED, keep_dead: limits::KEEP_DEAD, clock: Clock::default() }
    }
}

impl Settings {
    /// Returns when a job that becomes final now may be deleted. A result is kept at least as long as it may be reused.
    pub fn keep_until(&self, state: State, now: Timestamp, reuse: Option<Duration>) -> Timestamp {
        let keep = if state == State::Dead { self.keep_dead } else { self.keep_finished };
        let reuse = reuse.filter(|_| state == State::Succeeded).unwrap_or_default();
        now.after(keep.max(reuse))
    }
}

/// What a store is and guarantees. It is shown at start, in answers and in the table of the documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The name of the engine.
    pub engine: &'static str,
    /// What an acknowledged push survives.
    pub durability: Durability,
    /// Which processes may use the store at the same time.
    pub reach: Reach,
    /// The engine's version.
    pub version: String,
}

impl Capabilities {
    /// Creates the description of a store.
    pub fn new(engine: &'static str, version: impl Into<String>, durability: Durability, reach: Reach) -> Self {
        Capabilities { engine, durability, reach, version: version.into() }
    }
}

/// What an acknowledged push survives. Each level includes the levels before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Nothing: jobs end with the process.
    Nothing,
    /// A kill of any longshore process. A kill of the server or a power loss may lose up to the last two seconds.
    TwoSeconds,
    /// A kill of any process, but not a power loss.
    Kill,
    /// A power loss.
    PowerLoss,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Durability::Nothing => "nothing: jobs end with the process",
            Durability::TwoSeconds => {
                "a kill of any process except the server; a kill of the server or a power loss may lose the last two seconds"
            }
            Durability::Kill => "a kill of any process, but not a power loss",
            Durability::PowerLoss => "a power loss",
        })
    }
}

/// Which processes may use a store at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// One process.
    Process,
    /// All processes of one machine.
    Machine,
    /// Processes on many machines.
    Network,
}
