//! Queues: their counts and their rules.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Error, QueueName, State, Timestamp};

use super::{Pause, Rules, RulesChange};

/// Calls about queues, for people and tools.
///
/// A queue exists from its first push, claim or change of rules on. Upkeep removes it once it has had no job, no
/// [rules](Rules), no push and no claim for [`UNUSED_KEPT`](crate::limits::UNUSED_KEPT). The next use creates it again.
#[async_trait]
pub trait Queues: Send + Sync + 'static {
    /// Returns the store's time, which pauses and schedules use.
    async fn now(&self) -> Result<Timestamp, Error>;

    /// Returns up to `limit` queues with their counts, sorted by name, starting after `after`. It never counts rows. A
    /// queue whose server does not answer is in the list without counts. Fewer than `limit` queues are the end of the list. The queue `after` need not exist any more.
    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error>;

    /// Returns one queue with its counts, or `None` if it does not exist.
    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error>;

    /// Returns the rules of a queue. A queue without rules or an unknown queue has [`Rules::default`].
    async fn rules(&self, queue: QueueName) -> Result<Rules, Error>;

    /// Replaces the rules of a queue if they still have the version `expected`, and notifies workers if jobs may have
    /// become claimable. A repeat that finds its own change answers [`RulesChange::Conflict`] with it.
    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error>;
}

/// The counts of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// Its name.
    pub queue: QueueName,
    /// How many jobs are in each state, in the order of [`State::ALL`].
    pub counts: [u64; 6],
    /// How long the job has waited that has been ready longest.
    pub oldest_ready: Option<Duration>,
    /// Its rules, without a pause that has ended.
    pub rules: Rules,
    /// Whether the server of the queue does not answer. Then nothing but the name is known.
    pub is_unreachable: bool,
}

impl QueueStats {
    /// Creates the counts of a queue: its name, the counts in the order of [`State::ALL`], how long the job has waited
    /// that has been ready longest, and its rules.
    pub fn new(queue: QueueName, counts: [u64; 6], oldest_ready: Option<Duration>, rules: Rules) -> Self {
        QueueStats { queue, counts, oldest_ready, rules, is_unreachable: false }
    }

    /// Creates the entry of a queue whose server does not answer.
    pub fn unreachable(queue: QueueName) -> Self {
        QueueStats { is_unreachable: true, ..QueueStats::new(queue, [0; 6], None, Rules::default()) }
    }

    /// Returns the number of jobs in that state.
    pub fn count(&self, state: State) -> u64 {
        self.counts[state as usize]
    }

    /// Returns the pause, if the queue is paused.
    pub fn paused(&self) -> Option<&Pause> {
        self.rules.pause.as_ref()
    }
}
