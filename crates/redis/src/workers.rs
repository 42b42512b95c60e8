//! The registry of workers: which are alive, for people and supervisors.
//!
//! It lies in the slot of what concerns all queues. While that one's server is away nobody can list workers or queues; jobs are not
//! concerned.

use longshore_core::{Error, Timestamp, WorkerId, WorkerNote, WorkerSeen};

use crate::base::{Base, bytes, list};
use crate::error;
use crate::record::Reader;
use crate::script;

pub(crate) async fn note(base: &Base, id: WorkerId, note: &WorkerNote) -> Result<(), Error> {
    let call = base.call(&script::NOTE_WORKER, &base.keys.of_all()).number(base.settings.clock.shift().0);
    call.arg(id.as_bytes()).arg(note.to_text()).run().await.map(|_| ())
}

pub(crate) async fn forget(base: &Base, id: WorkerId) -> Result<(), Error> {
    let call = base.call(&script::FORGET_WORKERS, &base.keys.of_all()).number(base.settings.clock.shift().0);
    call.arg(id.as_bytes()).number(1).run().await.map(|_| ())
}

/// Forgets workers that have not noted themselves for long; returns how many.
pub(crate) async fn forget_old(base: &Base, limit: usize) -> Result<usize, Error> {
    let call = base.call(&script::FORGET_WORKERS, &base.keys.of_all()).number(base.settings.clock.shift().0);
    let answer = call.arg("").number(limit as i64).run().await?;
    let forgotten = crate::base::number(&answer).ok_or_else(|| error::unexpected("forget_workers"))?;
    Ok(usize::try_from(forgotten).unwrap_or(0))
}

pub(crate) async fn workers(base: &Base, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
    let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    let call = base.call(&script::LIST_WORKERS, &base.keys.of_all()).arg(after).number(limit as i64);
    let mut values = list(call.run().await?).ok_or_else(|| error::unexpected("list_workers"))?.into_iter();
    let mut workers = Vec::new();
    while let (Some(id), Some(note)) = (values.next().and_then(bytes), values.next().and_then(bytes)) {
        workers.extend(read_worker(&id, &note));
    }
    Ok(workers)
}

/// Reads a worker; `None` where its id makes no sense.
fn read_worker(id: &[u8], note: &[u8]) -> Option<WorkerSeen> {
    let mut from = Reader(note);
    let mut time = || Timestamp::from_millis(from.i64().unwrap_or(0));
    let (since, seen) = (time(), time());
    let note = WorkerNote::from_text(&String::from_utf8_lossy(from.0));
    Some(WorkerSeen::new(WorkerId::from_bytes(id.try_into().ok()?), since, seen, note))
}
