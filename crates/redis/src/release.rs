//! Releases all jobs of a worker that is gone.

use longshore_core::{Death, Error, Gone, Moved, QueueName, WorkerId, limits, name::cut};

use crate::base::Base;
use crate::call::{bytes, moved};
use crate::copies::on_each;
use crate::error;
use crate::library;
use crate::queues;
use crate::shared::*;

/// Releases the worker's jobs in every queue, and refuses its later claims. If a queue fails, the other queues are released anyway,
/// and the error is perhaps done.
pub(crate) async fn release(base: &Base, worker: WorkerId, gone: Gone) -> Result<Vec<Moved>, Error> {
    on_each(base, |root| base.framed(&library::MARK_RELEASED, root).arg(worker.as_bytes())).await?;
    let (mut released, mut failed, mut after) = (Vec::new(), None, None);
    loop {
        let page = queues::page(base, after.as_ref(), limits::BATCH).await?;
        for queue in &page {
            if let Err(e) = release_from(base, queue, worker, gone, &mut released).await {
                failed = Some(e.perhaps_done());
            }
        }
        after = page.last().cloned();
        if after.is_none() {
            return failed.map_or(Ok(released), Err);
        }
    }
}

/// Releases a worker's jobs in one queue, a bounded number in each call.
async fn release_from(
    base: &Base,
    queue: &QueueName,
    worker: WorkerId,
    gone: Gone,
    released: &mut Vec<Moved>,
) -> Result<(), Error> {
    let (event, failure) = match gone.death {
        Death::Crashed => (CRASH, gone.to_string()),
        Death::Interrupted => (INTERRUPT, String::new()),
    };
    loop {
        let call = base.framed(&library::RELEASE, &base.keys.of_queue(queue)).arg(queue.as_str());
        let call = call.arg(worker.as_bytes()).number(event).arg(cut(&failure, limits::FAILURE_BYTES));
        let mut answer = call.list().await?.into_iter();
        let more = answer.next().and_then(bytes).ok_or_else(|| error::unexpected("release"))?;
        let taken = moved(answer.next()).ok_or_else(|| error::unexpected("release"))?;
        released.extend(taken.into_iter().map(|moved| Moved { death: Some(gone.death), ..moved }));
        if more == [0] {
            return Ok(());
        }
    }
}
