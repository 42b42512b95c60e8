//! Pushes jobs.

use longshore_core::store::fail_all;
use longshore_core::{Answers, DuplicateReason, Error, JobId, NewJob, Pushed, QueueName, Timestamp, When};

use crate::base::Base;
use crate::call::bytes;
use crate::error;
use crate::groups::{each_group, group};
use crate::layout::{Layout, Limits, NewHead};
use crate::library;
use crate::reader::Reader;
use crate::record::{flags, write_tail};
use crate::shared::*;

/// Pushes jobs with one call for each queue. Each call is atomic.
pub(crate) async fn push(base: &Base, jobs: Vec<NewJob>) -> Answers<Pushed> {
    if let Err(e) = base.use_queues(jobs.iter().map(|job| &job.queue)).await {
        return fail_all(jobs.len(), &e);
    }
    each_group(group(jobs, |job| job.queue.clone()), |queue, jobs| push_to(base, queue, jobs)).await
}

async fn push_to(base: &Base, queue: QueueName, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
    let mut call = base.framed(&library::PUSH, &base.keys.of_queue(&queue)).arg(queue.as_str());
    for job in &jobs {
        let flags = flags(job);
        let is_large = flags & PAYLOAD_BESIDE != 0;
        let mut tail = Vec::with_capacity(64 + job.payload.as_str().len().min(SMALL as usize));
        write_tail(&mut tail, job, flags);
        call = call.arg(head(job, flags, is_large)).arg(tail);
        if is_large {
            call = call.arg(job.payload.as_str());
        }
        if let Some(idempotency) = &job.idempotency {
            call = call.arg([&idempotency.fingerprint[..], idempotency.key.as_str().as_bytes()].concat());
        }
    }
    let answer = bytes(call.run_replicated().await?).ok_or_else(|| error::unexpected("push"))?;
    if answer.is_empty() {
        return Ok(jobs.iter().map(|job| Pushed::Created(job.id)).collect());
    }
    let mut from = Reader(&answer);
    jobs.iter().map(|job| read_answer(&mut from, job.id).ok_or_else(|| error::unexpected("push"))).collect()
}

/// Writes the arguments of a job for the function `push`, without the end of its record's body.
fn head(job: &NewJob, flags: i64, is_large: bool) -> Vec<u8> {
    let (when_how, when) = moment(Some(job.when));
    let (deadline_how, deadline) = moment(job.deadline);
    let head = NewHead {
        id: job.id,
        along: u8::from(is_large) + 2 * u8::from(job.idempotency.is_some()),
        flags: flags as u16,
        when_how,
        when,
        deadline_how,
        deadline,
        asked_limits: Limits { attempts: job.max_attempts, timeout: job.timeout },
    };
    let mut bytes = Vec::with_capacity(64);
    head.write(&mut bytes);
    bytes
}

/// Returns the form of a time (`NEVER`, `IN`, `AT`), and its number of milliseconds.
fn moment(when: Option<When>) -> (u8, i64) {
    let (how, number) = match when {
        None => (NEVER, 0),
        Some(When::In(delay)) => (IN, bounded(delay)),
        Some(When::At(at)) => (AT, Timestamp::as_millis(at).clamp(-FAR, FAR)),
    };
    (how as u8, number)
}

fn read_answer(from: &mut Reader<'_>, id: JobId) -> Option<Pushed> {
    let code = i64::from(from.u8()?);
    if code == CREATED {
        return Some(Pushed::Created(id));
    }
    let other = JobId::from_bytes(from.array()?);
    Some(match code {
        CREATED_BEFORE => Pushed::Created(other),
        EXISTING_UNIQUE => Pushed::Existing { id: other, by: DuplicateReason::Unique },
        EXISTING_REUSE => Pushed::Existing { id: other, by: DuplicateReason::Reuse },
        CONFLICT => Pushed::Conflict(other),
        _ => return None,
    })
}
