//! Upkeep. Each part is a separate transaction that touches a limited number of rows, skips locked rows, and uses its
//! own index, so that no part starves the others. A part that fails, completely or for some rows, is reported, and the
//! others are still done.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{
    ArtifactName, Death, Error, Gone, JobId, News, Upkeep, UpkeepFailure, UpkeepReport, limits, millis,
};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::error;
use crate::pool::{Param, Pool};
use crate::read::{column, moved, taken};
use crate::settle::notices_of;

/// A call that takes longer was delayed, and its cause has delayed renewals as well.
const STANDSTILL: Duration = Duration::from_secs(3);

/// The time between two searches over all queues or kinds. A name may stay that much longer than necessary.
const WALK_EVERY: Duration = Duration::from_secs(600);

/// Where the searches of this process continue in the next call.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    /// The search for jobs of unknown kinds.
    unknown: Mutex<Option<Vec<String>>>,
    /// The searches for unused queues and kinds.
    queues: Walk,
    kinds: Walk,
}

/// A search over names, in their order.
#[derive(Debug, Default)]
struct Walk(Mutex<Walking>);

#[derive(Debug, Default)]
struct Walking {
    /// The last name that was checked; `None` between two searches.
    after: Option<String>,
    /// When the next search starts, in milliseconds of the server's time.
    due: i64,
}

impl Walk {
    /// Returns the name to start after, or `None` if the next search is not due.
    fn next(&self, now: i64) -> Option<String> {
        let Walking { after, due } = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // If the clock was set back far, the search does not wait until it has caught up.
        let is_due = after.is_some() || now >= *due || due - now > millis(WALK_EVERY);
        is_due.then(|| after.clone().unwrap_or_default())
    }

    fn went_to(&self, after: Option<String>, now: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Walking { after, due: now + millis(WALK_EVERY) };
    }
}

/// An upkeep call: its limits and its results.
struct Work<'a> {
    store: &'a Postgres,
    limit: usize,
    rules_level: u16,
    /// The server's clock plus `expiry_shift`.
    now: i64,
    /// How far tests moved the wall clock, and the clock of leases.
    shift: i64,
    lease_shift: i64,
    /// Added to the server's clock, it gives the time up to which things have surely ended.
    expiry_shift: i64,
    report: UpkeepReport,
}

pub(crate) async fn upkeep(store: &Postgres, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
    let limit = upkeep.limit.min(limits::UPKEEP_ROWS);
    let (shift, lease_shift) = store.settings.clock.shift();
    let asked = Instant::now();
    let now = clock(&store.pool).await?;
    let (rules_level, report) = (upkeep.rules_level, UpkeepReport::default());
    let expiry_shift = store.expiry.note(now + shift, &store.settings.clock) - now;
    let mut work =
        Work { store, limit, rules_level, now: now + expiry_shift, shift, lease_shift, expiry_shift, report };
    let steady = store.steps.steady(now + lease_shift, &store.settings.clock);
    if asked.elapsed() >= STANDSTILL {
        store.steps.stalled(&store.settings.clock);
    } else if upkeep.rescue && steady {
        let rescued = work.rescue(now).await;
        work.note("rescue", rescued)?;
        store.publisher.tell(notices_of(&work.report.rescued));
    }
    // The earlier parts are done even if a later one fails.
    work.rest().await.map_err(Error::perhaps_done)?;
    store.vacuum.check_due(&store.pool);
    let mut notices = notices_of(&work.report.buried);
    if work.report.pruned > 0 {
        notices.news = News::All;
    }
    store.publisher.tell(notices);
    Ok(work.report)
}

/// Returns the server's time in milliseconds.
pub(crate) async fn clock(pool: &Pool) -> Result<i64, Error> {
    pool.row("SELECT longshore.clock()", &[]).await?.try_get(0).map_err(error::of)
}

