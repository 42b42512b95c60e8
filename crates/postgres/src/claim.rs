//! Handing out ready jobs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use longshore_core::{
    Claim, Claimed, Claims, Error, ErrorKind, JobId, Kind, Outcome, Payload, QueueName, Reason, Settlement, Timestamp,
    Token, millis,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::bells::Rings;
use crate::push::bounded;
use crate::{Postgres, settle};

const CLAIM: &str = "SELECT * FROM longshore.claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// Looks of workers are noted at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// When this process last noted that a queue has workers, or that a worker knows a kind.
#[derive(Debug, Default)]
pub(crate) struct Noted(Mutex<HashMap<String, Timestamp>>);

impl Noted {
    /// Returns what is to be noted with a claim: all of it, or nothing.
    fn stale(&self, claim: &Claim, now: Timestamp) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back would otherwise silence the notes until it has caught up.
        let fresh = |name: String| noted.get(&name).is_some_and(|at| *at <= now && now.since(*at) < NOTE_EVERY);
        !names(claim).all(fresh)
    }

    fn note(&self, claim: &Claim, now: Timestamp) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.extend(names(claim).map(|name| (name, now)));
    }
}

fn names(claim: &Claim) -> impl Iterator<Item = String> {
    let queues = claim.queues.iter().map(|queue| format!("queue {queue}"));
    queues.chain(claim.kinds.iter().map(|kind| format!("kind {kind}")))
}

/// Returns the number of the advisory lock that claims and the release of one worker take.
pub(crate) fn lock(store: &Postgres, worker: Uuid) -> i64 {
    store.pool.schema().lock(worker.as_bytes())
}

pub(crate) async fn claim(store: &Postgres, claim: Claim) -> Result<Claims, Error> {
    let now = store.settings.clock.now();
    let note = store.noted.stale(&claim, now);
    let worker = Uuid::from_bytes(*claim.worker.as_bytes());
    let (shift, lease_shift) = store.settings.clock.shift();
    let queues: Vec<&str> = claim.queues.iter().map(QueueName::as_str).collect();
    let kinds: Vec<&str> = claim.kinds.iter().map(Kind::as_str).collect();
    let rows = store
        .pool
        .rows_of(
            "claim",
            CLAIM,
            &[
                (&worker, Type::UUID),
                (&lock(store, worker), Type::INT8),
                (&(claim.nonce.0 as i64), Type::INT8),
                (&queues, Type::TEXT_ARRAY),
                (&kinds, Type::TEXT_ARRAY),
                (&i32::try_from(claim.limit).unwrap_or(i32::MAX), Type::INT4),
                (&bounded(millis(claim.lease)), Type::INT8),
                (&claim.idle, Type::BOOL),
                (&(Token::new(0).bits as i64), Type::INT8),
                (&note, Type::BOOL),
                (&shift, Type::INT8),
                (&lease_shift, Type::INT8),
                (&store.keep_dead(), Type::INT8),
            ],
        )
        .await?;
    if note {
        store.noted.note(&claim, now);
    }
    store.vacuum.note_claimed(&store.pool, rows.len());
    let (claims, unfit, stirred) = read(&claim, &rows)?;
    store.bells.ring(Rings { news: stirred || !rows.is_empty() && !claims.jobs.is_empty(), ..Rings::default() });
    if !unfit.is_empty()
        && let Err(e) = settle::settle(store, unfit).await
    {
        // They stand in nobody's way: their leases end.
        tracing::warn!(error = %e, "cannot bury jobs whose rows make no sense");
    }
    Ok(claims)
}

/// Reads what was handed out; jobs whose rows make no sense are to be buried instead.
fn read(claim: &Claim, rows: &[Row]) -> Result<(Claims, Vec<Settlement>, bool), Error> {
    let mut claims = Claims::default();
    let mut unfit = Vec::new();
    let mut stirred = false;
    for row in rows {
        let get = || {
            Ok((
                row.try_get::<_, Option<Uuid>>(0)?,
                row.try_get::<_, Option<i64>>(1)?,
                row.try_get::<_, Option<i64>>(2)?,
            ))
        };
        let (id, number, bits) = get().map_err(crate::error::of)?;
        if let (Some(id), Some(number), Some(bits)) = (id, number, bits) {
            let (id, token) = (JobId::from_bytes(id.into_bytes()), Token { number: number as u64, bits: bits as u64 });
            match read_claimed(claim, row, id, token) {
                Ok(job) => claims.jobs.push(job),
                Err(why) => {
                    let message = format!("the job's row makes no sense: {why}");
                    let outcome = Outcome::Bury { reason: Reason::Corrupt, message };
                    unfit.push(Settlement { id, token, outcome, progress: None });
                }
            }
            continue;
        }
        let last = || {
            Ok((
                row.try_get::<_, Option<bool>>(10)?,
                row.try_get::<_, Option<i64>>(11)?,
                row.try_get(12)?,
                row.try_get(13)?,
            ))
        };
        let (released, next_due, alone, moved): (Option<bool>, _, Option<bool>, Option<bool>) =
            last().map_err(crate::error::of)?;
        if released == Some(true) {
            let text = format!("worker {} was released: its process was taken for gone", claim.worker);
            return Err(Error::new(ErrorKind::Refused, text));
        }
        claims.next_due = next_due.map(|ms| Duration::from_millis(ms.unsigned_abs()));
        claims.alone_waits = alone.unwrap_or_default();
        stirred = moved.unwrap_or_default();
    }
    claims.jobs.sort_by_key(|job| job.token.number);
    Ok((claims, unfit, stirred))
}

fn read_claimed(claim: &Claim, row: &Row, id: JobId, token: Token) -> Result<Claimed, Error> {
    let text = |column| row.try_get::<_, &str>(column).map_err(crate::error::of);
    let small = |column| row.try_get::<_, i16>(column).map_err(crate::error::of).map(|n| n.max(0) as u16);
    let (queue, kind) = (text(3)?, text(4)?);
    let queue = claim.queues.iter().find(|asked| asked.as_str() == queue);
    let kind = claim.kinds.iter().find(|asked| asked.as_str() == kind);
    let strange = || Error::new(ErrorKind::Corrupt, "it is of a queue or a kind that was not asked for");
    Ok(Claimed {
        id,
        token,
        queue: queue.ok_or_else(strange)?.clone(),
        kind: kind.ok_or_else(strange)?.clone(),
        payload: Payload::from_store(text(5)?),
        attempt: small(6)?,
        max_attempts: small(7)?,
        crashes: small(8)?,
        timeout: Duration::from_millis(row.try_get::<_, i32>(9).map_err(crate::error::of)?.unsigned_abs().into()),
    })
}
