//! The memory of answers that were not sent yet. Clients that read slowly, or not at all, share a limited amount of it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::problem::{Code, Problem};

/// The largest answer that needs no permit. The number of connections limits how many of these there are.
const SMALL_BYTES: u64 = 16 * 1024;
/// The number of bytes that one permit stands for.
const PERMIT_BYTES: u64 = 16 * 1024;

/// The memory for answers. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AnswerMemory {
    free: Arc<Semaphore>,
    /// The number of permits. An answer that is larger than all of them takes them all.
    total: u32,
}

impl AnswerMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        let total = u32::try_from(bytes as u64 / PERMIT_BYTES).unwrap_or(u32::MAX).max(1);
        let permits = usize::try_from(total).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        AnswerMemory { free: Arc::new(Semaphore::new(permits)), total }
    }

    /// Takes memory for this many bytes. Small answers need none.
    ///
    /// # Errors
    ///
    /// If not that much is free.
    pub(crate) fn take(&self, bytes: u64) -> Result<Memory, Problem> {
        if bytes <= SMALL_BYTES {
            return Ok(Memory(None));
        }
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX).min(self.total);
        let permit = Arc::clone(&self.free).try_acquire_many_owned(permits);
        permit.map(|permit| Memory(Some(Arc::new(permit)))).map_err(|_| {
            let detail =
                "the server holds the maximum amount of answers that clients have not read yet; nothing was done";
            Problem::new(Code::TooBusy, detail).retry_after_about(1)
        })
    }
}

/// The memory of one answer. It is free when all clones are dropped. A handler that changes something takes it first,
/// and hands it over as an extension of its answer: a refusal after the change would be a lie.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Option<Arc<OwnedSemaphorePermit>>);

impl Memory {
    /// Returns the same bytes, which hold the memory until the connection has sent them.
    pub(crate) fn hold(&self, bytes: Bytes) -> Bytes {
        match &self.0 {
            Some(permit) => Bytes::from_owner(Held { bytes, _permit: Arc::clone(permit) }),
            None => bytes,
        }
    }
}

/// Bytes that hold memory until they are sent.
struct Held {
    bytes: Bytes,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Lets answers whose size is known hold their memory. Streams have no known size: event streams are small, and results
/// take memory for their chunks.
pub(crate) async fn bound(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(size) = response.body().size_hint().exact() else { return response };
    let taken = response.extensions_mut().remove::<Memory>();
    match taken.map_or_else(|| app.answer_memory.take(size), Ok) {
        Ok(Memory(None)) => response,
        Ok(memory) => {
            // The size of a mapped body is not known any more.
            response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
            response.map(|body| Body::new(body.map_frame(move |frame| frame.map_data(|bytes| memory.hold(bytes)))))
        }
        Err(problem) => problem.into_response(),
    }
}
