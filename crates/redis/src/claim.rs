//! Handing out ready jobs: a script a queue, in the order of the claim.
//!
//! Each queue remembers a worker's newest claim, so that one whose answer was lost is completed by its repeat: what was handed out
//! comes again, and the queues after it are asked for what was still wanted then. A queue that cannot be asked is held back; it
//! costs the others nothing.

use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::{
    Answers, Claim, Claimed, Claims, Effect, Error, ErrorKind, HeldBackReason, JobId, Kind, Moved, Payload, QueueName,
    Reason, Settled, Settlement, State, Timestamp, Token, WorkerId, limits, millis,
};
use redis::Value;

use crate::base::{Base, Call, bytes, group, in_order, list, moved};
use crate::error;
use crate::link::STANDSTILL;
use crate::read::read_member;
use crate::record::{Reader, Record};
use crate::script;
use crate::settle::{self, bury, settle};
use crate::shared::*;

pub(crate) async fn claim(base: &Base, claim: &Claim) -> Result<Claims, Error> {
    let queues = register(base, claim).await?;
    let claims = Claiming::new(base, claim, &queues).ask_all(&queues);
    tokio::join!(claims, note_kinds(base, claim)).0
}

/// Settles, then claims. To one server, the scripts that settle and the one that asks the first queue go together.
pub(crate) async fn settle_and_claim(
    base: &Base,
    settlements: Vec<Settlement>,
    claim: &Claim,
) -> (Answers<Settled>, Result<Claims, Error>) {
    if base.link.is_cluster() || settlements.is_empty() || claim.queues.is_empty() {
        let settled = settle(base, settlements).await;
        return (settled, self::claim(base, claim).await);
    }
    match register(base, claim).await {
        Ok(queues) => {
            let both = settle_and_claim_together(base, settlements, claim, &queues);
            tokio::join!(both, note_kinds(base, claim)).0
        }
        Err(e) => (settle(base, settlements).await, Err(e)),
    }
}

async fn settle_and_claim_together(
    base: &Base,
    settlements: Vec<Settlement>,
    claim: &Claim,
    queues: &[&QueueName],
) -> (Answers<Settled>, Result<Claims, Error>) {
    let mut claiming = Claiming::new(base, claim, queues);
    let (mut calls, mut places) = (Vec::new(), Vec::new());
    for (tag, group) in group(settlements, |settlement| settlement.id.queue_tag()) {
        let (of_tag, settlements): (Vec<usize>, Vec<Settlement>) = group.into_iter().unzip();
        calls.push(settle::call(base, tag, &settlements));
        places.push(of_tag);
    }
    calls.push(claiming.call(queues[0], claim.limit));
    let mut answers = Call::run_in_order(&calls).await.into_iter();
    let read = |places: Vec<usize>| {
        let answer = answers.next().unwrap_or_else(|| Err(error::unexpected("settle")));
        let answer = answer.and_then(|answer| bytes(answer).ok_or_else(|| error::unexpected("settle")));
        let settled = answer.and_then(|answer| settle::read(&answer, places.len()));
        (places, settled)
    };
    let settled = places.into_iter().map(read).collect();
    let first = answers.next().unwrap_or_else(|| Err(error::unexpected("claim")));
    let claims = match claiming.take(queues[0], first) {
        Ok(()) => claiming.ask_all(&queues[1..]).await,
        Err(released) => Err(released),
    };
    (in_order(settled), claims)
}

/// Makes the queues of a claim known; returns them, each once.
async fn register<'a>(base: &Base, claim: &'a Claim) -> Result<Vec<&'a QueueName>, Error> {
    let mut queues: Vec<&QueueName> = Vec::with_capacity(claim.queues.len());
    for queue in &claim.queues {
        if !queues.contains(&queue) {
            queues.push(queue);
        }
    }
    match base.admit(claim.worker, &queues).await? {
        true => Ok(queues),
        false => Err(released(claim.worker)),
    }
}

/// Notes which kinds the worker knows. In a cluster that is another server's affair: where it fails the claim goes on, and the next
/// one notes them.
async fn note_kinds(base: &Base, claim: &Claim) {
    if let Err(e) = base.note_kinds(claim.kinds.iter().map(|known| &known.kind)).await {
        tracing::debug!(error = %e, "cannot note which kinds a worker knows");
    }
}

fn released(worker: WorkerId) -> Error {
    Error::new(ErrorKind::Refused, format!("worker {worker} was released: its process was taken for gone"))
}

/// A claim under way: what it asks of queues, and what they have answered.
struct Claiming<'a> {
    base: &'a Base,
    claim: &'a Claim,
    /// Whether it asks several queues.
    several: bool,
    claims: Claims,
    /// How many were handed out the first time this was asked.
    handed: usize,
    /// That one must run alone.
    solo: bool,
    /// Whether a queue has answered.
    answered: bool,
    failed: Option<Error>,
    /// Jobs that were handed out and make no sense.
    unfit: Vec<(Token, Moved, &'static str)>,
}

