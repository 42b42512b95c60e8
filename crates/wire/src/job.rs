//! A job, as it is answered.

use longshore_core::{Failure, JobId, Label, Progress, Snapshot, State, Status, Stored, Timestamp, WorkerId, millis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Links, schema, text};

/// Everything about one job.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// The id.
    #[serde(with = "text")]
    #[schemars(with = "schema::Id")]
    pub id: JobId,
    /// A foreign id.
    pub alias: Option<String>,
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// What the handler gets, byte for byte as it was pushed.
    #[schemars(with = "serde_json::Value")]
    pub payload: Box<RawValue>,
    /// Where it is in its life.
    #[serde(with = "text")]
    #[schemars(with = "schema::State")]
    pub state: State,
    /// The same in words for people: `queued`, `Processing 7/20`, `complete`, `Failed: …`.
    pub status: String,
    /// From -100 to 100; higher runs first.
    pub priority: i16,
    /// Whom it belongs to within its queue.
    pub key: Option<String>,
    /// The unique key it asked for, held or not.
    pub unique_key: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Attempts begun, the running one included.
    pub attempt: u16,
    /// Attempts allowed: granted by the worker that claimed it last; before that, what it asked for, or 20.
    pub max_attempts: u16,
    /// Worker processes that died with it.
    pub crashes: u16,
    /// Attempts in a row that ended in an outage of something that the job needs; they cost no attempt.
    pub outages: u16,
    /// Runs that ended through no fault of the job.
    pub interruptions: u32,
    /// How long one attempt may take.
    pub timeout_ms: i64,
    /// The moment after which it is not started, nor tried again.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub deadline: Option<Timestamp>,
    /// When it was pushed.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub created_at: Timestamp,
    /// When it is, or was, due.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub run_at: Timestamp,
    /// When its newest run began.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub finished_at: Option<Timestamp>,
    /// The worker that holds it, or held it last.
    pub worker: Option<String>,
    /// Whether somebody asked to call it off while it runs.
    pub cancel_asked: bool,
    /// The newest word of its handler.
    #[schemars(with = "Option<schema::Progress>")]
    pub progress: Option<Progress>,
    /// Why it is dead.
    pub reason: Option<String>,
    /// The attempts that did not end well, oldest first.
    pub failures: Vec<FailedAttempt>,
    /// What it gave back; the bytes are at `links.result`.
    pub result: Option<ResultInfo>,
    /// Grows with every change.
    pub version: u64,
    /// Where to go from here.
    pub links: Links,
}

/// One attempt that did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailedAttempt {
    /// When it ended.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub at: Timestamp,
    /// When it started, where that is known.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub started_at: Option<Timestamp>,
    /// What kind of failure it was: `retry`, `fatal`, `outage`, `crash` or `corrupt`.
    pub class: String,
    /// Which attempt it was.
    pub attempt: u16,
    /// The number of its claim, by which its log is asked for: `/v1/jobs/{id}/log?claim=…`.
    pub claim: Option<u64>,
    /// The worker that ran it.
    pub worker: Option<String>,
    /// What went wrong.
    pub message: String,
}

/// What kind of result a job gave back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultInfo {
    /// Its media type.
    pub content_type: String,
    /// Its size.
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

/// Returns a payload as it came. A damaged one, which its handler will refuse, is shown as a JSON string.
fn raw(payload: &str) -> Box<RawValue> {
    RawValue::from_string(payload.to_owned()).unwrap_or_else(|_| {
        let shown = serde_json::to_string(payload).expect("a string can be written");
        RawValue::from_string(shown).expect("what was written can be read")
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
