//! The bytes of a result on their way to a client: read chunk by chunk, as fast as the client takes them.

use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use longshore_core::Error;
use longshore_core::artifact::Reader;
use longshore_core::limits::ARTIFACT_CHUNK_BYTES;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::problem::{Code, Problem};

/// A result that is being sent. Beside the chunk that the connection takes from it holds none.
pub(crate) struct Sending {
    reader: Box<dyn Reader>,
    rest: Range<u64>,
    /// Read before the answer began, so that a result which cannot be read is a problem and not a broken answer.
    first: Option<Bytes>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Sending {
    /// Begins to send that range.
    ///
    /// # Errors
    ///
    /// If as many large results are being sent as allowed, or the first chunk cannot be read.
    pub(crate) async fn begin(app: &App, reader: Box<dyn Reader>, range: Range<u64>) -> Result<Self, Problem> {
        let is_small = range.end - range.start <= ARTIFACT_CHUNK_BYTES as u64;
        let permit = (!is_small).then(|| app.results.clone().try_acquire_owned()).transpose().map_err(|_| {
            let detail = format!("{} large results are being sent, as many as allowed", app.config.results);
            Problem::new(Code::TooManyResults, detail).retry_after_about(2)
        })?;
        let mut sending = Sending { reader, rest: range, first: None, _permit: permit };
        if !sending.rest.is_empty() {
            sending.first = Some(sending.read().await?);
        }
        Ok(sending)
    }

    async fn read(&mut self) -> Result<Bytes, Error> {
        let mut chunk = self.reader.read(self.rest.start).await?;
        chunk.truncate(usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX));
        if chunk.is_empty() {
            return Err(Error::new(longshore_core::ErrorKind::Corrupt, "a result ends before its size"));
        }
        self.rest.start += chunk.len() as u64;
        Ok(chunk)
    }

    /// Returns it as the body of an answer. An error in the middle ends the connection: the client sees that bytes are missing.
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
                tracing::warn!(%error, "cannot read a result to its end; its answer is cut off");
                sending.rest.start = sending.rest.end;
            }
            Some((read, sending))
        }))
    }
}
