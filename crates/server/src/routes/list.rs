//! `GET /v1/jobs`: what there is.

use axum::Json;
use axum::extract::State;
use longshore_wire as wire;

use crate::app::App;
use crate::params::Params;
use crate::problem::{Code, Problem};

/// Answers a page of jobs, the newest first.
pub(crate) async fn list(
    State(app): State<App>,
    Params(query): Params<wire::JobsQuery>,
) -> Result<Json<wire::Jobs>, Problem> {
    let (filter, page) = query.parse().map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    Ok(Json(app.backend.list(filter, page).await?.into()))
}
