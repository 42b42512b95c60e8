//! Many jobs in one push.

use longshore_core::{JobId, State, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{NewJob, Problem, list, schema, text};

/// What `POST /v1/jobs/batch` takes: jobs that are taken over all together, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The jobs, 1 to 1,000.
    #[serde(deserialize_with = "list::jobs")]
    #[schemars(with = "Vec<NewJob>", length(min = 1, max = limits::BATCH))]
    pub jobs: Vec<NewJob>,
}

/// What `POST /v1/jobs/batch` answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BatchAnswer {
    /// What became of each job, in the order they were sent.
    pub jobs: Vec<BatchItem>,
}

/// What became of one job of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BatchItem {
    /// It is taken over, or an older job stands for it.
    Taken {
        /// The job: the new one, or the one that stands for it.
        #[serde(with = "text")]
        #[schemars(with = "schema::Id")]
        id: JobId,
        /// Its state.
        #[serde(with = "text")]
        #[schemars(with = "schema::State")]
        state: State,
        /// Why an older job stands for it: `unique` or `reuse`; null for a new job.
        existing: Option<String>,
    },
    /// The store wanted this one not.
    Refused {
        /// Why.
        error: Problem,
    },
}
