//! Storage for results that are too large or too binary for a job's row: one interface, a folder, and a map for tests.
//!
//! Design: docs/design/artifacts.md
//!
//! An artifact is written before the settle that refers to it, so that no reader sees a job without its result. Its
//! name consists of the job and the claim, so that an outdated worker never overwrites the result of another. Only
//! upkeep deletes artifacts.
//!
//! Bytes are written and read in chunks, so that no process holds a whole artifact. In reading order: [`ArtifactName`],
//! [`Artifacts`] (the contract), `source` (what is written), [`Folder`], [`InMemory`].

mod source;
mod folder;
mod memory;
mod part;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::{Error, ErrorKind, JobId, limits};

pub use folder::Folder;
pub use memory::InMemory;
pub use part::{read_part, rest_of_chunk};
pub use source::{Chunks, Source};

/// Names an artifact: the job that it belongs to and the number of the claim that produced it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactName {
    /// The job.
    pub job: JobId,
    /// The claim's number.
    pub claim: u64,
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.job, self.claim)
    }
}

impl FromStr for ArtifactName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid(format!("`{text}` is not an artifact name"));
        let (job, claim) = text.split_once('.').ok_or_else(wrong)?;
        Ok(ArtifactName { job: job.parse().map_err(|_| wrong())?, claim: claim.parse().map_err(|_| wrong())? })
    }
}

/// Stores results outside the store. All processes that work or serve must see the same artifacts.
///
/// All calls may be made concurrently, and a repeat is harmless. Callers retry. A call whose future is dropped is
/// abandoned.
#[async_trait]
pub trait Artifacts: Send + Sync + 'static {
    /// Writes all bytes of the source and returns how many there were.
    ///
    /// Once this returns, the artifact is complete and as durable as the rows of the store. Before that it is
    /// invisible. The remains of a call that fails or is dropped are never served. The next
    /// [`delete`](Artifacts::delete) of that name removes them, and [`older_than`](Artifacts::older_than) lists them,
    /// unless the implementation removes them by itself. If two calls write the same artifact at the same time, the
    /// last one to finish wins. Holds a few chunks of [`ARTIFACT_CHUNK_BYTES`] in memory at a time, and takes as long
    /// as the source does.
    ///
    /// # Errors
    ///
    /// Returns the error of the source, or an error if the storage cannot be reached, makes no progress for too long,
    /// or is full.
    ///
    /// [`ARTIFACT_CHUNK_BYTES`]: crate::limits::ARTIFACT_CHUNK_BYTES
    async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error>;

    /// Opens an artifact for reading. Returns `None` if it does not exist.
    async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error>;

    /// Deletes the artifact and the remains of unfinished writes of it. Succeeds if the artifact does not exist.
    async fn delete(&self, name: ArtifactName) -> Result<(), Error>;

    /// Returns up to `limit` names of artifacts older than `age`, sorted, starting after `after`.
    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error>;

    /// Writes bytes that are in memory; see [`write`](Artifacts::write).
    async fn put(&self, name: ArtifactName, mut body: Bytes) -> Result<(), Error> {
        self.write(name, &mut body).await.map(|_| ())
    }

    /// Returns the whole artifact in memory, or `None` if it does not exist.
    async fn get(&self, name: ArtifactName) -> Result<Option<Bytes>, Error> {
        let Some(reader) = self.open(name).await? else { return Ok(None) };
        whole(&*reader).await.map(Some)
    }
}

/// An artifact that is open for reading. It may stay open for long: it holds no connection between two reads.
#[async_trait]
pub trait Reader: Send + Sync {
    /// Returns the size in bytes.
    fn size(&self) -> u64;

    /// Returns bytes from position `from` on: at least one and at most [`ARTIFACT_CHUNK_BYTES`]. Returns no bytes only
    /// at or after the end.
    ///
    /// All bytes that one reader returns belong to the artifact that it opened, even if the name is deleted or written
    /// again.
    ///
    /// # Errors
    ///
    /// Returns an error if the storage cannot be reached; also [`ErrorKind::Unavailable`] if the artifact was deleted
    /// after it was opened.
    ///
    /// [`ARTIFACT_CHUNK_BYTES`]: crate::limits::ARTIFACT_CHUNK_BYTES
    async fn read(&self, from: u64) -> Result<Bytes, Error>;
}

