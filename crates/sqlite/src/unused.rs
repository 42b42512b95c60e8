//! Removing unused queues and kinds. Their rows are deleted, and no number is used again.
//!
//! Processes cache the numbers of names ([`Names`](crate::names::Names)). A process that removes a name increments a
//! counter in `store` in the same transaction, and each write transaction reads that counter first. So a later push or
//! claim looks up the name again.

use longshore_core::{Timestamp, UpkeepReport, limits, millis};

use crate::read::read_rules;
use crate::tx::Tx;
use crate::upkeep::rows;

/// The time between two searches over all names. A name may stay that much longer than necessary.
const EVERY_MS: i64 = 10 * 60_000;

/// The search for unused names: one over the queues and one over the kinds, with a limited number of rows per call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unused {
    queues: Walk,
    kinds: Walk,
}

/// Where a search continues, and when the next one starts.
#[derive(Clone, Debug, Default)]
struct Walk {
    /// The last number that was checked; 0 between two searches.
    after: i64,
    due: i64,
}

/// The rows of one step: the unused ones, how many were checked, and the last one.
#[derive(Default)]
struct Step {
    unused: Vec<i64>,
    seen: i64,
    last: i64,
}

impl Unused {
    /// Removes unused queues and kinds, if it is time to search for them.
    pub(crate) fn forget(&mut self, tx: &mut Tx<'_>, limit: i64, report: &mut UpkeepReport) -> rusqlite::Result<()> {
        self.queues.step(tx, "queues", limit, report, unused_queues, "DELETE FROM queue WHERE id = ?1")?;
        self.kinds.step(tx, "kinds", limit, report, unused_kinds, "DELETE FROM kind WHERE id = ?1")
    }
}

impl Walk {
    fn step(
        &mut self,
        tx: &mut Tx<'_>,
        part: &'static str,
        limit: i64,
        report: &mut UpkeepReport,
        find: fn(&Tx<'_>, i64, i64) -> rusqlite::Result<Step>,
        delete: &str,
    ) -> rusqlite::Result<()> {
        let now = tx.now.as_millis();
        // If the clock was set back far, the search does not wait until it has caught up.
        if self.after == 0 && now < self.due && self.due - now <= EVERY_MS {
            return Ok(());
        }
        let (after, mut step) = (self.after, Step::default());
        let find = |tx: &Tx<'_>, limit| {
            step = find(tx, after, limit)?;
            Ok(std::mem::take(&mut step.unused))
        };
        let forget = |tx: &mut Tx<'_>, id: &i64| tx.connection.prepare_cached(delete)?.execute([id]);
        let forgotten = rows(tx, part, limit, report, find, forget)?.len();
        let is_over = step.seen < limit;
        if forgotten > 0 {
            report.more |= !is_over; // if nothing was removed, the rest can wait
            tx.connection.prepare_cached("UPDATE store SET forgotten = forgotten + 1")?.execute([])?;
            tx.names.forget();
        }
        (self.after, self.due) = if is_over { (0, now + EVERY_MS) } else { (step.last, self.due) };
        Ok(())
    }
}

/// Finds queues without jobs, rules and idempotency keys that were not used recently. A queue counts as used if this
/// transaction has moved jobs of it.
fn unused_queues(tx: &Tx<'_>, after: i64, limit: i64) -> rusqlite::Result<Step> {
    let (busy, _) = tx.counts.names();
    let mut statement = tx.connection.prepare_cached(
        "SELECT id, max(used_at, workers_seen) <= ?3 AND (scheduled, ready, running, succeeded, dead, cancelled) = (0, 0, 0, 0, 0, 0)
                    AND NOT EXISTS (SELECT 1 FROM idempotency WHERE idempotency.queue = queue.id),
                rules_level, rules_version, rules
         FROM queue WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = statement.query([after, limit, long_ago(tx.expiry_now)])?;
    let mut step = Step::default();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        (step.last, step.seen) = (id, step.seen + 1);
        let is_ruled =
            || Ok::<_, rusqlite::Error>(row.get::<_, i64>(2)? > 0 && read_rules(row, 3)?.at(tx.now).level() > 0);
        if row.get(1)? && !busy.contains(&id) && !is_ruled()? {
            step.unused.push(id);
        }
    }
    Ok(step)
}

/// Finds kinds without jobs that no worker asks for.
fn unused_kinds(tx: &Tx<'_>, after: i64, limit: i64) -> rusqlite::Result<Step> {
    let (_, busy) = tx.counts.names();
    let mut statement = tx
        .connection
        .prepare_cached("SELECT id, jobs = 0 AND seen <= ?3 FROM kind WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut rows = statement.query([after, limit, long_ago(tx.expiry_now)])?;
    let mut step = Step::default();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        (step.last, step.seen) = (id, step.seen + 1);
        if row.get(1)? && !busy.contains(&id) {
            step.unused.push(id);
        }
    }
    Ok(step)
}

fn long_ago(now: Timestamp) -> i64 {
    now.as_millis() - millis(limits::UNUSED_KEPT)
}
