//! Upkeep: each part looks by an index of its own and touches a bounded number of rows, so that none starves the others.

use longshore_core::{ArtifactName, Death, JobId, Kept, Reason, Upkeep, limits, millis};
use rusqlite::{OptionalExtension, Params, params};

use crate::claim::{PRESENCE_GAP, bury};
use crate::settle::lose;
use crate::tx::Tx;

pub(crate) fn upkeep(tx: &mut Tx<'_>, upkeep: Upkeep) -> rusqlite::Result<Kept> {
    let limit = upkeep.limit.min(limits::UPKEEP_ROWS) as i64;
    let mut kept = Kept::default();
    let full = |rows: usize| rows as i64 >= limit;
    if upkeep.rescue {
        kept.rescued = rescue(tx, limit)?;
        kept.more |= full(kept.rescued);
    }
    let expired = seqs(
        tx,
        "SELECT seq FROM job WHERE deadline IS NOT NULL AND state < 2 AND deadline <= ?1 ORDER BY deadline LIMIT ?2",
        [tx.now.as_millis(), limit],
    )?;
    let unknown = unknown_kinds(tx, limit)?;
    kept.more |= full(expired.len()) || full(unknown.len());
    for (seqs, reason) in [(expired, Reason::Expired), (unknown, Reason::UnknownKind)] {
        for seq in seqs {
            kept.buried += usize::from(bury(tx, seq, reason, None)?);
        }
    }
    kept.artifacts = prune(tx, limit, &mut kept.pruned)?;
    kept.more |= full(kept.pruned);
    kept.more |= full(forget_workers(tx, limit)?);
    kept.more |= full(forget_answers(tx, limit)?);
    Ok(kept)
}

fn rescue(tx: &mut Tx<'_>, limit: i64) -> rusqlite::Result<usize> {
    let longest = tx.boot.ms + millis(limits::LONGEST_LEASE);
    let ended_by = tx.boot.ms - tx.ended_ms_ago;
    let lost: Vec<(i64, bool)> = tx
        .connection
        .prepare_cached(include_str!("../sql/expired_leases.sql"))?
        .query_map(params![tx.boot.boot.to_be_bytes(), ended_by, longest, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (seq, rebooted) in &lost {
        lose(tx, *seq, if *rebooted { Death::Interrupted } else { Death::Crashed })?;
    }
    Ok(lost.len())
}

/// Returns ready jobs that have waited a day for a worker that knows their kind, in queues that had workers all that time.
fn unknown_kinds(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<Vec<i64>> {
    let now = tx.now.as_millis();
    let (day_ago, gap_ago) = (now - millis(limits::UNKNOWN_KIND), now - millis(PRESENCE_GAP));
    let pairs: Vec<(i64, i64)> = tx
        .connection
        .prepare_cached(
            "SELECT queue.id, kind.id FROM queue, kind
             WHERE queue.ready > 0 AND workers_seen > ?1 AND workers_since < ?2 AND kind.seen < ?2
             ORDER BY random() LIMIT 200", // many stale kinds take turns
        )?
        .query_map([gap_ago, day_ago], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let mut unknown = Vec::new();
    for (queue, kind) in pairs {
        for crashes in ["crashes < 2", "crashes >= 2"] {
            waiting_since(tx, crashes, (queue, kind), day_ago, limit, &mut unknown)?;
        }
    }
    Ok(unknown)
}

/// Finds ready jobs of one kind that were due before then: a seek for each priority in use, so that younger ones cost nothing.
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
        rank = next;
        found.extend(seqs(tx, &old, [queue, kind, rank, then, limit - found.len() as i64])?);
    }
    Ok(())
}

/// Deletes finished jobs whose time is over, and returns their artifacts.
fn prune(tx: &mut Tx<'_>, limit: i64, pruned: &mut usize) -> rusqlite::Result<Vec<ArtifactName>> {
    let old = seqs(
        tx,
        "SELECT seq FROM job WHERE state >= 3 AND keep_until <= ?1 ORDER BY keep_until LIMIT ?2",
        [tx.now.as_millis(), limit],
    )?;
    let mut artifacts = Vec::new();
    for seq in old {
        let gone: Option<(i64, i64, [u8; 16], Option<i64>)> = tx
            .connection
            .prepare_cached("DELETE FROM job WHERE seq = ?1 RETURNING queue, state, id, artifact")?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((queue, state, id, artifact)) = gone else { continue };
        tx.connection.prepare_cached("DELETE FROM failure WHERE seq = ?1")?.execute([seq])?;
        tx.connection.prepare_cached("DELETE FROM log WHERE seq = ?1")?.execute([seq])?;
        tx.connection.prepare_cached("DELETE FROM unique_key WHERE seq = ?1")?.execute([seq])?;
        tx.count(queue, crate::tx::state(state), -1);
        artifacts.extend(artifact.map(|claim| ArtifactName { job: JobId::from_bytes(id), claim: claim as u64 }));
        *pruned += 1;
    }
    tx.bells.news |= *pruned > 0;
    Ok(artifacts)
}

/// Forgets workers that have not claimed anything for a day and hold nothing.
fn forget_workers(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<usize> {
    tx.connection
        .prepare_cached(
            "DELETE FROM worker WHERE id IN
             (SELECT id FROM worker WHERE seen < ?1 AND NOT EXISTS
                 (SELECT 1 FROM job WHERE state = 2 AND job.worker = worker.id) LIMIT ?2)",
        )?
        .execute([tx.now.as_millis() - 24 * 3_600_000, limit])
}

/// Forgets answers to pushes whose time is over; those whose job is still known are looked at again an hour later.
fn forget_answers(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<usize> {
    let now = tx.now.as_millis();
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
