//! Handing out ready jobs: a script a queue, in the order of the claim.
//!
//! Each queue remembers a worker's newest claim, so that one whose answer was lost is completed by its repeat: what was handed out
//! comes again, and the queues after it are asked for what was still wanted then.

use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::{
    Claim, Claimed, Claims, Error, ErrorKind, JobId, Kind, Payload, QueueName, Token, WorkerId, millis,
};

use crate::base::{Base, bytes};
use crate::error;
use crate::read::read_member;
use crate::record::{Reader, Record};
use crate::script;
use crate::settle::bury;
use crate::shared::*;

pub(crate) async fn claim(base: &Base, claim: &Claim) -> Result<Claims, Error> {
    let mut queues: Vec<&QueueName> = Vec::with_capacity(claim.queues.len());
    for queue in &claim.queues {
        if !queues.contains(&queue) {
            queues.push(queue);
        }
    }
    // A release marks the worker first, then looks for queues; so that whichever is first, one sees the other.
    if base.register(queues.iter().copied()).await? && base.is_released(claim.worker).await? {
        return Err(released(claim.worker));
    }
    base.note_kinds(&claim.kinds).await?;
    let asks = Asks { base, claim, several: queues.len() > 1 };
    let mut claims = Claims::default();
    let (mut handed, mut solo) = (0, false);
    for (place, queue) in queues.iter().enumerate() {
        let wanted = if solo { 0 } else { claim.limit.saturating_sub(handed) };
        if wanted == 0 {
            // The others are only asked what waits: all at once.
            let answers = join_all(queues[place..].iter().map(|queue| asks.ask(queue, 0, false))).await;
            for answer in answers {
                answer.map_err(|e| after(e, handed))?.add_to(&mut claims);
            }
            break;
        }
        let answer = asks.ask(queue, wanted, claim.idle && handed == 0).await.map_err(|e| after(e, handed))?;
        handed += answer.handed;
        solo |= answer.solo;
        answer.add_to(&mut claims);
    }
    Ok(claims)
}

/// Says of an error that earlier queues have handed something out.
fn after(error: Error, handed: usize) -> Error {
    if handed > 0 { error.perhaps_done() } else { error }
}

fn released(worker: WorkerId) -> Error {
    Error::new(ErrorKind::Refused, format!("worker {worker} was released: its process was taken for gone"))
}

/// What is the same for all queues of a claim.
struct Asks<'a> {
    base: &'a Base,
    claim: &'a Claim,
    several: bool,
}

/// What one queue answers.
#[derive(Default)]
struct Answer {
    jobs: Vec<Claimed>,
    next_due: Option<Duration>,
    alone_waits: bool,
    /// How many were handed out the first time this was asked.
    handed: usize,
    /// That one must run alone.
    solo: bool,
    /// Where this is the first answer, the token of the first job: those of the others follow it, and records are those of before.
    tokens: Option<Token>,
}

impl Answer {
    fn add_to(self, claims: &mut Claims) {
        claims.jobs.extend(self.jobs);
        claims.next_due = [claims.next_due, self.next_due].into_iter().flatten().min();
        claims.alone_waits |= self.alone_waits;
    }
}

impl Asks<'_> {
    async fn ask(&self, queue: &QueueName, wanted: usize, may_alone: bool) -> Result<Answer, Error> {
        let Asks { base, claim, several } = *self;
        let mut numbers = Vec::with_capacity(16);
        numbers.extend((wanted.min(longshore_core::limits::BATCH) as u32).to_le_bytes());
        numbers.extend(millis(claim.lease).min(FAR).to_le_bytes());
        numbers.extend([u8::from(may_alone), u8::from(several)]);
        let call = base.framed(&script::CLAIM, &base.keys.of_queue(queue)).arg(queue.as_str());
        let call = call.arg(claim.worker.as_bytes()).arg(claim.nonce.0.to_le_bytes());
        let bits = Token::new(0).bits;
        let call = call.arg(bits.to_be_bytes()).arg(numbers);
        let mut items = call.args(claim.kinds.iter().map(Kind::as_str)).list().await?.into_iter();
        let head = items.next().and_then(bytes).ok_or_else(|| error::unexpected("claim"))?;
        let mut answer = self.read_head(&head, bits).ok_or_else(|| error::unexpected("claim"))??;
        let members = items.next().and_then(bytes).unwrap_or_default();
        let mut members = members.chunks_exact(MEMBER as usize);
        for item in items {
            let record = bytes(item).ok_or_else(|| error::unexpected("claim"))?;
            let member = members.next().ok_or_else(|| error::unexpected("claim"))?;
            self.take(&mut answer, member, &record).await?;
        }
        Ok(answer)
    }

    fn read_head(&self, head: &[u8], bits: u64) -> Option<Result<Answer, Error>> {
        let mut from = Reader(head);
        self.base.ring(from.u8()?);
        let known = i64::from(from.u8()?);
        if known == RELEASED {
            return Some(Err(released(self.claim.worker)));
        }
        let next_due = u64::try_from(from.i64()?).ok().map(Duration::from_millis);
        let (alone_waits, handed, solo) = (from.u8()? == 1, from.u32()? as usize, from.u8()? == 1);
        let tokens = Some(Token { number: u64::from_le_bytes(from.array()?), bits }).filter(|_| known == FRESH);
        Some(Ok(Answer { jobs: Vec::new(), next_due, alone_waits, handed, solo, tokens }))
    }

    /// Takes a job that was handed out. One that makes no sense is dead instead, and stops nobody.
    async fn take(&self, answer: &mut Answer, member: &[u8], record: &[u8]) -> Result<(), Error> {
        let token = answer.tokens;
        if let Some(next) = &mut answer.tokens {
            next.number += 1;
        }
        match read_claimed(member, record, token) {
            Some(Ok(job)) => answer.jobs.push(job),
            Some(Err((id, token, why))) => {
                if let Err(e) = bury(self.base, id, token, why).await {
                    tracing::warn!(error = %e, job = %id, "cannot bury a job whose record makes no sense"); // its lease ends
                }
            }
            None => return Err(error::unexpected("claim")),
        }
        Ok(())
    }
}

/// Reads a job, or says why it cannot be read. With a token the record is that of before the claim; else it has the token.
fn read_claimed(
    member: &[u8],
    record: &[u8],
    granted: Option<Token>,
) -> Option<Result<Claimed, (JobId, Token, &'static str)>> {
    let (_, id) = read_member(member)?;
    let mut its = Reader(record.get(TOKEN_FROM as usize - 1..)?);
    let its = Token { number: u64::from_be_bytes(its.array()?), bits: u64::from_be_bytes(its.array()?) };
    let token = granted.unwrap_or(its);
    let Some((record, beside)) = Record::read(record) else {
        return Some(Err((id, token, "the job's record makes no sense")));
    };
    if record.payload.is_none() && beside.is_empty() {
        return Some(Err((id, token, "the job's payload is gone")));
    }
    let Ok(payload) = std::str::from_utf8(record.payload.as_deref().unwrap_or(beside)) else {
        return Some(Err((id, token, "the job's payload is no text")));
    };
    Some(Ok(Claimed {
        id,
        token,
        queue: record.queue,
        kind: record.kind,
        payload: Payload::from_store(payload),
        attempt: record.attempt.saturating_add(u16::from(granted.is_some())),
        max_attempts: record.max_attempts,
        crashes: record.crashes,
        timeout: record.timeout,
    }))
}
