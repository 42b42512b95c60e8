//! Results that are too large for a record, stored in Redis, so that workers on many machines need no other storage.
//!
//! They are as durable as jobs, but use the server's memory. For many large results, another artifact store is better. They have
//! their own connection, and each call carries one chunk, with few calls at a time. So a claim or a renewal waits for one chunk at
//! most, and a slow transfer does not count as a stalled server. An upload is noted before it begins, so that the search for
//! orphans finds an upload that never finished.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::{Chunks, Reader as ArtifactReader, Source, read_part, rest_of_chunk};
use longshore_core::{ArtifactName, Artifacts, Error, ErrorKind, JobId, Settings, limits, millis};
use redis::{Cmd, Value};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};

use crate::Redis;
use crate::base::Base;
use crate::call::{Call, bytes, list, number};
use crate::copies::on_each;
use crate::error;
use crate::keys::{self, Keys};
use crate::library;
use crate::link::Link;
use crate::reader::Reader;
use crate::target::Target;

/// The maximum number of names that one call reads.
const PER_CALL: usize = 500;
/// The number of chunks in transfer at the same time. It is low so that each is answered in time over a slow connection too.
const CHUNKS_AT_ONCE: usize = 2;

/// Returns the stored form of a name. Names sort by job.
fn key(name: ArtifactName) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(name.job.as_bytes());
    key[16..].copy_from_slice(&name.claim.to_be_bytes());
    key
}

/// Returns a value that sorts after a name and all its uploads.
fn behind(name: ArtifactName) -> Vec<u8> {
    [&key(name)[..], &[0xff; 9]].concat()
}

fn read_key(key: &[u8]) -> Option<ArtifactName> {
    let mut from = Reader(key);
    Some(ArtifactName { job: JobId::from_bytes(from.array()?), claim: u64::from_be_bytes(from.array()?) })
}

fn whole_key(base: &Base, name: ArtifactName) -> Vec<u8> {
    [base.keys.of_tag(name.job.queue_tag()).as_bytes(), keys::ARTIFACT.as_bytes(), &key(name)].concat()
}

/// The connection for artifacts. It is opened for the first transfer.
pub(crate) struct Transfers {
    target: Target,
    settings: Settings,
    /// The runtime of the store's other connections.
    runtime: Handle,
    base: OnceCell<Base>,
    turns: Semaphore,
}

impl Transfers {
    /// Prepares the connection on the current runtime.
    pub(crate) fn new(target: &Target, settings: &Settings) -> Arc<Self> {
        Arc::new(Transfers {
            target: target.clone(),
            settings: settings.clone(),
            runtime: Handle::current(),
            base: OnceCell::new(),
            turns: Semaphore::new(CHUNKS_AT_ONCE),
        })
    }

    async fn base(&self) -> Result<&Base, Error> {
        let connect = || async {
            let (target, settings) = (self.target.clone(), self.settings.clone());
            let connecting = self.runtime.spawn(async move {
                let link = Link::open(&target, settings.clock.clone()).await?;
                Ok(Base::new(link, Keys::new(&target.prefix), settings))
            });
            let connected = connecting.await;
            let connected =
                connected.unwrap_or_else(|e| Err(Error::new(ErrorKind::Unavailable, e.to_string()).caused_by(e)));
            connected.map_err(|e| e.context(format!("connect to Redis at {} for large results", self.target)))
        };
        self.base.get_or_try_init(connect).await
    }

    /// Waits for a free transfer slot, and sends a command that carries a chunk.
    async fn send(&self, name: ArtifactName, command: impl FnOnce(&Base) -> Cmd) -> Result<Value, Error> {
        let base = self.base().await?;
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        Ok(base.link.send(&base.keys.of_tag(name.job.queue_tag()), &command(base)).await?)
    }

    /// Waits for a free transfer slot, and calls a function on the keys of an artifact.
    async fn run<'a>(
        &'a self,
        name: ArtifactName,
        call: impl FnOnce(&'a Base, &str) -> Call<'a>,
    ) -> Result<Value, Error> {
        let base = self.base().await?;
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        call(base, &base.keys.of_tag(name.job.queue_tag())).run().await
    }
}

