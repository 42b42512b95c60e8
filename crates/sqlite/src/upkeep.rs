//! Upkeep. Each part uses its own index and touches a limited number of rows, so that no part starves the others. Each
//! part can be rolled back alone (`Tx::with_rollback`), so that a part that fails stops no other. A row for
//! which a part fails does not stop the other rows.

use std::time::Duration;

use longshore_core::{
    ArtifactName, BootTime, Death, Gone, JobId, Reason, Rules, State, Upkeep, UpkeepFailure, UpkeepReport, limits,
    millis,
};
use rusqlite::{Connection, OptionalExtension, Params, params};

use crate::claim::{PRESENCE_GAP, bury, reserve};
use crate::column::{state, text};
use crate::error;
use crate::outage::{Moment, next_check};
use crate::settle::lose;
use crate::tx::Tx;
use crate::unused::Unused;
use crate::workers;

/// The number of leases to check for each that may be taken: some leases have ended and prove nothing yet.
const CHECKED: i64 = 10;

/// Deletes a limited number of rows that are not needed any more. Returns the number.
type Forget = fn(&Tx<'_>, i64) -> rusqlite::Result<usize>;

/// Where the searches of this process continue in the next call. Changes in a call are kept only if it commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Searches {
    unknown_kinds: Place,
    unused: Unused,
}

pub(crate) fn upkeep(tx: &mut Tx<'_>, upkeep: Upkeep, searches: &mut Searches) -> rusqlite::Result<UpkeepReport> {
    let limit = upkeep.limit.min(limits::UPKEEP_ROWS) as i64;
    let mut report = UpkeepReport::default();
    if upkeep.rescue {
        let mut unproven = None;
        let find = |tx: &Tx<'_>, limit| expired_leases(tx, limit, upkeep.rules_level, &mut unproven);
        let rescued = rows(tx, "rescue", limit, &mut report, find, |tx, (seq, gone)| lose(tx, *seq, *gone))?;
        report.rescued = rescued.into_iter().flatten().collect();
        report.again = unproven;
        if unproven.is_some() {
            // Writes something, so that the next check knows whether the disk works. One token number is lost by this.
            reserve(tx, 1)?;
        }
    }
    let bury_all = |tx: &mut Tx<'_>, seq: &i64| bury(tx, *seq, Reason::Expired, None);
    let late = rows(tx, "deadlines", limit, &mut report, missed_deadlines, bury_all)?;
    let bury_all = |tx: &mut Tx<'_>, seq: &i64| bury(tx, *seq, Reason::UnknownKind, None);
    let find = |tx: &Tx<'_>, limit| unknown_kinds(tx, limit, &mut searches.unknown_kinds);
    let unknown = rows(tx, "unknown kinds", limit, &mut report, find, bury_all)?;
    report.buried = late.into_iter().chain(unknown).flatten().collect();
    let pruned = rows(tx, "prune", limit, &mut report, old_jobs, |tx, seq| delete(tx, *seq))?;
    let pruned: Vec<Option<ArtifactName>> = pruned.into_iter().flatten().collect();
    report.pruned = pruned.len();
    report.artifacts = pruned.into_iter().flatten().collect();
    let forgets: [(_, Forget); 3] = [
        ("workers", forget_workers),
        ("registry of workers", workers::forget_gone),
        ("idempotency keys", forget_answers),
    ];
    for (part, forget) in forgets {
        match tx.with_rollback(|tx| forget(tx, limit))? {
            Ok(forgotten) => report.more |= forgotten as i64 >= limit,
            Err(e) => report.failed.push(UpkeepFailure::new(part, e)),
        }
    }
    searches.unused.forget(tx, limit, &mut report)?;
    Ok(report)
}

