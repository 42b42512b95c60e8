//! Queues in numbers.

use longshore_core::{HeldBackReason, QueueName, QueueStats, Rules, State, millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::{page_limit, parsed};
use crate::{Pause, WrongField};

/// What `GET /v1/queues` answers: a page of the queues, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queues {
    /// The queues.
    pub queues: Vec<Queue>,
    /// What to send as `after` for the next page; null at the end.
    #[serde(default)]
    pub next: Option<String>,
}

impl Queues {
    /// Makes a page.
    pub fn of(queues: Vec<QueueStats>, limit: usize) -> Self {
        let next = queues.last().filter(|_| queues.len() == limit).map(|last| last.queue.to_string());
        Queues { queues: queues.into_iter().map(Queue::from).collect(), next }
    }
}

/// The query of `GET /v1/queues`, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueuesQuery {
    /// Goes on where an earlier page ended: its `next`.
    pub after: Option<String>,
    /// Most queues, from 1 to 200. Defaults to 50.
    pub limit: Option<String>,
}

impl QueuesQuery {
    /// Returns which part of the list is asked for.
    ///
    /// # Errors
    ///
    /// Names the first parameter that is wrong.
    pub fn parse(&self) -> Result<(Option<QueueName>, usize), WrongField> {
        let QueuesQuery { after, limit } = self;
        Ok((parsed("after", after)?, page_limit(limit)?))
    }
}

/// A queue in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Its name.
    pub queue: String,
    /// How many jobs are in each state.
    pub counts: Counts,
    /// How long the job that has been ready longest has waited; null where none is ready.
    pub oldest_ready_ms: Option<i64>,
    /// Its pause; null where it has none.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// Why its jobs are not handed out: `paused`, or `unknown_rule` where a newer version has set a rule that this one does not know; null where they
    /// are.
    #[serde(default)]
    pub held_back: Option<String>,
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Waiting for their time.
    pub scheduled: u64,
    /// Waiting for a worker.
    pub ready: u64,
    /// In a worker's hands.
    pub running: u64,
    /// Finished well.
    pub succeeded: u64,
    /// Finished badly.
    pub dead: u64,
    /// Called off.
    pub cancelled: u64,
}

impl Queue {
    /// Returns a queue that has no jobs and is not paused.
    pub fn empty(name: &str) -> Self {
        Queue {
            queue: name.to_owned(),
            counts: Counts::default(),
            oldest_ready_ms: None,
            paused: None,
            held_back: None,
        }
    }
}

impl From<QueueStats> for Queue {
    fn from(stats: QueueStats) -> Self {
        let held_back = match &stats.rules {
            Rules { has_unknown: true, .. } => Some(HeldBackReason::UnknownRule),
            Rules { pause: Some(_), .. } => Some(HeldBackReason::Paused),
            Rules { pause: None, .. } => None,
        };
        Queue {
            held_back: held_back.map(|why| why.to_string()),
            queue: stats.queue.to_string(),
            counts: Counts {
                scheduled: stats.count(State::Scheduled),
                ready: stats.count(State::Ready),
                running: stats.count(State::Running),
                succeeded: stats.count(State::Succeeded),
                dead: stats.count(State::Dead),
                cancelled: stats.count(State::Cancelled),
            },
            oldest_ready_ms: stats.oldest_ready.map(millis),
            paused: stats.rules.pause.map(Pause::from),
        }
    }
}
