//! One attempt of one job, as a pipeline: start, perform under a time-out, normalise what came of it, keep the result.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::task::{JoinError, JoinHandle};

use crate::handler::{self, Ctx, Then};
use crate::{ArtifactName, Backend, Claimed, Outcome, Output, Reason, Settlement, limits};

use super::dispatcher::Slot;
use super::registry::Registered;

/// Why an attempt is to stop before its handler is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Another has the job: nothing this attempt says counts any more.
    Lost,
    /// The lease has ended because the store cannot be reached, and the kind asks not to go on then.
    LeaseEnded,
    /// Somebody asked to call the job off.
    Cancelled,
    /// The worker is to end.
    Shutdown,
}

/// How an attempt ended.
enum Ended {
    Returned(handler::Result<Output>),
    Panicked(String),
    /// It did its work, but what came of it cannot be kept.
    Failed(String),
    /// With what the handler had to say when it was told to stop.
    TimedOut(Duration, String),
    Stopped(Stop),
}

/// One attempt, from claim to settlement.
pub(crate) struct Attempt {
    pub(crate) backend: Backend,
    pub(crate) job: Arc<Claimed>,
    pub(crate) ctx: Ctx,
    pub(crate) handler: Registered,
    pub(crate) slot: Slot,
    pub(crate) stop: oneshot::Receiver<Stop>,
}

impl Attempt {
    /// Runs it; `None` means that the job was lost and nothing is to be settled.
    pub(crate) async fn run(self) -> Option<Settlement> {
        let Attempt { backend, job, ctx, handler, slot, mut stop } = self;
        let task = tokio::spawn((handler.run)(job.payload.clone(), ctx.clone(), slot));
        // Most handlers are done before anybody needs a timer, and timers are not free.
        tokio::task::yield_now().await;
        let (ended, told) = tokio::select! {
            biased;
            ended = perform(task, &ctx, job.timeout, &mut stop) => ended,
            never = keep_log(&backend, &job, &ctx) => match never {},
        };
        if !matches!(ended, Ended::Stopped(Stop::Lost)) {
            write_log(&backend, &job, &ctx).await;
        }
        // A handler that was told to stop and finished all the same has its result kept.
        let goes_on = !told
            && match stop.try_recv() {
                Ok(_) => false,
                Err(TryRecvError::Empty) => true,
                Err(TryRecvError::Closed) => return None, // there is no dispatcher any more that would settle
            };
        let backoff = |attempt| handler.terms.retry.delay(attempt);
        let outcome = match ended {
            Ended::Stopped(Stop::Lost) => return None,
            Ended::Returned(Ok(output)) => tokio::select! {
                kept = keep(&backend, &job, output) => match kept {
                    Ok(outcome) => outcome,
                    Err(message) => decide(&job, Ended::Failed(message), backoff),
                },
                why = stopped(&mut stop), if goes_on => match why {
                    Stop::Lost => return None,
                    why => decide(&job, Ended::Stopped(why), backoff),
                },
            },
            ended => decide(&job, ended, backoff),
        };
        Some(Settlement { id: job.id, token: job.token, outcome, progress: ctx.latest.last() })
    }
}

/// Waits for the handler, its time-out, or a reason to stop it; returns whether there was such a reason. A handler that is to stop
/// is told, and dropped if it does not.
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

/// Waits for a handler that was told to stop, unless nothing it says counts any more.
async fn stop_handler(mut task: JoinHandle<handler::Result<Output>>, ended: Ended) -> Ended {
    if !matches!(ended, Ended::Stopped(Stop::Lost))
        && let Ok(joined) = tokio::time::timeout(limits::CANCEL_GRACE, &mut task).await
    {
        let returned = normalise(joined);
        // A result that came after all counts; an error is only what stopping looks like from inside, in more words.
        return match (ended, returned) {
            (_, Ended::Returned(Ok(result))) => Ended::Returned(Ok(result)),
            (Ended::TimedOut(after, _), Ended::Returned(Err(error))) => Ended::TimedOut(after, error.message),
            (ended, _) => ended,
        };
    }
    task.abort();
    ended
}

/// Writes the log now and then while the handler runs.
async fn keep_log(backend: &Backend, job: &Claimed, ctx: &Ctx) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(limits::LOG_EVERY).await;
        write_log(backend, job, ctx).await;
    }
}

/// Writes what is new of the log. A log is for people: what cannot be written is tried again, and holds nothing up.
async fn write_log(backend: &Backend, job: &Claimed, ctx: &Ctx) {
    let Some(text) = ctx.log.take() else { return };
    if let Err(e) = backend.write_log(job.id, job.token, text).await {
        tracing::warn!(job = %job.id, error = %e, "cannot write a job's log");
        ctx.log.put_back();
    }
}

