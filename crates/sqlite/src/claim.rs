//! Handing out ready jobs.
//!
//! The best jobs of each kind are found by one index seek a kind and merged, so that a million waiting jobs of another kind,
//! or of one that nobody knows, cost nothing.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use longshore_core::state::{Event, Facts, runs_alone};
use longshore_core::{
    Claim, Claimed, Claims, Error, ErrorKind, JobId, Kind, Payload, QueueName, Reason, State, Timestamp, Token, limits,
    millis,
};
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

use crate::read;
use crate::tx::{Along, Found, Tx, blob, small};

/// Looks of workers are noted at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// A queue without workers for this long starts anew: what waited in it meanwhile had nobody who could have known its kind.
pub(crate) const PRESENCE_GAP: Duration = Duration::from_secs(3600);

/// A ready job among those to choose from; sorts best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: i64,
    run_at: i64,
    seq: i64,
    kind: usize,
}

/// Claims jobs; the inner error is an answer that commits nothing of its own.
pub(crate) fn claim(tx: &mut Tx<'_>, claim: &Claim) -> rusqlite::Result<Result<Claims, Error>> {
    match earlier(tx, claim)? {
        Earlier::None => {}
        Earlier::Same(claims) => return Ok(Ok(claims)),
        Earlier::Released => {
            let text = format!("worker {} was released: its process was taken for gone", claim.worker);
            return Ok(Err(Error::new(ErrorKind::Refused, text)));
        }
    }
    let kinds: Vec<i64> = claim.kinds.iter().map(|kind| tx.kind(kind)).collect::<Result<_, _>>()?;
    let queues: Vec<i64> = claim.queues.iter().map(|queue| tx.queue(queue)).collect::<Result<_, _>>()?;
    note_presence(tx, &queues, &kinds)?;
    let mut claims = Claims::default();
    let mut next_resume: Option<Duration> = None;
    for (queue, name) in queues.iter().zip(&claim.queues) {
        promote(tx, *queue)?;
        if let Some(pause) = read::pause(tx.connection, *queue)?.filter(|pause| pause.holds(tx.now)) {
            let resumed = pause.until.map(|until| until.since(tx.now));
            next_resume = [next_resume, resumed].into_iter().flatten().min();
            continue;
        }
        let alone = candidates(tx, include_str!("../sql/alone.sql"), *queue, &kinds, 1)?;
        claims.alone_waits |= !alone.is_empty();
        let mut from = (*queue, name, claim, kinds.as_slice());
        if claim.idle && claims.jobs.is_empty() && !alone.is_empty() && claim.limit > 0 {
            take(tx, &mut from, &mut claims, include_str!("../sql/alone.sql"), 1)?;
        }
        if !claims.jobs.iter().any(|job| runs_alone(job.crashes)) {
            take(tx, &mut from, &mut claims, include_str!("../sql/ready.sql"), claim.limit)?;
        }
    }
    remember(tx, claim, &claims)?;
    claims.next_due = [next_due(tx, &queues)?, next_resume].into_iter().flatten().min();
    Ok(Ok(claims))
}

/// What is known of a worker's newest claim.
enum Earlier {
    None,
    Same(Claims),
    Released,
}

