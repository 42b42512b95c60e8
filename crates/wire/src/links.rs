//! Links from a job to related resources.

use longshore_core::JobId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Links from a job to related resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The job itself.
    #[serde(rename = "self")]
    pub this: String,
    /// The job's event stream.
    pub events: String,
    /// The job's result.
    pub result: String,
    /// Cancels the job, with POST.
    pub cancel: String,
    /// Retries the job, with POST.
    pub retry: String,
}

impl Links {
    /// Returns the links of a job.
    pub fn of(id: JobId) -> Self {
        let to = |what: &str| format!("/v1/jobs/{id}{what}");
        Links { this: to(""), events: to("/events"), result: to("/result"), cancel: to("/cancel"), retry: to("/retry") }
    }
}
