//! The shared state of all routes, and the router.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Request, StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use longshore_core::Backend;
use longshore_wire as wire;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::answer_memory::{self, AnswerMemory};
use crate::guard::WrongTokens;
use crate::intake::Intake;
use crate::problem::{Code, Problem};
use crate::shares::Shares;
use crate::{Config, body, cors, demo, finish, guard, message, openapi, routes};

/// The shared state of all routes. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) backend: Backend,
    pub(crate) config: Arc<Config>,
    /// Cancelled when the server begins to shut down.
    pub(crate) draining: CancellationToken,
    /// The open event streams.
    pub(crate) streams: Arc<Shares>,
    /// One permit for each request that waits for a job.
    pub(crate) waits: Arc<Semaphore>,
    /// The large results that are being sent.
    pub(crate) results: Arc<Shares>,
    /// One permit for each request that reads a page of jobs from the store.
    pub(crate) page_reads: Arc<Semaphore>,
    /// Memory for answers that were not sent yet.
    pub(crate) answer_memory: AnswerMemory,
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
            streams: Shares::new(config.streams, config.streams_per_caller),
            waits: Arc::new(Semaphore::new(config.waits)),
            results: Shares::new(config.results, config.results_per_caller),
            page_reads: Arc::new(Semaphore::new(routes::PAGE_READS)),
            answer_memory: AnswerMemory::new(config.answers_bytes),
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

/// Returns the router: all routes behind the guard. The layer that is added last sees a request first.
pub(crate) fn router(app: App) -> Router {
    let routes = table(&app.config).into_iter();
    routes
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(message::check))
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .layer(from_fn_with_state(app.clone(), answer_memory::bound))
        .layer(from_fn_with_state(app.clone(), cors::cors))
        .layer(from_fn(finish::finish))
        .with_state(app)
}

/// Changes how the path of a request is written if it leads to the job with the alias `batch`, so that the router does
/// not take it for a request to push a batch.
pub(crate) fn separate_alias<B>(request: &mut Request<B>) {
    let is_ambiguous = request.uri().path() == "/v1/jobs/batch";
    if is_ambiguous && matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE) {
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("/v1/jobs/%62atch{query}").parse().ok();
        *request.uri_mut() = Uri::from_parts(parts).expect("only the path was changed");
    }
}

/// Answers unknown paths, and `OPTIONS *`, which asks about the server as a whole.
async fn not_found(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS && uri.path() == "*" {
        return (StatusCode::NO_CONTENT, [(header::ALLOW, "GET,HEAD,POST,DELETE,OPTIONS")]).into_response();
    }
    Problem::new(Code::NotFound, format!("{:?} was not found", wire::shown(uri.path()))).into_response()
}

/// Answers other methods of a route. The router adds `Allow`, with the methods that the route has.
async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = format!("{} is not allowed at {:?}", wire::shown(method.as_str()), wire::shown(uri.path()));
    Problem::new(Code::MethodNotAllowed, detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
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
