//! `GET /v1/workers`: who is alive, and what each does.

use axum::Json;
use axum::extract::State;
use longshore_wire as wire;

use crate::app::App;
use crate::params::Params;
use crate::problem::{Code, Problem};

/// Answers a page of the workers that were seen in the last hour.
pub(crate) async fn workers(
    State(app): State<App>,
    Params(query): Params<wire::WorkersQuery>,
) -> Result<Json<wire::Workers>, Problem> {
    let (after, limit) = query.parse().map_err(|wrong| Problem::wrong(Code::InvalidQuery, &wrong))?;
    let workers = app.backend.workers(after, limit).await?;
    Ok(Json(wire::Workers::of(workers, limit, app.backend.now().await?)))
}
