//! `GET /v1/jobs/{id}/log`: what the newest attempt had to say, as plain text.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::lookup;
use crate::params::Id;
use crate::problem::Problem;

/// Answers the log; nothing where there is none.
pub(crate) async fn log(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let job = lookup::job(&app.backend, &id).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    let text = app.backend.log(job.id).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