impl<'a> Claiming<'a> {
    fn new(base: &'a Base, claim: &'a Claim, queues: &[&QueueName]) -> Self {
        Claiming {
            base,
            claim,
            several: queues.len() > 1,
            claims: Claims::default(),
            handed: 0,
            solo: false,
            answered: false,
            failed: None,
            unfit: Vec::new(),
        }
    }

    /// Asks queues one after the other, and those after which nothing is wanted any more all at once.
    async fn ask_all(mut self, queues: &[&QueueName]) -> Result<Claims, Error> {
        let asked = self.leave_out(queues);
        for (place, queue) in asked.iter().enumerate() {
            if self.is_server_away() {
                asked[place..].iter().for_each(|queue| self.hold_back(queue, HeldBackReason::Unreachable, None));
                break;
            }
            let wanted = if self.solo { 0 } else { self.claim.limit.saturating_sub(self.handed) };
            if wanted == 0 {
                let answers = join_all(asked[place..].iter().map(|queue| self.ask(queue, 0))).await;
                for (queue, answer) in asked[place..].iter().zip(answers) {
                    self.take(queue, answer)?;
                }
                break;
            }
            let answer = self.ask(queue, wanted).await;
            self.take(queue, answer)?;
        }
        self.end().await
    }

    /// Returns whether the one server that has all queues does not answer.
    fn is_server_away(&self) -> bool {
        !self.base.link.is_cluster() && self.failed.as_ref().is_some_and(Error::is_retryable)
    }

