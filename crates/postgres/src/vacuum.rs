//! Vacuuming the tables of live jobs. Until a vacuum, claims scan the dead rows of jobs that were claimed before.
//! Autovacuum runs at most once a minute; by then a busy queue has left a million of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use longshore_core::Error;

use crate::error;
use crate::pool::Pool;

/// The number of claimed jobs after which this process checks whether a vacuum is due.
const CHECK_AFTER: usize = 20_000;
/// How long to wait after a failed vacuum.
const AFTER_FAILURE: Duration = Duration::from_secs(600);
/// How long to wait after a vacuum that removed nothing, because of an open transaction or because another process was
/// vacuuming.
const AFTER_VAIN: Duration = Duration::from_secs(60);

/// Vacuums the tables; one vacuum per process at a time.
#[derive(Debug, Default)]
pub(crate) struct Vacuum {
    claimed: AtomicUsize,
    under_way: AtomicBool,
}

impl Vacuum {
    /// Counts claimed jobs, and checks after a certain number.
    pub(crate) fn note_claimed(self: &Arc<Self>, pool: &Pool, jobs: usize) {
        if self.claimed.fetch_add(jobs, Ordering::Relaxed) + jobs >= CHECK_AFTER {
            self.check_due(pool);
        }
    }

    /// Vacuums the tables if that is due. Does not wait for it.
    pub(crate) fn check_due(self: &Arc<Self>, pool: &Pool) {
        self.claimed.store(0, Ordering::Relaxed);
        // A pooler has few connections, and lends them for single transactions.
        if pool.is_pooled() || self.under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, pool) = (Arc::clone(self), pool.clone());
        pool.clone().runtime().spawn(async move {
            if is_due(&pool).await {
                if let Err(e) = vacuum(&pool).await {
                    tracing::debug!(error = %e, "cannot vacuum the tables of live jobs; autovacuum will do it");
                    tokio::time::sleep(AFTER_FAILURE).await;
                } else if is_due(&pool).await {
                    tokio::time::sleep(AFTER_VAIN).await;
                }
            }
            this.under_way.store(false, Ordering::Release);
        });
    }
}

async fn is_due(pool: &Pool) -> bool {
    let row = pool.row("SELECT longshore.vacuum_due()", &[]).await;
    row.is_ok_and(|row| matches!(row.try_get(0), Ok(Some(true)))) // if the server is unreachable, the next call asks again
}

/// Vacuums like autovacuum does. It takes as long as necessary, over a separate connection, and blocks nobody.
async fn vacuum(pool: &Pool) -> Result<(), Error> {
    let (client, driver) = pool.dial((Instant::now() + pool.patience()).into(), "-c statement_timeout=0").await?;
    let driving = pool.runtime().spawn(driver);
    let sql = "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON, TRUNCATE OFF) longshore.waiting, longshore.running";
    let done = client.batch_execute(&pool.schema().in_sql(sql)).await.map_err(error::of);
    drop(client);
    let _ = driving.await; // it ends after its client is dropped
    done
}
