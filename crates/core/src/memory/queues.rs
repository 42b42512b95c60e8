//! Queues: their rules, their counts, and when workers last claimed from them.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;

use super::{Memory, Row, Tables};
use crate::{Error, QueueName, QueueStats, Queues, Rules, RulesChange, State, Timestamp};

/// Since when and until when a queue has had workers, and when it was last pushed to or its rules were changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presence {
    pub(super) since: Timestamp,
    pub(super) seen: Timestamp,
    pub(super) used: Timestamp,
}

impl Presence {
    pub(super) const NEVER: Presence =
        Presence { since: Timestamp::from_millis(0), seen: Timestamp::from_millis(0), used: Timestamp::from_millis(0) };

    /// Records that a worker claimed from the queue. After an hour without a claim, the period starts again.
    pub(super) fn note(&mut self, now: Timestamp) {
        if now.since(self.seen) > Duration::from_secs(3600) {
            self.since = now;
        }
        self.seen = now;
    }
}

impl Tables {
    /// Returns the rules of a queue.
    pub(super) fn rules(&self, queue: &QueueName) -> Rules {
        self.rules.get(queue).cloned().unwrap_or_default()
    }

    /// Returns the counts of queues, in the given order.
    fn stats<'a>(&self, queues: impl Iterator<Item = &'a QueueName>, now: Timestamp) -> Vec<QueueStats> {
        let mut stats: Vec<QueueStats> =
            queues.map(|queue| QueueStats::new(queue.clone(), [0; 6], None, self.rules(queue).at(now))).collect();
        let places: HashMap<QueueName, usize> =
            stats.iter().enumerate().map(|(n, stats)| (stats.queue.clone(), n)).collect();
        for Row { job, .. } in self.rows.values() {
            let Some(stats) = places.get(&job.queue).map(|place| &mut stats[*place]) else { continue };
            stats.counts[job.state as usize] += 1;
            if job.state == State::Ready {
                stats.oldest_ready = stats.oldest_ready.max(Some(now.since(job.run_at)));
            }
        }
        stats
    }
}

#[async_trait]
impl Queues for Memory {
    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.settings.clock.now())
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        let tables = self.tables();
        let page = tables.queues.keys().filter(|queue| after.as_ref().is_none_or(|after| *queue > after)).take(limit);
        Ok(tables.stats(page, self.now()))
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        let tables = self.tables();
        let known = tables.queues.get_key_value(&queue).map(|(queue, _)| queue);
        Ok(tables.stats(known.into_iter(), self.now()).pop())
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        Ok(self.tables().rules(&queue))
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        let mut tables = self.tables();
        let before = tables.rules(&queue);
        if before.version != expected {
            return Ok(RulesChange::Conflict(before));
        }
        tables.queues.entry(queue.clone()).or_insert(Presence::NEVER).used = self.now();
        tables.rules.insert(queue, Rules { version: expected + 1, ..rules });
        self.notifications.notify_all_work();
        Ok(RulesChange::Changed(expected + 1))
    }
}
