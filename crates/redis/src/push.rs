//! Taking jobs over.

use std::sync::PoisonError;
use std::time::Instant;

use longshore_core::store::fail_all;
use longshore_core::{Answers, Error, Idempotency, Instead, JobId, NewJob, Pushed, QueueName, Timestamp, When};

use crate::base::{Base, Call, each_group, group, record_key};
use crate::error;
use crate::record::{Reader, flags, rank, write_tail};
use crate::script;
use crate::shapes::Shapes;
use crate::shared::*;

/// Pushes jobs: a call a queue, each of which takes effect as a whole.
pub(crate) async fn push(base: &Base, jobs: Vec<NewJob>) -> Answers<Pushed> {
    if let Err(e) = base.register(jobs.iter().map(|job| &job.queue)).await {
        return fail_all(jobs.len(), &e);
    }
    let order = base.order.lock().unwrap_or_else(PoisonError::into_inner).take(jobs.len());
    let groups = group(jobs.into_iter().enumerate().collect(), |(_, job)| job.queue.clone());
    each_group(groups, |queue, jobs| push_to(base, queue, jobs, order)).await
}

async fn push_to(base: &Base, queue: QueueName, jobs: Vec<(usize, NewJob)>, order: i64) -> Result<Vec<Pushed>, Error> {
    let root = base.keys.of_queue(&queue);
    let mut batch = Batch::new(&root, order);
    // Jobs of one batch that go to one queue follow one another.
    batch.scattered = jobs.last().is_some_and(|(last, _)| last + 1 != jobs.len());
    for (place, job) in &jobs {
        batch.add(*place, job);
    }
    let call = batch.args(base.framed(&script::PUSH, &root).arg(queue.as_str()));
    let asked = Instant::now();
    let answer = call.bytes().await?;
    let mut from = Reader(&answer);
    let server_us = from.i64().ok_or_else(|| error::unexpected("push"))?;
    base.order.lock().unwrap_or_else(PoisonError::into_inner).note(server_us, asked);
    if from.0.is_empty() {
        return Ok(jobs.iter().map(|(_, job)| Pushed::Created(job.id)).collect());
    }
    jobs.iter().map(|(_, job)| read_answer(&mut from, job.id).ok_or_else(|| error::unexpected("push"))).collect()
}

/// Jobs as the script takes them: what they have in common once, and the ends of their records as they are kept.
struct Batch<'a> {
    root: &'a str,
    /// The order of the first job of the whole batch.
    order: i64,
    scattered: bool,
    places: Vec<u8>,
    kinds: Vec<&'a str>,
    shapes: Shapes,
    /// What comes along with each job, and all that does.
    along_of: Vec<u8>,
    along: Vec<&'a [u8]>,
    /// What the record of each job is called, and its end.
    records: Vec<Vec<u8>>,
}

impl<'a> Batch<'a> {
    fn new(root: &'a str, order: i64) -> Self {
        Batch {
            root,
            order,
            scattered: false,
            places: Vec::new(),
            kinds: Vec::new(),
            shapes: Shapes::default(),
            along_of: Vec::new(),
            along: Vec::new(),
            records: Vec::new(),
        }
    }

    fn add(&mut self, place: usize, job: &'a NewJob) {
        let flags = flags(job);
        if self.scattered {
            self.places.extend((place as u32).to_le_bytes());
        }
        let shape = self.shape(job, flags);
        self.shapes.add(shape);
        let mut along = 0;
        if flags & PAYLOAD_BESIDE != 0 {
            along |= 1;
            self.along.push(job.payload.as_str().as_bytes());
        }
        if let Some(Idempotency { key, fingerprint }) = &job.idempotency {
            along |= 2;
            self.along.extend([&fingerprint[..], key.as_str().as_bytes()]);
        }
        self.along_of.push(along);
        let mut tail = Vec::with_capacity(64 + job.payload.as_str().len().min(SMALL as usize));
        write_tail(&mut tail, job, flags);
        self.records.extend([record_key(self.root, job.id), tail]);
    }

    /// Returns a job's shape.
    fn shape(&mut self, job: &'a NewJob, flags: i64) -> Vec<u8> {
        let kind = job.kind.as_str();
        let kind = self.kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        let mut bytes = Vec::with_capacity(32);
        bytes.extend((kind as u16 + 1).to_le_bytes());
        bytes.push(rank(job) as u8);
        write_moment(&mut bytes, Some(job.when));
        write_moment(&mut bytes, job.deadline);
        bytes.extend((flags as u16).to_le_bytes());
        bytes.extend(write_limits(job.max_attempts, job.timeout));
        bytes
    }

    fn args<'b>(self, call: Call<'b>) -> Call<'b> {
        let mut counts = self.order.to_le_bytes().to_vec();
        for count in [self.shapes.parts(), self.kinds.len(), self.shapes.len()] {
            counts.extend((count as u32).to_le_bytes());
        }
        let along_of: &[u8] = if self.along.is_empty() { &[] } else { &self.along_of };
        let call = call.arg(counts).arg(&self.places).arg(self.shapes.numbers()).arg(along_of);
        self.shapes.args(call.args(&self.kinds)).args(&self.records).args(&self.along)
    }
}

/// Writes how a moment is given, and its number.
fn write_moment(to: &mut Vec<u8>, when: Option<When>) {
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
