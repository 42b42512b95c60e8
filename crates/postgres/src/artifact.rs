//! Large and binary results in a table beside the jobs, so that one database is all that many machines need.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::{ArtifactName, Artifacts, Error, millis};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error;
use crate::pool::Pool;
use crate::push::{bounded, uuid};

/// Artifacts in the table `artifact` of the store's schema; see [`Postgres::artifacts`](crate::Postgres::artifacts).
///
/// An artifact is one value of a row: at most 64 MiB, read and written as a whole.
#[derive(Clone, Debug)]
pub struct ArtifactTable {
    pub(crate) pool: Pool,
}

#[async_trait]
impl Artifacts for ArtifactTable {
    async fn put(&self, name: ArtifactName, body: Bytes) -> Result<(), Error> {
        let tried = || format!("write artifact {name}");
        let params = [
            (&uuid(name.job) as _, Type::UUID),
            (&(name.claim as i64) as _, Type::INT8),
            (&body.as_ref() as _, Type::BYTEA),
        ];
        self.pool.rows("SELECT longshore.keep_artifact($1, $2, $3)", &params).await.map_err(|e| e.context(tried()))?;
        Ok(())
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Bytes>, Error> {
        let params = [(&uuid(name.job) as _, Type::UUID), (&(name.claim as i64) as _, Type::INT8)];
        let sql = "SELECT body FROM longshore.artifact WHERE job = $1 AND claim = $2";
        let rows = self.pool.rows(sql, &params).await.map_err(|e| e.context(format!("read artifact {name}")))?;
        let body = rows.first().map(|row| row.try_get::<_, Vec<u8>>(0)).transpose().map_err(error::of)?;
        Ok(body.map(Bytes::from))
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        let params = [(&uuid(name.job) as _, Type::UUID), (&(name.claim as i64) as _, Type::INT8)];
        let sql = "DELETE FROM longshore.artifact WHERE job = $1 AND claim = $2";
        self.pool.rows(sql, &params).await.map_err(|e| e.context(format!("delete artifact {name}")))?;
        Ok(())
    }

    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error> {
        let rows = self
            .pool
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
        let read = |row: &tokio_postgres::Row| Ok((row.try_get::<_, Uuid>(0)?, row.try_get::<_, i64>(1)?));
        let names = rows.iter().map(|row| {
            let (job, claim) = read(row).map_err(error::of)?;
            Ok(ArtifactName { job: longshore_core::JobId::from_bytes(job.into_bytes()), claim: claim as u64 })
        });
        names.collect()
    }
}
