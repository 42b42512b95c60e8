//! Upkeep: each part is a transaction of its own that touches a bounded number of rows, skips those that others work on, and
//! looks by an index of its own, so that none starves the others.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{ArtifactName, Error, JobId, Kept, Upkeep, limits, millis};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::bells::Rings;
use crate::error;
use crate::pool::Pool;

/// A call that takes longer was held up, and whatever held it up has held up renewals, too.
const STANDSTILL: Duration = Duration::from_secs(3);

/// Where the search for kinds that nobody knows goes on.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Option<Vec<String>>>);

pub(crate) async fn upkeep(store: &Postgres, upkeep: Upkeep) -> Result<Kept, Error> {
    let limit = upkeep.limit.min(limits::UPKEEP_ROWS);
    let mut kept = Kept::default();
    let (shift, lease_shift) = store.settings.clock.shift();
    let asked = Instant::now();
    let now = clock(&store.pool).await?;
    let steady = store.steps.steady(now + lease_shift, &store.settings.clock);
    if asked.elapsed() >= STANDSTILL {
        store.steps.stalled(&store.settings.clock);
    } else if upkeep.rescue && steady {
        kept.rescued = rescue(store, limit, now, shift, lease_shift).await?;
        store.bells.ring(Rings { work: kept.rescued > 0, news: kept.rescued > 0, cancels: false });
    }
    // What has happened so far has happened, whatever becomes of the rest.
    let rest = async {
        let (late, unknown) = bury(store, limit, shift).await?;
        kept.buried = late + unknown;
        prune(store, limit, shift, &mut kept).await?;
        let more = tidy(store, limit, shift).await?;
        store.vacuum.look(&store.pool);
        kept.more = more || [kept.rescued, late, unknown, kept.pruned].into_iter().any(|rows| rows >= limit);
        Ok::<_, Error>(())
    };
    rest.await.map_err(Error::perhaps_done)?;
    store.bells.ring(Rings { news: kept.buried + kept.pruned > 0, ..Rings::default() });
    Ok(kept)
}

/// Returns the server's time in milliseconds.
pub(crate) async fn clock(pool: &Pool) -> Result<i64, Error> {
    pool.row("SELECT longshore.clock()", &[]).await?.try_get(0).map_err(error::of)
}

/// Rescues, unless the server gets to it only after a standstill, in which others could not renew.
async fn rescue(store: &Postgres, limit: usize, asked: i64, shift: i64, lease_shift: i64) -> Result<usize, Error> {
    let row = store
        .pool
        .row(
            "SELECT longshore.rescue($1, $2, $3, $4, $5, $6, $7)",
            &[
                (&(limit as i32), Type::INT4),
                (&(asked + millis(STANDSTILL)), Type::INT8),
                (&millis(limits::LONGEST_LEASE), Type::INT8),
                (&shift, Type::INT8),
                (&lease_shift, Type::INT8),
                (&store.keep_finished(), Type::INT8),
                (&store.keep_dead(), Type::INT8),
            ],
        )
        .await?;
    let rescued: Option<i64> = row.try_get(0).map_err(error::of)?;
    if rescued.is_none() {
        store.steps.stalled(&store.settings.clock);
    }
    Ok(rescued.unwrap_or(0) as usize)
}

/// Buries what missed its deadline, and what nobody knows; returns how many of each.
async fn bury(store: &Postgres, limit: usize, shift: i64) -> Result<(usize, usize), Error> {
    let after = store.unknown.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let row = store
        .pool
        .row(
            "SELECT * FROM longshore.bury_waiting($1, $2, $3, $4)",
            &[
                (&(limit as i32), Type::INT4),
                (&after, Type::TEXT_ARRAY),
                (&shift, Type::INT8),
                (&store.keep_dead(), Type::INT8),
            ],
        )
        .await?;
    let read = || Ok((row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?, row.try_get(2)?));
    let (late, unknown, after) = read().map_err(error::of)?;
    *store.unknown.0.lock().unwrap_or_else(PoisonError::into_inner) = after;
    Ok((late as usize, unknown as usize))
}

/// Deletes finished jobs whose time is over.
async fn prune(store: &Postgres, limit: usize, shift: i64, kept: &mut Kept) -> Result<(), Error> {
    let params = [(&(limit as i32) as _, Type::INT4), (&shift as _, Type::INT8)];
    for row in store.pool.rows("SELECT * FROM longshore.prune($1, $2)", &params).await? {
        let read = || Ok((row.try_get::<_, Uuid>(0)?, row.try_get::<_, Option<i64>>(1)?));
        let (job, artifact) = read().map_err(error::of)?;
        let job = JobId::from_bytes(job.into_bytes());
        kept.pruned += 1;
        kept.artifacts.extend(artifact.map(|claim| ArtifactName { job, claim: claim as u64 }));
    }
    Ok(())
}

/// Adds up counts, and forgets what is over; returns whether there is more to do.
async fn tidy(store: &Postgres, limit: usize, shift: i64) -> Result<bool, Error> {
    let lock = store.pool.schema().lock(b"counts");
    let params = [(&(limit as i32) as _, Type::INT4), (&lock as _, Type::INT8), (&shift as _, Type::INT8)];
    let row = store.pool.row("SELECT longshore.tidy($1, $2, $3)", &params).await?;
    row.try_get(0).map_err(error::of)
}
