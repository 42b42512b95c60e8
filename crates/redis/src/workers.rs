//! The registry of live workers, for people and supervisors. Leases do not depend on it.

use std::collections::BTreeMap;

use longshore_core::{Error, Timestamp, WorkerId, WorkerNote, WorkerSeen};

use crate::base::Base;
use crate::call::{bytes, list, number};
use crate::copies::on_each;
use crate::error;
use crate::library;
use crate::reader::Reader;

pub(crate) async fn note(base: &Base, id: WorkerId, note: &WorkerNote) -> Result<(), Error> {
    let text = note.to_text();
    on_each(base, |root| base.framed(&library::NOTE_WORKER, root).arg(id.as_bytes()).arg(&text)).await.map(|_| ())
}

pub(crate) async fn forget(base: &Base, id: WorkerId) -> Result<(), Error> {
    on_each(base, |root| base.framed(&library::DROP_WORKERS, root).arg(id.as_bytes()).number(1)).await.map(|_| ())
}

/// Deletes workers whose last note is too old. Returns how many.
pub(crate) async fn forget_old(base: &Base, limit: usize) -> Result<usize, Error> {
    let call = |root: &str| base.framed(&library::DROP_WORKERS, root).arg("").number(limit as i64);
    let dropped = on_each(base, call).await?.0.iter().filter_map(number).max().unwrap_or(0);
    Ok(usize::try_from(dropped).unwrap_or(0))
}

pub(crate) async fn workers(base: &Base, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
    let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
    let call = |root: &str| base.call(&library::LIST_WORKERS, root).arg(&after).number(limit as i64);
    let mut workers: BTreeMap<WorkerId, WorkerSeen> = BTreeMap::new();
    for answer in on_each(base, call).await?.0 {
        let mut values = list(answer).ok_or_else(|| error::unexpected("list_workers"))?.into_iter();
        while let (Some(id), Some(note)) = (values.next().and_then(bytes), values.next().and_then(bytes)) {
            let Some(worker) = read_worker(&id, &note) else { continue };
            // A copy that was unreachable may have an older note.
            if workers.get(&worker.id).is_none_or(|other| other.seen < worker.seen) {
                workers.insert(worker.id, worker);
            }
        }
    }
    Ok(workers.into_values().take(limit).collect())
}

/// Reads a worker; `None` if its id is invalid.
fn read_worker(id: &[u8], note: &[u8]) -> Option<WorkerSeen> {
    let mut from = Reader(note);
    let mut time = || Timestamp::from_millis(from.i64().unwrap_or(0));
    let (since, seen) = (time(), time());
    let note = WorkerNote::from_text(&String::from_utf8_lossy(from.0));
    Some(WorkerSeen::new(WorkerId::from_bytes(id.try_into().ok()?), since, seen, note))
}
