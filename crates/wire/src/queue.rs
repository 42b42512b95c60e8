//! The statistics of queues.

use longshore_core::{HeldBackReason, QueueName, QueueStats, Rules, State, millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::{page_limit, parsed};
use crate::{Pause, WrongField};

/// The answer of `GET /v1/queues`: a page of queues, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queues {
    /// The queues.
    pub queues: Vec<Queue>,
    /// The value of `after` for the next page. Null on the last page.
    #[serde(default)]
    pub next: Option<String>,
}

impl Queues {
    /// Creates a page.
    pub fn of(queues: Vec<QueueStats>, limit: usize) -> Self {
        let next = queues.last().filter(|_| queues.len() == limit).map(|last| last.queue.to_string());
        Queues { queues: queues.into_iter().map(Queue::from).collect(), next }
    }
}

/// The query of `GET /v1/queues`, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueuesQuery {
    /// Continues after the previous page: the value of its `next`.
    pub after: Option<String>,
    /// The maximum number of queues, from 1 to 200. Defaults to 50.
    pub limit: Option<String>,
}

impl QueuesQuery {
    /// Returns the part of the list that the query asks for.
    ///
    /// # Errors
    ///
    /// The error names the first invalid parameter.
    pub fn parse(&self) -> Result<(Option<QueueName>, usize), WrongField> {
        let QueuesQuery { after, limit } = self;
        Ok((parsed("after", after)?, page_limit(limit)?))
    }
}

/// The statistics of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// The queue's name.
    pub queue: String,
    /// The number of jobs in each state.
    pub counts: Counts,
    /// How long the oldest ready job has been ready. Null if no job is ready.
    pub oldest_ready_ms: Option<i64>,
    /// The queue's pause. Null if it is not paused.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// Why workers do not receive the queue's jobs: `paused`; `unknown_rule` if a newer version of longshore set a rule
    /// that this version does not support; or `unreachable` if the queue's server does not answer. In the last case
    /// nothing else is known, and the counts are 0. Null if workers receive the jobs.
    #[serde(default)]
    pub held_back: Option<String>,
}

/// The number of jobs in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Jobs that wait for their time.
    pub scheduled: u64,
    /// Jobs that wait for a worker.
    pub ready: u64,
    /// Jobs that a worker runs.
    pub running: u64,
    /// Jobs that succeeded.
    pub succeeded: u64,
    /// Jobs that failed permanently.
    pub dead: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
}

impl Queue {
    /// Returns a queue without jobs that is not paused.
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
            _ if stats.is_unreachable => Some(HeldBackReason::Unreachable),
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
