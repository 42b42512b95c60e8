//! `GET /healthz` and `GET /readyz`: whether the process is alive, and whether it is ready to serve requests. Neither
//! needs a token.

use axum::Json;
use axum::extract::State;
use longshore_core::{Backend, Error, JobId, Renewal, Token, limits, store::whole};
use longshore_wire::Health;

use crate::app::App;
use crate::openapi::{Answer, Operation, Takes, errors, of};
use crate::problem::{Code, Problem};

/// The OpenAPI description of [`healthz`].
pub(crate) const HEALTHZ: Operation = Operation {
    method: "get",
    path: "/healthz",
    id: "healthz",
    summary: "Whether the process is alive",
    public: true,
    parameters: &[],
    takes: Takes::None,
    answers: &[Answer::json(200, "It is alive.", of::<Health>)],
    errors: &[],
};

/// Answers as long as the process is alive, whatever the state of the store. So a supervisor that restarts the process
/// on failure does not restart it because of the store.
pub(crate) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".into() })
}

/// The OpenAPI description of [`readyz`].
pub(crate) const READYZ: Operation = Operation {
    method: "get",
    path: "/readyz",
    id: "readyz",
    summary: "Whether the store answers and accepts writes of this server",
    public: true,
    parameters: &[],
    takes: Takes::None,
    answers: &[Answer::json(200, "It does.", of::<Health>)],
    errors: &[errors::STORE, &[Code::Draining]],
};

/// Answers 200 if the store answers and accepts writes of this program, and the server is not shutting down.
pub(crate) async fn readyz(State(app): State<App>) -> Result<Json<Health>, Problem> {
    if app.draining.is_cancelled() {
        return Err(Problem::draining());
    }
    let asked = tokio::time::timeout(app.config.ready_timeout, ask(&app.backend)).await;
    asked.map_err(|_| {
        let detail = format!("the store did not answer within {:?}", app.config.ready_timeout);
        Problem::new(Code::Unavailable, detail).retry_after_about(5)
    })??;
    Ok(Json(Health { status: "ready".into() }))
}

/// Asks the store for a job that does not exist, and to renew its lease. The second call changes nothing, but the store
/// refuses it when it refuses all writes of this program, for example after a newer program has upgraded the store.
async fn ask(backend: &Backend) -> Result<(), Error> {
    let unknown = JobId::from_bytes([0; 16]);
    backend.status(vec![unknown]).await?;
    let renewal = Renewal::new(unknown, Token { number: 0, bits: 0 }, limits::LEASE);
    whole(backend.renew(vec![renewal]).await).map(|_| ())
}
