//! `GET /healthz` and `GET /readyz`: whether the process lives, and whether it is of any use. Both need no token.

use axum::Json;
use axum::extract::State;
use longshore_core::JobId;
use longshore_wire::Health;

use crate::app::App;
use crate::openapi::{Answer, Operation, Takes, fails, of};
use crate::problem::{Code, Problem};

/// What the API's document says of [`healthz`].
pub(crate) const HEALTHZ: Operation = Operation {
    method: "get",
    path: "/healthz",
    id: "healthz",
    summary: "Whether the process lives",
    open: true,
    parameters: &[],
    takes: Takes::None,
    answers: &[Answer::json(200, "It does.", of::<Health>)],
    fails: &[],
};

/// Answers as long as the process lives, whatever becomes of the store: who restarts on this restarts nothing in vain.
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".into() })
}

/// What the API's document says of [`readyz`].
pub(crate) const READYZ: Operation = Operation {
    method: "get",
    path: "/readyz",
    id: "readyz",
    summary: "Whether the store answers",
    open: true,
    parameters: &[],
    takes: Takes::None,
    answers: &[Answer::json(200, "It does.", of::<Health>)],
    fails: &[fails::STORE, &[Code::Draining]],
};

/// Answers 200 while the store answers and the server is not about to end, else 503.
pub(crate) async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    if app.draining.is_cancelled() {
        return Err(Problem::draining());
    }
    let nobody = JobId::from_bytes([0; 16]);
    let asked = tokio::time::timeout(app.config.ready_timeout, app.backend.status(vec![nobody])).await;
    asked.map_err(|_| {
        let detail = format!("the store has not answered within {:?}", app.config.ready_timeout);
        Problem::new(Code::Unavailable, detail).retry_after(5)
    })??;
    Ok(Json(Health { status: "ready".into() }))
}
