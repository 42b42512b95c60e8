//! The answer to a push.

use longshore_core::{DuplicateReason, JobId, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Links, schema, text};

/// What `POST /v1/jobs` answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Pushed {
    /// The job: the new one, or the one that stands for it.
    #[serde(with = "text")]
    #[schemars(with = "schema::Id")]
    pub id: JobId,
    /// Its state.
    #[serde(with = "text")]
    #[schemars(with = "schema::State")]
    pub state: State,
    /// Why an older job stands for the pushed one: `unique` or `reuse`; null for a new job.
    pub existing: Option<String>,
    /// Where to go from here.
    pub links: Links,
}

/// Returns the word of `existing`: why another job stands for a pushed one.
pub fn existing(by: DuplicateReason) -> &'static str {
    match by {
        DuplicateReason::Unique => "unique",
        DuplicateReason::Reuse => "reuse",
    }
}
