//! The answer to a push.

use longshore_core::{DuplicateReason, JobId, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Links, schema, text};

/// The answer of `POST /v1/jobs`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Pushed {
    /// The id of the new job, or of the existing one.
    #[serde(with = "text")]
    #[schemars(with = "schema::Id")]
    pub id: JobId,
    /// The state of that job.
    #[serde(with = "text")]
    #[schemars(with = "schema::State")]
    pub state: State,
    /// Why an existing job is returned: `unique` or `reuse`. Null for a new job.
    pub existing: Option<String>,
    /// Links to related resources.
    pub links: Links,
}

/// Returns the value of `existing`: why an existing job is returned.
pub fn existing(by: DuplicateReason) -> &'static str {
    match by {
        DuplicateReason::Unique => "unique",
        DuplicateReason::Reuse => "reuse",
    }
}
