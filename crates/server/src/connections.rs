//! The accept loop: a limited number of connections, with time-outs, that are all shut down together.

use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::app::{self, App};
use crate::caller::Caller;
use crate::excess::Excess;
use crate::exchange::{AnswerBody, RequestBody};
use crate::peer::{Patience, Peer};
use crate::slots::Slots;
use crate::socket::Socket;

/// The maximum size of a request's head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// The maximum number of headers of a request.
const HEADERS: usize = 100;
/// The pause after accepting a connection failed, for example because all file descriptors are in use.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// How often the log says that accepting connections fails.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// A request body of at most this size that was not read is read by hyper, and the connection stays open.
const SMALL_REST: u64 = 16 * 1024;

/// All connections of a server.
pub(crate) struct Connections {
    router: Router,
    http: http1::Builder,
    patience: Patience,
    stall_timeout: Duration,
    grace: Duration,
    slots: Arc<Slots>,
    /// Connections above the limit.
    excess: Arc<Excess>,
    tasks: TaskTracker,
    /// Ends streams and waiting requests, and lets each connection finish its request.
    draining: CancellationToken,
    /// Aborts all tasks, at the latest when this is dropped.
    abort: CancellationToken,
}

impl Connections {
    pub(crate) fn new(app: App) -> Self {
        let config = Arc::clone(&app.config);
        let mut http = http1::Builder::new();
        // The socket has its own time-outs for heads, and notices itself when a waiting client goes away.
        http.header_read_timeout(None::<Duration>).half_close(true).max_buf_size(HEAD_BYTES).max_headers(HEADERS);
        let draining = app.draining.clone();
        let router = app::router(app);
        Connections {
            draining,
            excess: Arc::new(Excess::new(router.clone(), config.connections)),
            router,
            http,
            patience: Patience { head: config.head_timeout, idle: config.idle_timeout },
            stall_timeout: config.stall_timeout,
            grace: config.grace,
            slots: Slots::new(config.connections, config.connections_per_caller),
            tasks: TaskTracker::new(),
            abort: CancellationToken::new(),
        }
    }

    /// Accepts connections until `shutdown` is ready.
    pub(crate) async fn accept(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut failures = Failures::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, from)) => self.serve(stream, Caller::of(from.ip())),
                Err(error) => {
                    failures.note(&error);
                    if is_out_of_descriptors(&error) {
                        self.slots.end_idlest();
                        self.refuse_with(&listener, &mut failures.spare).await;
                    }
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Ends streams and waiting requests immediately, lets other requests finish, and aborts those that take too long.
    pub(crate) async fn end(&self) {
        self.draining.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(requests = self.tasks.len(), "aborting requests that did not finish in time");
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }

    fn serve(&self, stream: TcpStream, caller: Caller) {
        let _ = stream.set_nodelay(true); // without it events are delayed; an error here is harmless
        let (reader, writer) = stream.into_split();
        let peer = Peer::new(reader);
        let Some(slot) = self.slots.take(caller, &peer) else {
            if let Some(stream) = Arc::into_inner(peer).and_then(|peer| peer.into_stream(writer)) {
                self.refuse(stream);
            }
            return;
        };
        let io = TokioIo::new(Socket::new(writer, Arc::clone(&peer), self.patience, self.stall_timeout));
        let router = self.router.clone();
        let service = service_fn(move |request| answer(router.clone(), request, caller, Arc::clone(&peer)));
        let connection = self.http.serve_connection(io, service);
        let (draining, abort) = (self.draining.clone(), self.abort.clone());
        self.tasks.spawn(async move {
            let serve = async {
                let mut connection = pin!(connection);
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = draining.cancelled() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            };
            let serve = slot.end.run_until_cancelled(serve);
            if let Some(Some(Err(error))) = abort.run_until_cancelled(serve).await {
                tracing::debug!(%error, "connection failed");
            }
        });
    }

    /// Refuses one connection with the spare descriptor. Its client would otherwise wait without an answer.
    async fn refuse_with(&self, listener: &TcpListener, spare: &mut Option<File>) {
        if spare.take().is_some()
            && let Ok(Ok((stream, _))) = tokio::time::timeout(ACCEPT_AGAIN, listener.accept()).await
        {
            let _ = tokio::time::timeout(ACCEPT_AGAIN, stream.writable()).await;
            let _ = stream.try_write(&self.excess.refusal());
        }
        *spare = spare_descriptor();
    }

    fn refuse(&self, stream: TcpStream) {
        let (excess, end, abort) = (Arc::clone(&self.excess), self.excess.open(), self.abort.clone());
        self.tasks.spawn(async move {
            let answer = end.run_until_cancelled(excess.answer(stream));
            abort.run_until_cancelled(answer).await;
            end.cancel();
        });
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.draining.cancel();
        self.abort.cancel();
    }
}

/// Answers one request, and keeps the connection informed about it.
async fn answer(
    mut router: Router,
    mut request: Request<Incoming>,
    caller: Caller,
    peer: Arc<Peer>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let size = hyper::body::Body::size_hint(request.body());
    peer.note_request(size.exact() != Some(0));
    app::separate_alias(&mut request);
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(Arc::clone(&peer));
    let request = request.map(|body| RequestBody::new(body, Arc::clone(&peer)));
    let mut response = router.call(request).await.into_response();
    if peer.has_unread() && size.exact().is_none_or(|size| size > SMALL_REST) {
        // Otherwise the client could send its next request on a connection that is about to be closed.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Body::new(AnswerBody::new(body, peer))))
}

/// The failures to accept connections.
struct Failures {
    said: Option<Instant>,
    unsaid: u64,
    /// A descriptor that can be given up to accept one more connection when there are no others.
    spare: Option<File>,
}

impl Failures {
    fn new() -> Self {
        Failures { said: None, unsaid: 0, spare: spare_descriptor() }
    }

    fn note(&mut self, error: &io::Error) {
        self.unsaid += 1;
        if self.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            let hint = match is_out_of_descriptors(error) {
                true => "; raise the limit of open files, or lower `http.connections`",
                false => "",
            };
            tracing::warn!(failures = self.unsaid, "accepting a connection failed: {error}{hint}");
            (self.said, self.unsaid) = (Some(Instant::now()), 0);
        }
    }
}

fn spare_descriptor() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Returns whether the process, or the machine, has no more file descriptors.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errors = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    errors.iter().any(|out| error.raw_os_error() == Some(out.raw_os_error()))
}
