//! Renewing, settling and releasing claims.

use std::collections::HashSet;
use std::fmt::Write;

use longshore_core::state::Event;
use longshore_core::{
    Death, FailureClass, Gone, JobId, Moved, Outcome, Output, Renewal, Renewed, Settled, Settlement, State, Stored,
    Token, WorkerId, millis,
};
use rusqlite::{OptionalExtension, params};
use serde_json::{Value, json};

use crate::column::blob;
use crate::moves::{Details, Found};
use crate::tx::Tx;

pub(crate) fn renew(tx: &mut Tx<'_>, renewal: &Renewal) -> rusqlite::Result<Renewed> {
    let progress = renewal.progress.as_ref().and_then(|progress| serde_json::to_string(progress).ok());
    if progress.is_some() {
        tx.notices.news.add(renewal.id);
    }
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
                millis(renewal.lease),
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

/// Settles a batch. Reads all jobs at once, and writes all simple successes at once.
pub(crate) fn settle(tx: &mut Tx<'_>, settlements: &[Settlement]) -> rusqlite::Result<Vec<Settled>> {
    let ids: HashSet<_> = settlements.iter().map(|settlement| settlement.id).collect();
    if ids.len() < settlements.len() {
        // If a job occurs twice, the second settle must see the effect of the first.
        let one = |settlement: &Settlement| settle_distinct(tx, std::slice::from_ref(settlement));
        return settlements.iter().map(one).flat_map(unzip).collect();
    }
    settle_distinct(tx, settlements)
}

fn unzip(answers: rusqlite::Result<Vec<Settled>>) -> Vec<rusqlite::Result<Settled>> {
    match answers {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(e) => vec![Err(e)],
    }
}

fn settle_distinct(tx: &mut Tx<'_>, settlements: &[Settlement]) -> rusqlite::Result<Vec<Settled>> {
    if settlements.is_empty() {
        return Ok(Vec::new());
    }
    let mut answers = vec![Settled::Lost; settlements.len()];
    let mut succeeded = Vec::new();
    for (index, found) in find_all(tx, settlements)? {
        let settlement = &settlements[index];
        if found.token != Some(settlement.token) {
            if found.settled == Some(settlement.token) {
                answers[index] = Settled::Done;
            }
            continue;
        }
        answers[index] = Settled::Done;
        let simple = settlement.progress.is_none() && found.unique_scope.is_none();
        match &settlement.outcome {
            Outcome::Succeed { result: None } if simple => succeeded.push((found, None)),
            Outcome::Succeed { result: Some(Stored::Inline(output)) } if simple => {
                succeeded.push((found, Some(output)))
            }
            outcome => {
                if let Outcome::Succeed { result: Some(result) } = outcome {
                    keep_result(tx, found.seq, result)?;
                }
                settle_one(tx, &found, settlement)?;
            }
        }
    }
    if !succeeded.is_empty() {
        let keep = tx.settings.keep_until(State::Succeeded, tx.now, None).since(tx.now);
        let (jobs, results) = with_results(&succeeded);
        tx.connection.prepare_cached(include_str!("../sql/succeed.sql"))?.execute(params![
            jobs,
            tx.now.as_millis(),
            millis(keep),
            results
        ])?;
        for (found, _) in succeeded {
            tx.arrived(&found, State::Succeeded)?;
        }
    }
    Ok(answers)
}

/// Writes the parameters of succeed.sql: the jobs, and where their results are in the concatenation of all results.
fn with_results(succeeded: &[(Found, Option<&Output>)]) -> (String, Vec<u8>) {
    let mut results = vec![0]; // never empty, because SQLite's substr of an empty blob is NULL
    let mut job = |(found, output): &(Found, Option<&Output>)| match output {
        None => json!([found.seq]),
        Some(output) => {
            let first = results.len() + 1;
            results.extend_from_slice(&output.body);
            json!([found.seq, output.content_type, first, output.body.len()])
        }
    };
    let jobs: Vec<_> = succeeded.iter().map(&mut job).collect();
    (Value::from(jobs).to_string(), results)
}

/// Reads the jobs to settle, each with its position in the batch. Unknown jobs are left out.
fn find_all(tx: &Tx<'_>, settlements: &[Settlement]) -> rusqlite::Result<Vec<(usize, Found)>> {
    let mut ids = String::from("[");
    for settlement in settlements {
        let _ = write!(ids, "\"{:032x}\",", u128::from_be_bytes(*settlement.id.as_bytes())); // writing to a String cannot fail
    }
    if ids.ends_with(',') {
        ids.pop();
    }
    ids.push(']');
    let mut statement = tx.connection.prepare_cached(include_str!("../sql/settling.sql"))?;
    let rows = statement.query_map([ids], |row| Ok((row.get::<_, i64>(19)? as usize, Found::read(row)?)))?;
    rows.collect()
}

fn settle_one(tx: &mut Tx<'_>, found: &Found, settlement: &Settlement) -> rusqlite::Result<()> {
    let Settlement { id: _, token, outcome, progress } = settlement;
    let details = Details { failure: outcome.failure(), settled: Some(*token), progress: progress.as_ref() };
    tx.apply_event(found, Event::Settle(outcome), &details).map(|_| ())
}

/// Replaces the log of a claim that still holds its job, and deletes the logs of earlier claims whose failures are not
/// kept.
pub(crate) fn write_log(tx: &mut Tx<'_>, id: JobId, token: Token, text: &str) -> rusqlite::Result<bool> {
    let claim = token.number as i64;
    let held: Option<i64> = tx
        .connection
        .prepare_cached("SELECT seq FROM job WHERE id = ?1 AND state = 2 AND token_number = ?2 AND token_bits = ?3")?
        .query_row(params![id.as_bytes(), claim, token.bits as i64], |row| row.get(0))
        .optional()?;
    let Some(seq) = held else { return Ok(false) };
    tx.connection
        .prepare_cached(
            "DELETE FROM claim_log WHERE seq = ?1 AND claim <> ?2
             AND NOT EXISTS (SELECT 1 FROM failure WHERE failure.seq = ?1 AND failure.claim = claim_log.claim)",
        )?
        .execute([seq, claim])?;
    tx.connection
        .prepare_cached("INSERT OR REPLACE INTO claim_log (seq, claim, text) VALUES (?1, ?2, ?3)")?
        .execute(params![seq, claim, text])?;
    Ok(true)
}

fn keep_result(tx: &Tx<'_>, seq: i64, result: &Stored) -> rusqlite::Result<()> {
    let (inline, artifact) = match result {
        Stored::Inline(output) => (Some(output.body.as_ref()), None),
        Stored::Artifact { name, bytes, .. } => (None, Some((name.claim as i64, *bytes as i64))),
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

/// Takes all jobs from a worker, and refuses its later claims.
pub(crate) fn release(tx: &mut Tx<'_>, worker: WorkerId, gone: Gone) -> rusqlite::Result<Vec<Moved>> {
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
    let mut moved = Vec::with_capacity(held.len());
    for seq in held {
        moved.extend(lose(tx, seq, gone)?);
    }
    Ok(moved)
}

/// Takes a running job from its worker. Its token leaves the row without a settle, so that a late settle answers
/// `lost`.
pub(crate) fn lose(tx: &mut Tx<'_>, seq: i64, gone: Gone) -> rusqlite::Result<Option<Moved>> {
    let message = gone.to_string();
    let failure = (gone.death == Death::Crashed).then_some((FailureClass::Crash, message.as_str()));
    tx.apply_event_and_report(seq, Event::Lose(gone.death), failure)
}