/// Waits until there is a reason to stop.
async fn stopped(stop: &mut oneshot::Receiver<Stop>) -> Stop {
    // A dispatcher that is gone settles nothing: its leases will end, and others take the jobs.
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

/// Returns what to write for an attempt that brought no result.
///
/// A failure is retried after `backoff(attempt)` until the job's attempts are used up; a snooze and an interruption by our own
/// shutdown cost no attempt.
fn decide(job: &Claimed, ended: Ended, backoff: impl Fn(u16) -> Duration) -> Outcome {
    let failed = |delay, message: String| {
        if job.attempt >= job.max_attempts {
            Outcome::Bury { reason: Reason::Exhausted, message }
        } else {
            Outcome::Retry { delay, message }
        }
    };
    match ended {
        Ended::Returned(Ok(_)) => unreachable!("a result is kept, not decided on"),
        Ended::Returned(Err(handler::Error { then, message })) => match then {
            Then::Retry => failed(backoff(job.attempt), message),
            Then::RetryIn(delay) => failed(delay.min(limits::AHEAD), message),
            Then::Bury => Outcome::Bury { reason: Reason::Fatal, message },
            Then::Snooze(delay) => Outcome::Snooze { delay: delay.min(limits::AHEAD) },
            Then::Cancel => Outcome::Cancel,
        },
        Ended::Failed(message) => failed(backoff(job.attempt), message),
        Ended::Panicked(message) => failed(backoff(job.attempt), format!("panicked: {message}")),
        Ended::TimedOut(after, said) => {
            let gap = if said.is_empty() { "" } else { ": " };
            failed(backoff(job.attempt), format!("timed out after {after:?}{gap}{said}"))
        }
        Ended::Stopped(Stop::Cancelled) => Outcome::Cancel,
        Ended::Stopped(Stop::Shutdown | Stop::LeaseEnded | Stop::Lost) => Outcome::Release,
    }
}

/// Keeps a result where it belongs and returns the outcome that points at it; or why it cannot be kept.
///
/// The handler's work is not thrown away because a disk is full or a share is away for a moment.
async fn keep(backend: &Backend, job: &Claimed, output: Output) -> Result<Outcome, String> {
    if output.content_type == "application/json" && output.body == "null" {
        return Ok(Outcome::Succeed { result: None });
    }
    if output.body.len() > limits::RESULT_BYTES {
        let message = format!("result has {} bytes, more than {}", output.body.len(), limits::RESULT_BYTES);
        return Ok(Outcome::Bury { reason: Reason::Fatal, message });
    }
    let name = ArtifactName { job: job.id, claim: job.token.number };
    let mut wait = Duration::from_millis(100);
    loop {
        match backend.keep(name, output.clone()).await {
            Ok(stored) => return Ok(Outcome::Succeed { result: Some(stored) }),
            Err(e) if wait > KEEP_PATIENCE => return Err(format!("cannot keep the result: {e}")),
            Err(e) => tracing::warn!(job = %job.id, error = %e, "cannot keep a result; will try again"),
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

/// The longest wait between two tries to keep a result.
const KEEP_PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JobId, Payload, QueueName, Token};

    fn job(attempt: u16) -> Claimed {
        Claimed {
            id: JobId::new(&QueueName::default()),
            token: Token::new(1),
            queue: QueueName::default(),
            kind: "x".parse().unwrap(),
            payload: Payload::parse("{}").unwrap(),
            attempt,
            max_attempts: 3,
            crashes: 0,
            timeout: Duration::from_secs(1),
        }
    }

    fn ended(error: handler::Error) -> Ended {
        Ended::Returned(Err(error))
    }

    #[test]
    fn a_failure_is_retried_until_attempts_are_used_up() {
        let backoff = |attempt: u16| Duration::from_secs(u64::from(attempt));
        let retried = decide(&job(2), ended(handler::Error::retry("no")), backoff);
        assert_eq!(retried, Outcome::Retry { delay: Duration::from_secs(2), message: "no".into() });
        let buried = decide(&job(3), Ended::Panicked("no".into()), backoff);
        assert_eq!(buried, Outcome::Bury { reason: Reason::Exhausted, message: "panicked: no".into() });
    }

    #[test]
    fn a_fatal_failure_is_not_retried_and_a_shutdown_costs_nothing() {
        let never = |_| panic!("no backoff is asked for");
        let fatal = decide(&job(1), ended(handler::Error::fatal("no")), never);
        assert_eq!(fatal, Outcome::Bury { reason: Reason::Fatal, message: "no".into() });
        assert_eq!(decide(&job(3), Ended::Stopped(Stop::Shutdown), never), Outcome::Release);
        assert_eq!(decide(&job(3), Ended::Stopped(Stop::Cancelled), never), Outcome::Cancel);
    }
}