impl Work<'_> {
    /// Does all parts except the rescue.
    async fn rest(&mut self) -> Result<(), Error> {
        let late = self.bury_late().await;
        self.note("deadlines", late)?;
        let unknown = self.bury_unknown().await;
        self.note("unknown kinds", unknown)?;
        let pruned = self.prune().await;
        self.note("prune", pruned)?;
        let lock = self.store.pool.schema().lock(b"counts");
        let (limit, shift) = (self.limit as i32, self.expiry_shift);
        let folded = self.tidy("fold_counts($1, $2)", &[(&lock, Type::INT8), (&shift, Type::INT8)]).await;
        self.note("counts", folded)?;
        let params: [Param<'_>; 2] = [(&limit, Type::INT4), (&shift, Type::INT8)];
        let workers = self.tidy("forget_workers($1, $2)", &params).await;
        self.note("workers", workers)?;
        let answers = self.tidy("forget_answers($1, $2)", &params).await;
        self.note("idempotency keys", answers)?;
        let store = self.store;
        let queues = self.walk(&store.searches.queues, "forget_queues", b"queues").await;
        self.note("queues", queues)?;
        let kinds = self.walk(&store.searches.kinds, "forget_kinds", b"kinds").await;
        self.note("kinds", kinds)
    }

    /// Records a failed part, unless the error means that no part can be done.
    fn note(&mut self, part: &'static str, result: Result<Option<String>, Error>) -> Result<(), Error> {
        match result {
            Ok(None) => {}
            Ok(Some(rows)) => self.report.failed.push(UpkeepFailure::new(part, rows)),
            Err(e) if error::is_of_the_statement(&e) => self.report.failed.push(UpkeepFailure::new(part, e)),
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Rescues, unless the server runs the statement only after a delay in which others could not renew.
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
        self.report.rescued = taken(Some(rescued), Death::Crashed);
        self.failed_rows(&row, done)
    }

    /// Buries jobs that missed their deadline.
    async fn bury_late(&mut self) -> Result<Option<String>, Error> {
        let params: [Param<'_>; 3] = [
            (&(self.limit as i32), Type::INT4),
            (&self.expiry_shift, Type::INT8),
            (&self.store.keep_dead(), Type::INT8),
        ];
        let row = self.store.pool.row("SELECT * FROM longshore.bury_late($1, $2, $3)", &params).await?;
        let done = self.note_buried(&row)?;
        self.failed_rows(&row, done)
    }

    /// Buries jobs of unknown kinds.
    async fn bury_unknown(&mut self) -> Result<Option<String>, Error> {
        let store = self.store;
        let after = store.searches.unknown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let params: [Param<'_>; 4] = [
            (&(self.limit as i32), Type::INT4),
            (&after, Type::TEXT_ARRAY),
            (&self.expiry_shift, Type::INT8),
            (&store.keep_dead(), Type::INT8),
        ];
        let row = store.pool.row("SELECT * FROM longshore.bury_unknown($1, $2, $3, $4)", &params).await?;
        let done = self.note_buried(&row)?;
        *store.searches.unknown.lock().unwrap_or_else(PoisonError::into_inner) = column(&row, "after")?;
        self.failed_rows(&row, done)
    }

    /// Reads which jobs a part has buried. Returns the number.
    fn note_buried(&mut self, row: &Row) -> Result<usize, Error> {
        let buried: Value = column(row, "buried")?;
        let done = length(&buried);
        self.report.buried.extend(moved(Some(buried)));
        Ok(done)
    }

    /// Deletes finished jobs whose retention period has ended.
    async fn prune(&mut self) -> Result<Option<String>, Error> {
        let params: [Param<'_>; 2] = [(&(self.limit as i32), Type::INT4), (&self.expiry_shift, Type::INT8)];
        let row = self.store.pool.row("SELECT * FROM longshore.prune($1, $2)", &params).await?;
        let (pruned, jobs, claims): (i64, Vec<Uuid>, Vec<i64>) =
            (column(&row, "pruned")?, column(&row, "jobs")?, column(&row, "claims")?);
        self.report.pruned = pruned as usize;
        self.report.artifacts = jobs
            .into_iter()
            .zip(claims)
            .map(|(job, claim)| ArtifactName { job: JobId::from_bytes(job.into_bytes()), claim: claim as u64 })
            .collect();
        self.failed_rows(&row, pruned as usize)
    }

    /// Checks the next names of a search, if it is time, and removes the unused ones.
    async fn walk(&mut self, walk: &Walk, function: &str, lock: &[u8]) -> Result<Option<String>, Error> {
        let Some(after) = walk.next(self.now) else { return Ok(None) };
        let lock = self.store.pool.schema().lock(lock);
        let params: [Param<'_>; 5] = [
            (&after, Type::TEXT),
            (&(self.limit as i32), Type::INT4),
            (&lock, Type::INT8),
            (&millis(limits::UNUSED_KEPT), Type::INT8),
            (&self.expiry_shift, Type::INT8),
        ];
        let sql = format!("SELECT * FROM longshore.{function}($1, $2, $3, $4, $5)");
        let row = match self.store.pool.row(&sql, &params).await {
            Ok(row) => row,
            Err(e) => {
                walk.went_to(None, self.now); // this part is visited again later, like any other
                return Err(e);
            }
        };
        let after: Option<String> = column(&row, "after")?;
        // If nothing was removed, the rest of the search can wait.
        self.report.more |= after.is_some() && column::<i64>(&row, "forgotten")? > 0;
        walk.went_to(after, self.now);
        Ok(None)
    }

    /// Runs a part that returns only whether there is more to do.
    async fn tidy(&mut self, call: &str, params: &[Param<'_>]) -> Result<Option<String>, Error> {
        let row = self.store.pool.row(&format!("SELECT longshore.{call} AS more"), params).await?;
        self.report.more |= column::<bool>(&row, "more")?;
        Ok(None)
    }

    /// Reads for how many rows a part failed, and records whether there is more to do. There is none if it failed for
    /// all.
    fn failed_rows(&mut self, row: &Row, done: usize) -> Result<Option<String>, Error> {
        let (failed, first): (i64, Option<String>) = (column(row, "failed")?, column(row, "error")?);
        let all = done + failed as usize;
        self.report.more |= done > 0 && all >= self.limit;
        Ok(first.map(|first| format!("{failed} of {all} jobs; {first}")))
    }
}

fn length(jobs: &Value) -> usize {
    jobs.as_array().map_or(0, Vec::len)
}
