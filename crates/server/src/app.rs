//! What all routes share, and the router that knows them all.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use longshore_core::Backend;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::problem::{Code, Problem};
use crate::{Config, demo, finish, guard, routes};

/// What all routes share; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) backend: Backend,
    pub(crate) config: Arc<Config>,
    /// Cancelled when the server is about to end.
    pub(crate) draining: CancellationToken,
    /// One permit for each event stream that may be opened.
    pub(crate) streams: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(backend: Backend, config: Config) -> Self {
        let streams = Arc::new(Semaphore::new(config.streams));
        App { backend, config: Arc::new(config), draining: CancellationToken::new(), streams }
    }
}

/// Returns all routes behind the guard.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new()
        .route("/v1/jobs", get(routes::list).post(routes::push))
        .route("/v1/jobs/{id}", get(routes::get).delete(routes::delete))
        .route("/v1/jobs/{id}/events", get(routes::events))
        .route("/v1/jobs/{id}/result", get(routes::result))
        .route("/v1/jobs/{id}/cancel", post(routes::cancel))
        .route("/v1/jobs/{id}/retry", post(routes::retry))
        .route("/v1/queues", get(routes::queues))
        .route("/healthz", get(routes::healthz))
        .route("/readyz", get(routes::readyz));
    if app.config.demo {
        router = router.merge(demo::routes());
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .layer(from_fn(finish::finish))
        .with_state(app)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(Code::NotFound, format!("there is nothing at {:?}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{method} is not allowed at {:?}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use longshore_core::{Memory, artifact::InMemory};
    use tower::ServiceExt;

    async fn status(app: &App, path: &str) -> StatusCode {
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        router(app.clone()).oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_server_about_to_end_lives_but_is_not_ready_and_opens_no_stream() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let app = App::new(backend, Config::default());
        assert_eq!(status(&app, "/readyz").await, StatusCode::OK);

        app.draining.cancel();

        assert_eq!(status(&app, "/healthz").await, StatusCode::OK);
        assert_eq!(status(&app, "/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(&app, "/v1/jobs/x/events").await, StatusCode::SERVICE_UNAVAILABLE);
    }
}
