//! Handing out ready jobs.
//!
//! The best jobs of each kind are found by one index seek a kind and merged, so that a million waiting jobs of another kind,
//! or of one that nobody knows, cost nothing.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use longshore_core::state::Event;
use longshore_core::{
    Admission, Claim, Claimed, Claims, Error, ErrorKind, JobId, Kind, KindLimits, KnownKind, Label, Moved, News,
    Payload, QueueName, QueueState, Reason, State, Timestamp, Token, admit, limits, millis,
};
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

use crate::error;
use crate::read;
use crate::tx::{Found, Tx, blob, duration, small};

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

/// A claim that is being answered.
struct Answer<'a> {
    claim: &'a Claim,
    /// The numbers of its kinds.
    kinds: Vec<i64>,
    /// How many more of each kind are wanted.
    wanted: Vec<usize>,
    claims: Claims,
    /// Jobs that were found unfit and made dead; no more than one call may touch.
    buried: usize,
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
    let kinds: Vec<i64> = claim.kinds.iter().map(|known| tx.kind(&known.kind)).collect::<Result<_, _>>()?;
    let queues: Vec<i64> = claim.queues.iter().map(|queue| tx.queue(queue)).collect::<Result<_, _>>()?;
    note_presence(tx, &queues, &kinds)?;
    let wanted = claim.kinds.iter().map(|known| known.wanted).collect();
    let mut answer = Answer { claim, kinds, wanted, claims: Claims::default(), buried: 0 };
    let mut promotions = limits::UPKEEP_ROWS as i64;
    for (queue, name) in queues.iter().zip(&claim.queues) {
        let due = promote(tx, *queue, &mut promotions)?;
        answer.claims.look_in(due.map(|due| due.since(tx.now)));
        let admission = admission(tx, *queue, claim)?;
        if let Some(why) = admission.why {
            answer.claims.hold_back(name.clone(), why, admission.wait(tx.now));
        }
        if admission.most > 0 {
            answer.pick(tx, *queue, name, admission.most)?;
        }
    }
    if answer.buried >= limits::UPKEEP_ROWS && answer.claims.jobs.len() < claim.limit {
        answer.claims.look_in(Some(Duration::ZERO)); // there may be fit ones behind
    }
    remember(tx, claim, &answer.claims)?;
    Ok(Ok(answer.claims))
}

/// Returns how many jobs of a queue its rules admit. Most queues have none, and then nothing is parsed.
fn admission(tx: &Tx<'_>, queue: i64, claim: &Claim) -> rusqlite::Result<Admission> {
    tx.connection.prepare_cached("SELECT rules_level, rules_version, rules FROM queue WHERE id = ?1")?.query_row(
        [queue],
        |row| {
            let level: i64 = row.get(0)?;
            Ok(match level {
                0 => Admission::ALL,
                _ if level > i64::from(claim.rules_level) => Admission::UNKNOWN,
                _ => admit(&read::read_rules(row, 1)?, QueueState::new(tx.running(queue)?), tx.now),
            })
        },
    )
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
                let (number, bits): (i64, i64) = (row.get(12)?, row.get(13)?);
                let started_at: Option<i64> = row.get(14)?;
                let (queue, kind): (String, String) = (row.get(15)?, row.get(16)?);
                let corrupt = |_| rusqlite::Error::InvalidQuery;
                let (queue, kind) = (queue.parse().map_err(corrupt)?, kind.parse().map_err(corrupt)?);
                let brief = Brief::read(row)?;
                let token = Token { number: number as u64, bits: bits as u64 };
                let started_at = started_at.map_or(tx.now, Timestamp::from_millis);
                Ok(brief.claimed(tx.now, token, queue, kind, started_at))
            })?;
            let mut claims = Claims::default();
            claims.jobs = jobs.collect::<Result<_, _>>()?;
            Ok(Earlier::Same(claims))
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

