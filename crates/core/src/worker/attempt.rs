//! One attempt of one job, as a pipeline: start, perform under a time-out, normalise the result, store it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::{JoinError, JoinHandle};
use tracing::Instrument;

use crate::handler::{self, Ctx};
use crate::middleware::{Middleware, Next};
use crate::observer::Event;
use crate::{
    ArtifactName, AttemptEnd, Backend, Claimed, Error, ErrorKind, Output, Settlement, WorkerId, decide, limits,
};

use super::event::Slot;
use super::registry::Registered;

/// Why an attempt must stop before its handler has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Another worker has the job. The result of this attempt is discarded.
    Lost,
    /// The lease has ended because the store cannot be reached, and the kind asks to stop in this case.
    LeaseEnded,
    /// Cancellation of the job was requested.
    Cancelled,
    /// The worker shuts down.
    Shutdown,
}

impl Stop {
    /// Returns how a stopped attempt ended, or `None` if its result is discarded.
    fn end(self) -> Option<AttemptEnd> {
        match self {
            Stop::Lost => None,
            Stop::Cancelled => Some(AttemptEnd::Cancelled),
            Stop::LeaseEnded | Stop::Shutdown => Some(AttemptEnd::Interrupted),
        }
    }
}

/// How a handler ended.
enum Ended {
    Returned(handler::Result<Output>),
    Panicked(String),
    /// With the time-out, and the handler's message after it was told to stop.
    TimedOut(Duration, String),
    Stopped(Stop),
}

/// One attempt, from claim to settlement.
pub(crate) struct Attempt {
    pub(crate) backend: Backend,
    pub(crate) worker: WorkerId,
    pub(crate) job: Arc<Claimed>,
    pub(crate) ctx: Ctx,
    pub(crate) handler: Registered,
    pub(crate) middleware: Arc<[Middleware]>,
    pub(crate) slot: Slot,
    pub(crate) stop: oneshot::Receiver<Stop>,
}

impl Attempt {
    /// Runs the attempt: start, perform, write the log, store the result, decide. Returns `None` if the job was lost
    /// and must not be settled.
    pub(crate) async fn run(self) -> Option<Settlement> {
        let Attempt { backend, worker, job, ctx, handler, middleware, slot, mut stop } = self;
        backend.observers().tell(Event::Started { job: &job, worker });
        let task = start(&job, worker, &ctx, &handler, &middleware, slot);
        // Most handlers finish before a timer is needed, and timers are not free.
        tokio::task::yield_now().await;
        let over = Notify::new();
        let performing = async {
            let ended = perform(task, &ctx, job.timeout, &mut stop).await;
            over.notify_one();
            ended
        };
        let ((ended, mut told), ()) = tokio::join!(biased; performing, keep_log(&backend, &job, &ctx, &over));
        if !matches!(ended, Ended::Stopped(Stop::Lost)) {
            let patience = if told { limits::CANCEL_GRACE } else { LOG_PATIENCE };
            tokio::select! {
                biased;
                () = write_last_log(&backend, &job, &ctx, patience) => {}
                why = stopped(&mut stop), if !told => match why {
                    Stop::Lost => return None,
                    _ => told = true,
                },
            }
        }
        // If a handler was told to stop and still finished, its result is stored.
        let may_stop = !told
            && match stop.try_recv() {
                Ok(_) => false,
                Err(TryRecvError::Empty) => true,
                Err(TryRecvError::Closed) => return None, // there is no dispatcher left to settle
            };
        let end = match ended {
            Ended::Returned(Ok(output)) => tokio::select! {
                kept = keep(&backend, &job, output) => kept,
                why = stopped(&mut stop), if may_stop => why.end()?,
            },
            Ended::Returned(Err(error)) => AttemptEnd::Failed(error),
            Ended::Panicked(message) => AttemptEnd::Panicked(message),
            Ended::TimedOut(after, message) => AttemptEnd::TimedOut { after, message },
            Ended::Stopped(why) => why.end()?,
        };
        let outcome = decide(&job, &handler.policy, end, fastrand::f64());
        Some(Settlement::new(job.id, job.token, outcome).progress(ctx.latest.last()))
    }
}

/// Starts the handler in a span with the job's fields, so that the handler's log lines have them.
fn start(
    job: &Claimed,
    worker: WorkerId,
    ctx: &Ctx,
    handler: &Registered,
    middleware: &[Middleware],
    slot: Slot,
) -> JoinHandle<handler::Result<Output>> {
    let Claimed { id, kind, queue, attempt, .. } = job;
    let span = tracing::info_span!("job", job = %id, %kind, %queue, attempt, %worker);
    let (run, payload, its_ctx) = (Arc::clone(&handler.run), job.payload.clone(), ctx.clone());
    let first = Next::new(move || run(payload, its_ctx, slot));
    let wrapped = middleware.iter().rev().fold(first, |next, middleware| middleware.around(ctx.clone(), next));
    tokio::spawn(wrapped.run().instrument(span))
}

