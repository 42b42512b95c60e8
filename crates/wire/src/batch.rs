//! A batch: many jobs in one push.

use longshore_core::{JobId, State, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{NewJob, Problem, list, schema, text};

/// The body of `POST /v1/jobs/batch`: jobs that are accepted all together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The jobs, 1 to 1,000.
    #[serde(deserialize_with = "list::jobs")]
    #[schemars(with = "Vec<NewJob>", length(min = 1, max = limits::BATCH))]
    pub jobs: Vec<NewJob>,
}

/// The answer of `POST /v1/jobs/batch`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BatchAnswer {
    /// The outcome of each job, in the order of the request.
    pub jobs: Vec<BatchItem>,
}

/// The outcome of one job of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BatchItem {
    /// The job is accepted, or an existing job is returned in its place.
    Accepted {
        /// The id of the new job, or of the existing one.
        #[serde(with = "text")]
        #[schemars(with = "schema::Id")]
        id: JobId,
        /// The state of that job.
        #[serde(with = "text")]
        #[schemars(with = "schema::State")]
        state: State,
        /// Why an existing job is returned: `unique` or `reuse`. Null for a new job.
        existing: Option<String>,
    },
    /// The store refused this job.
    Refused {
        /// The reason.
        error: Problem,
    },
}
