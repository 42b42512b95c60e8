//! `GET /v1/queues`, `POST /v1/queues/{queue}/pause` and `/resume`: the statistics of queues, and pausing them.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use longshore_core::{Error, ErrorKind, QueueName};
use longshore_wire as wire;
use serde_json::json;

use crate::app::App;
use crate::body;
use crate::openapi::{Answer, Operation, Parameter, Place, Takes, errors, name_schema, of};
use crate::params::{Id, Params};
use crate::problem::{Code, Problem};

const QUEUE: Parameter = Parameter {
    name: "queue",
    place: Place::Path,
    required: true,
    description: "The queue's name.",
    schema: name_schema,
    example: "default",
};

/// The OpenAPI description of [`queues`].
pub(crate) const QUEUES: Operation = Operation {
    method: "get",
    path: "/v1/queues",
    id: "queues",
    summary: "A page of queues with their statistics, sorted by name",
    public: false,
    parameters: &[
        Parameter::query("after", "The `next` of the previous page.", name_schema),
        Parameter::query(
            "limit",
            "The maximum number of queues on the page. Defaults to 50.",
            |_| json!({ "type": "integer", "minimum": 1, "maximum": 200 }),
        ),
    ],
    takes: Takes::None,
    answers: &[Answer::json(200, "The page.", of::<wire::Queues>)],
    errors: &[errors::STORE, errors::QUERY],
};

/// Answers a page of queues with their statistics, sorted by name.
pub(crate) async fn queues(
    State(app): State<App>,
    Params(query): Params<wire::QueuesQuery>,
) -> Result<Json<wire::Queues>, Problem> {
    let (after, limit) = query.parse().map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    Ok(Json(wire::Queues::of(app.backend.queues(after, limit).await?, limit)))
}

/// The OpenAPI description of [`pause`].
pub(crate) const PAUSE: Operation = Operation {
    method: "post",
    path: "/v1/queues/{queue}/pause",
    id: "pause",
    summary: "Pause a queue: no job starts, running jobs continue",
    public: false,
    parameters: &[QUEUE],
    takes: Takes::JsonOrNone(of::<wire::NewPause>),
    answers: &[Answer::json(200, "The queue.", of::<wire::Queue>)],
    errors: &[errors::STORE, errors::BODY, errors::QUERY, &[Code::UnknownRule]],
};

/// Pauses a queue and answers it. Running jobs continue. A queue may be paused before its first job.
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

/// The OpenAPI description of [`resume`].
pub(crate) const RESUME: Operation = Operation {
    method: "post",
    path: "/v1/queues/{queue}/resume",
    id: "resume",
    summary: "Resume a paused queue",
    public: false,
    parameters: &[QUEUE],
    takes: Takes::NOTHING,
    answers: &[Answer::json(200, "The queue.", of::<wire::Queue>)],
    errors: &[errors::STORE, errors::BODY, errors::QUERY, &[Code::UnknownRule]],
};

/// Resumes a queue and answers it. It is not an error if the queue is not paused.
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

/// Converts the error of a refused change. It checks whether the queue has rules that this version does not know.
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

/// Returns the queue as it is now. A queue that never had a job has only zeros.
async fn shown(app: &App, queue: QueueName) -> Result<Json<wire::Queue>, Problem> {
    let stats = app.backend.queue(queue.clone()).await?;
    Ok(Json(stats.map_or_else(|| wire::Queue::empty(queue.as_str()), wire::Queue::from)))
}