/// Makes scheduled jobs of a queue ready whose time has come, a bounded number a call; returns when the next is due.
fn promote(tx: &mut Tx<'_>, queue: i64, most: &mut i64) -> rusqlite::Result<Option<Timestamp>> {
    let next = next_due(tx, queue)?;
    if next.is_none_or(|due| due > tx.now) || *most <= 0 {
        return Ok(next);
    }
    let mut promoted: HashMap<(i64, Option<String>), i64> = HashMap::new();
    let mut woken = Vec::new();
    {
        let mut statement = tx.connection.prepare_cached(
            "UPDATE job SET state = 1, version = version + 1 WHERE seq IN
             (SELECT seq FROM job WHERE state = 0 AND queue = ?1 AND run_at <= ?2 ORDER BY run_at LIMIT ?3)
             RETURNING kind, key, seq, id",
        )?;
        let mut rows = statement.query(params![queue, tx.now.as_millis(), *most])?;
        while let Some(row) = rows.next()? {
            let kind = row.get(0)?;
            *promoted.entry((kind, read::text(row, 1)?)).or_default() += 1;
            woken.push((row.get(2)?, kind));
            tx.notices.news.merge(row.get(3).map_or(News::All, |id| News::of(JobId::from_bytes(id))));
        }
    }
    woken.into_iter().for_each(|(seq, kind)| tx.woke(seq, queue, kind));
    for ((kind, key), n) in promoted {
        tx.moved(queue, kind, key.as_deref(), Some(State::Scheduled), Some(State::Ready), n);
        *most -= n;
    }
    next_due(tx, queue)
}

