//! A job, as the API returns it.

use longshore_core::{Failure, JobId, Label, Progress, Snapshot, State, Status, Stored, Timestamp, WorkerId, millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Links, schema, text};

/// All data of one job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// The job's id.
    #[serde(with = "text")]
    #[schemars(with = "schema::Id")]
    pub id: JobId,
    /// An id that the caller chose.
    pub alias: Option<String>,
    /// The job's queue.
    pub queue: String,
    /// The job's kind, which selects the handler.
    pub kind: String,
    /// The input of the handler. Its bytes are exactly those that were pushed.
    #[schemars(with = "serde_json::Value")]
    pub payload: Box<RawValue>,
    /// The job's state.
    #[serde(with = "text")]
    #[schemars(with = "schema::State")]
    pub state: State,
    /// The status as text for people: `queued`, `Processing 7/20`, `complete`, `Failed: …`.
    pub status: String,
    /// From -100 to 100. Jobs with a higher priority run first.
    pub priority: i16,
    /// The group that the job belongs to within its queue, for example a tenant.
    pub key: Option<String>,
    /// The unique key that was requested. The job may no longer hold it.
    pub unique_key: Option<String>,
    /// Tags to find the job by.
    pub tags: Vec<String>,
    /// The number of attempts that were started, including the running one.
    pub attempt: u16,
    /// The number of attempts that are allowed. The worker of the latest claim decides it; before the first claim, it
    /// is the number that was requested, or 20.
    pub max_attempts: u16,
    /// How many worker processes crashed while they ran this job.
    pub crashes: u16,
    /// How many attempts in a row ended because something that the job needs was unavailable. They do not count as
    /// attempts.
    pub outages: u16,
    /// How many runs were interrupted through no fault of the job.
    pub interruptions: u32,
    /// How long one attempt may take.
    pub timeout_ms: i64,
    /// The time after which the job is not started or retried any more.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub deadline: Option<Timestamp>,
    /// When the job was pushed.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub created_at: Timestamp,
    /// When the job is due, or was due.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub run_at: Timestamp,
    /// When the latest run started.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub started_at: Option<Timestamp>,
    /// When the job finished.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub finished_at: Option<Timestamp>,
    /// The worker that runs the job, or ran it last.
    pub worker: Option<String>,
    /// Whether cancellation was requested while the job runs.
    pub cancel_asked: bool,
    /// The latest progress that the handler reported.
    #[schemars(with = "Option<schema::Progress>")]
    pub progress: Option<Progress>,
    /// Why the job is dead. Null in other states.
    pub reason: Option<String>,
    /// The attempts that failed, oldest first.
    pub failures: Vec<FailedAttempt>,
    /// The type and size of the result. Its bytes are at `links.result`.
    pub result: Option<ResultInfo>,
    /// A number that grows with every change of the job.
    pub version: u64,
    /// Links to related resources.
    pub links: Links,
}

/// One attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedAttempt {
    /// When the attempt ended.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub at: Timestamp,
    /// When the attempt started, if known.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub started_at: Option<Timestamp>,
    /// The class of the failure: `retry`, `fatal`, `outage`, `crash` or `corrupt`.
    pub class: String,
    /// The number of the attempt.
    pub attempt: u16,
    /// The number of the attempt's claim. Use it to read the log of this attempt: `/v1/jobs/{id}/log?claim=…`.
    pub claim: Option<u64>,
    /// The worker that ran the attempt.
    pub worker: Option<String>,
    /// The error message.
    pub message: String,
}

/// The type and size of a job's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultInfo {
    /// The media type.
    pub content_type: String,
    /// The size in bytes.
    pub bytes: u64,
}

impl From<Snapshot> for Job {
    fn from(job: Snapshot) -> Self {
        let status = Status::from(&job).words();
        let text = |label: Option<Label>| label.map(|label| label.to_string());
        Job {
            id: job.id,
            alias: text(job.alias),
            queue: job.queue.to_string(),
            kind: job.kind.to_string(),
            payload: raw(job.payload.as_str()),
            state: job.state,
            status,
            priority: job.priority,
            key: text(job.key),
            unique_key: text(job.unique_key),
            tags: job.tags.iter().map(Label::to_string).collect(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            interruptions: job.interruptions,
            outages: job.outages,
            timeout_ms: millis(job.timeout),
            deadline: job.deadline,
            created_at: job.created_at,
            run_at: job.run_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            worker: job.worker.as_ref().map(WorkerId::to_string),
            cancel_asked: job.cancel_asked,
            progress: job.progress,
            reason: job.reason.map(|reason| reason.as_str().to_owned()),
            failures: job.failures.into_iter().map(FailedAttempt::from).collect(),
            result: job.result.as_ref().map(ResultInfo::from),
            version: job.version,
            links: Links::of(job.id),
        }
    }
}

/// Returns a payload as raw JSON. A damaged payload, which its handler will refuse, is shown as a JSON string.
fn raw(payload: &str) -> Box<RawValue> {
    RawValue::from_string(payload.to_owned()).unwrap_or_else(|_| {
        let shown = serde_json::to_string(payload).expect("a string can be serialized");
        RawValue::from_string(shown).expect("serialized JSON can be parsed")
    })
}

impl From<Failure> for FailedAttempt {
    fn from(failure: Failure) -> Self {
        FailedAttempt {
            at: failure.at,
            started_at: failure.started_at,
            class: failure.class.as_str().to_owned(),
            attempt: failure.attempt,
            claim: failure.claim,
            worker: failure.worker.as_ref().map(WorkerId::to_string),
            message: failure.message,
        }
    }
}

impl From<&Stored> for ResultInfo {
    fn from(stored: &Stored) -> Self {
        ResultInfo { content_type: stored.content_type().to_owned(), bytes: stored.bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_shown_as_it_came_and_a_damaged_one_as_text() {
        assert_eq!(raw(r#"{"a" :  1.50}"#).get(), r#"{"a" :  1.50}"#);
        assert_eq!(raw(r#"{"a"#).get(), r#""{\"a""#);
    }
}
