//! `GET /v1/jobs`: a page of jobs.

use axum::Json;
use axum::extract::State;
use longshore_wire as wire;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::app::App;
use crate::openapi::{Answer, Operation, Parameter, Takes, errors, name_schema, of};
use crate::params::Params;
use crate::problem::{Code, Problem};

/// The OpenAPI description of [`list`].
pub(crate) const LIST: Operation = Operation {
    method: "get",
    path: "/v1/jobs",
    id: "list",
    summary: "A page of jobs, newest first",
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
    Ok(Json(app.backend.list(filter, page).await?.into()))
}

/// Returns the schema of a tag or a key.
fn label(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "string", "pattern": wire::schema::LABEL, "minLength": 1, "maxLength": longshore_core::limits::LABEL_BYTES })
}
