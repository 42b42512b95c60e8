//! Claims: one call for each queue, in the order of the claim.
//!
//! Each queue remembers a worker's newest claim. If the answer to a claim was lost, its repeat completes it: a queue that has
//! handed out jobs returns the same jobs again, and the queues after it are asked for the rest. A queue that cannot be asked is
//! held back, and does not delay the other queues.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::{
    Answers, Claim, Claimed, Claims, Effect, Error, ErrorKind, HeldBackReason, JobId, Moved, Outcome, Payload,
    QueueName, Reason, Settled, Settlement, State, Timestamp, Token, WorkerId, limits, millis,
};
use redis::Value;

use crate::base::Base;
use crate::call::{Call, bytes, list, moved};
use crate::error;
use crate::groups::{group, in_order};
use crate::library;
use crate::reader::Reader;
use crate::record::Record;
use crate::settle::{self, settle};
use crate::shared::*;
use crate::unreachable::in_time;

pub(crate) async fn claim(base: &Base, claim: &Claim) -> Result<Claims, Error> {
    let queues = admitted(base, claim).await?;
    Claiming::new(base, claim, &queues).ask_all(&queues).await
}

/// Settles, then claims. With one server, the calls that settle and the claim of the first queue share one round trip.
pub(crate) async fn settle_and_claim(
    base: &Base,
    settlements: Vec<Settlement>,
    claim: &Claim,
) -> (Answers<Settled>, Result<Claims, Error>) {
    if base.link.is_cluster() || settlements.is_empty() || claim.queues.is_empty() {
        let settled = settle(base, settlements).await;
        return (settled, self::claim(base, claim).await);
    }
    match admitted(base, claim).await {
        Ok(queues) => settle_and_claim_together(base, settlements, claim, &queues).await,
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

/// Returns the queues of a claim, each once.
///
/// # Errors
///
/// If the worker was released.
async fn admitted<'a>(base: &Base, claim: &'a Claim) -> Result<Vec<&'a QueueName>, Error> {
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

fn released(worker: WorkerId) -> Error {
    Error::new(ErrorKind::Refused, format!("worker {worker} was released: its process was considered dead"))
}

/// A claim in progress, with the answers so far.
struct Claiming<'a> {
    base: &'a Base,
    claim: &'a Claim,
    /// A hash of the kinds that it wants.
    group: String,
    /// Whether it asks several queues.
    several: bool,
    claims: Claims,
    /// How many jobs were handed out. For a repeat, how many the first call handed out.
    handed: usize,
    /// Whether a job was handed out that must run isolated.
    isolated: bool,
    /// Whether a queue has answered.
    answered: bool,
    failed: Option<Error>,
    /// Jobs that were handed out but have a corrupt payload.
    corrupt: Vec<(Moved, Token, &'static str)>,
}

impl<'a> Claiming<'a> {
    fn new(base: &'a Base, claim: &'a Claim, queues: &[&QueueName]) -> Self {
        Claiming {
            base,
            claim,
            group: group_of(claim),
            several: queues.len() > 1,
            claims: Claims::default(),
            handed: 0,
            isolated: false,
            answered: false,
            failed: None,
            corrupt: Vec::new(),
        }
    }

    /// Asks queues one after the other. When no more jobs are wanted, it asks all remaining queues at the same time.
    async fn ask_all(mut self, queues: &[&QueueName]) -> Result<Claims, Error> {
        let asked = self.leave_out(queues);
        for (place, queue) in asked.iter().enumerate() {
            if self.is_server_unreachable() {
                asked[place..].iter().for_each(|queue| self.hold_back(queue, HeldBackReason::Unreachable, None));
                break;
            }
            let wanted = if self.isolated { 0 } else { self.claim.limit.saturating_sub(self.handed) };
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

    /// Returns whether the only server does not answer.
    fn is_server_unreachable(&self) -> bool {
        !self.base.link.is_cluster() && self.failed.as_ref().is_some_and(Error::is_retryable)
    }

    /// Holds back queues whose server failed recently, and returns the others. If there are no others and no queue has answered
    /// yet, it returns all.
    fn leave_out<'q>(&mut self, queues: &[&'q QueueName]) -> Vec<&'q QueueName> {
        let remaining = queues
            .iter()
            .map(|queue| self.base.unreachable.remaining(&self.base.keys.of_queue(queue)))
            .collect::<Vec<_>>();
        if !self.answered && remaining.iter().all(Option::is_some) {
            return queues.to_vec();
        }
        let mut asked = Vec::with_capacity(queues.len());
        for (queue, rest) in queues.iter().zip(remaining) {
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

    /// Makes the call that asks a queue for this many jobs.
    fn call(&self, queue: &QueueName, wanted: usize) -> Call<'a> {
        let (base, claim) = (self.base, self.claim);
        let buries = limits::UPKEEP_ROWS.saturating_sub(self.claims.buried.len());
        let mut numbers = Vec::with_capacity(20);
        numbers.extend((wanted.min(limits::BATCH) as u32).to_le_bytes());
        numbers.extend(millis(claim.lease).min(FAR).to_le_bytes());
        let notes = base.takes_note(queue, &self.group);
        numbers.extend([claim.idle && self.handed == 0, self.several, notes].map(u8::from));
        numbers.extend(claim.rules_level.to_le_bytes());
        numbers.extend((buries as u32).to_le_bytes());
        let call = base.framed(&library::CLAIM, &base.keys.of_queue(queue)).arg(queue.as_str());
        let call = call.arg(claim.worker.as_bytes()).arg(claim.nonce.0.to_le_bytes());
        call.arg(Token::new(0).bits.to_be_bytes()).arg(numbers).arg(&self.group).args(self.kinds())
    }

    /// Writes the kinds for the function `claim`: how many jobs of each are still wanted, its limits, its name.
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

    /// Asks a queue. In a cluster, the wait is limited if there are other queues, so that a stalled server does not delay them long.
    async fn ask(&self, queue: &QueueName, wanted: usize) -> Result<Value, Error> {
        let answer = self.call(queue, wanted).run();
        if !self.several || !self.base.link.is_cluster() {
            return answer.await;
        }
        in_time(answer).await
    }

    /// Processes the answer of a queue. A queue that failed is held back.
    ///
    /// # Errors
    ///
    /// If the worker was released.
    fn take(&mut self, queue: &QueueName, answer: Result<Value, Error>) -> Result<(), Error> {
        let answer = answer.and_then(|answer| self.read(queue, answer).ok_or_else(|| error::unexpected("claim")));
        if self.several && self.base.link.is_cluster() {
            let away = answer.as_ref().err().filter(|e| e.is_retryable());
            self.base.unreachable.note(&self.base.keys.of_queue(queue), away);
        }
        match answer {
            Ok(known) if known == RELEASED => {
                let released = released(self.claim.worker);
                return Err(if self.handed > 0 { released.perhaps_done() } else { released });
            }
            Ok(_) => self.answered = true,
            Err(e) => {
                self.base.forget_note(queue, &self.group);
                self.hold_back(queue, HeldBackReason::Unreachable, None);
                let earlier = self.failed.as_ref().map(Error::effect);
                self.failed = Some(if earlier == Some(Effect::PerhapsDone) { e.perhaps_done() } else { e });
            }
        }
        Ok(())
    }

    /// Reads the answer of a queue. Returns whether the claim is new, repeated or of a released worker.
    fn read(&mut self, queue: &QueueName, answer: Value) -> Option<i64> {
        let mut parts = list(answer)?.into_iter();
        let head = parts.next().and_then(bytes)?;
        let mut from = Reader(&head);
        let known = i64::from(from.u8()?);
        let wait = |ms: i64| u64::try_from(ms).ok().map(Duration::from_millis);
        self.claims.look_in(wait(from.i64()?));
        self.claims.isolated_waits |= from.u8()? == 1;
        self.handed += from.u32()? as usize;
        self.isolated |= from.u8()? == 1;
        if let Some(why) = held_back_reason(from.u8()?) {
            self.hold_back(queue, why, wait(from.i64()?));
        } else {
            from.i64()?;
        }
        let now = Timestamp::from_millis(from.i64()?);
        let shard = self.base.link.shards.of(&self.base.keys.of_queue(queue));
        self.base.clocks.note(shard, now.as_millis(), &self.base.settings.clock);
        let ids = parts.next().and_then(bytes)?;
        let jobs = parts.next().and_then(list)?.into_iter().map(bytes);
        for (id, job) in ids.as_chunks::<16>().0.iter().zip(jobs) {
            self.take_job(queue, JobId::from_bytes(*id), &job?, now)?;
        }
        self.claims.buried.extend(moved(parts.next())?);
        Some(known)
    }

    /// Takes a job that was handed out. If its record or its payload cannot be read, the job is dead instead; the others go on.
    fn take_job(&mut self, queue: &QueueName, id: JobId, bytes: &[u8], now: Timestamp) -> Option<()> {
        let (head, run, read) = match Record::read(bytes) {
            Some((record, beside)) => {
                let (head, run, kind) = (record.head.clone(), record.run.clone(), record.body.kind.clone());
                (head, run, read_claimed(id, record, beside, now).map_err(|why| (kind, why)))
            }
            None => {
                let (head, run) = Record::read_ends(bytes)?;
                (head, run, Err(("unknown".parse().ok()?, "the job's record cannot be read")))
            }
        };
        match read {
            Ok(job) => self.claims.jobs.push(job),
            Err((kind, why)) => {
                let (queue, worker, reason) = (queue.clone(), Some(self.claim.worker), Some(Reason::Corrupt));
                let (attempt, crashes, state, death) = (head.attempt, head.crashes, State::Dead, None);
                let dead = Moved { id, queue, kind, worker, attempt, crashes, state, reason, death };
                self.corrupt.push((dead, run.token, why));
            }
        }
        Some(())
    }

    /// Buries jobs with a corrupt payload, and returns the result.
    async fn end(mut self) -> Result<Claims, Error> {
        let bury = |(dead, token, why): &(Moved, Token, &str)| {
            let outcome = Outcome::Bury { reason: Reason::Corrupt, message: (*why).to_owned() };
            Settlement::new(dead.id, *token, outcome)
        };
        let buried = settle(self.base, self.corrupt.iter().map(bury).collect()).await;
        for ((dead, ..), buried) in self.corrupt.into_iter().zip(buried) {
            match buried {
                Ok(Settled::Done) => self.claims.buried.push(dead),
                Ok(Settled::Lost) => {}
                // The job is rescued when its lease ends.
                Err(e) => tracing::warn!(error = %e, job = %dead.id, "cannot bury a job with a corrupt payload"),
            }
        }
        match self.failed {
            Some(error) if !self.answered => Err(error),
            _ => Ok(self.claims),
        }
    }
}

/// Returns the group of a claim, a hash of the kinds that it wants. Claims for the same kinds have the same group.
fn group_of(claim: &Claim) -> String {
    let mut hasher = std::hash::DefaultHasher::new();
    for known in claim.kinds.iter().filter(|known| known.wanted > 0) {
        known.kind.as_str().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Reads a job that was handed out, or returns why it cannot be read.
fn read_claimed(id: JobId, record: Record, beside: &[u8], now: Timestamp) -> Result<Claimed, &'static str> {
    if record.payload.is_none() && beside.is_empty() {
        return Err("the job's payload is missing");
    }
    let payload = std::str::from_utf8(record.payload.as_deref().unwrap_or(beside));
    let payload = Payload::from_store(payload.map_err(|_| "the job's payload is not valid UTF-8")?);
    let since = |at: i64| Timestamp::from_millis(at);
    Ok(Claimed {
        id,
        token: record.run.token,
        max_attempts: record.max_attempts(),
        timeout: record.timeout(),
        queue: record.body.queue,
        kind: record.body.kind,
        key: record.key,
        payload,
        attempt: record.head.attempt,
        crashes: record.head.crashes,
        outages: record.head.outages,
        outage_for: if record.run.outage_since == 0 {
            Duration::ZERO
        } else {
            now.since(since(record.run.outage_since))
        },
        waited: since(record.run.started).since(since(record.head.run_at)),
    })
}
