//! Keeping, ending and losing claims.

use longshore_core::state::{Event, step};
use longshore_core::{Death, Outcome, Renewal, Renewed, Settled, Settlement, Stored, WorkerId};
use rusqlite::{OptionalExtension, params};

use crate::tx::{Along, Found, Tx, blob};

pub(crate) fn renew(tx: &mut Tx<'_>, renewal: &Renewal) -> rusqlite::Result<Renewed> {
    let progress = renewal.progress.as_ref().and_then(|progress| serde_json::to_string(progress).ok());
    tx.bells.news |= progress.is_some();
    let cancel_asked: Option<bool> = tx
        .connection
        .prepare_cached(include_str!("../sql/renew.sql"))?
        .query_row(
            params![
                renewal.id.as_bytes(),
                renewal.token.number as i64,
                renewal.token.bits as i64,
                tx.boot.boot.to_be_bytes(),
                tx.lease_until(renewal.lease),
                progress,
            ],
            |row| row.get(0),
        )
        .optional()?;
    Ok(match cancel_asked {
        Some(false) => Renewed::Held,
        Some(true) => Renewed::CancelAsked,
        None => Renewed::Lost,
    })
}

pub(crate) fn settle(tx: &mut Tx<'_>, settlement: &Settlement) -> rusqlite::Result<Settled> {
    let Settlement { id, token, outcome, progress } = settlement;
    let Some(seq) = tx.seq(*id)? else { return Ok(Settled::Lost) };
    let Some(found) = tx.find(seq)? else { return Ok(Settled::Lost) };
    if found.token != Some(*token) {
        return Ok(if found.settled == Some(*token) { Settled::Done } else { Settled::Lost });
    }
    let failure = match outcome {
        Outcome::Retry { message, .. } | Outcome::Bury { message, .. } => Some(message.as_str()),
        _ => None,
    };
    if let Outcome::Succeed { result: Some(result) } = outcome {
        keep_result(tx, seq, result)?;
    }
    let along = Along { failure, settled: Some(*token), progress: progress.as_ref() };
    tx.happen(&found, Event::Settle(outcome), &along)?;
    Ok(Settled::Done)
}

fn keep_result(tx: &Tx<'_>, seq: i64, result: &Stored) -> rusqlite::Result<()> {
    let (inline, artifact) = match result {
        Stored::Inline(output) => (Some(output.body.as_ref()), None),
        Stored::Artifact { name, bytes, .. } => (None, Some((name.claim as i64, *bytes as i64))),
        other => unreachable!("a result that this store does not know: {other:?}"),
    };
    tx.connection
        .prepare_cached(
            "UPDATE job SET result_type = ?2, result = ?3, artifact = ?4, artifact_bytes = ?5 WHERE seq = ?1",
        )?
        .execute(params![
            seq,
            result.content_type(),
            inline,
            artifact.map(|(claim, _)| claim),
            artifact.map(|(_, bytes)| bytes)
        ])?;
    Ok(())
}

pub(crate) fn release_worker(tx: &mut Tx<'_>, worker: WorkerId, death: Death) -> rusqlite::Result<usize> {
    tx.connection
        .prepare_cached(
            "INSERT INTO worker (id, nonce, first_claim, last_claim, released, seen) VALUES (?1, 0, 0, -1, 1, ?2)
             ON CONFLICT (id) DO UPDATE SET released = 1, seen = ?2",
        )?
        .execute(params![blob(worker), tx.now.as_millis()])?;
    let held: Vec<i64> = tx
        .connection
        .prepare_cached("SELECT seq FROM job INDEXED BY job_running WHERE state = 2 AND worker = ?1")?
        .query_map([blob(worker)], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for seq in &held {
        lose(tx, *seq, death)?;
    }
    Ok(held.len())
}

/// Takes a running job from its worker. Its token leaves the row unsettled, so that a late settle hears `lost`.
pub(crate) fn lose(tx: &mut Tx<'_>, seq: i64, death: Death) -> rusqlite::Result<()> {
    let Some(found @ Found { .. }) = tx.find(seq)? else { return Ok(()) };
    if let Some(next) = step(found.facts, Event::Lose(death)) {
        let crashed = death == Death::Crashed;
        let failure = crashed.then_some("the worker process died, or could not renew its lease");
        tx.apply(&found, next, &Along { failure, ..Along::default() })?;
    }
    Ok(())
}
