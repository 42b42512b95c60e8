//! Pushing jobs.

use longshore_core::{DuplicateReason, Idempotency, JobId, Label, NewJob, Pushed, State, Unique, limits, millis};
use rusqlite::{OptionalExtension, params};

use crate::tx::Tx;
use crate::unique::{hold_key, holder, scope_number};

/// Longer payloads have their own table, so that later changes of the job do not write them again.
const SMALL_PAYLOAD_BYTES: usize = 1024;

/// Pushes one job, unless an existing job is used instead.
pub(crate) fn push(tx: &mut Tx<'_>, new: &NewJob) -> rusqlite::Result<Pushed> {
    let queue = tx.queue(&new.queue)?;
    let keyed = new.unique.is_some() || new.reuse.is_some() || new.idempotency.is_some();
    if keyed && tx.seq(new.id)?.is_some() {
        return Ok(Pushed::Created(new.id)); // pushed before; it may hold the unique key itself
    }
    let Some(idempotency) = &new.idempotency else { return push_new(tx, queue, new) };
    if let Some(answer) = answered(tx, queue, idempotency)? {
        return Ok(answer);
    }
    let answer = push_new(tx, queue, new)?;
    keep_answer(tx, queue, idempotency, &answer)?;
    Ok(answer)
}

fn push_new(tx: &mut Tx<'_>, queue: i64, new: &NewJob) -> rusqlite::Result<Pushed> {
    let kind = tx.kind(&new.kind)?;
    if let Some(id) = reusable(tx, queue, new)? {
        return Ok(Pushed::Existing { id, by: DuplicateReason::Reuse });
    }
    if let Some(unique) = &new.unique
        && let Some(id) = holder(tx, queue, &unique.key)?
    {
        return Ok(Pushed::Existing { id, by: DuplicateReason::Unique });
    }
    let run_at = new.when.resolve(tx.now);
    let state = if run_at > tx.now { State::Scheduled } else { State::Ready };
    let payload = new.payload.as_str();
    let is_large = payload.len() > SMALL_PAYLOAD_BYTES;
    let tags: Vec<&str> = new.tags.iter().map(Label::as_str).collect();
    let inserted = tx.connection.prepare_cached(include_str!("../sql/push.sql"))?.execute(params![
        new.id.as_bytes(),
        queue,
        kind,
        state as i64,
        -i64::from(new.priority),
        run_at.max(tx.now).as_millis(),
        tx.now.as_millis(),
        new.max_attempts,
        new.timeout.map(millis),
        (!is_large).then_some(payload),
        new.deadline.map(|when| when.resolve(tx.now).as_millis()),
        new.key.as_ref().map(Label::as_str),
        (!tags.is_empty()).then(|| serde_json::to_string(&tags).expect("strings can be written")),
        new.alias.as_ref().map(Label::as_str),
        new.unique.as_ref().map(|unique| unique.key.as_str()),
        new.unique.as_ref().map(|unique| scope_number(unique.scope)),
        new.reuse.as_ref().map(|reuse| reuse.key.as_str()),
        new.reuse.as_ref().map(|reuse| millis(reuse.within)),
    ])?;
    if inserted == 1 {
        let seq = tx.connection.last_insert_rowid();
        if is_large {
            // Replaces the remains of a job that another program deleted.
            tx.connection
                .prepare_cached("INSERT OR REPLACE INTO job_payload (seq, text) VALUES (?1, ?2)")?
                .execute(params![seq, payload])?;
        }
        for tag in tags {
            tx.connection
                .prepare_cached("INSERT OR IGNORE INTO job_tag (tag, seq) VALUES (?1, ?2)")?
                .execute(params![tag, seq])?;
        }
        if let Some(Unique { key, scope }) = &new.unique {
            hold_key(tx, queue, key.as_str(), seq, *scope)?;
        }
        tx.moved(queue, kind, new.key.as_ref().map(Label::as_str), None, Some(state), 1);
        tx.woke(seq, queue, kind);
    }
    Ok(Pushed::Created(new.id))
}

/// Returns the answer to an earlier push with the same idempotency key.
fn answered(tx: &Tx<'_>, queue: i64, asked: &Idempotency) -> rusqlite::Result<Option<Pushed>> {
    let earlier: Option<([u8; 32], [u8; 16], i64)> = tx
        .connection
        .prepare_cached(
            "SELECT fingerprint, job, instead FROM idempotency WHERE queue = ?1 AND key = ?2
             AND (until > ?3 OR EXISTS (SELECT 1 FROM job WHERE job.id = idempotency.job))",
        )?
        .query_row(params![queue, asked.key.as_str(), tx.now.as_millis()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    Ok(earlier.map(|(fingerprint, job, instead)| {
        let id = JobId::from_bytes(job);
        match instead {
            _ if fingerprint != asked.fingerprint => Pushed::Conflict(id),
            0 => Pushed::Created(id),
            1 => Pushed::Existing { id, by: DuplicateReason::Unique },
            _ => Pushed::Existing { id, by: DuplicateReason::Reuse },
        }
    }))
}

fn keep_answer(tx: &Tx<'_>, queue: i64, asked: &Idempotency, answer: &Pushed) -> rusqlite::Result<()> {
    let (id, instead) = match answer {
        Pushed::Created(id) => (id, 0),
        Pushed::Existing { id, by: DuplicateReason::Unique } => (id, 1),
        Pushed::Existing { id, by: DuplicateReason::Reuse } => (id, 2),
        Pushed::Conflict(_) | Pushed::Refused(_) => return Ok(()),
    };
    let until = tx.now.after(limits::IDEMPOTENCY);
    tx.connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (queue, key, fingerprint, job, instead, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![queue, asked.key.as_str(), asked.fingerprint, id.as_bytes(), instead, until.as_millis()])?;
    Ok(())
}

/// Returns a job that succeeded with the same reuse key recently enough for the new job.
fn reusable(tx: &Tx<'_>, queue: i64, new: &NewJob) -> rusqlite::Result<Option<JobId>> {
    let Some(reuse) = &new.reuse else { return Ok(None) };
    let since = tx.now.as_millis().saturating_sub(millis(reuse.within));
    tx.connection
        .prepare_cached(
            "SELECT id FROM job WHERE reuse_key IS NOT NULL AND state = 3 AND queue = ?1 AND reuse_key = ?2
             AND finished_at > ?3 ORDER BY finished_at DESC, seq DESC LIMIT 1",
        )?
        .query_row(params![queue, reuse.key.as_str(), since], |row| row.get(0).map(JobId::from_bytes))
        .optional()
}
