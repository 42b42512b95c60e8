//! What people and their tools ask for; nothing of it is counted or searched through.

use std::time::Duration;

use futures_util::future::try_join_all;
use longshore_core::{Error, JobId, Label, QueueName, QueueStats, Snapshot, Status, Timestamp};
use redis::Value;

use crate::base::{Base, bytes, each_group, group, list, number};
use crate::error;
use crate::keys;
use crate::record::{Parts, Reader, Record};
use crate::rules::read_rules;
use crate::script::{self, Script};

/// Most jobs that one script reads.
const PER_CALL: usize = 100;

pub(crate) async fn get(base: &Base, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
    read_each(base, &script::GET, ids, |id, job| {
        let mut parts = list(job)?.into_iter();
        let record = parts.next().and_then(bytes)?;
        let mut part = || parts.next().and_then(bytes);
        let (payload, result, progress) = (part(), part(), part());
        let failures = parts.next().and_then(list)?.into_iter().filter_map(bytes).collect();
        let (record, _) = Record::read(&record)?;
        Some(record.snapshot(id, Parts { payload, result, progress, failures }))
    })
    .await
}

pub(crate) async fn status(base: &Base, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
    read_each(base, &script::STATUS, ids, |id, job| {
        let mut parts = list(job)?.into_iter();
        let record = parts.next().and_then(bytes)?;
        let (progress, failure) = (parts.next().and_then(bytes), parts.next().and_then(bytes));
        Some(Record::read(&record)?.0.status(id, progress, failure))
    })
    .await
}

/// Reads jobs, a bounded number a call; those whose record makes no sense are as good as unknown.
async fn read_each<T>(
    base: &Base,
    script: &'static Script,
    ids: Vec<JobId>,
    read: impl Fn(JobId, Value) -> Option<T>,
) -> Result<Vec<Option<T>>, Error> {
    let read = &read;
    each_group(group(ids, |id| id.queue_tag()), |tag, ids| async move {
        let root = base.keys.of_tag(tag);
        let calls = ids.chunks(PER_CALL).map(|ids| {
            let call = base.call(script, &root).args(ids.iter().map(JobId::as_bytes));
            async move { list(call.run().await?).ok_or_else(|| error::unexpected(script.name)) }
        });
        let jobs = try_join_all(calls).await?.into_iter().flatten();
        Ok(ids.iter().zip(jobs).map(|(id, job)| if job == Value::Nil { None } else { read(*id, job) }).collect())
    })
    .await
    .into_iter()
    .collect()
}

/// Returns the newest job with that alias: an alias leads to no queue, so that each is asked.
pub(crate) async fn find(base: &Base, alias: &Label) -> Result<Option<JobId>, Error> {
    let queues = base.queues().await?;
    let newest = queues.iter().map(|(queue, tie)| async move {
        let mut command = redis::cmd("ZREVRANGEBYLEX");
        command.arg(format!("{}{}{queue}:{alias}", base.keys.of_queue(queue), keys::ALIAS));
        command.arg("+").arg("-").arg("LIMIT").arg(0).arg(1);
        let members = list(base.link.send(&command).await?).ok_or_else(|| error::unexpected("ZREVRANGEBYLEX"))?;
        let member = members.into_iter().next().and_then(bytes);
        Ok::<_, Error>(member.and_then(|member| Some((read_member(&member)?, *tie))))
    });
    let newest = try_join_all(newest).await?.into_iter().flatten().max_by_key(|((order, _), tie)| (*order, *tie));
    Ok(newest.map(|((_, id), _)| id))
}

/// Reads a member: its order and its id.
pub(crate) fn read_member(bytes: &[u8]) -> Option<(i64, JobId)> {
    let mut from = Reader(bytes);
    Some((i64::from_be_bytes(from.array()?), JobId::from_bytes(from.array()?)))
}

/// Returns the log of a claim, or the newest; empty where there is none.
pub(crate) async fn log(base: &Base, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
    let call = base.call(&script::LOG, &base.keys.of_tag(id.queue_tag())).arg(id.as_bytes());
    let answer = call.arg(claim.map(|claim| claim.to_string()).unwrap_or_default()).run().await?;
    Ok(bytes(answer).map(|log| String::from_utf8_lossy(&log).into_owned()))
}

/// Returns the time by the clock of the server that has what concerns all queues.
pub(crate) async fn now(base: &Base) -> Result<Timestamp, Error> {
    let answer = base.call(&script::CLOCK, &base.keys.of_all()).run().await?;
    let us = bytes(answer).and_then(|bytes| Reader(&bytes).i64()).ok_or_else(|| error::unexpected("clock"))?;
    Ok(Timestamp::from_millis(us / 1_000 + base.settings.clock.shift().0))
}

/// Returns a page of queues with their counters, in the order of their names.
pub(crate) async fn queues(base: &Base, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
    let names = base.queues().await?.into_keys();
    let page = names.filter(|queue| after.as_ref().is_none_or(|after| queue > after)).take(limit);
    try_join_all(page.map(|queue| stats(base, queue))).await
}

/// Returns one queue with its counters, if it is known.
pub(crate) async fn queue(base: &Base, queue: QueueName) -> Result<Option<QueueStats>, Error> {
    if !base.queues().await?.contains_key(&queue) {
        return Ok(None);
    }
    stats(base, queue).await.map(Some)
}

async fn stats(base: &Base, queue: QueueName) -> Result<QueueStats, Error> {
    let call = base.framed(&script::QUEUE, &base.keys.of_queue(&queue)).arg(queue.as_str());
    let values = list(call.run().await?).ok_or_else(|| error::unexpected("queue"))?;
    read_queue(queue, values).ok_or_else(|| error::unexpected("queue"))
}

fn read_queue(queue: QueueName, values: Vec<Value>) -> Option<QueueStats> {
    let mut values = values.into_iter();
    let head = values.next().and_then(bytes)?;
    let mut from = Reader(&head);
    let (now, oldest) = (Timestamp::from_millis(from.i64()?), from.i64()?);
    let mut counts = [0; 6];
    for count in &mut counts {
        let n = values.next().as_ref().and_then(number).unwrap_or(0);
        *count = u64::try_from(n).unwrap_or(0);
    }
    let rules = read_rules(values.next(), values.next())?.at(now);
    let oldest_ready = u64::try_from(oldest).ok().map(Duration::from_millis);
    Some(QueueStats::new(queue, counts, oldest_ready, rules))
}