/// Waits for the handler, its time-out, or a reason to stop it. Returns whether it was told to stop. A handler that
/// does not stop in time is dropped.
async fn perform(
    mut task: JoinHandle<handler::Result<Output>>,
    ctx: &Ctx,
    timeout: Duration,
    stop: &mut oneshot::Receiver<Stop>,
) -> (Ended, bool) {
    let (ended, told) = tokio::select! {
        biased;
        joined = &mut task => return (normalise(joined), false),
        why = stopped(stop) => (Ended::Stopped(why), true),
        () = tokio::time::sleep(timeout) => (Ended::TimedOut(timeout, String::new()), false),
    };
    ctx.stopping.cancel();
    (stop_handler(task, ended).await, told)
}

/// Waits for a handler that was told to stop, unless its result is discarded.
async fn stop_handler(mut task: JoinHandle<handler::Result<Output>>, ended: Ended) -> Ended {
    if !matches!(ended, Ended::Stopped(Stop::Lost))
        && let Ok(joined) = tokio::time::timeout(limits::CANCEL_GRACE, &mut task).await
    {
        let returned = normalise(joined);
        // A late result counts. An error is only the handler's reaction to the stop, so it adds at most a message.
        return match (ended, returned) {
            (_, Ended::Returned(Ok(result))) => Ended::Returned(Ok(result)),
            (Ended::TimedOut(after, _), Ended::Returned(Err(error))) => Ended::TimedOut(after, error.message),
            (ended, _) => ended,
        };
    }
    task.abort();
    ended
}

/// Writes the log regularly until the handler is over. A write that has begun is not dropped: if it fails, the last write
/// repeats it.
async fn keep_log(backend: &Backend, job: &Claimed, ctx: &Ctx, over: &Notify) {
    loop {
        tokio::select! {
            biased;
            () = over.notified() => return,
            () = tokio::time::sleep(limits::LOG_EVERY) => {}
        }
        let _ = write_log(backend, job, ctx).await; // the next write repeats it
    }
}

/// Writes new log lines. The log is for people: while the handler runs, a failed write is repeated with the next one.
async fn write_log(backend: &Backend, job: &Claimed, ctx: &Ctx) -> Result<(), Error> {
    let Some(text) = ctx.log.take() else { return Ok(()) };
    backend.write_log(job.id, job.token, text).await.map(|_| ()).inspect_err(|e| {
        tracing::warn!(job = %job.id, error = %e, "cannot write the log of a job; will try again");
        ctx.log.mark_unwritten();
    })
}

/// Writes the last lines of the log, before the attempt is settled: stores accept no log after that. While the store
/// cannot be reached, the attempt could not be settled either.
async fn write_last_log(backend: &Backend, job: &Claimed, ctx: &Ctx, patience: Duration) {
    let (began, mut wait) = (tokio::time::Instant::now(), Duration::from_millis(100));
    while let Err(e) = write_log(backend, job, ctx).await {
        if e.kind() != ErrorKind::Unavailable || began.elapsed() + wait > patience {
            tracing::error!(job = %job.id, error = %e, "cannot write the log of a job; its last lines are lost");
            return;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(limits::LOG_EVERY);
    }
}

/// How long the last lines of a log are tried to be written.
const LOG_PATIENCE: Duration = limits::LEASE;

/// Waits until there is a reason to stop.
async fn stopped(stop: &mut oneshot::Receiver<Stop>) -> Stop {
    // Without a dispatcher nothing is settled: the leases end, and other workers take the jobs.
    stop.await.unwrap_or(Stop::Lost)
}

fn normalise(joined: Result<handler::Result<Output>, JoinError>) -> Ended {
    match joined {
        Ok(result) => Ended::Returned(result),
        Err(e) if e.is_panic() => Ended::Panicked(panic_message(e.into_panic())),
        Err(_) => Ended::Stopped(Stop::Shutdown), // cancelled with its runtime
    }
}

fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".into())
}

/// Stores a result, or returns why it cannot be stored.
///
/// Retries, so that the result is not lost because a disk is full or a share is unreachable for a moment.
async fn keep(backend: &Backend, job: &Claimed, output: Output) -> AttemptEnd {
    if output.is_null() {
        return AttemptEnd::Returned(None);
    }
    if output.size() > limits::RESULT_BYTES as u64 {
        let message = format!("the result has {} bytes; the limit is {}", output.size(), limits::RESULT_BYTES);
        return AttemptEnd::Failed(handler::Error::fatal(message));
    }
    let name = ArtifactName { job: job.id, claim: job.token.number };
    let mut wait = Duration::from_millis(100);
    loop {
        match backend.keep(name, output.clone()).await {
            Ok(stored) => return AttemptEnd::Returned(Some(stored)),
            Err(e) if wait > KEEP_PATIENCE => {
                return AttemptEnd::Failed(handler::Error::retry(format!("cannot store the result: {e}")));
            }
            Err(e) => tracing::warn!(job = %job.id, error = %e, "cannot store a result; will try again"),
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

/// The longest wait between two tries to store a result.
const KEEP_PATIENCE: Duration = Duration::from_secs(10);
