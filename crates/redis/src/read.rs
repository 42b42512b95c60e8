//! Reads jobs, logs and the clock. No call counts or searches jobs.

use futures_util::future::{join_all, try_join_all};
use longshore_core::{Error, JobId, Label, Snapshot, Status, Timestamp};
use redis::Value;

use crate::base::Base;
use crate::call::{bytes, list};
use crate::copies::on_first;
use crate::error;
use crate::groups::{each_group, group};
use crate::keys;
use crate::library::{self, Function};
use crate::queues;
use crate::reader::Reader;
use crate::record::{Parts, Record};

/// The maximum number of jobs that one call reads.
const PER_CALL: usize = 100;

pub(crate) async fn get(base: &Base, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
    read_each(base, &library::GET, ids, |id, job| {
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
    read_each(base, &library::STATUS, ids, |id, job| {
        let mut parts = list(job)?.into_iter();
        let record = parts.next().and_then(bytes)?;
        let (progress, failure) = (parts.next().and_then(bytes), parts.next().and_then(bytes));
        Some(Record::read(&record)?.0.status(id, progress, failure))
    })
    .await
}

/// Reads jobs, a bounded number in each call. A job with a corrupt record is returned as not found.
async fn read_each<T>(
    base: &Base,
    function: &'static Function,
    ids: Vec<JobId>,
    read: impl Fn(JobId, Value) -> Option<T>,
) -> Result<Vec<Option<T>>, Error> {
    let read = &read;
    each_group(group(ids, |id| id.queue_tag()), |tag, ids| async move {
        let root = base.keys.of_tag(tag);
        let calls = ids.chunks(PER_CALL).map(|ids| {
            let call = base.call(function, &root).args(ids.iter().map(JobId::as_bytes));
            async move { list(call.run().await?).ok_or_else(|| error::unexpected(function.name)) }
        });
        let jobs = try_join_all(calls).await?.into_iter().flatten();
        Ok(ids.iter().zip(jobs).map(|(id, job)| if job == Value::Nil { None } else { read(*id, job) }).collect())
    })
    .await
    .into_iter()
    .collect()
}

/// Returns the newest job with this alias. The alias does not tell the queue, so each queue is asked. If a server does not answer,
/// the newest job of the other queues is returned; if there is none, the error.
pub(crate) async fn find(base: &Base, alias: &Label) -> Result<Option<JobId>, Error> {
    let queues = queues::all(base).await?;
    let newest = queues.iter().map(|queue| async move {
        let root = base.keys.of_queue(queue);
        let mut command = redis::cmd("ZREVRANGEBYLEX");
        command.arg(format!("{root}{}{queue}:{alias}", keys::ALIAS)).arg("+").arg("-").arg("LIMIT").arg(0).arg(1);
        let members =
            list(base.link.send(&root, &command).await?).ok_or_else(|| error::unexpected("ZREVRANGEBYLEX"))?;
        Ok::<_, Error>(members.into_iter().next().and_then(bytes).and_then(|member| read_member(&member)))
    });
    let (mut found, mut failed) = (None, None);
    for newest in join_all(newest).await {
        match newest {
            Ok(newest) => found = found.max(newest),
            Err(e) => failed = Some(e),
        }
    }
    match (found, failed) {
        (None, Some(e)) => Err(e),
        (found, _) => Ok(found.map(|(_, id)| id)),
    }
}

/// Reads the order and the id of a member.
pub(crate) fn read_member(bytes: &[u8]) -> Option<(i64, JobId)> {
    let mut from = Reader(bytes);
    Some((i64::from_be_bytes(from.array()?), JobId::from_bytes(from.array()?)))
}

/// Returns the log of a claim, or the newest log. It is empty if there is no log, and `None` if the job is not found.
pub(crate) async fn log(base: &Base, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
    let call = base.call(&library::LOG, &base.keys.of_tag(id.queue_tag())).arg(id.as_bytes());
    let answer = call.arg(claim.map(|claim| claim.to_string()).unwrap_or_default()).run().await?;
    Ok(bytes(answer).map(|log| String::from_utf8_lossy(&log).into_owned()))
}

/// Returns the time of a server's clock.
pub(crate) async fn now(base: &Base) -> Result<Timestamp, Error> {
    let answer = on_first(base, |root| base.call(&library::CLOCK, root)).await?;
    let us = bytes(answer).and_then(|bytes| Reader(&bytes).i64()).ok_or_else(|| error::unexpected("clock"))?;
    Ok(Timestamp::from_millis(us / 1_000 + base.settings.clock.shift().0))
}
