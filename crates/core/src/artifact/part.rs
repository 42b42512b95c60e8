//! Reads a part of an artifact that another process may delete meanwhile, for stores on a server.

use std::future::Future;

use bytes::Bytes;

use super::ArtifactName;
use crate::{Error, ErrorKind};

/// Returns the bytes of an artifact from position `from` on, or no bytes at its end. `part` is awaited only if there
/// are bytes to read.
///
/// # Errors
///
/// Returns the errors of `part`, and [`ErrorKind::Unavailable`] if it finds nothing or too many bytes: then the
/// artifact was deleted.
pub async fn read_part(
    name: ArtifactName,
    size: u64,
    from: u64,
    part: impl Future<Output = Result<Option<Bytes>, Error>>,
) -> Result<Bytes, Error> {
    if from >= size {
        return Ok(Bytes::new());
    }
    let found = part.await.and_then(|part| {
        part.filter(|part| !part.is_empty() && part.len() as u64 <= size - from)
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, "it was deleted while it was read"))
    });
    found.map_err(|e| e.context(format!("read artifact {name}")))
}

/// Returns the bytes of a chunk from position `from` of the artifact on. All chunks but the last have `chunk_bytes`.
/// Returns `None` if the chunk ends before the position.
pub fn rest_of_chunk(chunk: Bytes, from: u64, chunk_bytes: u64) -> Option<Bytes> {
    let skipped = (from % chunk_bytes) as usize;
    (chunk.len() > skipped).then(|| chunk.slice(skipped..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JobId, QueueName};

    async fn read(from: u64, found: Option<&'static [u8]>) -> Result<Bytes, Error> {
        let name = ArtifactName { job: JobId::new(&QueueName::default()), claim: 1 };
        read_part(name, 5, from, async { Ok(found.map(Bytes::from_static)) }).await
    }

    #[tokio::test]
    async fn deleted_or_replaced_part_is_an_error_and_the_end_reads_nothing() {
        assert_eq!(&read(2, Some(b"cde")).await.unwrap()[..], b"cde");
        assert_eq!(read(5, None).await.unwrap(), Bytes::new());
        for found in [None, Some(&b""[..]), Some(b"cdef")] {
            let error = read(2, found).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("deleted while it was read"), "{error}");
        }
    }

    #[test]
    fn rest_of_a_chunk_starts_at_the_position() {
        let chunk = || Bytes::from_static(b"abcd");
        assert_eq!(rest_of_chunk(chunk(), 6, 4).as_deref(), Some(&b"cd"[..]));
        assert_eq!(rest_of_chunk(chunk(), 8, 4).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(rest_of_chunk(Bytes::from_static(b"ab"), 6, 4), None);
    }
}
