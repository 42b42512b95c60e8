//! The answers of the demo's routes.

use serde::{Deserialize, Serialize};

/// The answer of `POST /image_queue`. The order of its fields is part of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// `queued`, or `done` if an image of the same text already exists.
    pub job_status: String,
    /// The job's id, for status requests. Absent if `job_status` is `done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The file name of the image.
    pub filename: String,
}

/// The answer of `GET /image_status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// The job's status as text for people.
    pub job_status: String,
}

/// The error that the demo's routes answer to invalid input. All other errors are a [`Problem`](crate::Problem).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The reason.
    pub error: String,
}
