//! `GET /v1/workers`: who is alive, and what each does.

use axum::Json;
use axum::extract::State;
use longshore_wire as wire;
use serde_json::json;

use crate::app::App;
use crate::openapi::{Answer, Operation, Parameter, Takes, fails, of};
use crate::params::Params;
use crate::problem::{Code, Problem};

/// What the API's document says of [`workers`].
pub(crate) const WORKERS: Operation = Operation {
    method: "get",
    path: "/v1/workers",
    id: "workers",
    summary: "A page of the workers that were seen in the last hour",
    open: false,
    parameters: &[
        Parameter::query(
            "after",
            "Goes on here: the `next` of the page before.",
            |_| json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
        ),
        Parameter::query(
            "limit",
            "Most workers on the page. Defaults to 50.",
            |_| json!({ "type": "integer", "minimum": 1, "maximum": 200 }),
        ),
    ],
    takes: Takes::None,
    answers: &[Answer::json(200, "The page.", of::<wire::Workers>)],
    fails: &[fails::STORE, fails::QUERY],
};

/// Answers a page of the workers that were seen in the last hour.
pub(crate) async fn workers(
    State(app): State<App>,
    Params(query): Params<wire::WorkersQuery>,
) -> Result<Json<wire::Workers>, Problem> {
    let (after, limit) = query.parse().map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    let workers = app.backend.workers(after, limit).await?;
    Ok(Json(wire::Workers::of(workers, limit, app.backend.now().await?)))
}
