//! Artifacts in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use super::{ArtifactName, Artifacts, Chunks, Reader, Source};
use crate::{Error, limits};

/// Stores artifacts in memory, for the memory store and for SQLite in memory.
#[derive(Debug, Default)]
pub struct InMemory {
    kept: Mutex<BTreeMap<ArtifactName, (SystemTime, Kept)>>,
}

/// An artifact. All its chunks have full length except the last.
#[derive(Clone, Debug)]
struct Kept {
    chunks: Arc<[Bytes]>,
    size: u64,
}

impl InMemory {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<ArtifactName, (SystemTime, Kept)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Artifacts for InMemory {
    async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
        let (mut chunks, mut all) = (Chunks::new(source), Vec::new());
        while let Some(chunk) = chunks.next().await? {
            all.push(chunk);
        }
        let size = all.iter().map(|chunk| chunk.len() as u64).sum();
        self.kept().insert(name, (SystemTime::now(), Kept { chunks: all.into(), size }));
        Ok(size)
    }

    async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
        Ok(self.kept().get(&name).map(|(_, kept)| Box::new(kept.clone()) as _))
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        self.kept().remove(&name);
        Ok(())
    }

    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error> {
        let old = |written: &SystemTime| written.elapsed().is_ok_and(|passed| passed >= age);
        let kept = self.kept();
        let later = kept.iter().filter(|(name, (written, _))| after.is_none_or(|after| **name > after) && old(written));
        Ok(later.take(limit).map(|(name, _)| *name).collect())
    }
}

#[async_trait]
impl Reader for Kept {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, from: u64) -> Result<Bytes, Error> {
        if from >= self.size {
            return Ok(Bytes::new());
        }
        let full = limits::ARTIFACT_CHUNK_BYTES as u64;
        Ok(self.chunks[(from / full) as usize].slice((from % full) as usize..))
    }
}