fn earlier(tx: &Tx<'_>, claim: &Claim) -> rusqlite::Result<Earlier> {
    let known: Option<(i64, i64, i64, bool)> = tx
        .connection
        .prepare_cached("SELECT nonce, first_claim, last_claim, released FROM worker WHERE id = ?1")?
        .query_row([blob(claim.worker)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    match known {
        Some((.., true)) => Ok(Earlier::Released),
        Some((nonce, first, last, false)) if nonce == claim.nonce.0 as i64 => {
            // The first answer may have been lost long ago: the lease begins anew.
            tx.connection
                .prepare_cached(
                    "UPDATE job SET lease_boot = ?4, lease_until = ?5, lease_ms = ?6
                     WHERE state = 2 AND worker = ?1 AND token_number BETWEEN ?2 AND ?3",
                )?
                .execute(params![
                    blob(claim.worker),
                    first,
                    last,
                    tx.boot.boot.to_be_bytes(),
                    tx.lease_until(claim.lease),
                    millis(claim.lease),
                ])?;
            let mut statement = tx.connection.prepare_cached(include_str!("../sql/claimed.sql"))?;
            let jobs = statement.query_map(params![blob(claim.worker), first, last], |row| {
                let (number, bits): (i64, i64) = (row.get(6)?, row.get(7)?);
                let (queue, kind): (String, String) = (row.get(8)?, row.get(9)?);
                let corrupt = |_| rusqlite::Error::InvalidQuery;
                let (queue, kind) = (queue.parse().map_err(corrupt)?, kind.parse().map_err(corrupt)?);
                read_claimed(row, Token { number: number as u64, bits: bits as u64 }, queue, kind)
            })?;
            Ok(Earlier::Same(Claims { jobs: jobs.collect::<Result<_, _>>()?, ..Claims::default() }))
        }
        _ => Ok(Earlier::None),
    }
}

/// Notes the newest claim that handed something out, so that a repeat is recognised.
fn remember(tx: &Tx<'_>, claim: &Claim, claims: &Claims) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (claims.jobs.first(), claims.jobs.last()) else { return Ok(()) };
    tx.connection
        .prepare_cached(
            "INSERT INTO worker (id, nonce, first_claim, last_claim, released, seen) VALUES (?1, ?2, ?3, ?4, 0, ?5)
             ON CONFLICT (id) DO UPDATE SET nonce = ?2, first_claim = ?3, last_claim = ?4, seen = ?5",
        )?
        .execute(params![
            blob(claim.worker),
            claim.nonce.0 as i64,
            first.token.number as i64,
            last.token.number as i64,
            tx.now.as_millis()
        ])?;
    Ok(())
}

/// Notes that these queues have workers who know these kinds; at most once a minute.
fn note_presence(tx: &mut Tx<'_>, queues: &[i64], kinds: &[i64]) -> rusqlite::Result<()> {
    let now = tx.now;
    // A clock that was set back would otherwise silence the notes until it has caught up.
    let fresh = |noted: Option<&Timestamp>| noted.is_some_and(|at| *at <= now && now.since(*at) < NOTE_EVERY);
    for queue in queues {
        if !fresh(tx.names.noted.get(&(0, *queue))) {
            let gap = now.as_millis() - longshore_core::millis(PRESENCE_GAP);
            tx.connection
                .prepare_cached(
                    "UPDATE queue SET workers_since = iif(workers_seen < ?2, ?3, workers_since), workers_seen = ?3
                     WHERE id = ?1",
                )?
                .execute([*queue, gap, now.as_millis()])?;
            tx.names.noted.insert((0, *queue), now);
        }
    }
    for kind in kinds {
        if !fresh(tx.names.noted.get(&(1, *kind))) {
            tx.connection
                .prepare_cached("UPDATE kind SET seen = ?2 WHERE id = ?1")?
                .execute([*kind, now.as_millis()])?;
            tx.names.noted.insert((1, *kind), now);
        }
    }
    Ok(())
}

/// Makes scheduled jobs whose time has come ready, a bounded number a call.
fn promote(tx: &mut Tx<'_>, queue: i64) -> rusqlite::Result<()> {
    let promoted = tx
        .connection
        .prepare_cached(
            "UPDATE job SET state = 1, version = version + 1 WHERE seq IN
             (SELECT seq FROM job WHERE state = 0 AND queue = ?1 AND run_at <= ?2 ORDER BY run_at LIMIT ?3)",
        )?
        .execute(params![queue, tx.now.as_millis(), limits::UPKEEP_ROWS as i64])? as i64;
    if promoted > 0 {
        tx.count(queue, State::Scheduled, -promoted);
        tx.count(queue, State::Ready, promoted);
        tx.bells.news = true;
    }
    Ok(())
}

/// Returns the best ready jobs of a queue among these kinds.
fn candidates(tx: &Tx<'_>, sql: &str, queue: i64, kinds: &[i64], limit: usize) -> rusqlite::Result<Vec<Candidate>> {
    let mut all = Vec::new();
    let mut statement = tx.connection.prepare_cached(sql)?;
    for (index, kind) in kinds.iter().enumerate() {
        let rows = statement.query_map(params![queue, kind, limit as i64], |row| {
            let (rank, run_at) = (row.get(0)?, row.get(1)?);
            Ok(Candidate { rank, run_at, seq: row.get(2)?, kind: index })
        })?;
        for row in rows {
            all.push(row?);
        }
    }
    if kinds.len() > 1 {
        all.sort_unstable();
        all.truncate(limit);
    }
    Ok(all)
}

/// Hands out the best candidates of one queue until the claim has as many jobs as `most`.
fn take(
    tx: &mut Tx<'_>,
    from: &mut (i64, &QueueName, &Claim, &[i64]),
    claims: &mut Claims,
    sql: &str,
    most: usize,
) -> rusqlite::Result<()> {
    let (queue, name, claim, kinds) = *from;
    while claims.jobs.len() < most {
        let found = candidates(tx, sql, queue, kinds, most - claims.jobs.len())?;
        if found.is_empty() {
            return Ok(());
        }
        hand_out(tx, &found, queue, name, claim, claims)?;
    }
    Ok(())
}

/// Hands candidates to the worker. One that missed its deadline, or whose row makes no sense, is dead instead and stops nobody.
fn hand_out(
    tx: &mut Tx<'_>,
    found: &[Candidate],
    queue: i64,
    name: &QueueName,
    claim: &Claim,
    claims: &mut Claims,
) -> rusqlite::Result<()> {
    let first = reserve(tx, found.len())?;
    let bits = Token::new(first).bits;
    let mut chosen = Vec::with_capacity(found.len());
    let mut unfit = Vec::new();
    {
        let kinds: HashMap<i64, usize> = found.iter().map(|candidate| (candidate.seq, candidate.kind)).collect();
        let mut statement = tx.connection.prepare_cached(include_str!("../sql/candidates.sql"))?;
        let mut rows = statement.query([array(found.iter().map(|candidate| candidate.seq))])?;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(6)?;
            if row.get::<_, Option<i64>>(8)?.is_some_and(|deadline| deadline <= tx.now.as_millis()) {
                unfit.push((seq, Reason::Expired, None));
                continue;
            }
            let token = Token { number: first + chosen.len() as u64, bits };
            let kind = &claim.kinds[kinds[&seq]];
            match read_claimed(row, token, name.clone(), kind.clone()) {
                Ok(mut job) => {
                    chosen.push((seq, row.get::<_, Option<i64>>(7)?, ready_facts(&job)));
                    job.attempt += 1;
                    claims.jobs.push(job);
                }
                Err(e) => unfit.push((seq, Reason::Corrupt, Some(format!("the job's row makes no sense: {e}")))),
            }
        }
    }
    for (seq, reason, failure) in unfit {
        bury(tx, seq, reason, failure.as_deref())?;
    }
    if chosen.is_empty() {
        return Ok(());
    }
    tx.connection.prepare_cached(include_str!("../sql/claim.sql"))?.execute(params![
        array(chosen.iter().map(|(seq, ..)| *seq)),
        blob(claim.worker),
        first as i64,
        bits as i64,
        tx.boot.boot.to_be_bytes(),
        tx.lease_until(claim.lease),
        tx.now.as_millis(),
        millis(claim.lease),
    ])?;
    for (seq, unique_scope, facts) in chosen {
        tx.moved(&Found::just_claimed(seq, queue, facts, unique_scope), State::Running)?;
    }
    Ok(())
}

/// Returns the facts of a ready job that is about to be claimed, as far as counters and keys need them.
fn ready_facts(job: &Claimed) -> Facts {
    Facts {
        state: State::Ready,
        attempt: job.attempt,
        max_attempts: job.max_attempts,
        crashes: job.crashes,
        interruptions: 0,
        cancel_asked: false,
    }
}

/// Writes numbers as a JSON array, for statements that take many.
pub(crate) fn array(numbers: impl Iterator<Item = i64>) -> String {
    let mut text = String::from("[");
    for number in numbers {
        let _ = write!(text, "{number},"); // a String takes all
    }
    if text.ends_with(',') {
        text.pop();
    }
    text.push(']');
    text
}

/// Reserves numbers for tokens and returns the first; those not used are never used again.
fn reserve(tx: &Tx<'_>, n: usize) -> rusqlite::Result<u64> {
    let last: i64 = tx
        .connection
        .prepare_cached("UPDATE store SET last_claim = last_claim + ?1 RETURNING last_claim")?
        .query_row([n as i64], |row| row.get(0))?;
    Ok(last as u64 - n as u64 + 1)
}

/// Makes a job dead, whatever its row looks like.
pub(crate) fn bury(tx: &mut Tx<'_>, seq: i64, reason: Reason, failure: Option<&str>) -> rusqlite::Result<bool> {
    let Some(found) = tx.find(seq)? else { return Ok(false) };
    tx.happen(&found, Event::Bury(reason), &Along { failure, ..Along::default() })
}

/// Reads the columns that candidates.sql and claimed.sql begin with.
fn read_claimed(row: &Row<'_>, token: Token, queue: QueueName, kind: Kind) -> rusqlite::Result<Claimed> {
    let payload = match row.get_ref(1)? {
        ValueRef::Text(text) => std::str::from_utf8(text)?,
        other => return Err(rusqlite::Error::InvalidColumnType(1, "payload".into(), other.data_type())),
    };
    Ok(Claimed {
        id: JobId::from_bytes(row.get(0)?),
        token,
        queue,
        kind,
        payload: Payload::from_store(payload),
        attempt: small(row, 2)?,
        max_attempts: small(row, 3)?,
        crashes: small(row, 4)?,
        timeout: Duration::from_millis(row.get::<_, i64>(5)?.unsigned_abs()),
    })
}

/// Returns how long until the next scheduled job of these queues is due.
fn next_due(tx: &Tx<'_>, queues: &[i64]) -> rusqlite::Result<Option<Duration>> {
    let mut statement = tx.connection.prepare_cached("SELECT min(run_at) FROM job WHERE state = 0 AND queue = ?1")?;
    let mut next: Option<i64> = None;
    for queue in queues {
        let due: Option<i64> = statement.query_row([queue], |row| row.get(0))?;
        next = [next, due].into_iter().flatten().min();
    }
    Ok(next.map(|due| Timestamp::from_millis(due).since(tx.now)))
}