/// An artifact that is being written. Dropping it before it is finished deletes it.
struct Upload {
    transfers: Arc<Transfers>,
    name: ArtifactName,
    /// The name and 8 random bytes, because a stale attempt and its successor may write at the same time.
    key: Vec<u8>,
    finished: bool,
}

impl Upload {
    async fn begin(transfers: &Arc<Transfers>, name: ArtifactName) -> Result<Self, Error> {
        let (base, tag) = (transfers.base().await?, i64::from(name.job.queue_tag()));
        on_each(base, |root| base.call(&library::NOTE_ARTIFACT_TAG, root).number(tag)).await?;
        let key = [&key(name)[..], &fastrand::u64(..).to_be_bytes()].concat();
        let upload = Upload { transfers: Arc::clone(transfers), name, key, finished: false };
        transfers.run(name, |base, root| base.framed(&library::BEGIN_ARTIFACT, root).arg(&upload.key)).await?;
        Ok(upload)
    }

    async fn write(&self, n: i64, chunk: &Bytes) -> Result<(), Error> {
        let answer = self
            .transfers
            .run(self.name, |base, root| base.call(&library::WRITE_ARTIFACT, root).arg(&self.key).number(n).arg(chunk));
        still_there(&answer.await?)
    }

    async fn finish(mut self, chunks: i64, size: u64) -> Result<(), Error> {
        let chunk_bytes = limits::ARTIFACT_CHUNK_BYTES as i64;
        let answer = self.transfers.run(self.name, |base, root| {
            let call = base.framed(&library::FINISH_ARTIFACT, root).arg(&self.key);
            call.number(chunks).number(size as i64).number(chunk_bytes)
        });
        still_there(&answer.await?)?;
        self.finished = true;
        Ok(())
    }
}

/// Checks the answer of a function that fails if the upload was deleted.
fn still_there(answer: &Value) -> Result<(), Error> {
    if number(answer) == Some(1) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unavailable, "the artifact was deleted during its upload"))
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let (transfers, name, key) = (Arc::clone(&self.transfers), self.name, std::mem::take(&mut self.key));
        // If this fails, the search for orphans finds the upload.
        self.transfers.runtime.spawn(async move {
            let _ = transfers.run(name, |base, root| base.call(&library::DELETE_ARTIFACT, root).arg(&key)).await;
        });
    }
}

/// An artifact that is being read.
struct Artifact {
    transfers: Arc<Transfers>,
    name: ArtifactName,
    size: u64,
    body: Body,
}

/// How an artifact is stored.
enum Body {
    /// One string.
    Whole,
    Chunks {
        chunk_bytes: u64,
        id: Vec<u8>,
    },
}

impl Artifact {
    async fn open(transfers: &Arc<Transfers>, name: ArtifactName) -> Result<Option<Self>, Error> {
        let answer = transfers.run(name, |base, root| base.call(&library::OPEN_ARTIFACT, root).arg(key(name))).await?;
        let mut answer = list(answer).ok_or_else(|| error::unexpected("open_artifact"))?.into_iter();
        let Some(size) = answer.next() else { return Ok(None) };
        let body = match (answer.next(), answer.next()) {
            (None, None) => Some(Body::Whole),
            (Some(chunk_bytes), Some(id)) => number(&chunk_bytes)
                .filter(|chunk_bytes| *chunk_bytes > 0)
                .zip(bytes(id))
                .map(|(chunk_bytes, id)| Body::Chunks { chunk_bytes: chunk_bytes.unsigned_abs(), id }),
            _ => None,
        };
        let (Some(size), Some(body)) = (number(&size).and_then(|size| u64::try_from(size).ok()), body) else {
            return Err(error::unexpected("open_artifact"));
        };
        Ok(Some(Artifact { transfers: Arc::clone(transfers), name, size, body }))
    }

