//! The socket of a connection: time-outs, answers to what is no HTTP, and a close that loses no answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{Instant, Sleep};

use crate::peer::{Patience, Peer};
use crate::problem::{Code, Problem};
use crate::write_timeout::WriteTimeout;

/// The maximum number of bytes that are thrown away before a connection is closed.
const UNREAD_BYTES: usize = 64 * 1024 * 1024;
/// How long throwing them away may take.
const UNREAD: Duration = Duration::from_secs(30);
/// How long the client may pause meanwhile.
const QUIET: Duration = Duration::from_secs(2);

/// The socket of a connection.
pub(crate) struct Socket {
    writer: WriteTimeout<OwnedWriteHalf>,
    peer: Arc<Peer>,
    patience: Patience,
    timer: Timer,
    /// Our answer in place of hyper's.
    instead: Option<Instead>,
    closing: Option<Closing>,
}

/// An answer that replaces the one that hyper writes.
struct Instead {
    bytes: Vec<u8>,
    written: usize,
    /// The number of bytes that it replaces.
    replaces: usize,
}

/// The end of a connection.
struct Closing {
    /// The client may still be sending. Closing now would reset the connection, and the client could lose the answer.
    is_client_sending: bool,
    is_shut_down: bool,
    left: usize,
    end: Instant,
    quiet_end: Instant,
}

impl Socket {
    pub(crate) fn new(writer: OwnedWriteHalf, peer: Arc<Peer>, patience: Patience, stall_timeout: Duration) -> Self {
        Socket {
            writer: WriteTimeout::new(writer, stall_timeout),
            peer,
            patience,
            timer: Timer::default(),
            instead: None,
            closing: None,
        }
    }

    /// Begins to replace this answer if hyper wrote it by itself. Such an answer has no body, so it tells neither
    /// programs nor people what was wrong.
    fn replace(&mut self, bytes: &[u8]) {
        if self.instead.is_none()
            && self.peer.is_between_requests()
            && let Some(problem) = problem_of(bytes)
        {
            self.instead = Some(Instead { bytes: problem.to_http(), written: 0, replaces: bytes.len() });
        }
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let instead = self.instead.as_mut().expect("the caller checked that there is one");
        while instead.written < instead.bytes.len() {
            let rest = &instead.bytes[instead.written..];
            instead.written += ready!(Pin::new(&mut self.writer).poll_write(cx, rest))?;
        }
        let replaces = instead.replaces;
        self.instead = None;
        Poll::Ready(Ok(replaces))
    }
}

/// Returns the problem for an answer that hyper wrote by itself; `None` if it is another answer.
fn problem_of(bytes: &[u8]) -> Option<Problem> {
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    if head.contains("\r\n\r\n") || !head.contains("\r\ncontent-length: 0") {
        return None;
    }
    match head.strip_prefix("HTTP/1.1 ")?.get(..3)? {
        "400" => Some(Problem::new(Code::InvalidRequest, "the request line or a header is not valid HTTP/1.1")),
        "414" | "431" => Some(Problem::new(Code::HeadTooLarge, "the head may have at most 16 KiB and 100 headers")),
        _ => None,
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if let Poll::Ready(read) = self.peer.poll_read(cx, buf) {
            if buf.filled().len() > before {
                self.peer.note_received();
            }
            return Poll::Ready(read);
        }
        let end = self.peer.deadline(self.patience);
        ready!(self.timer.poll(cx, end));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client sent no whole request in time")))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.replace(buf);
        match self.instead {
            Some(_) => self.poll_instead(cx),
            None => Pin::new(&mut self.writer).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
        if let (Some(only), None) = (filled.next(), filled.next()) {
            return self.poll_write(cx, only);
        }
        Pin::new(&mut self.writer).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.writer.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.writer).poll_flush(cx))?;
        self.peer.note_flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let closing = this.closing.get_or_insert_with(|| {
            let now = Instant::now();
            let is_client_sending = this.peer.note_closing();
            Closing {
                is_client_sending,
                is_shut_down: false,
                left: UNREAD_BYTES,
                end: now + UNREAD,
                quiet_end: now + QUIET,
            }
        });
        if !closing.is_shut_down {
            ready!(Pin::new(&mut this.writer).poll_shutdown(cx))?;
            closing.is_shut_down = true;
        }
        let mut thrown_away = [0; 16 * 1024];
        while closing.is_client_sending && closing.left > 0 {
            let mut buf = ReadBuf::new(&mut thrown_away);
            match this.peer.poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    closing.left = closing.left.saturating_sub(buf.filled().len());
                    closing.quiet_end = Instant::now() + QUIET;
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(this.timer.poll(cx, Some(closing.end.min(closing.quiet_end))));
                    break;
                }
            }
            if Instant::now() >= closing.end {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A timer whose end may change.
#[derive(Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Is ready once the end is reached; without an end it is never ready.
    fn poll(&mut self, cx: &mut Context<'_>, end: Option<Instant>) -> Poll<()> {
        let Some(end) = end else {
            self.0 = None;
            return Poll::Pending;
        };
        let sleep = self.0.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if sleep.deadline() != end {
            sleep.as_mut().reset(end);
        }
        sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_hyper_wrote_by_itself_is_replaced() {
        let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        assert!(problem_of(bare.as_bytes()).is_some());
        assert!(problem_of(bare.replace("400", "431").as_bytes()).is_some());
        for other in [
            bare.replace("400", "204"),
            bare.replace("length: 0", "length: 1"),
            format!("{bare}{bare}"),
            format!("x{bare}"),
            format!("{bare}x"),
            String::new(),
        ] {
            assert!(problem_of(other.as_bytes()).is_none(), "{other:?}");
        }
    }
}
