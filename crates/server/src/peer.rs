//! The client's side of a connection: what it is doing, and whether it has gone away.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

/// How long a head may be incomplete before another client may take the connection's place.
const SLOW_HEAD: Duration = Duration::from_secs(1);

/// The client's side of a connection. The connection, its requests and the list of connections share it.
#[derive(Debug)]
pub(crate) struct Peer {
    socket: Mutex<OwnedReadHalf>,
    doing: Mutex<Doing>,
}

#[derive(Clone, Copy, Debug)]
struct Doing {
    phase: Phase,
    since: Instant,
    /// Whether the body of the latest request may have a part that was not read.
    has_unread: bool,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was received yet.
    New,
    /// A part of the next request's head was received.
    Head,
    /// A request is being answered.
    Request,
    /// The answer is complete, but perhaps not sent yet.
    Answered,
    /// The client may send the next request.
    Idle,
    /// The answer was sent, and the rest of what the client still sends is thrown away.
    Closing,
}

/// How long a client may take to send a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) head: Duration,
    pub(crate) idle: Duration,
}

impl Peer {
    pub(crate) fn new(socket: OwnedReadHalf) -> Arc<Self> {
        let doing = Doing { phase: Phase::New, since: Instant::now(), has_unread: false };
        Arc::new(Peer { socket: Mutex::new(socket), doing: Mutex::new(doing) })
    }

    /// Returns the whole stream again, if this is the reading half of the same stream.
    pub(crate) fn into_stream(self, writer: OwnedWriteHalf) -> Option<TcpStream> {
        self.socket.into_inner().unwrap_or_else(PoisonError::into_inner).reunite(writer).ok()
    }

    /// Reads from the socket.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        std::pin::Pin::new(&mut *socket).poll_read(cx, buf)
    }

    /// Waits until the client has closed its side of the connection, or both.
    ///
    /// Only for requests that may wait for a long time. A client that closes its side after any other request still
    /// gets the answer.
    pub(crate) async fn gone(&self) {
        poll_fn(|cx| {
            let (mut byte, mut socket) = ([0], self.socket.lock().unwrap_or_else(PoisonError::into_inner));
            match socket.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
                Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
                // The next request is here, so the client is too.
                Poll::Ready(Ok(_)) | Poll::Pending => Poll::Pending,
            }
        })
        .await;
    }

    /// Notes that bytes were received.
    pub(crate) fn note_received(&self) {
        let mut doing = self.doing();
        if matches!(doing.phase, Phase::New | Phase::Answered | Phase::Idle) {
            (doing.phase, doing.since) = (Phase::Head, Instant::now());
        }
    }

    /// Notes that a request has begun. `has_body` tells whether a body follows its head.
    pub(crate) fn note_request(&self, has_body: bool) {
        *self.doing() = Doing { phase: Phase::Request, since: Instant::now(), has_unread: has_body };
    }

    /// Notes that the body of the request was read to its end.
    pub(crate) fn note_body_read(&self) {
        self.doing().has_unread = false;
    }

    /// Notes that the answer is complete.
    pub(crate) fn note_answered(&self) {
        let mut doing = self.doing();
        if doing.phase == Phase::Request {
            (doing.phase, doing.since) = (Phase::Answered, Instant::now());
        }
    }

    /// Notes that everything was sent.
    pub(crate) fn note_flushed(&self) {
        let mut doing = self.doing();
        if doing.phase == Phase::Answered {
            (doing.phase, doing.since) = (Phase::Idle, Instant::now());
        }
    }

    /// Notes that nothing more is sent. Returns whether the client may still be sending.
    pub(crate) fn note_closing(&self) -> bool {
        let mut doing = self.doing();
        let is_sending = doing.has_unread || doing.phase == Phase::Head;
        (doing.phase, doing.since) = (Phase::Closing, Instant::now());
        is_sending
    }

    /// Returns whether the body of the request may have a part that was not read.
    pub(crate) fn has_unread(&self) -> bool {
        self.doing().has_unread
    }

    /// Returns whether the head of a request is expected or incomplete, and everything before it was sent.
    pub(crate) fn is_between_requests(&self) -> bool {
        matches!(self.doing().phase, Phase::New | Phase::Head | Phase::Idle)
    }

    /// Returns when the client has taken too long to send a request; `None` during a request.
    pub(crate) fn deadline(&self, patience: Patience) -> Option<Instant> {
        let Doing { phase, since, .. } = *self.doing();
        match phase {
            Phase::New | Phase::Head => Some(since + patience.head),
            Phase::Answered | Phase::Idle => Some(since + patience.idle),
            Phase::Request | Phase::Closing => None,
        }
    }

    /// Returns since when the connection does nothing that a client waits for; `None` if another client must not take
    /// its place.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let Doing { phase, since, .. } = *self.doing();
        match phase {
            Phase::Idle | Phase::Closing => Some(since),
            Phase::New | Phase::Head => (since.elapsed() >= SLOW_HEAD).then_some(since),
            Phase::Request | Phase::Answered => None,
        }
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client of a request; `None` if the request did not come over a socket.
pub(crate) struct Client(Option<Arc<Peer>>);

impl Client {
    /// Waits until the client has closed its side of the connection; see [`Peer::gone`].
    pub(crate) async fn gone(&self) {
        match &self.0 {
            Some(peer) => peer.gone().await,
            None => std::future::pending().await,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Client(parts.extensions.get().cloned()))
    }
}
