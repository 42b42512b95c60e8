//! Upkeep: each part is a transaction of its own that touches a bounded number of rows, skips those that others work on, and
//! looks by an index of its own, so that none starves the others. A part that the server refuses, or that fails for some rows, is
//! reported, and the others are done.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{ArtifactName, Death, Error, Gone, JobId, Kept, News, Upkeep, UpkeepFailure, limits, millis};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::error;
use crate::pool::{Param, Pool};
use crate::read::{column, moved, taken};
use crate::settle::notices_of;

/// A call that takes longer was held up, and whatever held it up has held up renewals, too.
const STANDSTILL: Duration = Duration::from_secs(3);

/// Where the search for kinds that nobody knows goes on.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Option<Vec<String>>>);

/// A piece of upkeep: what it may touch, and what it did.
struct Work<'a> {
    store: &'a Postgres,
    limit: usize,
    rules_level: u16,
    /// How far tests moved the wall clock, and that of leases.
    shift: i64,
    lease_shift: i64,
    kept: Kept,
}

pub(crate) async fn upkeep(store: &Postgres, upkeep: Upkeep) -> Result<Kept, Error> {
    let limit = upkeep.limit.min(limits::UPKEEP_ROWS);
    let (shift, lease_shift) = store.settings.clock.shift();
    let mut work = Work { store, limit, rules_level: upkeep.rules_level, shift, lease_shift, kept: Kept::default() };
    let asked = Instant::now();
    let now = clock(&store.pool).await?;
    let steady = store.steps.steady(now + lease_shift, &store.settings.clock);
    if asked.elapsed() >= STANDSTILL {
        store.steps.stalled(&store.settings.clock);
    } else if upkeep.rescue && steady {
        let rescued = work.rescue(now).await;
        work.note("rescue", rescued)?;
        store.publisher.tell(notices_of(&work.kept.rescued));
    }
    // What has happened so far has happened, whatever becomes of the rest.
    work.rest().await.map_err(Error::perhaps_done)?;
    store.vacuum.look(&store.pool);
    let mut notices = notices_of(&work.kept.buried);
    if work.kept.pruned > 0 {
        notices.news = News::All;
    }
    store.publisher.tell(notices);
    Ok(work.kept)
}

/// Returns the server's time in milliseconds.
pub(crate) async fn clock(pool: &Pool) -> Result<i64, Error> {
    pool.row("SELECT longshore.clock()", &[]).await?.try_get(0).map_err(error::of)
}

