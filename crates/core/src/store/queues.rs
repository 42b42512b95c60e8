//! Queues: their counts and their rules.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Error, QueueName, State, Timestamp};

use super::{Pause, Rules, RulesChange};

/// What people and their tools ask of queues.
///
/// A queue is there from the first push, claim or change of rules on. Upkeep forgets it once it has had no job and no
/// [rules](Rules), and nobody has pushed to it or claimed from it, for [`UNUSED_KEPT`](crate::limits::UNUSED_KEPT); the next use makes it anew.
#[async_trait]
pub trait Queues: Send + Sync + 'static {
    /// Returns the store's time, by which pauses and schedules are written.
    async fn now(&self) -> Result<Timestamp, Error>;

    /// Returns up to `limit` queues with their counts, in the order of their names, from the first one after `after`; never counts rows. Fewer
    /// than `limit` are the end of the list. `after` need not be there any more.
    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error>;

    /// Returns one queue with its counts; `None` where the store knows none of that name.
    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error>;

    /// Returns the rules of a queue; one without any, or not known, has [`Rules::default`].
    async fn rules(&self, queue: QueueName) -> Result<Rules, Error>;

    /// Replaces the rules of a queue if they still have the version `expected`; notifies workers where jobs may have become
    /// claimable. A repeat that finds its own change in place answers [`RulesChange::Conflict`] with it.
    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error>;
}

/// A queue in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// Its name.
    pub queue: QueueName,
    /// How many jobs are in each state, in the order of [`State::ALL`].
    pub counts: [u64; 6],
    /// How long the job that has been ready longest has waited.
    pub oldest_ready: Option<Duration>,
    /// Its rules; a pause that is over is left out.
    pub rules: Rules,
}

impl QueueStats {
    /// Makes the numbers of a queue: its name, its counts in the order of [`State::ALL`], how long the job that has been ready longest has
    /// waited, and its rules.
    pub fn new(queue: QueueName, counts: [u64; 6], oldest_ready: Option<Duration>, rules: Rules) -> Self {
        QueueStats { queue, counts, oldest_ready, rules }
    }

    /// Returns how many jobs are in that state.
    pub fn count(&self, state: State) -> u64 {
        self.counts[state as usize]
    }

    /// Returns whether, and why, its jobs are not handed out.
    pub fn paused(&self) -> Option<&Pause> {
        self.rules.pause.as_ref()
    }
}