/// Runs a part: finds rows and handles each of them. Returns the results of the successful ones. If handling all
/// together fails, each is tried alone.
pub(crate) fn rows<R, T>(
    tx: &mut Tx<'_>,
    part: &'static str,
    limit: i64,
    report: &mut UpkeepReport,
    find: impl FnOnce(&Tx<'_>, i64) -> rusqlite::Result<Vec<R>>,
    mut work: impl FnMut(&mut Tx<'_>, &R) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let rows = match tx.with_rollback(|tx| find(tx, limit))? {
        Ok(rows) => rows,
        Err(e) => {
            report.failed.push(UpkeepFailure::new(part, e));
            return Ok(Vec::new());
        }
    };
    let all = tx.with_rollback(|tx| rows.iter().map(|row| work(tx, row)).collect::<rusqlite::Result<Vec<T>>>())?;
    let done = match all {
        Ok(done) => done,
        Err(_) => {
            let (mut done, mut first) = (Vec::new(), None);
            for row in &rows {
                match tx.with_rollback(|tx| work(tx, row))? {
                    Ok(one) => done.push(one),
                    Err(e) => first = first.or(Some(e)),
                }
            }
            if let Some(e) = first {
                let what = if matches!(part, "queues" | "kinds") { part } else { "jobs" };
                let message = format!("{} of {} {what}; the first: {e}", rows.len() - done.len(), rows.len());
                report.failed.push(UpkeepFailure::new(part, message));
            }
            done
        }
    };
    report.more |= rows.len() as i64 >= limit && !done.is_empty();
    Ok(done)
}

/// Returns whether a lease has ended, for a check without the lock.
pub(crate) fn some_lease_is_over(connection: &Connection, boot: BootTime) -> rusqlite::Result<bool> {
    let longest = boot.ms + millis(limits::LONGEST_LEASE);
    let leases = params![boot.boot.to_be_bytes(), boot.ms, longest, 1, Rules::LEVEL];
    connection.prepare_cached(include_str!("../sql/expired_leases.sql"))?.exists(leases)
}

/// Returns jobs whose leases have ended and prove that their workers are gone, and how the workers ended. Skips queues
/// whose rules the caller does not know. If a lease proves nothing yet, sets when to check again.
fn expired_leases(
    tx: &Tx<'_>,
    limit: i64,
    rules_level: u16,
    unproven: &mut Option<Duration>,
) -> rusqlite::Result<Vec<(i64, Gone)>> {
    let boot = tx.settings.clock.boot_time(); // read late, because the work before may have taken long
    let now = Moment::now(&tx.settings.clock);
    let longest = boot.ms + millis(limits::LONGEST_LEASE);
    let mut lost = Vec::new();
    let mut statement = tx.connection.prepare_cached(include_str!("../sql/expired_leases.sql"))?;
    let mut rows = statement.query(params![boot.boot.to_be_bytes(), boot.ms, longest, limit * CHECKED, rules_level])?;
    while lost.len() < limit as usize
        && let Some(row) = rows.next()?
    {
        let (seq, rebooted, until): (i64, bool, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let lease = row.get::<_, Option<i64>>(3)?.unwrap_or(millis(limits::LEASE));
        let lease = lease.clamp(1, millis(limits::LONGEST_LEASE));
        let proven = || tx.outage.is_some_and(|outage| outage.proves_death(lease, boot.ms.saturating_sub(until), now));
        if rebooted {
            lost.push((seq, Death::Interrupted.into()));
        } else if until > longest || proven() {
            lost.push((seq, Gone::LEASE_ENDED));
        } else {
            let again = next_check(lease);
            *unproven = Some(unproven.map_or(again, |sooner| sooner.min(again)));
        }
    }
    Ok(lost)
}

/// Returns waiting jobs whose deadline has passed.
fn missed_deadlines(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<Vec<i64>> {
    seqs(
        tx,
        "SELECT seq FROM job WHERE deadline IS NOT NULL AND state < 2 AND deadline <= ?1 ORDER BY deadline LIMIT ?2",
        [tx.expiry_now.as_millis(), limit],
    )
}

/// The most pairs of queue and kind with ready jobs that one call checks.
const PAIRS: usize = 200;

/// Where the search for jobs of unknown kinds continues: whether among isolated jobs, and after which queue and kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(Option<(bool, i64, i64)>);

/// Returns ready jobs that have waited a day for a worker that knows their kind, in queues that had workers all that
/// time. Goes from one queue and kind with ready jobs to the next, with one seek each.
fn unknown_kinds(tx: &Tx<'_>, limit: i64, place: &mut Place) -> rusqlite::Result<Vec<i64>> {
    let now = tx.expiry_now.as_millis();
    let (day_ago, gap_ago) = (now - millis(limits::UNKNOWN_KIND), now - millis(PRESENCE_GAP));
    let mut old_news = tx.connection.prepare_cached(
        "SELECT 1 FROM queue, kind WHERE queue.id = ?1 AND kind.id = ?2
         AND workers_seen > ?3 AND workers_since < ?4 AND kind.seen < ?4",
    )?;
    let (began, mut wrapped, mut unknown) = (*place, false, Vec::new());
    for _ in 0..PAIRS {
        *place = next_pair(tx, *place)?;
        let Some((isolated, queue, kind)) = place.0 else {
            if wrapped || began.0.is_none() {
                break;
            }
            wrapped = true; // once around
            continue;
        };
        if wrapped && *place > began {
            *place = began;
            break;
        }
        if old_news.exists([queue, kind, gap_ago, day_ago])? {
            let crashes = if isolated { ISOLATED } else { CROWD };
            waiting_since(tx, crashes, (queue, kind), day_ago, limit, &mut unknown)?;
        }
        if unknown.len() as i64 >= limit {
            break;
        }
    }
    Ok(unknown)
}

const CROWD: &str = "crashes < 2";
const ISOLATED: &str = "crashes >= 2";

/// Returns the next queue and kind that have ready jobs, or none at the end.
fn next_pair(tx: &Tx<'_>, Place(place): Place) -> rusqlite::Result<Place> {
    let (mut isolated, mut queue, mut kind) = place.unwrap_or((false, i64::MIN, i64::MIN));
    loop {
        let crashes = if isolated { ISOLATED } else { CROWD };
        let sql = format!(
            "SELECT queue, kind FROM job WHERE state = 1 AND {crashes} AND (queue, kind) > (?1, ?2) ORDER BY queue, kind LIMIT 1"
        );
        let next = tx.connection.prepare_cached(&sql)?.query_row([queue, kind], |row| Ok((row.get(0)?, row.get(1)?)));
        match next.optional()? {
            Some(next) if next <= (queue, kind) => return Err(error::index_is_damaged("ready jobs")),
            Some((queue, kind)) => return Ok(Place(Some((isolated, queue, kind)))),
            None if isolated => return Ok(Place(None)),
            None => (isolated, queue, kind) = (true, i64::MIN, i64::MIN),
        }
    }
}

/// Finds ready jobs of one kind that were due before a time, with one seek per used priority, so that younger jobs cost
/// nothing.
fn waiting_since(
    tx: &Tx<'_>,
    crashes: &str,
    (queue, kind): (i64, i64),
    then: i64,
    limit: i64,
    found: &mut Vec<i64>,
) -> rusqlite::Result<()> {
    let of = format!("FROM job WHERE state = 1 AND {crashes} AND queue = ?1 AND kind = ?2");
    let next_rank = format!("SELECT rank {of} AND rank > ?3 ORDER BY rank LIMIT 1");
    let old = format!("SELECT seq {of} AND rank = ?3 AND run_at < ?4 ORDER BY run_at LIMIT ?5");
    let mut rank = i64::MIN;
    while let Some(next) = tx
        .connection
        .prepare_cached(&next_rank)?
        .query_row([queue, kind, rank], |row| row.get::<_, i64>(0))
        .optional()?
    {
        if next <= rank {
            return Err(error::index_is_damaged("ready jobs"));
        }
        rank = next;
        found.extend(seqs(tx, &old, [queue, kind, rank, then, limit - found.len() as i64])?);
    }
    Ok(())
}

/// Returns finished jobs whose retention period has ended.
fn old_jobs(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<Vec<i64>> {
    seqs(
        tx,
        "SELECT seq FROM job WHERE state >= 3 AND keep_until <= ?1 ORDER BY keep_until LIMIT ?2",
        [tx.expiry_now.as_millis(), limit],
    )
}

/// The values of a deleted row.
struct Deleted {
    queue: i64,
    kind: i64,
    key: Option<String>,
    state: State,
    id: JobId,
    artifact: Option<i64>,
    has_large_payload: bool,
    tags: Option<String>,
}

/// Deletes a finished job with all that belongs to it, and returns its artifact. The outer `None` means that the job
/// does not exist.
fn delete(tx: &mut Tx<'_>, seq: i64) -> rusqlite::Result<Option<Option<ArtifactName>>> {
    let gone = tx
        .connection
        .prepare_cached(
            "DELETE FROM job WHERE seq = ?1 RETURNING queue, kind, key, state, id, artifact, payload IS NULL, tags",
        )?
        .query_row([seq], |row| {
            Ok(Deleted {
                queue: row.get(0)?,
                kind: row.get(1)?,
                key: text(row, 2)?,
                state: state(row.get(3)?),
                id: JobId::from_bytes(row.get(4)?),
                artifact: row.get(5)?,
                has_large_payload: row.get(6)?,
                tags: text(row, 7)?,
            })
        })
        .optional()?;
    let Some(Deleted { queue, kind, key, state, id, artifact, has_large_payload, tags }) = gone else {
        return Ok(None);
    };
    let forget = |sql: &str| tx.connection.prepare_cached(sql)?.execute([seq]);
    forget("DELETE FROM failure WHERE seq = ?1")?;
    forget("DELETE FROM claim_log WHERE seq = ?1")?;
    forget("DELETE FROM unique_key WHERE seq = ?1")?;
    if has_large_payload {
        forget("DELETE FROM job_payload WHERE seq = ?1")?;
    }
    // If another program has changed the tags to something invalid, there is nothing to delete.
    for tag in tags.and_then(|tags| serde_json::from_str::<Vec<String>>(&tags).ok()).unwrap_or_default() {
        tx.connection.prepare_cached("DELETE FROM job_tag WHERE tag = ?1 AND seq = ?2")?.execute(params![tag, seq])?;
    }
    tx.moved(queue, kind, key.as_deref(), Some(state), None, 1);
    tx.notices.news.add(id);
    Ok(Some(artifact.map(|claim| ArtifactName { job: id, claim: claim as u64 })))
}

/// Removes workers that have not claimed for a day and hold no jobs.
fn forget_workers(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<usize> {
    tx.connection
        .prepare_cached(
            "DELETE FROM worker WHERE id IN
             (SELECT id FROM worker WHERE seen < ?1 AND NOT EXISTS
                 (SELECT 1 FROM job WHERE state = 2 AND job.worker = worker.id) LIMIT ?2)",
        )?
        .execute([tx.expiry_now.as_millis() - 24 * 3_600_000, limit])
}

/// Removes stored push answers whose time is over. Those whose job still exists are checked again an hour later.
fn forget_answers(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<usize> {
    let now = tx.expiry_now.as_millis();
    let over = "(SELECT queue, key FROM idempotency WHERE until <= ?1 ORDER BY until LIMIT ?2)";
    let known = "EXISTS (SELECT 1 FROM job WHERE job.id = idempotency.job)";
    let forgotten = tx
        .connection
        .prepare_cached(&format!("DELETE FROM idempotency WHERE (queue, key) IN {over} AND NOT {known}"))?
        .execute([now, limit])?;
    tx.connection
        .prepare_cached(&format!(
            "UPDATE idempotency SET until = ?1 + 3600000 WHERE (queue, key) IN {over} AND {known}"
        ))?
        .execute([now, limit])?;
    Ok(forgotten)
}

fn seqs(tx: &Tx<'_>, sql: &str, params: impl Params) -> rusqlite::Result<Vec<i64>> {
    tx.connection.prepare_cached(sql)?.query_map(params, |row| row.get(0))?.collect()
}
