//! Queues in numbers.

use longshore_core::{HeldBackReason, QueueStats, Rules, State, millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Pause;

/// What `GET /v1/queues` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queues {
    /// The queues, by name.
    pub queues: Vec<Queue>,
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
