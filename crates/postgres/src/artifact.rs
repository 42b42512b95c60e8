//! Large and binary results in tables beside the jobs, so that many machines need only one database.
//!
//! Artifacts use separate connections, with one statement per chunk. So claims, renewals and upkeep never wait for
//! them, and no connection is held between two chunks.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::{Chunks, Reader, Source, read_part, rest_of_chunk};
use longshore_core::{ArtifactName, Artifacts, Error, JobId, limits, millis};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error;
use crate::pool::Pool;
use crate::push::{bounded, uuid};

/// The number of connections for artifacts.
const CONNECTIONS: usize = 2;

/// Stores artifacts in the tables `artifact_…` of the store's schema; see
/// [`Postgres::artifacts`](crate::Postgres::artifacts).
///
/// A chunk takes at most as long as a call may take ([`Options::timeout`](crate::Options::timeout)), including the wait
/// for a connection.
#[derive(Clone, Debug)]
pub struct ArtifactTable {
    /// For bytes.
    pool: Pool,
    /// The pool of the store's other calls, for upkeep, which must not wait for chunks.
    others: Pool,
}

impl ArtifactTable {
    /// Uses separate connections to the server of that pool.
    pub(crate) fn beside(others: &Pool) -> Self {
        ArtifactTable { pool: others.separate(CONNECTIONS), others: others.clone() }
    }
}

#[async_trait]
impl Artifacts for ArtifactTable {
    async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
        let tried = |e: Error| e.context(format!("write artifact {name}"));
        let upload = Upload::begin(&self.pool, name).await.map_err(tried)?;
        let (mut chunks, mut n, mut size) = (Chunks::new(source), 0, 0);
        while let Some(chunk) = chunks.next().await? {
            upload.write(n, &chunk).await.map_err(tried)?;
            n += 1;
            size += chunk.len() as u64;
        }
        upload.finish(size).await.map_err(tried)?;
        Ok(size)
    }

    async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
        let sql = "SELECT upload, chunk_bytes, coalesce(bytes, octet_length(body)::bigint) FROM longshore.artifact_head
                   WHERE job = $1 AND claim = $2";
        let rows = self.pool.rows(sql, &params(&uuid(name.job), &(name.claim as i64))).await;
        let rows = rows.map_err(|e| e.context(format!("read artifact {name}")))?;
        let Some(row) = rows.first() else { return Ok(None) };
        let upload: Option<i64> = row.try_get(0).map_err(error::of)?;
        let chunk_bytes: Option<i32> = row.try_get(1).map_err(error::of)?;
        let size: i64 = row.try_get(2).map_err(error::of)?;
        let body = match (upload, chunk_bytes) {
            (Some(upload), Some(chunk_bytes @ 1..)) => Body::Chunks { upload, chunk_bytes: chunk_bytes as u64 },
            _ => Body::Whole,
        };
        let artifact = Artifact { pool: self.pool.clone(), name, body, size: size.unsigned_abs() };
        Ok(Some(Box::new(artifact)))
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        let sql = "SELECT longshore.delete_artifact($1, $2)";
        let deleted = self.others.rows(sql, &params(&uuid(name.job), &(name.claim as i64))).await;
        deleted.map(|_| ()).map_err(|e| e.context(format!("delete artifact {name}")))
    }

    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error> {
        let rows = self
            .others
            .rows(
                "SELECT * FROM longshore.old_artifacts($1, $2, $3, $4)",
                &[
                    (&bounded(millis(age)), Type::INT8),
                    (&after.map(|name| uuid(name.job)), Type::UUID),
                    (&after.map(|name| name.claim as i64), Type::INT8),
                    (&i32::try_from(limit).unwrap_or(i32::MAX), Type::INT4),
                ],
            )
            .await
            .map_err(|e| e.context("list artifacts"))?;
        let read = |row: &Row| Ok((row.try_get::<_, Uuid>(0)?, row.try_get::<_, i64>(1)?));
        let names = rows.iter().map(|row| {
            let (job, claim) = read(row).map_err(error::of)?;
            Ok(ArtifactName { job: JobId::from_bytes(job.into_bytes()), claim: claim as u64 })
        });
        names.collect()
    }
}

