//! Claims: finds ready jobs and starts them.
//!
//! The best jobs of each kind are found with one index seek per kind and then merged. So a million waiting jobs of
//! another kind, or of an unknown kind, cost nothing.

mod earlier;
mod presence;
mod promote;
mod candidates;
mod brief;

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use longshore_core::state::Event;
use longshore_core::{
    Admission, Claim, Claims, Error, ErrorKind, JobId, KnownKind, Label, Moved, QueueName, QueueState, Reason, State,
    Timestamp, Token, admit, limits, millis,
};
use rusqlite::{Row, params};

use crate::column::blob;
use crate::moves::Found;
use crate::tx::Tx;
use crate::{error, read};

use brief::Brief;
use candidates::{Candidate, candidates};
use earlier::{Earlier, earlier, remember};
use presence::note_presence;
use promote::promote;

pub(crate) use presence::PRESENCE_GAP;

/// A claim and its answer so far.
struct Answer<'a> {
    claim: &'a Claim,
    /// The numbers of its kinds.
    kinds: Vec<i64>,
    /// How many more jobs of each kind are wanted.
    wanted: Vec<usize>,
    claims: Claims,
    /// The number of jobs buried by this claim, which is limited per call.
    buried: usize,
}

/// Claims jobs. The inner error is an answer, for which nothing is committed.
pub(crate) fn claim(tx: &mut Tx<'_>, claim: &Claim) -> rusqlite::Result<Result<Claims, Error>> {
    match earlier(tx, claim)? {
        Earlier::None => {}
        Earlier::Same(claims) => return Ok(Ok(claims)),
        Earlier::Released => {
            let text = format!("worker {} was released because its process was considered gone", claim.worker);
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
        answer.claims.look_in(Some(Duration::ZERO)); // more jobs may follow
    }
    remember(tx, claim, &answer.claims)?;
    Ok(Ok(answer.claims))
}

/// Returns how many jobs of a queue its rules admit. Most queues have no rules; then nothing is parsed.
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

/// A job that is claimed.
struct Chosen {
    seq: i64,
    id: JobId,
    kind: i64,
    key: Option<String>,
    unique_scope: Option<i64>,
    attempts: u16,
    timeout_ms: i64,
    /// Whether its limits differ from its row and must be written.
    grants: bool,
}

/// A job that cannot run and is buried instead.
struct Unfit {
    reason: Reason,
    failure: Option<String>,
}

impl Answer<'_> {
    /// Claims the best jobs of a queue, as many as its rules admit. A job that must run isolated is claimed alone.
    fn pick(&mut self, tx: &mut Tx<'_>, queue: i64, name: &QueueName, admitted: usize) -> rusqlite::Result<()> {
        let (isolated, ready) = (include_str!("../sql/isolated.sql"), include_str!("../sql/ready.sql"));
        let isolated_waits = !candidates(tx, isolated, queue, &self.kinds, |_| 1, 1)?.is_empty();
        self.claims.isolated_waits |= isolated_waits;
        let most = self.claims.jobs.len().saturating_add(admitted).min(self.claim.limit);
        if self.claim.idle && self.claims.jobs.is_empty() && isolated_waits {
            self.take(tx, queue, name, isolated, most.min(1))?;
            if self.claims.jobs.is_empty() && !candidates(tx, isolated, queue, &self.kinds, |_| 1, 1)?.is_empty() {
                return Ok(()); // it is not wanted now, but the worker stays free for it
            }
        }
        if self.claims.is_isolated() { Ok(()) } else { self.take(tx, queue, name, ready, most) }
    }

    /// Claims the best candidates of one queue until the claim has `most` jobs.
    fn take(&mut self, tx: &mut Tx<'_>, queue: i64, name: &QueueName, sql: &str, most: usize) -> rusqlite::Result<()> {
        while self.claims.jobs.len() < most && self.buried < limits::UPKEEP_ROWS {
            let asked = most - self.claims.jobs.len();
            let found = candidates(tx, sql, queue, &self.kinds, |kind| self.wanted[kind], asked)?;
            let before = (self.claims.jobs.len(), self.buried);
            if !found.is_empty() {
                self.claim_candidates(tx, &found, queue, name)?;
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

    /// Claims candidates for the worker. A job that missed its deadline, or whose row is corrupt, is buried and does
    /// not stop the others.
    fn claim_candidates(
        &mut self,
        tx: &mut Tx<'_>,
        found: &[Candidate],
        queue: i64,
        name: &QueueName,
    ) -> rusqlite::Result<()> {
        let first = Token::new(reserve(tx, found.len())?);
        let by_seq: HashMap<i64, &Candidate> = found.iter().map(|candidate| (candidate.seq, candidate)).collect();
        let mut chosen = Vec::with_capacity(found.len());
        let mut unfit = Vec::new();
        {
            let mut statement = tx.connection.prepare_cached(include_str!("../sql/candidates.sql"))?;
            let mut rows = statement.query([array(found.iter().map(|candidate| candidate.seq))])?;
            while let Some(row) = rows.next()? {
                let seq: i64 = row.get(12)?;
                match fit(row, tx.expiry_now)? {
                    Ok(brief) => {
                        let token = Token { number: first.number.wrapping_add(chosen.len() as u64), ..first };
                        chosen.push(self.choose(brief, by_seq[&seq], row.get(13)?, name, token, tx.now));
                    }
                    Err(why) => unfit.push((seq, why)),
                }
            }
        }
        self.bury_unfit(tx, unfit)?;
        if chosen.is_empty() { Ok(()) } else { self.start(tx, queue, first, chosen) }
    }

    /// Adds a job to the answer, under the limits that the worker grants to its kind. Returns what to write for it.
    fn choose(
        &mut self,
        mut brief: Brief,
        candidate: &Candidate,
        unique_scope: Option<i64>,
        queue: &QueueName,
        token: Token,
        now: Timestamp,
    ) -> Chosen {
        let kind = candidate.kind;
        let KnownKind { kind: name, limits, .. } = &self.claim.kinds[kind];
        let (attempts, timeout) = (limits.attempts(brief.asked.0), limits.timeout(brief.asked.1));
        let (shown, shown_timeout) = brief.limits();
        let chosen = Chosen {
            seq: candidate.seq,
            id: brief.id,
            kind: self.kinds[kind],
            key: brief.key.as_ref().map(Label::to_string),
            unique_scope,
            attempts,
            timeout_ms: millis(timeout),
            grants: shown != attempts || millis(shown_timeout) != millis(timeout),
        };
        brief.attempt = brief.attempt.saturating_add(1);
        brief.granted = (Some(attempts), Some(timeout));
        self.wanted[kind] = self.wanted[kind].saturating_sub(1);
        self.claims.jobs.push(brief.claimed(now, token, queue.clone(), name.clone(), now));
        chosen
    }

    fn bury_unfit(&mut self, tx: &mut Tx<'_>, unfit: Vec<(i64, Unfit)>) -> rusqlite::Result<()> {
        for (seq, Unfit { reason, failure }) in unfit {
            if self.buried == limits::UPKEEP_ROWS {
                break; // the next call continues
            }
            self.claims.buried.extend(bury(tx, seq, reason, failure.as_deref())?);
            self.buried += 1;
        }
        Ok(())
    }

    /// Writes that jobs of a queue run. Their tokens start with `first`.
    fn start(&self, tx: &mut Tx<'_>, queue: i64, first: Token, chosen: Vec<Chosen>) -> rusqlite::Result<()> {
        let (sql, jobs) = match chosen.iter().any(|job| job.grants) {
            false => (include_str!("../sql/claim.sql"), array(chosen.iter().map(|job| job.seq))),
            true => (include_str!("../sql/grant.sql"), triples(&chosen)),
        };
        tx.connection.prepare_cached(sql)?.execute(params![
            jobs,
            blob(self.claim.worker),
            first.number as i64,
            first.bits as i64,
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

/// Reads a row of candidates.sql. The inner error says why the job cannot run.
fn fit(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<Result<Brief, Unfit>> {
    if row.get::<_, Option<i64>>(14)?.is_some_and(|deadline| deadline <= now.as_millis()) {
        return Ok(Err(Unfit { reason: Reason::Expired, failure: None }));
    }
    Ok(Brief::read(row)
        .map_err(|e| Unfit { reason: Reason::Corrupt, failure: Some(format!("the job's row is corrupt: {e}")) }))
}

/// Writes numbers as a JSON array, for statements that take many values.
pub(crate) fn array(numbers: impl Iterator<Item = i64>) -> String {
    let mut text = String::from("[");
    for number in numbers {
        let _ = write!(text, "{number},"); // writing to a String cannot fail
    }
    if text.ends_with(',') {
        text.pop();
    }
    text.push(']');
    text
}

/// Reserves numbers for tokens and returns the first. Unused numbers are never used later.
pub(crate) fn reserve(tx: &Tx<'_>, n: usize) -> rusqlite::Result<u64> {
    let last: i64 = tx
        .connection
        .prepare_cached("UPDATE store SET last_claim = last_claim + ?1 RETURNING last_claim")?
        .query_row([n as i64], |row| row.get(0))?;
    Ok((last as u64).wrapping_sub(n as u64).wrapping_add(1))
}

/// Writes the parameter of grant.sql.
fn triples(chosen: &[Chosen]) -> String {
    let triples: Vec<_> = chosen.iter().map(|job| (job.seq, job.attempts, job.timeout_ms)).collect();
    serde_json::to_string(&triples).expect("numbers can be written")
}

/// Buries a job, even if its row is corrupt. Returns what to report about it.
pub(crate) fn bury(
    tx: &mut Tx<'_>,
    seq: i64,
    reason: Reason,
    failure: Option<&str>,
) -> rusqlite::Result<Option<Moved>> {
    tx.apply_event_and_report(seq, Event::Bury(reason), failure.map(|message| (reason.class(), message)))
}
