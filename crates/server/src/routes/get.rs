//! `GET /v1/jobs/{id}`: everything about a job, now or once it is finished.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use longshore_core::Snapshot;
use longshore_wire as wire;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::lookup;
use crate::openapi::{Answer, ID, Operation, Parameter, Place, Takes, fails, of};
use crate::params::{Id, Params};
use crate::problem::{Code, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    wait: Option<String>,
}

const WAIT: Parameter = Parameter {
    name: "wait",
    place: Place::Query,
    required: false,
    says: "Answers when the job is finished, or this time is over: `500ms`, `30s`, at most a minute.",
    schema: |_| json!({ "type": "string", "pattern": "^([1-5]?[0-9]s|[1-9]?[0-9]{1,3}ms)$" }),
    example: "1s",
};

/// What the API's document says of [`get`].
pub(crate) const GET: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}",
    id: "get",
    summary: "Everything about a job",
    open: false,
    parameters: &[ID, WAIT],
    takes: Takes::None,
    answers: &[Answer::json(200, "The job.", of::<wire::Job>)],
    fails: &[fails::STORE, fails::UNKNOWN, &[Code::TooManyWaits]],
};

/// Answers the job; with `wait`, when it is finished or the time is over, whichever comes first.
pub(crate) async fn get(
    State(app): State<App>,
    Id(id): Id,
    Params(query): Params<Query>,
) -> Result<Json<wire::Job>, Problem> {
    let wait = query.wait.as_deref().map_or(Ok(Duration::ZERO), wire::duration::parse_wait);
    let wait = wait.map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    let mut job = lookup::job(&app.backend, &id).await?;
    if let Some(waiting) = job.take_if(|job| !wait.is_zero() && !job.state.is_final()) {
        job = until_final(&app, &waiting, wait).await?;
    }
    job.map(|job| Json(job.into())).ok_or_else(|| Problem::unknown_job(&id))
}

/// Waits until the job is finished, the time is over, or the server is about to end; returns the job as it is then.
async fn until_final(app: &App, job: &Snapshot, wait: Duration) -> Result<Option<Snapshot>, Problem> {
    let _permit = app.waits.try_acquire().map_err(|_| {
        let detail = format!("{} requests wait, as many as allowed", app.config.waits);
        Problem::new(Code::TooManyWaits, detail).retry_after_about(1)
    })?;
    let mut watch = app.backend.watch(job.id);
    let finished = async {
        // A watch may begin with what another one saw earlier; versions tell.
        while let Some(status) = watch.next().await {
            if status.version >= job.version && status.state.is_final() {
                break;
            }
        }
    };
    tokio::select! {
        () = finished => {}
        () = tokio::time::sleep(wait) => {}
        () = app.draining.cancelled() => {}
    }
    Ok(app.backend.job(job.id).await?)
}
