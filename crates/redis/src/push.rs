//! Taking jobs over.

use std::sync::PoisonError;
use std::time::Instant;

use longshore_core::{Error, Idempotency, Instead, JobId, NewJob, Pushed, QueueName, Timestamp, When};

use crate::base::{Base, each_group, group};
use crate::error;
use crate::record::{Reader, flags, rank, write_tail};
use crate::script;
use crate::shared::*;

/// Pushes jobs: a call a queue, each of which takes effect as a whole.
pub(crate) async fn push(base: &Base, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
    base.register(jobs.iter().map(|job| &job.queue)).await?;
    let order = base.order.lock().unwrap_or_else(PoisonError::into_inner).take(jobs.len());
    let groups = group(jobs.into_iter().enumerate().collect(), |(_, job)| job.queue.clone());
    each_group(groups, |queue, jobs| push_to(base, queue, jobs, order)).await
}

async fn push_to(base: &Base, queue: QueueName, jobs: Vec<(usize, NewJob)>, order: i64) -> Result<Vec<Pushed>, Error> {
    let mut kinds: Vec<&str> = Vec::new();
    let mut places: Vec<u8> = Vec::new();
    // Jobs of one batch that go to one queue follow one another.
    if jobs.last().is_some_and(|(last, _)| last + 1 != jobs.len()) {
        places.extend(jobs.iter().flat_map(|(place, _)| (*place as u32).to_le_bytes()));
    }
    let mut some = false;
    let mut args: Vec<Vec<u8>> = Vec::with_capacity(jobs.len());
    for (_, job) in &jobs {
        let kind = kinds.iter().position(|kind| *kind == job.kind.as_str()).unwrap_or_else(|| {
            kinds.push(job.kind.as_str());
            kinds.len() - 1
        });
        let flags = flags(job);
        args.push(write(job, kind, flags));
        some |= flags & PAYLOAD_BESIDE != 0 || job.idempotency.is_some();
        if flags & PAYLOAD_BESIDE != 0 {
            args.push(job.payload.as_str().as_bytes().to_vec());
        }
        if let Some(Idempotency { key, fingerprint }) = &job.idempotency {
            args.push(fingerprint.to_vec());
            args.push(key.as_str().as_bytes().to_vec());
        }
    }
    let call = base.framed(&script::PUSH, &base.keys.of_queue(&queue)).arg(queue.as_str()).number(order);
    let call = call.arg(places).number(i64::from(some));
    let call = call.number(kinds.len() as i64).args(kinds).args(args);
    let asked = Instant::now();
    let answer = call.bytes().await?;
    let mut from = Reader(&answer);
    let (bells, server_us) = from.u8().zip(from.i64()).ok_or_else(|| error::unexpected("push"))?;
    base.ring(bells);
    base.order.lock().unwrap_or_else(PoisonError::into_inner).note(server_us, asked);
    if from.0.is_empty() {
        return Ok(jobs.iter().map(|(_, job)| Pushed::Created(job.id)).collect());
    }
    jobs.iter().map(|(_, job)| read_answer(&mut from, job.id).ok_or_else(|| error::unexpected("push"))).collect()
}

/// Writes a job as the script takes it: what it turns into something else, and then the end of the record as it is kept.
fn write(job: &NewJob, kind: usize, flags: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96 + job.payload.as_str().len().min(SMALL as usize));
    bytes.extend(job.id.as_bytes());
    bytes.push(u8::from(flags & PAYLOAD_BESIDE != 0) + 2 * u8::from(job.idempotency.is_some()));
    bytes.extend((kind as u16 + 1).to_le_bytes());
    bytes.push(rank(job) as u8);
    write_moment(&mut bytes, Some(job.when));
    write_moment(&mut bytes, job.deadline);
    bytes.extend((flags as u16).to_le_bytes());
    bytes.extend(job.max_attempts.to_le_bytes());
    write_tail(&mut bytes, job, flags);
    bytes
}

/// Writes how a moment is given, and its number.
pub(crate) fn write_moment(to: &mut Vec<u8>, when: Option<When>) {
    let (how, number) = match when {
        None => (NEVER, 0),
        Some(When::In(delay)) => (IN, bounded(delay)),
        Some(When::At(at)) => (AT, Timestamp::as_millis(at).clamp(-FAR, FAR)),
    };
    to.push(how as u8);
    to.extend(number.to_le_bytes());
}

fn read_answer(from: &mut Reader<'_>, id: JobId) -> Option<Pushed> {
    let code = i64::from(from.u8()?);
    if code == CREATED {
        return Some(Pushed::Created(id));
    }
    let other = JobId::from_bytes(from.array()?);
    Some(match code {
        CREATED_BEFORE => Pushed::Created(other),
        STANDS_FOR_UNIQUE => Pushed::Existing { id: other, by: Instead::Unique },
        STANDS_FOR_REUSE => Pushed::Existing { id: other, by: Instead::Reuse },
        CONFLICT => Pushed::Conflict(other),
        _ => return None,
    })
}