    /// Returns bytes from this offset on, or `None` if the artifact was deleted or replaced.
    async fn part(&self, from: u64) -> Result<Option<Bytes>, Error> {
        match &self.body {
            Body::Whole => {
                let to = self.size.min(from + limits::ARTIFACT_CHUNK_BYTES as u64) - 1;
                let read = |base: &Base| {
                    let mut read = redis::cmd("GETRANGE");
                    read.arg(whole_key(base, self.name)).arg(from).arg(to);
                    read
                };
                Ok(bytes(self.transfers.send(self.name, read).await?).map(Bytes::from))
            }
            Body::Chunks { chunk_bytes, id } => {
                let read = |base: &Base| {
                    let mut read = redis::cmd("HMGET");
                    read.arg(whole_key(base, self.name)).arg("id").arg(from / chunk_bytes);
                    read
                };
                let answer =
                    list(self.transfers.send(self.name, read).await?).ok_or_else(|| error::unexpected("HMGET"))?;
                let mut answer = answer.into_iter().map(bytes);
                let same = answer.next().flatten().is_some_and(|found| found == *id);
                let chunk = answer.next().flatten().filter(|_| same).map(Bytes::from);
                Ok(chunk.and_then(|chunk| rest_of_chunk(chunk, from, *chunk_bytes)))
            }
        }
    }
}

#[async_trait]
impl ArtifactReader for Artifact {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, from: u64) -> Result<Bytes, Error> {
        read_part(self.name, self.size, from, self.part(from)).await
    }
}

#[async_trait]
impl Artifacts for Redis {
    async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
        let tried = |e: Error| e.context(format!("write artifact {name}"));
        let upload = Upload::begin(&self.transfers, name).await.map_err(tried)?;
        let (mut chunks, mut n, mut size) = (Chunks::new(source), 0, 0);
        while let Some(chunk) = chunks.next().await? {
            upload.write(n, &chunk).await.map_err(tried)?;
            n += 1;
            size += chunk.len() as u64;
        }
        upload.finish(n, size).await.map_err(tried)?;
        Ok(size)
    }

    async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn ArtifactReader>>, Error> {
        let opened = Artifact::open(&self.transfers, name).await;
        let opened = opened.map_err(|e| e.context(format!("read artifact {name}")))?;
        Ok(opened.map(|artifact| Box::new(artifact) as _))
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        let root = self.base.keys.of_tag(name.job.queue_tag());
        let answer = self.base.call(&library::DELETE_ARTIFACT, &root).arg(key(name)).run().await;
        answer.map(|_| ()).map_err(|e| e.context(format!("delete artifact {name}")))
    }

    /// The order is by the tag of the queue, then by id.
    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error> {
        older_than(&self.base, age, after, limit).await.map_err(|e| e.context("list artifacts"))
    }
}

async fn older_than(
    base: &Base,
    age: Duration,
    after: Option<ArtifactName>,
    limit: usize,
) -> Result<Vec<ArtifactName>, Error> {
    let mut tags: Vec<u16> = Vec::new();
    for answer in on_each(base, |root| base.call(&library::LIST_ARTIFACT_TAGS, root)).await?.0 {
        let listed = list(answer).ok_or_else(|| error::unexpected("list_artifact_tags"))?;
        tags.extend(listed.iter().filter_map(number).filter_map(|tag| u16::try_from(tag).ok()));
    }
    tags.sort_unstable();
    tags.dedup();
    let first = after.map_or(0, |name| name.job.queue_tag());
    let mut names = Vec::new();
    for tag in tags.into_iter().filter(|tag| *tag >= first) {
        let mut from = after.filter(|_| tag == first).map(behind).unwrap_or_default();
        loop {
            let call = base.framed(&library::LIST_ARTIFACTS, &base.keys.of_tag(tag)).arg(&from);
            let call = call.number(PER_CALL as i64).number(millis(age));
            let answer = list(call.run().await?).ok_or_else(|| error::unexpected("list_artifacts"))?;
            let mut answer = answer.into_iter().map(|value: Value| bytes(value).unwrap_or_default());
            from = answer.next().unwrap_or_default();
            names.extend(answer.filter_map(|name| read_key(&name)));
            names.dedup(); // an artifact and its uploads have the same name
            if names.len() >= limit {
                names.truncate(limit);
                return Ok(names);
            }
            if from.is_empty() {
                break;
            }
        }
    }
    Ok(names)
}
