//! `GET /v1/queues`, `POST /v1/queues/{queue}/pause` and `/resume`: queues in numbers, and whether their jobs are handed out.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use longshore_core::{Error, ErrorKind, QueueName};
use longshore_wire as wire;

use crate::app::App;
use crate::body;
use crate::params::{Id, Params};
use crate::problem::{Code, Problem};

/// Answers a page of queues with their counts, by name.
pub(crate) async fn queues(
    State(app): State<App>,
    Params(query): Params<wire::QueuesQuery>,
) -> Result<Json<wire::Queues>, Problem> {
    let (after, limit) = query.parse().map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    Ok(Json(wire::Queues::of(app.backend.queues(after, limit).await?, limit)))
}

/// Stops handing out jobs of a queue; answers the queue. What runs goes on. A queue may be paused before its first job.
pub(crate) async fn pause(
    State(app): State<App>,
    Id(queue): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::Queue>, Problem> {
    let pause = body::json_or_none::<wire::NewPause>(&app, &headers, body).await?;
    let queue = name(&queue)?;
    let pause = pause.into_new()?;
    let paused = app.backend.pause(queue.clone(), pause).await;
    known(&app, &queue, paused).await?;
    shown(&app, queue).await
}

/// Hands out jobs of a queue again, also where it is not paused; answers the queue.
pub(crate) async fn resume(
    State(app): State<App>,
    Id(queue): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::Queue>, Problem> {
    body::none(&app, &headers, body).await?;
    let queue = name(&queue)?;
    let resumed = app.backend.resume(queue.clone()).await;
    known(&app, &queue, resumed).await?;
    shown(&app, queue).await
}

/// Says of a change that was refused whether rules are in the way that this version does not know.
async fn known<T>(app: &App, queue: &QueueName, changed: Result<T, Error>) -> Result<(), Problem> {
    let Err(e) = changed else { return Ok(()) };
    if e.kind() == ErrorKind::Refused && app.backend.rules(queue.clone()).await?.has_unknown {
        return Err(Problem::new(Code::UnknownRule, e.to_string()));
    }
    Err(e.into())
}

fn name(text: &str) -> Result<QueueName, Problem> {
    text.parse().map_err(|e| Problem::field(Code::InvalidQuery, "queue", e))
}

/// Returns a queue as it is now; one that never had a job has only zeros.
async fn shown(app: &App, queue: QueueName) -> Result<Json<wire::Queue>, Problem> {
    let stats = app.backend.queue(queue.clone()).await?;
    Ok(Json(stats.map_or_else(|| wire::Queue::empty(queue.as_str()), wire::Queue::from)))
}
