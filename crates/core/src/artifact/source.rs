//! The source of an artifact's bytes.

use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};

use crate::{Error, limits};

/// Yields the bytes of an artifact in pieces.
///
/// # Examples
///
/// `Bytes` is a source, and so is any type that produces pieces on request:
///
/// ```
/// use longshore_core::artifact::Source;
/// use longshore_core::Error;
///
/// /// The numbers up to a million, a line each.
/// struct Numbers(u32);
///
/// #[async_trait::async_trait]
/// impl Source for Numbers {
///     async fn next(&mut self) -> Result<Option<bytes::Bytes>, Error> {
///         self.0 += 1;
///         Ok((self.0 <= 1_000_000).then(|| format!("{}\n", self.0).into()))
///     }
/// }
/// ```
#[async_trait]
pub trait Source: Send {
    /// Returns the next piece, of any length, or `None` at the end. It is not called again after the end or after an
    /// error.
    ///
    /// # Errors
    ///
    /// Returns an error if the source cannot continue. The artifact is then not written.
    async fn next(&mut self) -> Result<Option<Bytes>, Error>;
}

#[async_trait]
impl Source for Bytes {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = self.split_to(self.len().min(limits::ARTIFACT_CHUNK_BYTES));
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

/// Splits what a source yields into chunks of equal length, for implementors of [`Artifacts`](super::Artifacts).
pub struct Chunks<'a> {
    source: &'a mut dyn Source,
    /// Bytes that the source yielded beyond the last chunk.
    rest: Bytes,
    over: bool,
}

impl<'a> Chunks<'a> {
    /// Reads the rest of the source.
    pub fn new(source: &'a mut dyn Source) -> Self {
        Chunks { source, rest: Bytes::new(), over: false }
    }

    /// Returns the next chunk, or `None` at the end. Each chunk has
    /// [`ARTIFACT_CHUNK_BYTES`](limits::ARTIFACT_CHUNK_BYTES), except the last one, which may be shorter but never
    /// empty.
    ///
    /// # Errors
    ///
    /// Returns the errors of the source.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        const FULL: usize = limits::ARTIFACT_CHUNK_BYTES;
        let mut chunk = BytesMut::new();
        loop {
            if chunk.is_empty() && self.rest.len() >= FULL {
                return Ok(Some(self.rest.split_to(FULL))); // without a copy
            }
            let taken = self.rest.len().min(FULL - chunk.len());
            if taken > 0 {
                chunk.reserve(FULL - chunk.len());
                chunk.extend_from_slice(&self.rest[..taken]);
                self.rest.advance(taken);
            }
            if chunk.len() == FULL {
                return Ok(Some(chunk.freeze()));
            }
            if self.over {
                return Ok(Some(chunk.freeze()).filter(|chunk| !chunk.is_empty()));
            }
            match self.source.next().await? {
                Some(piece) => self.rest = piece,
                None => self.over = true,
            }
        }
    }
}

impl std::fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chunks({} bytes left over)", self.rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Yields pieces of these lengths. Each byte is one more than the byte before it.
    struct Pieces(Vec<usize>, u8);

    #[async_trait]
    impl Source for Pieces {
        async fn next(&mut self) -> Result<Option<Bytes>, Error> {
            if self.0.is_empty() {
                return Ok(None);
            }
            let length = self.0.remove(0);
            let piece: Vec<u8> = (0..length)
                .map(|_| {
                    self.1 = self.1.wrapping_add(1);
                    self.1
                })
                .collect();
            Ok(Some(piece.into()))
        }
    }

    #[tokio::test]
    async fn pieces_of_any_length_become_chunks_of_equal_length() {
        const FULL: usize = limits::ARTIFACT_CHUNK_BYTES;
        for pieces in
            [vec![], vec![0], vec![1], vec![FULL], vec![FULL - 1, 0, 2], vec![3 * FULL + 7], vec![FULL / 3; 10]]
        {
            let total: usize = pieces.iter().sum();
            let mut source = Pieces(pieces.clone(), 0);
            let mut chunks = Chunks::new(&mut source);
            let (mut lengths, mut all) = (Vec::new(), Vec::new());
            while let Some(chunk) = chunks.next().await.unwrap() {
                lengths.push(chunk.len());
                all.extend_from_slice(&chunk);
            }
            assert_eq!(all.len(), total, "{pieces:?}");
            assert!(all.iter().enumerate().all(|(at, byte)| *byte == (at as u8).wrapping_add(1)), "{pieces:?}");
            assert!(lengths.iter().rev().skip(1).all(|length| *length == FULL), "{pieces:?}: {lengths:?}");
            assert!(lengths.last().is_none_or(|last| (1..=FULL).contains(last)), "{pieces:?}: {lengths:?}");
        }
    }
}
