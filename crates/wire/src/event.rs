//! A job's status in an event stream.

use longshore_core::{JobId, Progress, Reason, State, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{schema, text};

/// A job's status, as an event stream sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The job's id.
    #[serde(with = "text")]
    #[schemars(with = "schema::Id")]
    pub id: JobId,
    /// The job's state.
    #[serde(with = "text")]
    #[schemars(with = "schema::State")]
    pub state: State,
    /// The status as text for people.
    pub status: String,
    /// The number of attempts that were started.
    pub attempt: u16,
    /// The number of attempts that are allowed.
    pub max_attempts: u16,
    /// The latest progress that the handler reported.
    #[schemars(with = "Option<schema::Progress>")]
    pub progress: Option<Progress>,
    /// Why the job is dead. Null in other states.
    pub reason: Option<String>,
    /// The message of the latest failure.
    pub message: Option<String>,
    /// A number that grows with every change of the job.
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
