//! Queues and kinds that nobody uses any more are forgotten: their rows go, and no number is used again.
//!
//! Other processes, and this one, have numbers of names in mind ([`Names`](crate::names::Names)). Whoever forgets a name counts that up in `store`, in
//! the same transaction, and each write transaction looks at that count first: a push or a claim that comes afterwards finds the name anew.

use longshore_core::{Timestamp, UpkeepReport, limits, millis};

use crate::read::read_rules;
use crate::tx::Tx;
use crate::upkeep::rows;

/// How long a process waits between two walks over all names: a name may stay that much longer than it must.
const EVERY_MS: i64 = 10 * 60_000;

/// The search for unused names: a walk over the queues and one over the kinds, a bounded number of rows a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unused {
    queues: Walk,
    kinds: Walk,
}

/// Where a walk goes on, and when the next begins.
#[derive(Clone, Debug, Default)]
struct Walk {
    /// The number that was looked at last; 0 between two walks.
    after: i64,
    due: i64,
}

/// The rows that one step of a walk has looked at: those that are not used, how many there were, and the last.
#[derive(Default)]
struct Step {
    unused: Vec<i64>,
    seen: i64,
    last: i64,
}

impl Unused {
    /// Forgets queues and kinds that are not used, where it is time to look for them.
    pub(crate) fn forget(&mut self, tx: &mut Tx<'_>, limit: i64, kept: &mut UpkeepReport) -> rusqlite::Result<()> {
        self.queues.step(tx, "queues", limit, kept, unused_queues, "DELETE FROM queue WHERE id = ?1")?;
        self.kinds.step(tx, "kinds", limit, kept, unused_kinds, "DELETE FROM kind WHERE id = ?1")
    }
}

impl Walk {
    fn step(
        &mut self,
        tx: &mut Tx<'_>,
        part: &'static str,
        limit: i64,
        kept: &mut UpkeepReport,
        look: fn(&Tx<'_>, i64, i64) -> rusqlite::Result<Step>,
        delete: &str,
    ) -> rusqlite::Result<()> {
        let now = tx.now.as_millis();
        // Where the clock was set back far, there is no wait until it has caught up.
        if self.after == 0 && now < self.due && self.due - now <= EVERY_MS {
            return Ok(());
        }
        let (after, mut step) = (self.after, Step::default());
        let look = |tx: &Tx<'_>, limit| {
            step = look(tx, after, limit)?;
            Ok(std::mem::take(&mut step.unused))
        };
        let forget = |tx: &mut Tx<'_>, id: &i64| tx.connection.prepare_cached(delete)?.execute([id]);
        let forgotten = rows(tx, part, limit, kept, look, forget)?.len();
        let is_over = step.seen < limit;
        if forgotten > 0 {
            kept.more |= !is_over; // if nothing was removed, the rest can wait
            tx.connection.prepare_cached("UPDATE store SET forgotten = forgotten + 1")?.execute([])?;
            tx.names.forget();
        }
        (self.after, self.due) = if is_over { (0, now + EVERY_MS) } else { (step.last, self.due) };
        Ok(())
    }
}

/// Looks for queues without jobs, rules and idempotency keys, that nobody uses. One that this very transaction has moved jobs of is used.
fn unused_queues(tx: &Tx<'_>, after: i64, limit: i64) -> rusqlite::Result<Step> {
    let (busy, _) = tx.counts.names();
    let mut statement = tx.connection.prepare_cached(
        "SELECT id, max(used_at, workers_seen) <= ?3 AND (scheduled, ready, running, succeeded, dead, cancelled) = (0, 0, 0, 0, 0, 0)
                    AND NOT EXISTS (SELECT 1 FROM idempotency WHERE idempotency.queue = queue.id),
                rules_level, rules_version, rules
         FROM queue WHERE id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = statement.query([after, limit, long_ago(tx.now)])?;
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

/// Looks for kinds that no job has and no worker asks for.
fn unused_kinds(tx: &Tx<'_>, after: i64, limit: i64) -> rusqlite::Result<Step> {
    let (_, busy) = tx.counts.names();
    let mut statement = tx
        .connection
        .prepare_cached("SELECT id, jobs = 0 AND seen <= ?3 FROM kind WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut rows = statement.query([after, limit, long_ago(tx.now)])?;
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