impl Work<'_> {
    /// Does all parts but the rescue.
    async fn rest(&mut self) -> Result<(), Error> {
        let late = self.bury_late().await;
        self.note("deadlines", late)?;
        let unknown = self.bury_unknown().await;
        self.note("unknown kinds", unknown)?;
        let pruned = self.prune().await;
        self.note("prune", pruned)?;
        let lock = self.store.pool.schema().lock(b"counts");
        let folded = self.tidy("fold_counts($1)", &[(&lock, Type::INT8)]).await;
        self.note("counts", folded)?;
        let (limit, shift) = (self.limit as i32, self.shift);
        let params: [Param<'_>; 2] = [(&limit, Type::INT4), (&shift, Type::INT8)];
        let workers = self.tidy("forget_workers($1, $2)", &params).await;
        self.note("workers", workers)?;
        let answers = self.tidy("forget_answers($1, $2)", &params).await;
        self.note("idempotency keys", answers)
    }

    /// Notes a part that failed, unless no part can be done.
    fn note(&mut self, part: &'static str, result: Result<Option<String>, Error>) -> Result<(), Error> {
        match result {
            Ok(None) => {}
            Ok(Some(rows)) => self.kept.failed.push(UpkeepFailure::new(part, rows)),
            Err(e) if error::is_of_the_statement(&e) => self.kept.failed.push(UpkeepFailure::new(part, e)),
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Rescues, unless the server gets to it only after a standstill, in which others could not renew.
    async fn rescue(&mut self, asked: i64) -> Result<Option<String>, Error> {
        let store = self.store;
        let crash = Gone::LEASE_ENDED.to_string();
        let params: [Param<'_>; 9] = [
            (&(self.limit as i32), Type::INT4),
            (&i32::from(self.rules_level), Type::INT4),
            (&crash, Type::TEXT),
            (&(asked + millis(STANDSTILL)), Type::INT8),
            (&millis(limits::LONGEST_LEASE), Type::INT8),
            (&self.shift, Type::INT8),
            (&self.lease_shift, Type::INT8),
            (&store.keep_finished(), Type::INT8),
            (&store.keep_dead(), Type::INT8),
        ];
        let row = store.pool.row("SELECT * FROM longshore.rescue($1, $2, $3, $4, $5, $6, $7, $8, $9)", &params).await?;
        let Some(rescued) = column::<Option<Value>>(&row, "rescued")? else {
            store.steps.stalled(&store.settings.clock);
            return Ok(None);
        };
        let done = length(&rescued);
        self.kept.rescued = taken(Some(rescued), Death::Crashed);
        self.failed_rows(&row, done)
    }

    /// Buries what missed its deadline.
    async fn bury_late(&mut self) -> Result<Option<String>, Error> {
        let params: [Param<'_>; 3] =
            [(&(self.limit as i32), Type::INT4), (&self.shift, Type::INT8), (&self.store.keep_dead(), Type::INT8)];
        let row = self.store.pool.row("SELECT * FROM longshore.bury_late($1, $2, $3)", &params).await?;
        let done = self.note_buried(&row)?;
        self.failed_rows(&row, done)
    }

    /// Buries what no worker knows.
    async fn bury_unknown(&mut self) -> Result<Option<String>, Error> {
        let store = self.store;
        let after = store.unknown.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let params: [Param<'_>; 4] = [
            (&(self.limit as i32), Type::INT4),
            (&after, Type::TEXT_ARRAY),
            (&self.shift, Type::INT8),
            (&store.keep_dead(), Type::INT8),
        ];
        let row = store.pool.row("SELECT * FROM longshore.bury_unknown($1, $2, $3, $4)", &params).await?;
        let done = self.note_buried(&row)?;
        *store.unknown.0.lock().unwrap_or_else(PoisonError::into_inner) = column(&row, "after")?;
        self.failed_rows(&row, done)
    }

    /// Reads which jobs a part has buried, and returns how many.
    fn note_buried(&mut self, row: &Row) -> Result<usize, Error> {
        let buried: Value = column(row, "buried")?;
        let done = length(&buried);
        self.kept.buried.extend(moved(Some(buried)));
        Ok(done)
    }

    /// Deletes finished jobs whose time is over.
    async fn prune(&mut self) -> Result<Option<String>, Error> {
        let params: [Param<'_>; 2] = [(&(self.limit as i32), Type::INT4), (&self.shift, Type::INT8)];
        let row = self.store.pool.row("SELECT * FROM longshore.prune($1, $2)", &params).await?;
        let (pruned, jobs, claims): (i64, Vec<Uuid>, Vec<i64>) =
            (column(&row, "pruned")?, column(&row, "jobs")?, column(&row, "claims")?);
        self.kept.pruned = pruned as usize;
        self.kept.artifacts = jobs
            .into_iter()
            .zip(claims)
            .map(|(job, claim)| ArtifactName { job: JobId::from_bytes(job.into_bytes()), claim: claim as u64 })
            .collect();
        self.failed_rows(&row, pruned as usize)
    }

    /// Runs a part that says nothing but whether there is more to do.
    async fn tidy(&mut self, call: &str, params: &[Param<'_>]) -> Result<Option<String>, Error> {
        let row = self.store.pool.row(&format!("SELECT longshore.{call} AS more"), params).await?;
        self.kept.more |= column::<bool>(&row, "more")?;
        Ok(None)
    }

    /// Reads for how many rows a part failed, and notes whether there is more to do: not if it failed for all.
    fn failed_rows(&mut self, row: &Row, done: usize) -> Result<Option<String>, Error> {
        let (failed, first): (i64, Option<String>) = (column(row, "failed")?, column(row, "error")?);
        let all = done + failed as usize;
        self.kept.more |= done > 0 && all >= self.limit;
        Ok(first.map(|first| format!("{failed} of {all} jobs; {first}")))
    }
}

fn length(jobs: &Value) -> usize {
    jobs.as_array().map_or(0, Vec::len)
}
