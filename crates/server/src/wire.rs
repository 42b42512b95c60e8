//! The JSON that goes over the wire, for the server and for whoever speaks to it from Rust.
//!
//! Times are RFC 3339 strings, durations whole milliseconds whose field ends in `_ms`. A reader ignores fields it does not
//! know; the server refuses them.

mod bounded;
mod object;
mod of;
mod pause;
mod push;
pub(crate) mod schema;
mod text;

use longshore_core::{JobId, Progress, State, Timestamp, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use object::Object;
pub use push::{WrongField, instead};

/// What `POST /v1/jobs` takes. What is left out has the default of a job without a word about it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = schema::both("delay_ms", "integer", "run_at", "string")))]
pub struct Push {
    /// The kind, which decides the handler.
    #[schemars(extend("pattern" = schema::NAME, "maxLength" = limits::NAME_BYTES))]
    pub kind: String,
    /// What the handler gets, any JSON; its bytes are kept as they came. Defaults to `{}`.
    #[serde(default = "no_payload")]
    #[schemars(with = "serde_json::Value")]
    pub payload: Box<RawValue>,
    /// The queue. Defaults to `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = schema::NAME, "maxLength" = limits::NAME_BYTES))]
    pub queue: Option<String>,
    /// Runs it after this long; not together with `run_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = schema::AHEAD_MS))]
    pub delay_ms: Option<u64>,
    /// Runs it at that time; not together with `delay_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub run_at: Option<String>,
    /// From -100 to 100; higher runs first. Defaults to 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -100, max = 100))]
    pub priority: Option<i16>,
    /// Whom it belongs to within its queue: a tenant, a host, an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub key: Option<String>,
    /// Takes it over only if no live job of the queue holds this key.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    #[schemars(with = "Option<Unique>")]
    pub unique: Option<Unique>,
    /// Is answered by an equal job that succeeded a short while ago.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "object::option")]
    #[schemars(with = "Option<Reuse>")]
    pub reuse: Option<Reuse>,
    /// A foreign id, which then stands for the job's own wherever one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub alias: Option<String>,
    /// Attempts before it is dead. Defaults to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = limits::ATTEMPTS))]
    pub max_attempts: Option<u16>,
    /// How long one attempt may take. Defaults to 30 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = schema::TIMEOUT_MS))]
    pub timeout_ms: Option<u64>,
    /// Does not start it, nor try it again, after this: then it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub deadline: Option<String>,
    /// Words to find it by; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "bounded::tags")]
    #[schemars(with = "Vec<schema::Label>", length(max = limits::TAGS))]
    pub tags: Vec<String>,
}

fn no_payload() -> Box<RawValue> {
    RawValue::from_string("{}".into()).expect("an empty object is JSON")
}

/// At most one live job of a queue holds such a key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The key.
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub key: String,
    /// How long it is held. Defaults to `until_finished`.
    #[serde(default)]
    pub scope: Scope,
}

/// How long a unique key is held: `"until_started"`, `"until_finished"`, or `{"for_ms": 60000}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Until a worker starts the job.
    UntilStarted,
    /// Until the job is finished.
    #[default]
    UntilFinished,
    /// For this many milliseconds from the push.
    ForMs(#[schemars(range(max = schema::AHEAD_MS))] u64),
}

/// Serves the result of an equal job that succeeded not longer ago than this.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reuse {
    /// The key that equal jobs share.
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub key: String,
    /// How old the result may be, in milliseconds.
    #[schemars(range(max = schema::AHEAD_MS))]
    pub within_ms: u64,
}

/// What `POST /v1/jobs/batch` takes: jobs that are taken over all together, or not at all.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The jobs, 1 to 1,000.
    #[serde(deserialize_with = "bounded::jobs")]
    #[schemars(with = "Vec<Push>", length(min = 1, max = limits::BATCH))]
    pub jobs: Vec<Push>,
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
    /// Attempts allowed.
    pub max_attempts: u16,
    /// Worker processes that died with it.
    pub crashes: u16,
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
    /// Which attempt it was.
    pub attempt: u16,
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

/// What an event stream says of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The job.
    #[serde(with = "text")]
    #[schemars(with = "schema::Id")]
    pub id: JobId,
    /// Where it is in its life.
    #[serde(with = "text")]
    #[schemars(with = "schema::State")]
    pub state: State,
    /// The same in words for people.
    pub status: String,
    /// Attempts begun.
    pub attempt: u16,
    /// Attempts allowed.
    pub max_attempts: u16,
    /// The newest word of its handler.
    #[schemars(with = "Option<schema::Progress>")]
    pub progress: Option<Progress>,
    /// Why it is dead.
    pub reason: Option<String>,
    /// The newest failure's message.
    pub message: Option<String>,
    /// Grows with every change.
    pub version: u64,
}

/// A page of `GET /v1/jobs`, the newest job first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Jobs {
    /// The jobs; there may be few, even none, and still a `next`.
    pub jobs: Vec<Job>,
    /// What to send as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// What `GET /v1/queues` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queues {
    /// The queues, by name.
    pub queues: Vec<Queue>,
}

/// A queue in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// Its name.
    pub queue: String,
    /// How many jobs are in each state.
    pub counts: Counts,
    /// How long the job that has been ready longest has waited; null where none is ready.
    pub oldest_ready_ms: Option<i64>,
    /// Why its jobs are not handed out; null where they are.
    #[serde(default)]
    pub paused: Option<Pause>,
}

impl Queue {
    /// Returns a queue that has no jobs and is not paused.
    pub fn empty(name: &str) -> Self {
        Queue { queue: name.to_owned(), counts: Counts::default(), oldest_ready_ms: None, paused: None }
    }
}

/// A queue's pause: what runs goes on, nothing else is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// When it began.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub since: Timestamp,
    /// When it ends by itself; null waits for a resume.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Who asked.
    pub by: Option<String>,
}

/// What `POST /v1/queues/{queue}/pause` takes. Without a time the pause lasts until a resume.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = schema::both("for_ms", "integer", "until", "string")))]
pub struct NewPause {
    /// Ends at that time; not together with `for_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
    /// Ends after this long; not together with `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = schema::AHEAD_MS))]
    pub for_ms: Option<u64>,
    /// Why, for whoever wonders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub reason: Option<String>,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub by: Option<String>,
}

/// How many jobs are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Waiting for their time.
    pub scheduled: u64,
    /// Waiting for a worker.
    pub ready: u64,
    /// In a worker's hands.
    pub running: u64,
    /// Finished well.
    pub succeeded: u64,
    /// Finished badly.
    pub dead: u64,
    /// Called off.
    pub cancelled: u64,
}

/// What `GET /healthz` and `GET /readyz` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok` of a process that lives, `ready` of one whose store answers.
    pub status: String,
}

/// An error, as RFC 9457 has it, with a code for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A URI that names the code.
    pub r#type: String,
    /// The same few words each time.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One of [`CODES`](crate::CODES).
    pub code: String,
    /// What went wrong this time.
    pub detail: String,
    /// The field that is not right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The state the job is in.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::State>")]
    pub state: Option<State>,
    /// The job that is in the way.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Id>")]
    pub other: Option<JobId>,
}
