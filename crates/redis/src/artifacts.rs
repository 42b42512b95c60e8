//! Results that don't fit a record, kept in Redis, so that it alone is enough for workers on many machines.
//!
//! They are kept as durably as jobs, and cost the server's memory: many large results are better off elsewhere. An artifact is
//! noted before it is written, so that the search for orphans finds it whatever happens in between.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::{ArtifactName, Artifacts, Error, JobId, millis};
use redis::Value;

use crate::base::Base;
use crate::call::{bytes, list, number};
use crate::copies::on_each;
use crate::error;
use crate::keys;
use crate::record::Reader;
use crate::{Redis, library};

/// Names that are looked at by one script.
const PER_CALL: usize = 500;

/// Returns a name as it is kept: sorted by job.
fn key(name: ArtifactName) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(name.job.as_bytes());
    key[16..].copy_from_slice(&name.claim.to_be_bytes());
    key
}

fn read_key(key: &[u8]) -> Option<ArtifactName> {
    let mut from = Reader(key);
    Some(ArtifactName { job: JobId::from_bytes(from.array()?), claim: u64::from_be_bytes(from.array()?) })
}

fn whole_key(base: &Base, name: ArtifactName) -> Vec<u8> {
    [base.keys.of_tag(name.job.queue_tag()).as_bytes(), keys::ARTIFACT.as_bytes(), &key(name)].concat()
}

#[async_trait]
impl Artifacts for Redis {
    async fn put(&self, name: ArtifactName, body: Bytes) -> Result<(), Error> {
        let base = &self.base;
        let put = async {
            let tag = name.job.queue_tag();
            let root = base.keys.of_tag(tag);
            on_each(base, |root| base.call(&library::NOTE_ARTIFACT_TAG, root).number(i64::from(tag))).await?;
            base.framed(&library::NOTE_ARTIFACT, &root).arg(key(name)).run().await?;
            let mut write = redis::cmd("SET");
            write.arg(whole_key(base, name)).arg(&body[..]);
            base.link.send(&root, &write).await?;
            Ok(())
        };
        put.await.map_err(|e: Error| e.context(format!("write artifact {name}")))
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Bytes>, Error> {
        let mut read = redis::cmd("GET");
        read.arg(whole_key(&self.base, name));
        let root = self.base.keys.of_tag(name.job.queue_tag());
        let answer = self.base.link.send(&root, &read).await.map_err(Error::from);
        let body = answer.map_err(|e| e.context(format!("read artifact {name}")))?;
        Ok(bytes(body).map(Bytes::from))
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        let root = self.base.keys.of_tag(name.job.queue_tag());
        let answer = self.base.call(&library::DELETE_ARTIFACT, &root).arg(key(name)).run().await;
        answer.map(|_| ()).map_err(|e| e.context(format!("delete artifact {name}")))
    }

    /// The order is that of the tags of queues, then that of ids.
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
        let its = list(answer).ok_or_else(|| error::unexpected("list_artifact_tags"))?;
        tags.extend(its.iter().filter_map(number).filter_map(|tag| u16::try_from(tag).ok()));
    }
    tags.sort_unstable();
    tags.dedup();
    let first = after.map_or(0, |name| name.job.queue_tag());
    let mut names = Vec::new();
    for tag in tags.into_iter().filter(|tag| *tag >= first) {
        let mut from = after.filter(|_| tag == first).map(|name| key(name).to_vec()).unwrap_or_default();
        loop {
            let call = base.framed(&library::LIST_ARTIFACTS, &base.keys.of_tag(tag)).arg(&from);
            let call = call.number(PER_CALL as i64).number(millis(age));
            let answer = list(call.run().await?).ok_or_else(|| error::unexpected("list_artifacts"))?;
            let mut answer = answer.into_iter().map(|value: Value| bytes(value).unwrap_or_default());
            from = answer.next().unwrap_or_default();
            names.extend(answer.filter_map(|name| read_key(&name)));
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
