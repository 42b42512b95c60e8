//! Vacuuming the tables of live jobs. Claims walk over what is left of jobs that were claimed before, until a vacuum; autovacuum comes
//! once a minute at most, by when a busy queue has left a million of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use longshore_core::Error;

use crate::error;
use crate::pool::Pool;

/// How many jobs this process claims before it asks whether a vacuum is due.
const LOOK_AFTER: usize = 20_000;
/// How long autovacuum is left alone after a vacuum of ours has failed.
const NOT_AGAIN: Duration = Duration::from_secs(600);
/// How long after one that left what it came for, because of an open transaction, or because another process was at it.
const IN_VAIN: Duration = Duration::from_secs(60);

/// Looks after the tables, one vacuum at a time and process.
#[derive(Debug, Default)]
pub(crate) struct Vacuum {
    claimed: AtomicUsize,
    under_way: AtomicBool,
}

impl Vacuum {
    /// Counts claimed jobs, and looks where they have become many.
    pub(crate) fn note_claimed(self: &Arc<Self>, pool: &Pool, jobs: usize) {
        if self.claimed.fetch_add(jobs, Ordering::Relaxed) + jobs >= LOOK_AFTER {
            self.look(pool);
        }
    }

    /// Has the tables vacuumed where that is due; waits for nothing.
    pub(crate) fn look(self: &Arc<Self>, pool: &Pool) {
        self.claimed.store(0, Ordering::Relaxed);
        // A pooler has few connections, and lends them for transactions.
        if pool.is_pooled() || self.under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, pool) = (Arc::clone(self), pool.clone());
        pool.clone().runtime().spawn(async move {
            if is_due(&pool).await {
                if let Err(e) = vacuum(&pool).await {
                    tracing::debug!(error = %e, "cannot vacuum the tables of live jobs; autovacuum will");
                    tokio::time::sleep(NOT_AGAIN).await;
                } else if is_due(&pool).await {
                    tokio::time::sleep(IN_VAIN).await;
                }
            }
            this.under_way.store(false, Ordering::Release);
        });
    }
}

async fn is_due(pool: &Pool) -> bool {
    let row = pool.row("SELECT longshore.dusty()", &[]).await;
    row.is_ok_and(|row| matches!(row.try_get(0), Ok(Some(true)))) // if the server is unreachable, the next call asks again
}

/// Vacuums as autovacuum does. Takes as long as it takes, over a connection of its own: holds up nobody.
async fn vacuum(pool: &Pool) -> Result<(), Error> {
    let (client, driver) = pool.dial((Instant::now() + pool.patience()).into(), "-c statement_timeout=0").await?;
    let driving = pool.runtime().spawn(driver);
    let sql = "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON, TRUNCATE OFF) longshore.waiting, longshore.running";
    let done = client.batch_execute(&pool.schema().in_sql(sql)).await.map_err(error::of);
    drop(client);
    let _ = driving.await; // it ends after its client is dropped
    done
}
