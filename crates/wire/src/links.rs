//! Where to go from a job.

use longshore_core::JobId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where to go from a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The job itself.
    #[serde(rename = "self")]
    pub this: String,
    /// Its event stream.
    pub events: String,
    /// Its result.
    pub result: String,
    /// Call it off, with POST.
    pub cancel: String,
    /// Try it again, with POST.
    pub retry: String,
}

impl Links {
    /// Returns the links of a job.
    pub fn of(id: JobId) -> Self {
        let to = |what: &str| format!("/v1/jobs/{id}{what}");
        Links { this: to(""), events: to("/events"), result: to("/result"), cancel: to("/cancel"), retry: to("/retry") }
    }
}
