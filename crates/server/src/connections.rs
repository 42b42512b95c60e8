//! The accept loop: as many connections as allowed, each with its time-outs, all ended together.

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
use crate::stall::Stall;

/// Most bytes of a request's head.
const HEAD_BYTES: usize = 16 * 1024;
/// Most headers of a request.
const HEADERS: usize = 100;
/// The pause after the system could give no connection, for example because all file descriptors are in use.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// Most connections that are told at the same time that there are too many; others are just closed.
const REFUSALS: usize = 64;
/// How long such a connection may take to hear it.
const REFUSAL: Duration = Duration::from_secs(1);

/// All connections of a server.
pub(crate) struct Connections {
    router: Router,
    http: http1::Builder,
    stall_timeout: Duration,
    grace: Duration,
    free: Arc<Semaphore>,
    /// What one connection too many is told.
    refusal: Arc<[u8]>,
    refusals: Arc<Semaphore>,
    tasks: TaskTracker,
    /// Ends streams and waits, and lets each connection finish its request.
    draining: CancellationToken,
    /// Ends all tasks, at the latest when this is dropped.
    cut: CancellationToken,
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
            cut: CancellationToken::new(),
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
                Ok((stream, from)) => self.welcome(stream, Caller::of(from.ip())),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; will try again");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    /// Ends streams and waits at once, lets requests finish, and cuts off what takes too long.
    pub(crate) async fn end(&self) {
        self.draining.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(requests = self.tasks.len(), "cutting off requests that took too long to finish");
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }

    fn welcome(&self, stream: TcpStream, caller: Caller) {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else { return self.refuse(stream) };
        let _ = stream.set_nodelay(true); // without it events wait for acknowledgements; no reason to refuse anybody
        let io = TokioIo::new(Stall::new(stream, self.stall_timeout));
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(caller);
            router.call(request)
        });
        let connection = self.http.serve_connection(io, service);
        let (draining, cut) = (self.draining.clone(), self.cut.clone());
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
            if let Some(Err(error)) = cut.run_until_cancelled(serve).await {
                tracing::debug!(%error, "a connection ended badly");
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
            // Closing with unread bytes would reset the connection, and the answer be lost on its way.
            let mut unread = [0; 1024];
            while stream.read(&mut unread).await? > 0 {}
            std::io::Result::Ok(())
        });
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            cut.run_until_cancelled(refuse).await;
            drop(permit);
        });
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.draining.cancel();
        self.cut.cancel();
    }
}

/// Writes an answer for connections that no router sees.
fn refusal(connections: usize) -> Vec<u8> {
    let detail = format!("{connections} connections are open, as many as allowed");
    let body = Problem::new(Code::TooManyConnections, detail).to_json();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         retry-after: 2\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}
