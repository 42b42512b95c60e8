//! `GET /v1/jobs`: a page of jobs.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use longshore_core::{Error, Filter, Page, Snapshot};
use longshore_wire as wire;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::app::App;
use crate::openapi::{Answer, Operation, Parameter, Takes, errors, name_schema, of};
use crate::params::Params;
use crate::problem::{Code, Problem};

/// The maximum number of pages that are read from the store at a time. A page that is being read is in memory as whole
/// jobs, of up to 300 KiB each.
pub(crate) const PAGE_READS: usize = 8;
/// How long a request waits for its turn to read.
const TURN: Duration = Duration::from_secs(5);
/// The maximum number of jobs that are read from the store at once.
const PART: usize = 50;

/// The OpenAPI description of [`list`].
pub(crate) const LIST: Operation = Operation {
    method: "get",
    path: "/v1/jobs",
    id: "list",
    summary: "A page of jobs, newest first; it ends early if its jobs are large",
    public: false,
    parameters: &[
        Parameter::query("queue", "Only jobs of this queue.", name_schema),
        Parameter::query("kind", "Only jobs of this kind.", name_schema),
        Parameter::query("state", "Only jobs in this state.", wire::schema::state),
        Parameter::query("tag", "Only jobs with this tag.", label),
        Parameter::query("key", "Only jobs with this key.", label),
        Parameter::query(
            "after",
            "The `next` of the previous page.",
            |_| json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX }),
        ),
        Parameter::query(
            "limit",
            "The maximum number of jobs on the page. Defaults to 50.",
            |_| json!({ "type": "integer", "minimum": 1, "maximum": 200 }),
        ),
    ],
    takes: Takes::None,
    answers: &[Answer::json(200, "The page.", of::<wire::Jobs>)],
    errors: &[errors::STORE, errors::QUERY],
};

/// Answers a page of jobs, newest first.
pub(crate) async fn list(
    State(app): State<App>,
    Params(query): Params<wire::JobsQuery>,
) -> Result<Json<wire::Jobs>, Problem> {
    let (filter, page) = query.parse().map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    let turn = tokio::time::timeout(TURN, app.page_reads.acquire()).await.map_err(|_| {
        let detail = format!("the maximum of {PAGE_READS} pages of jobs is being read; nothing was done");
        Problem::new(Code::TooBusy, detail).retry_after_about(1)
    })?;
    let read = read(&app, filter, page).await?;
    drop(turn);
    Ok(Json(read))
}

/// Reads a page from the store in parts, so that never more than one part is in memory in addition to the page.
async fn read(app: &App, filter: Filter, page: Page) -> Result<wire::Jobs, Error> {
    let (mut jobs, mut next, mut left) = (Vec::new(), page.after, app.config.page_bytes);
    let mut unreachable = BTreeSet::new();
    while jobs.len() < page.limit {
        let asked = (page.limit - jobs.len()).min(PART);
        let mut part = app.backend.list(filter.clone(), Page::new(next, asked)).await?;
        let fitting = fitting(&part.jobs, left).max(usize::from(jobs.is_empty()));
        if fitting == 0 && !part.jobs.is_empty() {
            break;
        }
        if fitting < part.jobs.len() {
            // Only the store knows where a shorter page ends.
            drop(part);
            part = app.backend.list(filter.clone(), Page::new(next, fitting)).await?;
        }
        let is_short = part.jobs.len() < asked;
        left = left.saturating_sub(part.jobs.iter().map(size).sum());
        jobs.extend(part.jobs.into_iter().map(wire::Job::from));
        unreachable.extend(part.unreachable.iter().map(ToString::to_string));
        next = part.next;
        if is_short || next.is_none() {
            break;
        }
    }
    let unreachable = unreachable.into_iter().take(100).collect();
    Ok(wire::Jobs { jobs, next: next.map(|cursor| cursor.to_string()), unreachable })
}

/// Returns how many of the first jobs fit in this many bytes.
fn fitting(jobs: &[Snapshot], mut left: usize) -> usize {
    let fits = |job: &&Snapshot| {
        left.checked_sub(size(job)).is_some_and(|rest| {
            left = rest;
            true
        })
    };
    jobs.iter().take_while(fits).count()
}

/// Returns about how many bytes a job has in an answer.
fn size(job: &Snapshot) -> usize {
    let failures = job.failures.iter().map(|failure| failure.message.len() + 300);
    1_500 + job.payload.as_str().len() + failures.sum::<usize>()
}

/// Returns the schema of a tag or a key.
fn label(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "string", "pattern": wire::schema::LABEL, "minLength": 1, "maxLength": longshore_core::limits::LABEL_BYTES })
}
