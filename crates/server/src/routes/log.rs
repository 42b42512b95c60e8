//! `GET /v1/jobs/{id}/log`: the log of an attempt, as plain text.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::lookup;
use crate::openapi::{Answer, Content, ID, Operation, Parameter, Takes, errors};
use crate::params::{Id, Params};
use crate::problem::{Code, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    claim: Option<String>,
}

/// The OpenAPI description of [`log`].
pub(crate) const LOG: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}/log",
    id: "log",
    summary: "The log of an attempt",
    public: false,
    parameters: &[
        ID,
        Parameter::query(
            "claim",
            "The claim number of the attempt, from `failures`. Defaults to the newest attempt that has a log.",
            |_| json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
        ),
    ],
    takes: Takes::None,
    answers: &[Answer {
        status: 200,
        description: "The end of the log, at most 64 KiB. Empty if there is no log.",
        content: Content::Text("text/plain"),
        headers: &[],
    }],
    errors: &[errors::STORE, errors::UNKNOWN],
};

/// Answers the log of the given claim, or of the newest attempt that has one. The answer is empty if there is no log.
pub(crate) async fn log(State(app): State<App>, Id(id): Id, Params(query): Params<Query>) -> Result<Response, Problem> {
    let number = |text: &str| {
        let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| Problem::field(Code::InvalidQuery, "claim", "is not a claim number"))
    };
    let claim = query.claim.as_deref().map(number).transpose()?;
    let job = lookup::job(&app.backend, &id).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    let text = app.backend.log(job.id, claim).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
