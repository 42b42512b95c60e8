//! Claims.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use longshore_core::{
    Claim, Claimed, Claims, Error, ErrorKind, HeldBack, HeldBackReason, JobId, Kind, KnownKind, Moved, News, Notices,
    Outcome, Payload, QueueName, Reason, Settlement, State, Timestamp, Token, Work, millis,
};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use crate::pool::{Param, Statement};
use crate::push::{attempts, bounded, column, timeout_ms};
use crate::read::moved;
use crate::{Postgres, settle};

const CLAIM: &str = "SELECT * FROM longshore.claim(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";

/// The shortest time between two writes of a worker's presence.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// When this process last recorded that a queue has workers, or that a worker knows a kind.
#[derive(Debug, Default)]
pub(crate) struct Noted(Mutex<HashMap<String, Timestamp>>);

impl Noted {
    /// Returns what to record with a claim: everything or nothing.
    fn stale(&self, claim: &Claim, now: Timestamp) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without the first condition, a clock that was set back would stop these writes until it has caught up.
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
    queues.chain(claim.kinds.iter().map(|known| format!("kind {}", known.kind)))
}

/// Returns the number of the advisory lock that claims and the release of one worker take.
pub(crate) fn lock(store: &Postgres, worker: Uuid) -> i64 {
    store.pool.schema().lock(worker.as_bytes())
}

pub(crate) async fn claim(store: &Postgres, claim: Claim) -> Result<Claims, Error> {
    let ask = Ask::new(store, claim);
    let rows = store.pool.rows_of(ask.statement(&ask.params())).await?;
    ask.answer(store, &rows).await
}

/// The parameters of a claim.
pub(crate) struct Ask {
    claim: Claim,
    now: Timestamp,
    note: bool,
    worker: Uuid,
    lock: i64,
    nonce: i64,
    queues: Vec<String>,
    kinds: Vec<String>,
    /// For each wanted kind; empty if no kind has a limit.
    wanted: Vec<i32>,
    attempts: Vec<Option<i16>>,
    timeouts: Vec<Option<i32>>,
    /// Kinds that are known, but not wanted now.
    others: Vec<String>,
    limit: i32,
    lease: i64,
    rules_level: i32,
    bits: i64,
    shift: i64,
    lease_shift: i64,
    /// The latest time that the server's clock can have unless it was set ahead.
    latest: i64,
    keep_dead: i64,
    /// `None` if this process does not listen.
    process: Option<String>,
}

/// The contents of the rows of a claim.
#[derive(Default)]
struct Answer {
    claims: Claims,
    unfit: Vec<Unfit>,
    /// Whether jobs became ready or were buried.
    jobs_changed: bool,
    /// Whether the worker was newly registered as waiting.
    began_waiting: bool,
    /// Jobs that became ready.
    became_ready: Vec<Work>,
}

/// A job with a corrupt row, and the settlement that buries it.
struct Unfit {
    /// The job after that, if enough of it can be read.
    moved: Option<Moved>,
    settlement: Settlement,
}

impl Ask {
    pub(crate) fn new(store: &Postgres, claim: Claim) -> Self {
        let now = store.settings.clock.now();
        let worker = Uuid::from_bytes(*claim.worker.as_bytes());
        let (shift, lease_shift) = store.settings.clock.shift();
        let (wanted, others): (Vec<_>, Vec<_>) = claim.kinds.iter().partition(|known| known.wanted > 0);
        let names = |kinds: &[&KnownKind]| kinds.iter().map(|known| known.kind.to_string()).collect();
        let is_bounded = wanted.iter().any(|known| known.wanted < claim.limit);
        let most = |known: &&KnownKind| i32::try_from(known.wanted.min(claim.limit)).unwrap_or(i32::MAX);
        Ask {
            now,
            note: store.noted.stale(&claim, now),
            worker,
            lock: lock(store, worker),
            nonce: claim.nonce.0 as i64,
            queues: claim.queues.iter().map(QueueName::to_string).collect(),
            kinds: names(&wanted),
            wanted: if is_bounded { wanted.iter().map(most).collect() } else { Vec::new() },
            attempts: column(&wanted, |known| known.limits.max_attempts.map(attempts)),
            timeouts: column(&wanted, |known| known.limits.timeout.map(timeout_ms)),
            others: names(&others),
            limit: i32::try_from(claim.limit).unwrap_or(i32::MAX),
            lease: bounded(millis(claim.lease)),
            rules_level: claim.rules_level.into(),
            bits: Token::new(0).bits as i64,
            shift,
            lease_shift,
            latest: store.expiry.latest(&store.settings.clock),
            keep_dead: store.keep_dead(),
            process: store.publisher.process().map(str::to_owned),
            claim,
        }
    }

