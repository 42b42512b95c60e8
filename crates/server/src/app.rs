//! The shared state of all routes, and the router.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use longshore_core::Backend;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::guard::WrongTokens;
use crate::intake::Intake;
use crate::problem::{Code, Problem};
use crate::streams::Streams;
use crate::{Config, body, demo, finish, guard, openapi, routes};

/// The shared state of all routes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) backend: Backend,
    pub(crate) config: Arc<Config>,
    /// Cancelled when the server begins to shut down.
    pub(crate) draining: CancellationToken,
    /// The open event streams.
    pub(crate) streams: Arc<Streams>,
    /// One permit for each request that waits for a job.
    pub(crate) waits: Arc<Semaphore>,
    /// One permit for each large result that is being sent.
    pub(crate) results: Arc<Semaphore>,
    /// Accepts jobs, within limits.
    pub(crate) intake: Arc<Intake>,
    /// Memory for large bodies; see `body`.
    pub(crate) body_memory: Arc<Semaphore>,
    /// Wrong tokens, counted by address.
    pub(crate) wrong_tokens: Arc<WrongTokens>,
    /// The OpenAPI document at `/openapi.json`.
    pub(crate) document: Bytes,
}

impl App {
    pub(crate) fn new(backend: Backend, config: Config) -> Self {
        App {
            backend,
            draining: CancellationToken::new(),
            streams: Arc::new(Streams::new(&config)),
            waits: Arc::new(Semaphore::new(config.waits)),
            results: Arc::new(Semaphore::new(config.results)),
            intake: Arc::new(Intake::new(&config)),
            body_memory: Arc::new(body::memory(config.bodies_bytes)),
            wrong_tokens: Arc::new(WrongTokens::new(config.wrong_tokens)),
            document: openapi::document(&config).to_string().into(),
            config: Arc::new(config),
        }
    }
}

/// Returns all routes. The OpenAPI document describes each of them.
pub(crate) fn table(config: &Config) -> Vec<(&'static str, MethodRouter<App>)> {
    let mut table = vec![
        ("/v1/jobs", get(routes::list).post(routes::push)),
        ("/v1/jobs/batch", post(routes::batch)),
        ("/v1/jobs/{id}", get(routes::get).delete(routes::delete)),
        ("/v1/jobs/{id}/events", get(routes::events)),
        ("/v1/jobs/{id}/result", get(routes::result)),
        ("/v1/jobs/{id}/log", get(routes::log)),
        ("/v1/jobs/{id}/cancel", post(routes::cancel)),
        ("/v1/jobs/{id}/retry", post(routes::retry)),
        ("/v1/queues", get(routes::queues)),
        ("/v1/queues/{queue}/pause", post(routes::pause)),
        ("/v1/queues/{queue}/resume", post(routes::resume)),
        ("/v1/workers", get(routes::workers)),
        ("/healthz", get(routes::healthz)),
        ("/readyz", get(routes::readyz)),
        ("/openapi.json", get(openapi::get)),
    ];
    if config.demo {
        table.extend(demo::table());
    }
    table
}

/// Returns the router: all routes behind the guard.
pub(crate) fn router(app: App) -> Router {
    let routes = table(&app.config).into_iter();
    routes
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .layer(from_fn(finish::finish))
        .with_state(app)
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(Code::NotFound, format!("{:?} was not found", uri.path()))
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
