//! `GET /v1/jobs/{id}/log`: what an attempt had to say, as plain text.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::app::App;
use crate::lookup;
use crate::params::{Id, Params};
use crate::problem::{Code, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    claim: Option<String>,
}

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