    pub(crate) fn params(&self) -> [Param<'_>; 20] {
        [
            (&self.worker, Type::UUID),
            (&self.lock, Type::INT8),
            (&self.nonce, Type::INT8),
            (&self.queues, Type::TEXT_ARRAY),
            (&self.kinds, Type::TEXT_ARRAY),
            (&self.wanted, Type::INT4_ARRAY),
            (&self.attempts, Type::INT2_ARRAY),
            (&self.timeouts, Type::INT4_ARRAY),
            (&self.others, Type::TEXT_ARRAY),
            (&self.limit, Type::INT4),
            (&self.lease, Type::INT8),
            (&self.claim.idle, Type::BOOL),
            (&self.rules_level, Type::INT4),
            (&self.bits, Type::INT8),
            (&self.note, Type::BOOL),
            (&self.shift, Type::INT8),
            (&self.lease_shift, Type::INT8),
            (&self.latest, Type::INT8),
            (&self.keep_dead, Type::INT8),
            (&self.process, Type::TEXT),
        ]
    }

    pub(crate) fn statement<'a>(&self, params: &'a [Param<'a>]) -> Statement<'a> {
        Statement { function: "claim", sql: CLAIM, params }
    }

    /// Reads the answer, and buries jobs with corrupt rows.
    pub(crate) async fn answer(&self, store: &Postgres, rows: &[Row]) -> Result<Claims, Error> {
        if self.note {
            store.noted.note(&self.claim, self.now);
        }
        store.vacuum.note_claimed(&store.pool, rows.len());
        let Answer { mut claims, unfit, jobs_changed, began_waiting, became_ready } = self.read(rows)?;
        let mut news = if jobs_changed { News::All } else { News::default() };
        news.add_all(claims.jobs.iter().map(|job| job.id));
        let mut notices = Notices::of_news(news);
        notices.work = not_claimed(became_ready, &claims.jobs);
        store.publisher.tell(notices);
        if began_waiting {
            // Claim again: notifications of jobs pushed meanwhile went to others or to nobody.
            store.publisher.notifications().notify_all_work();
        }
        let (unfit, settlements): (Vec<_>, Vec<_>) =
            unfit.into_iter().map(|Unfit { moved, settlement }| (moved, settlement)).unzip();
        for (moved, settled) in unfit.into_iter().zip(settle::settle(store, settlements).await) {
            match settled {
                Ok(_) => claims.buried.extend(moved),
                // The job blocks nobody: its lease ends.
                Err(e) => tracing::warn!(error = %e, "cannot bury a job with a corrupt row"),
            }
        }
        Ok(claims)
    }

    /// Reads the claimed jobs, and the jobs with corrupt rows to bury.
    fn read(&self, rows: &[Row]) -> Result<Answer, Error> {
        let Answer { mut claims, mut unfit, mut jobs_changed, mut began_waiting, mut became_ready } = Answer::default();
        for row in rows {
            let (id, number, bits): (Option<Uuid>, Option<i64>, Option<i64>) =
                (get(row, 0)?, get(row, 1)?, get(row, 2)?);
            if let (Some(id), Some(number), Some(bits)) = (id, number, bits) {
                let token = Token { number: number as u64, bits: bits as u64 };
                let id = JobId::from_bytes(id.into_bytes());
                match self.read_claimed(row, id, token) {
                    Ok(job) => claims.jobs.push(job),
                    Err(why) => {
                        let message = format!("the job's row is corrupt: {why}");
                        let outcome = Outcome::Bury { reason: Reason::Corrupt, message };
                        let settlement = Settlement::new(id, token, outcome);
                        unfit.push(Unfit { moved: self.buried(row, id), settlement });
                    }
                }
                continue;
            }
            if get::<Option<bool>>(row, 14)? == Some(true) {
                let text = format!("worker {} was released because its process was considered gone", self.claim.worker);
                return Err(Error::new(ErrorKind::Refused, text));
            }
            claims.look_again = get::<Option<i64>>(row, 15)?.map(duration);
            claims.isolated_waits = get::<Option<bool>>(row, 16)?.unwrap_or_default();
            jobs_changed = get::<Option<bool>>(row, 17)?.unwrap_or_default();
            claims.held_back = self.held_back(get(row, 18)?);
            claims.buried = moved(get(row, 19)?);
            began_waiting = get::<Option<bool>>(row, 20)?.unwrap_or_default();
            became_ready = read_woken(get(row, 21)?);
        }
        claims.jobs.sort_by_key(|job| job.token.number);
        Ok(Answer { claims, unfit, jobs_changed, began_waiting, became_ready })
    }

    fn read_claimed(&self, row: &Row, id: JobId, token: Token) -> Result<Claimed, Error> {
        let small = |column| get::<i16>(row, column).map(|n| n.max(0).unsigned_abs());
        let strange = |what: &str| Error::new(ErrorKind::Corrupt, what);
        let (queue, kind) = self.place(row)?;
        let timeout: i32 = get(row, 10)?;
        if timeout < 1 {
            return Err(strange("its time-out is invalid"));
        }
        Ok(Claimed {
            id,
            token,
            queue: queue.ok_or_else(|| strange("its queue was not in the claim"))?.clone(),
            kind: kind.ok_or_else(|| strange("its kind was not in the claim"))?.clone(),
            key: get::<Option<&str>>(row, 5)?.and_then(|key| key.parse().ok()),
            payload: Payload::from_store(get::<&str>(row, 6)?),
            attempt: small(7)?,
            max_attempts: small(8)?,
            crashes: small(9)?,
            timeout: Duration::from_millis(timeout.unsigned_abs().into()),
            outages: small(11)?,
            outage_for: duration(get(row, 12)?),
            waited: duration(get(row, 13)?),
        })
    }

    /// Returns the queue and the kind of a row, if the claim asked for them.
    fn place(&self, row: &Row) -> Result<(Option<&QueueName>, Option<&Kind>), Error> {
        let (queue, kind): (&str, &str) = (get(row, 3)?, get(row, 4)?);
        let queue = self.claim.queues.iter().find(|asked| asked.as_str() == queue);
        let kind = self.claim.kinds.iter().map(|known| &known.kind).find(|asked| asked.as_str() == kind);
        Ok((queue, kind))
    }

    /// Returns the report of a buried job with a corrupt row, if enough of it can be read.
    fn buried(&self, row: &Row, id: JobId) -> Option<Moved> {
        let small = |column| get::<i16>(row, column).map_or(0, |n| n.max(0).unsigned_abs());
        let (queue, kind) = self.place(row).ok()?;
        Some(Moved {
            id,
            queue: queue?.clone(),
            kind: kind?.clone(),
            worker: Some(self.claim.worker),
            attempt: small(7),
            crashes: small(9),
            state: State::Dead,
            reason: Some(Reason::Corrupt),
            death: None,
        })
    }

    fn held_back(&self, queues: Option<Value>) -> Vec<HeldBack> {
        let Some(Value::Array(queues)) = queues else { return Vec::new() };
        let read = |held: &Value| {
            let queue = self.claim.queues.iter().find(|asked| Some(asked.as_str()) == held["queue"].as_str())?;
            let why = match held["why"].as_str()? {
                "paused" => HeldBackReason::Paused,
                _ => HeldBackReason::UnknownRule,
            };
            Some(HeldBack::new(queue.clone(), why, held["until"].as_i64().map(duration)))
        };
        queues.iter().filter_map(read).collect()
    }
}

/// Reads which jobs became ready.
fn read_woken(became_ready: Option<Value>) -> Vec<Work> {
    let read = |work: &Value| {
        let (queue, kind) = (work["queue"].as_str()?.parse().ok()?, work["kind"].as_str()?.parse().ok()?);
        Some(Work::new(queue, kind, usize::try_from(work["jobs"].as_u64()?).ok()?))
    };
    became_ready
        .iter()
        .flat_map(|became_ready| became_ready.as_array().into_iter().flatten())
        .filter_map(read)
        .collect()
}

/// Returns the jobs that became ready and were not claimed by the same call.
fn not_claimed(mut became_ready: Vec<Work>, claimed: &[Claimed]) -> Vec<Work> {
    for work in &mut became_ready {
        let taken = claimed.iter().filter(|job| job.queue == work.queue && job.kind == work.kind).count();
        work.jobs = work.jobs.saturating_sub(taken);
    }
    became_ready.retain(|work| work.jobs > 0);
    became_ready
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Error> {
    row.try_get(column).map_err(crate::error::of)
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(ms.max(0).unsigned_abs())
}
