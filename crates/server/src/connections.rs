//! The accept loop: a limited number of connections, with time-outs, that are all shut down together.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{self, App};
use crate::caller::Caller;
use crate::problem::{Code, Problem};
use crate::write_timeout::WriteTimeout;

/// The maximum size of a request's head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// The maximum number of headers of a request.
const HEADERS: usize = 100;
/// The pause after accepting a connection failed, for example because all file descriptors are in use.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// The maximum number of excess connections that receive an answer at the same time. Others are closed without one.
const REFUSALS: usize = 64;
/// How long sending that answer may take.
const REFUSAL: Duration = Duration::from_secs(1);

/// All connections of a server.
pub(crate) struct Connections {
    router: Router,
    http: http1::Builder,
    stall_timeout: Duration,
    grace: Duration,
    free: Arc<Semaphore>,
    /// The answer to a connection above the limit.
    refusal: Arc<[u8]>,
    refusals: Arc<Semaphore>,
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
        http.timer(TokioTimer::new())
            .header_read_timeout(config.head_timeout)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS);
        Connections {
            draining: app.draining.clone(),
            router: app::router(app),
            http,
            stall_timeout: config.stall_timeout,
            grace: config.grace,
            free: Arc::new(Semaphore::new(config.connections)),
            refusal: refusal(config.connections).into(),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            tasks: TaskTracker::new(),
            abort: CancellationToken::new(),
        }
    }

    /// Accepts connections until `shutdown` is ready.
    pub(crate) async fn accept(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, from)) => self.serve(stream, Caller::of(from.ip())),
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed; retrying");
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
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else { return self.refuse(stream) };
        let _ = stream.set_nodelay(true); // without it events are delayed; an error here is harmless
        let io = TokioIo::new(WriteTimeout::new(stream, self.stall_timeout));
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(caller);
            router.call(request)
        });
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
            if let Some(Err(error)) = abort.run_until_cancelled(serve).await {
                tracing::debug!(%error, "connection failed");
            }
            drop(permit);
        });
    }

    fn refuse(&self, mut stream: TcpStream) {
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else { return };
        let refusal = Arc::clone(&self.refusal);
        let refuse = tokio::time::timeout(REFUSAL, async move {
            stream.write_all(&refusal).await?;
            stream.shutdown().await?;
            // Closing with unread bytes would reset the connection, and the answer could be lost.
            let mut unread = [0; 1024];
            while stream.read(&mut unread).await? > 0 {}
            std::io::Result::Ok(())
        });
        let abort = self.abort.clone();
        self.tasks.spawn(async move {
            abort.run_until_cancelled(refuse).await;
            drop(permit);
        });
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.draining.cancel();
        self.abort.cancel();
    }
}

/// Returns the answer to a connection above the limit, as raw HTTP.
fn refusal(connections: usize) -> Vec<u8> {
    let detail = format!("the maximum of {connections} connections is open");
    let body = Problem::new(Code::TooManyConnections, detail).to_json();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         retry-after: 2\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}
