//! What an event stream says of a job.

use longshore_core::{JobId, Progress, Reason, State, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{schema, text};

/// What an event stream says of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The job.
    #[serde(with = "text")]
    #[schemars(with = "schema::Id")]
    pub id: JobId,
    /// Where it is in its life.
    #[serde(with = "text")]
    #[schemars(with = "schema::State")]
    pub state: State,
    /// The same in words for people.
    pub status: String,
    /// Attempts begun.
    pub attempt: u16,
    /// Attempts allowed.
    pub max_attempts: u16,
    /// The newest word of its handler.
    #[schemars(with = "Option<schema::Progress>")]
    pub progress: Option<Progress>,
    /// Why it is dead.
    pub reason: Option<String>,
    /// The newest failure's message.
    pub message: Option<String>,
    /// Grows with every change.
    pub version: u64,
}

impl From<Status> for Event {
    fn from(status: Status) -> Self {
        Event {
            id: status.id,
            state: status.state,
            status: status.words(),
            attempt: status.attempt,
            max_attempts: status.max_attempts,
            progress: status.progress,
            reason: status.reason.map(|reason: Reason| reason.as_str().to_owned()),
            message: status.message,
            version: status.version,
        }
    }
}
