//! Connections above the limit: health checks are answered, all other requests are refused.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::http;
use crate::problem::{Code, Problem};

/// The maximum number of connections above the limit. A further one ends the oldest of them.
pub(crate) const EXCESS: usize = 64;
/// How long the client may take to send the head of its request.
const HEAD: Duration = Duration::from_secs(1);
/// How long the whole connection may take.
const WHOLE: Duration = Duration::from_secs(4);
/// The maximum size of the head.
const HEAD_BYTES: usize = 4 * 1024;

/// The connections above the limit.
pub(crate) struct Excess {
    router: Router,
    connections: usize,
    /// Ends them, the oldest first.
    open: Mutex<VecDeque<CancellationToken>>,
}

impl Excess {
    pub(crate) fn new(router: Router, connections: usize) -> Self {
        Excess { router, connections, open: Mutex::default() }
    }

    /// Returns the token that ends a new connection. If there are too many, the oldest one ends.
    pub(crate) fn open(&self) -> CancellationToken {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|end| !end.is_cancelled());
        if open.len() >= EXCESS
            && let Some(oldest) = open.pop_front()
        {
            oldest.cancel();
        }
        let end = CancellationToken::new();
        open.push_back(end.clone());
        end
    }

    /// Reads one request and answers it.
    pub(crate) async fn answer(&self, stream: TcpStream) {
        let _ = tokio::time::timeout(WHOLE, self.try_answer(stream)).await;
    }

    async fn try_answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let head = tokio::time::timeout(HEAD, read_head(&mut stream)).await;
        let head = head.unwrap_or_else(|_| Ok(Vec::new()))?;
        let answer = match health_check(&head) {
            Some((method, path)) => self.health(method, path).await,
            None => self.refusal(),
        };
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would reset the connection, and the answer could be lost.
        let mut unread = [0; 16 * 1024];
        while stream.read(&mut unread).await? > 0 {}
        Ok(())
    }

    async fn health(&self, method: Method, path: &'static str) -> Vec<u8> {
        let request = Request::builder().method(&method).uri(path).header(header::HOST, "localhost");
        let request = request.body(Body::empty()).expect("a method, a path and a host are a request");
        let (mut head, body) = self.router.clone().oneshot(request).await.into_response().into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        head.headers.insert(header::CONTENT_LENGTH, body.len().into());
        http::answer(head.status, &head.headers, if method == Method::HEAD { b"" } else { &body })
    }

    /// Returns the answer to all other requests.
    pub(crate) fn refusal(&self) -> Vec<u8> {
        let detail = format!("the maximum of {} connections, or the share of this caller, is open", self.connections);
        Problem::new(Code::TooManyConnections, detail).retry_after_about(2).to_http()
    }
}

/// Reads up to the end of the head, or as much as is allowed, or up to the end of the stream.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while head.len() < HEAD_BYTES && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// Returns method and path if the head belongs to a health check.
fn health_check(head: &[u8]) -> Option<(Method, &'static str)> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let method = match words.next()? {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        _ => return None,
    };
    let target = words.next()?;
    let path = ["/healthz", "/readyz"].into_iter().find(|path| *path == target)?;
    Some((method, path)).filter(|_| head.ends_with(b"\r\n\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_head_of_a_health_check_is_one() {
        assert_eq!(health_check(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n"), Some((Method::GET, "/readyz")));
        assert_eq!(health_check(b"HEAD /healthz HTTP/1.0\r\n\r\n"), Some((Method::HEAD, "/healthz")));
        for other in
            ["", "GET /healthz HTTP/1.1\r\n", "POST /healthz HTTP/1.1\r\n\r\n", "GET /v1/jobs HTTP/1.1\r\n\r\n"]
        {
            assert_eq!(health_check(other.as_bytes()), None, "{other:?}");
        }
    }
}
