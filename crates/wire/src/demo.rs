//! What the routes of the demo answer.

use serde::{Deserialize, Serialize};

/// What `POST /image_queue` answers; the order of its fields is part of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// `queued`, or `done` where the same text was drawn before.
    pub job_status: String,
    /// The job, by which its status is asked for; left out where it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of the picture.
    pub filename: String,
}

/// What `GET /image_status` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// The job's status in words for people.
    pub job_status: String,
}

/// What the demo's routes answer to what they do not take; other errors are a [`Problem`](crate::Problem).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub error: String,
}
