//! `GET /v1/jobs/{id}`: all data of a job, immediately or when it is finished.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use longshore_core::Snapshot;
use longshore_wire as wire;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::lookup;
use crate::openapi::{Answer, ID, Operation, Parameter, Place, Takes, errors, of};
use crate::params::{Id, Params};
use crate::peer::Client;
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
    description: "Waits until the job is finished, but at most this long: `500ms`, `30s`, up to one minute.",
    schema: |_| json!({ "type": "string", "pattern": "^([1-5]?[0-9]s|[1-9]?[0-9]{1,3}ms)$" }),
    example: "1s",
};

/// The OpenAPI description of [`get`].
pub(crate) const GET: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}",
    id: "get",
    summary: "All data of a job",
    public: false,
    parameters: &[ID, WAIT],
    takes: Takes::None,
    answers: &[Answer::json(200, "The job.", of::<wire::Job>)],
    errors: &[errors::STORE, errors::UNKNOWN, &[Code::TooManyWaits]],
};

/// Answers the job. With `wait` it answers when the job is finished or the time is over, whichever comes first.
pub(crate) async fn get(
    State(app): State<App>,
    client: Client,
    Id(id): Id,
    Params(query): Params<Query>,
) -> Result<Json<wire::Job>, Problem> {
    let wait = query.wait.as_deref().map_or(Ok(Duration::ZERO), wire::duration::parse_wait);
    let wait = wait.map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    let mut job = lookup::job(&app.backend, &id).await?;
    if let Some(waiting) = job.take_if(|job| !wait.is_zero() && !job.state.is_final()) {
        job = until_final(&app, &client, &waiting, wait).await?;
    }
    job.map(|job| Json(job.into())).ok_or_else(|| Problem::unknown_job(&id))
}

/// Waits until the job is finished, the time is over, the client closes its side of the connection, or the server shuts
/// down. Returns the job as it is then.
async fn until_final(app: &App, client: &Client, job: &Snapshot, wait: Duration) -> Result<Option<Snapshot>, Problem> {
    let _permit = app.waits.try_acquire().map_err(|_| {
        let detail = format!("the maximum of {} requests is waiting", app.config.waits);
        Problem::new(Code::TooManyWaits, detail).retry_after_about(1)
    })?;
    let mut watch = app.backend.watch(job.id);
    let finished = async {
        // A watch may begin with a status that another watch read earlier, so compare versions.
        while let Some(status) = watch.next().await {
            if status.version >= job.version && status.state.is_final() {
                break;
            }
        }
    };
    tokio::select! {
        () = finished => {}
        () = tokio::time::sleep(wait) => {}
        () = client.gone() => {}
        () = app.draining.cancelled() => {}
    }
    Ok(app.backend.job(job.id).await?)
}
