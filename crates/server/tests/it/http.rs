//! A small HTTP client that can send anything: requests, event streams, and raw bytes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderMap, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The time limit of every wait, so that a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for a future within the time limit.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it must happen within the time limit")
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.text()))
    }

    /// Returns a header that appears at most once; empty if it is missing.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "two headers `{name}`");
        value
    }

    /// Checks that the client is told to come back within this many seconds.
    #[track_caller]
    pub fn comes_back(&self, within: std::ops::RangeInclusive<u32>) {
        let seconds = self.header("retry-after").parse().unwrap();
        assert!(within.contains(&seconds), "{seconds} s");
    }

    /// Checks that this is a problem (RFC 9457) with this status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:longshore:error:{code}"));
        assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}

/// Opens a connection, sends a request and returns its answer as soon as the head has arrived.
pub async fn open(addr: SocketAddr, mut request: Request<Full<Bytes>>) -> Response<Incoming> {
    if !request.headers().contains_key("host") {
        let host = addr.to_string().parse().unwrap();
        request.headers_mut().insert("host", host);
    }
    soon(async {
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    })
    .await
}

/// Sends a request and returns the whole answer.
pub async fn send(addr: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let (head, body) = open(addr, request).await.into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: String,
    pub data: Value,
}

/// An event stream, read as a browser would.
pub struct Events {
    pub head: axum::http::response::Parts,
    body: Incoming,
    unread: String,
    pub comments: usize,
}

impl Events {
    pub fn of(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        assert_eq!(head.status, 200);
        Events { head, body, unread: String::new(), comments: 0 }
    }

    /// Returns the next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        while let Some(block) = self.block().await {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            match field("data:") {
                Some(data) => {
                    let data = serde_json::from_str(data).unwrap();
                    let text = |name| field(name).unwrap_or_default().to_owned();
                    return Some(Event { name: text("event:"), id: text("id:"), data });
                }
                None => self.comments += 1,
            }
        }
        None
    }

    /// Reads until a comment has come.
    pub async fn comment(&mut self) {
        while !self.block().await.expect("the stream goes on").starts_with(':') {}
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let block = block.to_owned();
                self.unread = rest.to_owned();
                return Some(block);
            }
            let frame = soon(self.body.frame()).await?.ok()?;
            self.unread.push_str(std::str::from_utf8(frame.data_ref()?).unwrap());
        }
    }
}

/// A connection that can send any bytes.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn connect(addr: SocketAddr) -> Self {
        Raw(TcpStream::connect(addr).await.unwrap())
    }

    /// Connects with a small buffer, so that the server cannot send much before the client reads.
    pub async fn connect_with_small_buffer(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Raw(socket.connect(addr).await.unwrap())
    }

    /// Connects from another address of this machine.
    pub async fn connect_from(ip: &str, addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
        Raw(socket.connect(addr).await.unwrap())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads until this text arrives, and returns everything up to and including it.
    pub async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let byte = soon(self.0.read_u8()).await;
            read.push(byte.unwrap_or_else(|e| panic!("{e} after {:?}", String::from_utf8_lossy(&read))));
        }
        String::from_utf8(read).unwrap()
    }

    /// Reads until the server closes or resets the connection.
    pub async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        let _ = soon(self.0.read_to_end(&mut read)).await;
        String::from_utf8(read).unwrap()
    }
}
