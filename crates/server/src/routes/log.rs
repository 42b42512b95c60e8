//! `GET /v1/jobs/{id}/log`: what an attempt had to say, as plain text.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::lookup;
use crate::openapi::{Answer, Content, ID, Operation, Parameter, Takes, fails};
use crate::params::{Id, Params};
use crate::problem::{Code, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    claim: Option<String>,
}

/// What the API's document says of [`log`].
pub(crate) const LOG: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}/log",
    id: "log",
    summary: "What an attempt had to say, for people",
    open: false,
    parameters: &[
        ID,
        Parameter::query(
            "claim",
            "The attempt's claim, as a failure names it. Defaults to the newest that has a log.",
            |_| json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
        ),
    ],
    takes: Takes::None,
    answers: &[Answer {
        status: 200,
        says: "The end of the log, at most 64 KiB; empty where there is none.",
        content: Content::Text("text/plain"),
        headers: &[],
    }],
    fails: &[fails::STORE, fails::UNKNOWN],
};

/// Answers the log of the newest attempt that has one, or of the claim that is named; nothing where there is none.
pub(crate) async fn log(State(app): State<App>, Id(id): Id, Params(query): Params<Query>) -> Result<Response, Problem> {
    let number = |text: &str| {
        let number = text.parse::<i64>().ok().and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| Problem::field(Code::InvalidQuery, "claim", "is no number of a claim"))
    };
    let claim = query.claim.as_deref().map(number).transpose()?;
    let job = lookup::job(&app.backend, &id).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    let text = app.backend.log(job.id, claim).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