    /// Leaves out queues whose server did not answer lately; returns the others, or all where there are none.
    fn leave_out<'q>(&mut self, queues: &[&'q QueueName]) -> Vec<&'q QueueName> {
        let rests = queues.iter().map(|queue| self.base.away.rest(queue)).collect::<Vec<_>>();
        if !self.answered && rests.iter().all(Option::is_some) {
            return queues.to_vec();
        }
        let mut asked = Vec::with_capacity(queues.len());
        for (queue, rest) in queues.iter().zip(rests) {
            match rest {
                Some(rest) => self.hold_back(queue, HeldBackReason::Unreachable, Some(rest)),
                None => asked.push(*queue),
            }
        }
        asked
    }

    fn hold_back(&mut self, queue: &QueueName, why: HeldBackReason, until: Option<Duration>) {
        self.claims.hold_back(queue.clone(), why, until);
    }

    /// Makes the call that asks a queue for so many jobs.
    fn call(&self, queue: &QueueName, wanted: usize) -> Call<'a> {
        let Claiming { base, claim, .. } = *self;
        let buries = limits::UPKEEP_ROWS.saturating_sub(self.claims.buried.len());
        let mut numbers = Vec::with_capacity(20);
        numbers.extend((wanted.min(limits::BATCH) as u32).to_le_bytes());
        numbers.extend(millis(claim.lease).min(FAR).to_le_bytes());
        numbers.extend([u8::from(claim.idle && self.handed == 0), u8::from(self.several)]);
        numbers.extend(claim.rules_level.to_le_bytes());
        numbers.extend((buries as u32).to_le_bytes());
        let call = base.framed(&script::CLAIM, &base.keys.of_queue(queue)).arg(queue.as_str());
        let call = call.arg(claim.worker.as_bytes()).arg(claim.nonce.0.to_le_bytes());
        call.arg(Token::new(0).bits.to_be_bytes()).arg(numbers).args(self.kinds())
    }

    /// Writes the kinds as the script takes them: how many are still wanted of each, its limits, its name.
    fn kinds(&self) -> impl Iterator<Item = Vec<u8>> {
        self.claim.kinds.iter().map(|known| {
            let got = self.claims.jobs.iter().filter(|job| job.kind == known.kind).count();
            let wanted = known.wanted.saturating_sub(got).min(limits::BATCH) as u32;
            let mut bytes = wanted.to_le_bytes().to_vec();
            bytes.extend(write_limits(known.limits.max_attempts, known.limits.timeout));
            bytes.extend_from_slice(known.kind.as_str().as_bytes());
            bytes
        })
    }

    /// Asks a queue. Where there are several servers, one that stands still holds up the others no longer than a while.
    async fn ask(&self, queue: &QueueName, wanted: usize) -> Result<Value, Error> {
        let answer = self.call(queue, wanted).run();
        if !self.several || !self.base.link.is_cluster() {
            return answer.await;
        }
        tokio::time::timeout(STANDSTILL, answer).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Unavailable, "no answer in time from the queue's server").perhaps_done())
        })
    }

    /// Takes what a queue answered. One that failed is held back.
    ///
    /// # Errors
    ///
    /// If the worker was released.
    fn take(&mut self, queue: &QueueName, answer: Result<Value, Error>) -> Result<(), Error> {
        let answer = answer.and_then(|answer| self.read(queue, answer).ok_or_else(|| error::unexpected("claim")));
        if self.several && self.base.link.is_cluster() {
            self.base.away.note(queue, answer.as_ref().err());
        }
        match answer {
            Ok(known) if known == RELEASED => {
                let released = released(self.claim.worker);
                return Err(if self.handed > 0 { released.perhaps_done() } else { released });
            }
            Ok(_) => self.answered = true,
            Err(e) => {
                self.hold_back(queue, HeldBackReason::Unreachable, None);
                let earlier = self.failed.as_ref().map(Error::effect);
                self.failed = Some(if earlier == Some(Effect::PerhapsDone) { e.perhaps_done() } else { e });
            }
        }
        Ok(())
    }

    /// Reads what a queue answered; returns what is known of the claim there.
    fn read(&mut self, queue: &QueueName, answer: Value) -> Option<i64> {
        let mut parts = list(answer)?.into_iter();
        let head = parts.next().and_then(bytes)?;
        let mut from = Reader(&head);
        let known = i64::from(from.u8()?);
        let wait = |ms: i64| u64::try_from(ms).ok().map(Duration::from_millis);
        self.claims.look_in(wait(from.i64()?));
        self.claims.alone_waits |= from.u8()? == 1;
        self.handed += from.u32()? as usize;
        self.solo |= from.u8()? == 1;
        if let Some(why) = held_back_reason(from.u8()?) {
            self.hold_back(queue, why, wait(from.i64()?));
        } else {
            from.i64()?;
        }
        let now = Timestamp::from_millis(from.i64()?);
        let members = parts.next().and_then(bytes)?;
        let jobs = parts.next().and_then(list)?.into_iter().map(bytes);
        for (member, job) in members.chunks_exact(MEMBER as usize).zip(jobs) {
            self.take_job(queue, member, &job?, now)?;
        }
        self.claims.buried.extend(moved(parts.next())?);
        Some(known)
    }

    /// Takes a job that was handed out. One that makes no sense is to be dead instead, and stops nobody.
    fn take_job(&mut self, queue: &QueueName, member: &[u8], record: &[u8], now: Timestamp) -> Option<()> {
        let (_, id) = read_member(member)?;
        let mut its = Reader(record.get(TOKEN_FROM as usize - 1..)?);
        let token = Token { number: u64::from_be_bytes(its.array()?), bits: u64::from_be_bytes(its.array()?) };
        let (kind, attempt, crashes, why) = match Record::read(record) {
            None => (unknown_kind(), 0, 0, "the job's record makes no sense"),
            Some((record, beside)) => {
                let (kind, attempt, crashes) = (record.kind.clone(), record.attempt, record.crashes);
                match read_claimed(id, record, beside, now) {
                    Ok(job) => {
                        self.claims.jobs.push(job);
                        return Some(());
                    }
                    Err(why) => (kind, attempt, crashes, why),
                }
            }
        };
        let (queue, worker) = (queue.clone(), Some(self.claim.worker));
        let dead = Moved {
            id,
            queue,
            kind,
            worker,
            attempt,
            crashes,
            state: State::Dead,
            reason: Some(Reason::Corrupt),
            death: None,
        };
        self.unfit.push((token, dead, why));
        Some(())
    }

    /// Buries what makes no sense, and answers.
    async fn end(mut self) -> Result<Claims, Error> {
        for (token, dead, why) in self.unfit {
            match bury(self.base, dead.id, token, why).await {
                Ok(Settled::Done) => self.claims.buried.push(dead),
                Ok(Settled::Lost) => {}
                // Its lease ends.
                Err(e) => tracing::warn!(error = %e, job = %dead.id, "cannot bury a job whose record makes no sense"),
            }
        }
        match self.failed {
            Some(error) if !self.answered => Err(error),
            _ => Ok(self.claims),
        }
    }
}

fn unknown_kind() -> Kind {
    "unknown".parse().expect("a valid name")
}

/// Reads a job that was handed out, or says why it cannot be read.
fn read_claimed(id: JobId, record: Record, beside: &[u8], now: Timestamp) -> Result<Claimed, &'static str> {
    if record.payload.is_none() && beside.is_empty() {
        return Err("the job's payload is gone");
    }
    let payload = std::str::from_utf8(record.payload.as_deref().unwrap_or(beside));
    let payload = Payload::from_store(payload.map_err(|_| "the job's payload is no text")?);
    let since = |at: i64| Timestamp::from_millis(at);
    Ok(Claimed {
        id,
        token: record.token,
        max_attempts: record.max_attempts(),
        timeout: record.timeout(),
        queue: record.queue,
        kind: record.kind,
        key: record.key,
        payload,
        attempt: record.attempt,
        crashes: record.crashes,
        outages: record.outages,
        outage_for: if record.outage_since == 0 { Duration::ZERO } else { now.since(since(record.outage_since)) },
        waited: since(record.started).since(since(record.run_at)),
    })
}