fn params<'a>(job: &'a Uuid, claim: &'a i64) -> [crate::pool::Param<'a>; 2] {
    [(job, Type::UUID), (claim, Type::INT8)]
}

/// An artifact that is being written. It is deleted if the write is abandoned.
struct Upload {
    pool: Pool,
    id: i64,
    finished: bool,
}

impl Upload {
    async fn begin(pool: &Pool, name: ArtifactName) -> Result<Self, Error> {
        let (job, claim) = (uuid(name.job), name.claim as i64);
        let row = pool.row("SELECT longshore.begin_artifact($1, $2)", &params(&job, &claim)).await?;
        Ok(Upload { pool: pool.clone(), id: row.try_get(0).map_err(error::of)?, finished: false })
    }

    async fn write(&self, n: i32, chunk: &Bytes) -> Result<(), Error> {
        let params = [(&self.id as _, Type::INT8), (&n as _, Type::INT4), (&chunk.as_ref() as _, Type::BYTEA)];
        self.pool.rows("SELECT longshore.write_artifact($1, $2, $3)", &params).await.map(|_| ())
    }

    async fn finish(mut self, size: u64) -> Result<(), Error> {
        let (size, chunk_bytes) = (i64::try_from(size).unwrap_or(i64::MAX), limits::ARTIFACT_CHUNK_BYTES as i32);
        let params = [(&self.id as _, Type::INT8), (&size as _, Type::INT8), (&chunk_bytes as _, Type::INT4)];
        self.pool.rows("SELECT longshore.finish_artifact($1, $2, $3)", &params).await?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let (pool, id) = (self.pool.clone(), self.id);
        // The search for orphans finds what cannot be deleted now.
        self.pool.runtime().spawn(async move {
            let _ = pool.rows("SELECT longshore.drop_upload($1)", &[(&id, Type::INT8)]).await;
        });
    }
}

/// An artifact that is being read.
struct Artifact {
    pool: Pool,
    name: ArtifactName,
    body: Body,
    size: u64,
}

/// How an artifact is stored.
enum Body {
    /// In one value, as version 2 wrote it.
    Whole,
    Chunks {
        upload: i64,
        chunk_bytes: u64,
    },
}

#[async_trait]
impl Reader for Artifact {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, from: u64) -> Result<Bytes, Error> {
        let part = async {
            match self.body {
                Body::Chunks { upload, chunk_bytes } => self.chunk(upload, chunk_bytes, from).await,
                Body::Whole => self.part(from).await,
            }
        };
        read_part(self.name, self.size, from, part).await
    }
}

impl Artifact {
    async fn chunk(&self, upload: i64, chunk_bytes: u64, from: u64) -> Result<Option<Bytes>, Error> {
        let n = i32::try_from(from / chunk_bytes).unwrap_or(i32::MAX);
        let sql = "SELECT body FROM longshore.artifact_chunk WHERE upload = $1 AND n = $2";
        let rows = self.pool.rows(sql, &[(&upload, Type::INT8), (&n, Type::INT4)]).await?;
        Ok(body_of(&rows)?.and_then(|body| rest_of_chunk(body, from, chunk_bytes)))
    }

    async fn part(&self, from: u64) -> Result<Option<Bytes>, Error> {
        // Its size is at most that of a value, so these fit.
        let (from, most) = (from as i32 + 1, limits::ARTIFACT_CHUNK_BYTES as i32);
        let sql = "SELECT substring(body FROM $3 FOR $4) FROM longshore.artifact_head
                   WHERE job = $1 AND claim = $2 AND octet_length(body) = $5";
        let (job, claim, size) = (uuid(self.name.job), self.name.claim as i64, self.size as i32);
        let [job, claim] = params(&job, &claim);
        let params = [job, claim, (&from, Type::INT4), (&most, Type::INT4), (&size, Type::INT4)];
        body_of(&self.pool.rows(sql, &params).await?)
    }
}

fn body_of(rows: &[Row]) -> Result<Option<Bytes>, Error> {
    let body = rows.first().map(|row| row.try_get::<_, Vec<u8>>(0)).transpose().map_err(error::of)?;
    Ok(body.map(Bytes::from))
}