/// Returns when the next scheduled job of a queue is due.
fn next_due(tx: &Tx<'_>, queue: i64) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> = tx
        .connection
        .prepare_cached("SELECT min(run_at) FROM job WHERE state = 0 AND queue = ?1")?
        .query_row([queue], |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

/// Returns the best ready jobs of a queue among these kinds: of each as many as `of_kind` says, and of all together `most`.
fn candidates(
    tx: &Tx<'_>,
    sql: &str,
    queue: i64,
    kinds: &[i64],
    of_kind: impl Fn(usize) -> usize,
    most: usize,
) -> rusqlite::Result<Vec<Candidate>> {
    let mut all = Vec::new();
    let mut statement = tx.connection.prepare_cached(sql)?;
    for (index, kind) in kinds.iter().enumerate() {
        let limit = of_kind(index).min(most);
        if limit == 0 {
            continue;
        }
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
        all.truncate(most);
    }
    Ok(all)
}

/// A job that is handed out.
struct Chosen {
    seq: i64,
    id: JobId,
    kind: i64,
    key: Option<String>,
    unique_scope: Option<i64>,
    attempts: u16,
    timeout_ms: i64,
}

impl Answer<'_> {
    /// Hands out the best jobs of a queue, as many as its rules admit. One that must run alone goes alone.
    fn pick(&mut self, tx: &mut Tx<'_>, queue: i64, name: &QueueName, admitted: usize) -> rusqlite::Result<()> {
        let (alone, ready) = (include_str!("../sql/alone.sql"), include_str!("../sql/ready.sql"));
        let alone_waits = !candidates(tx, alone, queue, &self.kinds, |_| 1, 1)?.is_empty();
        self.claims.alone_waits |= alone_waits;
        let most = self.claims.jobs.len().saturating_add(admitted).min(self.claim.limit);
        if self.claim.idle && self.claims.jobs.is_empty() && alone_waits {
            self.take(tx, queue, name, alone, most.min(1))?;
            if self.claims.jobs.is_empty() && !candidates(tx, alone, queue, &self.kinds, |_| 1, 1)?.is_empty() {
                return Ok(()); // it is not wanted now, but the worker is kept free for it
            }
        }
        if self.claims.is_alone() { Ok(()) } else { self.take(tx, queue, name, ready, most) }
    }

    /// Hands out the best candidates of one queue until the claim has as many jobs as `most`.
    fn take(&mut self, tx: &mut Tx<'_>, queue: i64, name: &QueueName, sql: &str, most: usize) -> rusqlite::Result<()> {
        while self.claims.jobs.len() < most && self.buried < limits::UPKEEP_ROWS {
            let asked = most - self.claims.jobs.len();
            let found = candidates(tx, sql, queue, &self.kinds, |kind| self.wanted[kind], asked)?;
            let before = (self.claims.jobs.len(), self.buried);
            if !found.is_empty() {
                self.hand_out(tx, &found, queue, name)?;
                if before == (self.claims.jobs.len(), self.buried) {
                    return Err(error::index_is_damaged("ready jobs"));
                }
            }
            if found.len() < asked && self.buried == before.1 {
                return Ok(()); // there are no more
            }
        }
        Ok(())
    }

    /// Hands candidates to the worker. One that missed its deadline, or whose row makes no sense, is dead instead and stops nobody.
    fn hand_out(&mut self, tx: &mut Tx<'_>, found: &[Candidate], queue: i64, name: &QueueName) -> rusqlite::Result<()> {
        let first = reserve(tx, found.len())?;
        let bits = Token::new(first).bits;
        let mut chosen = Vec::with_capacity(found.len());
        let mut unfit = Vec::new();
        let mut grants = false;
        {
            let kinds: HashMap<i64, usize> = found.iter().map(|candidate| (candidate.seq, candidate.kind)).collect();
            let mut statement = tx.connection.prepare_cached(include_str!("../sql/candidates.sql"))?;
            let mut rows = statement.query([array(found.iter().map(|candidate| candidate.seq))])?;
            while let Some(row) = rows.next()? {
                let seq: i64 = row.get(12)?;
                if row.get::<_, Option<i64>>(14)?.is_some_and(|deadline| deadline <= tx.now.as_millis()) {
                    unfit.push((seq, Reason::Expired, None));
                    continue;
                }
                let mut brief = match Brief::read(row) {
                    Ok(brief) => brief,
                    Err(e) => {
                        unfit.push((seq, Reason::Corrupt, Some(format!("the job's row makes no sense: {e}"))));
                        continue;
                    }
                };
                let kind = kinds[&seq];
                let KnownKind { kind: kind_name, limits, .. } = &self.claim.kinds[kind];
                let (max_attempts, timeout) = (limits.attempts(brief.asked.0), limits.timeout(brief.asked.1));
                let (shown, shown_timeout) = brief.limits();
                grants |= shown != max_attempts || millis(shown_timeout) != millis(timeout);
                chosen.push(Chosen {
                    seq,
                    id: brief.id,
                    kind: self.kinds[kind],
                    key: brief.key.as_ref().map(Label::to_string),
                    unique_scope: row.get(13)?,
                    attempts: max_attempts,
                    timeout_ms: millis(timeout),
                });
                self.wanted[kind] = self.wanted[kind].saturating_sub(1);
                let token = Token { number: first + chosen.len() as u64 - 1, bits };
                brief.attempt = brief.attempt.saturating_add(1);
                brief.granted = (Some(max_attempts), Some(timeout));
                self.claims.jobs.push(brief.claimed(tx.now, token, name.clone(), kind_name.clone(), tx.now));
            }
        }
        for (seq, reason, failure) in unfit {
            if self.buried == limits::UPKEEP_ROWS {
                break; // the rest is found again
            }
            self.claims.buried.extend(bury(tx, seq, reason, failure.as_deref())?);
            self.buried += 1;
        }
        if chosen.is_empty() {
            return Ok(());
        }
        let (sql, jobs) = match grants {
            false => (include_str!("../sql/claim.sql"), array(chosen.iter().map(|job| job.seq))),
            true => (include_str!("../sql/grant.sql"), triples(&chosen)),
        };
        tx.connection.prepare_cached(sql)?.execute(params![
            jobs,
            blob(self.claim.worker),
            first as i64,
            bits as i64,
            tx.boot.boot.to_be_bytes(),
            tx.lease_until(self.claim.lease),
            tx.now.as_millis(),
            millis(self.claim.lease),
        ])?;
        for Chosen { seq, id, kind, key, unique_scope, .. } in chosen {
            tx.arrived(&Found::being_claimed(seq, id, queue, kind, key, unique_scope), State::Running)?;
        }
        Ok(())
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
pub(crate) fn reserve(tx: &Tx<'_>, n: usize) -> rusqlite::Result<u64> {
    let last: i64 = tx
        .connection
        .prepare_cached("UPDATE store SET last_claim = last_claim + ?1 RETURNING last_claim")?
        .query_row([n as i64], |row| row.get(0))?;
    Ok(last as u64 - n as u64 + 1)
}

/// Writes what grant.sql takes.
fn triples(chosen: &[Chosen]) -> String {
    let triples: Vec<_> = chosen.iter().map(|job| (job.seq, job.attempts, job.timeout_ms)).collect();
    serde_json::to_string(&triples).expect("numbers can be written")
}

/// Makes a job dead, whatever its row looks like, and returns what is told of it.
pub(crate) fn bury(
    tx: &mut Tx<'_>,
    seq: i64,
    reason: Reason,
    failure: Option<&str>,
) -> rusqlite::Result<Option<Moved>> {
    tx.happen_and_tell(seq, Event::Bury(reason), failure.map(|message| (reason.class(), message)))
}

/// What candidates.sql and claimed.sql begin with.
struct Brief {
    id: JobId,
    payload: Payload,
    attempt: u16,
    crashes: u16,
    outages: u16,
    outage_since: Option<Timestamp>,
    key: Option<Label>,
    run_at: Timestamp,
    /// What the job asks for: attempts and time-out.
    asked: (Option<u16>, Option<Duration>),
    /// What an earlier claim granted, where that was written.
    granted: (Option<u16>, Option<Duration>),
}

impl Brief {
    fn read(row: &Row<'_>) -> rusqlite::Result<Brief> {
        let payload = match row.get_ref(1)? {
            ValueRef::Text(text) => std::str::from_utf8(text)?,
            other => return Err(rusqlite::Error::InvalidColumnType(1, "payload".into(), other.data_type())),
        };
        let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
        let key = read::text(row, 6)?.and_then(|key| key.parse().ok());
        let limits = |attempts, timeout| -> rusqlite::Result<_> {
            let number: Option<i64> = row.get(attempts)?;
            let attempts = number.map(|number| number.clamp(0, i64::from(u16::MAX)) as u16);
            Ok((attempts, row.get::<_, Option<i64>>(timeout)?.map(duration)))
        };
        Ok(Brief {
            id: JobId::from_bytes(row.get(0)?),
            payload: Payload::from_store(payload),
            attempt: small(row, 2)?,
            crashes: small(row, 3)?,
            outages: small(row, 4)?,
            outage_since: time(5)?,
            key,
            run_at: Timestamp::from_millis(row.get(7)?),
            asked: limits(8, 9)?,
            granted: limits(10, 11)?,
        })
    }

    /// Returns the limits that the row shows.
    fn limits(&self) -> (u16, Duration) {
        let asked = KindLimits::default();
        let (attempts, timeout) = self.granted;
        (
            attempts.unwrap_or_else(|| asked.attempts(self.asked.0)),
            timeout.unwrap_or_else(|| asked.timeout(self.asked.1)),
        )
    }

    /// Returns the job as the row shows it.
    fn claimed(self, now: Timestamp, token: Token, queue: QueueName, kind: Kind, started_at: Timestamp) -> Claimed {
        let (max_attempts, timeout) = self.limits();
        Claimed {
            id: self.id,
            token,
            queue,
            kind,
            key: self.key,
            payload: self.payload,
            attempt: self.attempt,
            max_attempts,
            timeout,
            crashes: self.crashes,
            outages: self.outages,
            outage_for: self.outage_since.map_or(Duration::ZERO, |since| now.since(since)),
            waited: started_at.since(self.run_at),
        }
    }
}
