//! Actions on one job: `POST …/cancel`, `POST …/retry`, `DELETE`.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use longshore_core::{Acted, Action, JobId};
use longshore_wire as wire;

use crate::answer_memory::Memory;
use crate::app::App;
use crate::openapi::{Answer, ID, Operation, Takes, errors, of};
use crate::params::Id;
use crate::problem::{Code, Problem};
use crate::{body, lookup};

/// The memory for the answer with a job, in bytes: its payload, its failures, and everything else.
const LARGEST_JOB_BYTES: u64 = 512 * 1024;

/// The answer of an action: the job as it is then.
type Shown = (Extension<Memory>, Json<wire::Job>);

/// The OpenAPI description of [`cancel`].
pub(crate) const CANCEL: Operation = Operation {
    method: "post",
    path: "/v1/jobs/{id}/cancel",
    id: "cancel",
    summary: "Cancel a job: immediately if it waits; by a request to its handler if it runs",
    public: false,
    parameters: &[ID],
    takes: Takes::NOTHING,
    answers: &[Answer::json(200, "The job.", of::<wire::Job>)],
    errors: &[errors::STORE, errors::UNKNOWN, errors::BODY, errors::ACT],
};

/// Cancels a job and answers the job. A running job is cancelled when its handler has noticed the request.
pub(crate) async fn cancel(
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Shown, Problem> {
    act_and_show(&app, &id, &headers, body, Action::Cancel).await
}

/// The OpenAPI description of [`retry`].
pub(crate) const RETRY: Operation = Operation {
    method: "post",
    path: "/v1/jobs/{id}/retry",
    id: "retry",
    summary: "Retry a dead or cancelled job, or run a scheduled job now",
    public: false,
    parameters: &[ID],
    takes: Takes::NOTHING,
    answers: &[Answer::json(200, "The job.", of::<wire::Job>)],
    errors: &[errors::STORE, errors::UNKNOWN, errors::BODY, errors::ACT, &[Code::UniqueConflict]],
};

/// Retries a dead or cancelled job, or runs a scheduled job now. Answers the job.
pub(crate) async fn retry(
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Shown, Problem> {
    act_and_show(&app, &id, &headers, body, Action::Retry).await
}

/// The OpenAPI description of [`delete`].
pub(crate) const DELETE: Operation = Operation {
    method: "delete",
    path: "/v1/jobs/{id}",
    id: "delete",
    summary: "Delete a finished job",
    public: false,
    parameters: &[ID],
    takes: Takes::None,
    answers: &[Answer::empty(204, "The job is deleted.")],
    errors: &[errors::STORE, errors::UNKNOWN, errors::BODY, errors::ACT],
};

/// Deletes a finished job and its result.
pub(crate) async fn delete(
    State(app): State<App>,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    body::none(&app, &headers, body).await?;
    act(&app, &id, Action::Delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn act(app: &App, id: &str, action: Action) -> Result<JobId, Problem> {
    let job = lookup::job(&app.backend, id).await?.ok_or_else(|| Problem::unknown_job(id))?.id;
    match app.backend.act(job, action).await? {
        Acted::Done(_) => Ok(job),
        Acted::Unknown => Err(Problem::unknown_job(id)),
        Acted::WrongState(state) => {
            let detail = format!("job {job} is {state} and cannot be {}", participle(action));
            Err(Problem::new(Code::WrongState, detail).state(state))
        }
        Acted::Conflict(other) => {
            let detail = format!("job {other} now holds the unique key of job {job}");
            Err(Problem::new(Code::UniqueConflict, detail).other(other))
        }
    }
}

fn participle(action: Action) -> &'static str {
    match action {
        Action::Cancel => "cancelled",
        Action::Retry => "retried",
        Action::Delete => "deleted",
    }
}

async fn act_and_show(app: &App, id: &str, headers: &HeaderMap, body: Body, action: Action) -> Result<Shown, Problem> {
    body::none(app, headers, body).await?;
    let memory = app.answer_memory.take(LARGEST_JOB_BYTES)?;
    let id = act(app, id, action).await?;
    let job = app.backend.job(id).await?;
    job.map(|job| (Extension(memory), Json(job.into()))).ok_or_else(|| Problem::unknown_job(&id.to_string()))
}