/// Bytes in memory, such as a result in a job's row.
#[async_trait]
impl Reader for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    async fn read(&self, from: u64) -> Result<Bytes, Error> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.len());
        Ok(self.slice(from..self.len().min(from + limits::ARTIFACT_CHUNK_BYTES)))
    }
}

/// Reads the whole artifact into memory.
async fn whole(reader: &dyn Reader) -> Result<Bytes, Error> {
    let first = reader.read(0).await?;
    if first.len() as u64 == reader.size() {
        return Ok(first);
    }
    let size = usize::try_from(reader.size()).map_err(|_| Error::invalid("the artifact does not fit into memory"))?;
    let mut all = BytesMut::with_capacity(size);
    all.extend_from_slice(&first);
    while all.len() < size {
        let chunk = reader.read(all.len() as u64).await?;
        if chunk.is_empty() {
            return Err(cut_short(all.len() as u64, size as u64));
        }
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

/// Returns the error for an artifact that ends too early.
fn cut_short(at: u64, size: u64) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the artifact is incomplete: it has {at} of {size} bytes"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::QueueName;

    async fn holds_the_contract(artifacts: &dyn Artifacts) {
        let mut names: Vec<_> =
            (0..5).map(|claim| ArtifactName { job: JobId::new(&QueueName::default()), claim }).collect();
        assert_eq!(artifacts.older_than(Duration::ZERO, None, 10).await.unwrap(), []);
        for name in &names {
            artifacts.put(*name, Bytes::from(name.to_string())).await.unwrap();
            artifacts.put(*name, Bytes::from(name.to_string())).await.unwrap();
        }
        assert_eq!(artifacts.get(names[2]).await.unwrap().unwrap(), names[2].to_string());
        let first = artifacts.older_than(Duration::ZERO, None, 3).await.unwrap();
        let rest = artifacts.older_than(Duration::ZERO, Some(first[2]), 3).await.unwrap();
        let mut listed: Vec<_> = first.into_iter().chain(rest).collect();
        listed.sort();
        names.sort();
        assert_eq!(listed, names);
        assert_eq!(artifacts.older_than(Duration::from_secs(60), None, 3).await.unwrap(), []);
        artifacts.delete(names[0]).await.unwrap();
        artifacts.delete(names[0]).await.unwrap();
        assert_eq!(artifacts.get(names[0]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_folder_holds_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        holds_the_contract(&Folder::new(folder.path().join("artifacts"))).await;
    }

    #[tokio::test]
    async fn two_attempts_of_one_job_do_not_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Arc::new(Folder::new(folder.path()));
        let job = JobId::new(&QueueName::default());
        let put = |claim: u64| {
            let artifacts = Arc::clone(&artifacts);
            let body = Bytes::from(vec![claim as u8; 1 << 20]);
            tokio::spawn(async move { artifacts.put(ArtifactName { job, claim }, body).await })
        };
        let puts: Vec<_> = (0..8).map(|n| put(n % 4)).collect();
        for put in puts {
            put.await.unwrap().unwrap();
        }
        for claim in 0..4 {
            let body = artifacts.get(ArtifactName { job, claim }).await.unwrap().unwrap();
            assert!(body.len() == 1 << 20 && body.iter().all(|byte| u64::from(*byte) == claim));
        }
    }

    #[tokio::test]
    async fn memory_holds_the_contract() {
        holds_the_contract(&InMemory::default()).await;
    }

    #[test]
    fn name_cannot_escape_the_folder() {
        for wrong in [
            "../../etc/passwd.1",
            "x.1",
            "0199c0de-0000-8000-8000-000000000000",
            "0199c0de-0000-8000-8000-000000000000.-1",
        ] {
            assert!(wrong.parse::<ArtifactName>().is_err(), "{wrong}");
        }
    }
}
