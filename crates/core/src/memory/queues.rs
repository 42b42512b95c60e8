//! Queues: their rules, their counts, and the workers that look at them.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::{Memory, Row, Tables};
use crate::{Error, QueueName, QueueStats, Queues, Rules, RulesChange, State, Timestamp};

/// Since when, and until when, a queue has had workers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presence {
    pub(super) since: Timestamp,
    pub(super) seen: Timestamp,
}

impl Presence {
    pub(super) const NEVER: Presence = Presence { since: Timestamp::from_millis(0), seen: Timestamp::from_millis(0) };

    /// Notes that a worker looked for jobs; an hour without one starts anew.
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
}

#[async_trait]
impl Queues for Memory {
    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.settings.clock.now())
    }

    async fn queues(&self) -> Result<Vec<QueueStats>, Error> {
        let tables = self.tables();
        let now = self.now();
        let blank = |queue: &QueueName| QueueStats {
            queue: queue.clone(),
            counts: [0; 6],
            oldest_ready: None,
            rules: tables.rules(queue).at(now),
        };
        let mut stats: BTreeMap<_, _> = tables.queues.keys().map(|queue| (queue, blank(queue))).collect();
        for Row { job, .. } in tables.rows.values() {
            let stats = stats.get_mut(&job.queue).expect("a push notes its queue");
            stats.counts[job.state as usize] += 1;
            if job.state == State::Ready {
                stats.oldest_ready = stats.oldest_ready.max(Some(now.since(job.run_at)));
            }
        }
        Ok(stats.into_values().collect())
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
        tables.queues.entry(queue.clone()).or_insert(Presence::NEVER);
        tables.rules.insert(queue, Rules { version: expected + 1, ..rules });
        self.notifications.notify_all_work();
        Ok(RulesChange::Changed(expected + 1))
    }
}
