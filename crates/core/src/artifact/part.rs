//! Reading a part of an artifact that another process may delete meanwhile, as the stores of servers do.

use std::future::Future;

use bytes::Bytes;

use super::ArtifactName;
use crate::{Error, ErrorKind};

/// Returns the bytes of an artifact from there on, none at its end: what `part` finds, which is asked only where there are some.
///
/// # Errors
///
/// Those of `part`; [`ErrorKind::Unavailable`] where it finds nothing, or more than there is to be: the artifact was deleted.
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

/// Returns what is behind a place in the chunk that has it, where all chunks but the last have `chunk_bytes`; nothing where the chunk ends
/// before.
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
    async fn part_that_is_gone_or_another_artifacts_is_an_error_and_nothing_is_asked_at_the_end() {
        assert_eq!(&read(2, Some(b"cde")).await.unwrap()[..], b"cde");
        assert_eq!(read(5, None).await.unwrap(), Bytes::new());
        for found in [None, Some(&b""[..]), Some(b"cdef")] {
            let error = read(2, found).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains("deleted while it was read"), "{error}");
        }
    }

    #[test]
    fn rest_of_a_chunk_is_what_is_behind_the_place() {
        let chunk = || Bytes::from_static(b"abcd");
        assert_eq!(rest_of_chunk(chunk(), 6, 4).as_deref(), Some(&b"cd"[..]));
        assert_eq!(rest_of_chunk(chunk(), 8, 4).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(rest_of_chunk(Bytes::from_static(b"ab"), 6, 4), None);
    }
}
