//! Sends a result to a client: chunk by chunk, as fast as the client reads.

use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use longshore_core::Error;
use longshore_core::artifact::Reader;
use longshore_core::limits::ARTIFACT_CHUNK_BYTES;

use crate::answer_memory::Memory;
use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Code, Problem};
use crate::shares::{Full, Share};

/// A result that is being sent. It holds at most one chunk in addition to the one that the connection is sending.
pub(crate) struct Sending {
    reader: Box<dyn Reader>,
    rest: Range<u64>,
    /// The first chunk. It is read before the answer begins, so that a read error becomes a problem and not a broken
    /// answer.
    first: Option<Bytes>,
    _share: Option<Share>,
    memory: Memory,
}

impl Sending {
    /// Begins to send this range.
    ///
    /// # Errors
    ///
    /// If the maximum number of large results is being sent, in total or to this caller, if there is no memory for
    /// another answer, or if the first chunk cannot be read.
    pub(crate) async fn begin(
        app: &App,
        caller: Caller,
        reader: Box<dyn Reader>,
        range: Range<u64>,
    ) -> Result<Self, Problem> {
        let (size, chunk) = (range.end - range.start, ARTIFACT_CHUNK_BYTES as u64);
        let share = (size > chunk).then(|| app.results.take(caller)).transpose().map_err(|full| match full {
            Full::Total => {
                let detail = format!("the maximum of {} large results is being sent", app.config.results);
                Problem::new(Code::TooManyResults, detail).retry_after_about(2)
            }
            Full::PerCaller => {
                let most = app.config.results_per_caller;
                let detail = format!("the maximum of {most} large results is being sent to you");
                Problem::new(Code::TooManyOfYourResults, detail).retry_after_about(2)
            }
        })?;
        let memory = app.answer_memory.take(size.min(2 * chunk))?;
        let mut sending = Sending { reader, rest: range, first: None, _share: share, memory };
        if !sending.rest.is_empty() {
            sending.first = Some(sending.read().await?);
        }
        Ok(sending)
    }

    async fn read(&mut self) -> Result<Bytes, Error> {
        let mut chunk = self.reader.read(self.rest.start).await?;
        chunk.truncate(usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX));
        if chunk.is_empty() {
            return Err(Error::new(longshore_core::ErrorKind::Corrupt, "a result is shorter than its recorded size"));
        }
        self.rest.start += chunk.len() as u64;
        Ok(self.memory.hold(chunk))
    }

    /// Returns the body of the answer. An error while sending ends the connection, so that the client sees that bytes
    /// are missing.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut sending| async move {
            if let Some(first) = sending.first.take() {
                return Some((Ok(first), sending));
            }
            if sending.rest.is_empty() {
                return None;
            }
            let read = sending.read().await;
            if let Err(error) = &read {
                tracing::warn!(%error, "reading a result failed; the answer is incomplete");
                sending.rest.start = sending.rest.end;
            }
            Some((read, sending))
        }))
    }
}
