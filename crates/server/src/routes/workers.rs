//! `GET /v1/workers`: the workers that reported recently.

use axum::Json;
use axum::extract::State;
use longshore_wire as wire;
use serde_json::json;

use crate::app::App;
use crate::openapi::{Answer, Operation, Parameter, Takes, errors, of};
use crate::params::Params;
use crate::problem::{Code, Problem};

/// The OpenAPI description of [`workers`].
pub(crate) const WORKERS: Operation = Operation {
    method: "get",
    path: "/v1/workers",
    id: "workers",
    summary: "A page of the workers that reported within the last hour",
    public: false,
    parameters: &[
        Parameter::query(
            "after",
            "The `next` of the previous page.",
            |_| json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
        ),
        Parameter::query(
            "limit",
            "The maximum number of workers on the page. Defaults to 50.",
            |_| json!({ "type": "integer", "minimum": 1, "maximum": 200 }),
        ),
    ],
    takes: Takes::None,
    answers: &[Answer::json(200, "The page.", of::<wire::Workers>)],
    errors: &[errors::STORE, errors::QUERY],
};

/// Answers a page of the workers that reported within the last hour.
pub(crate) async fn workers(
    State(app): State<App>,
    Params(query): Params<wire::WorkersQuery>,
) -> Result<Json<wire::Workers>, Problem> {
    let (after, limit) = query.parse().map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    let workers = app.backend.workers(after, limit).await?;
    Ok(Json(wire::Workers::of(workers, limit, app.backend.now().await?)))
}
