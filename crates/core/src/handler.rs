//! Handlers: plain functions that run one attempt of one job.
//!
//! A handler takes the job as its first argument, followed by any number of extractors: [`Ctx`], [`State`]. It may be
//! async or blocking (see [`Worker::handle_blocking`](crate::worker::Worker::handle_blocking)). `Err` means *try
//! again*, unless the error says otherwise.
//!
//! # Examples
//!
//! ```
//! use longshore_core::{Job, handler::{self, Ctx, Fatal, State}};
//! use serde::{Deserialize, Serialize};
//! use std::sync::Arc;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Fetch { page: String }
//! impl Job for Fetch {
//!     const KIND: &'static str = "fetch";
//!     type Output = usize;
//! }
//!
//! struct Pages;
//! impl Pages {
//!     async fn get(&self, _page: u32) -> Result<String, std::io::Error> { Ok("…".into()) }
//! }
//!
//! async fn fetch(job: Fetch, ctx: Ctx, State(pages): State<Arc<Pages>>) -> handler::Result<usize> {
//!     let page = job.page.parse().fatal()?;       // never right, however often it is tried
//!     ctx.say("fetching");
//!     Ok(pages.get(page).await?.len())            // may be right next time
//! }
//! ```

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::log::Log;
use crate::{Claimed, Job, JobId, Kind, Progress, QueueName, WorkerId};

/// The return type of a handler.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an attempt returned no result, and what happens next.
///
/// Any error converts into it with `?` and means *try again*. It does not implement `std::error::Error`, because that
/// would rule out this conversion.
#[derive(Debug)]
pub struct Error {
    pub(crate) then: Then,
    pub(crate) message: String,
}

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Retry,
    RetryIn(Duration),
    Outage(Option<Duration>),
    Bury,
    Snooze(Duration),
    Interrupted,
    Cancel,
}

impl Error {
    /// Fails the attempt. The job is retried according to the policy of its kind.
    pub fn retry(message: impl fmt::Display) -> Self {
        Error { then: Then::Retry, message: message.to_string() }
    }

    /// Fails the attempt. The job is retried after this delay, for example because a service asked for it.
    pub fn retry_in(delay: Duration, message: impl fmt::Display) -> Self {
        Error { then: Then::RetryIn(delay), message: message.to_string() }
    }

    /// Reports that something the job needs is unavailable: a service, a network, a licence server.
    ///
    /// The job is retried first after about 5 seconds, and then after twice as long each time, up to 5 minutes. None of
    /// this costs an attempt. After 24 hours of nothing but outages the job is dead.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::handler;
    /// # fn post() -> Result<(), std::io::Error> { Ok(()) }
    /// fn send() -> handler::Result<()> {
    ///     post().map_err(handler::Error::outage)
    /// }
    /// ```
    pub fn outage(message: impl fmt::Display) -> Self {
        Error { then: Then::Outage(None), message: message.to_string() }
    }

    /// Does the same as [`Error::outage`], with a known delay. The delay is at least one second.
    pub fn outage_for(delay: Duration, message: impl fmt::Display) -> Self {
        Error { then: Then::Outage(Some(delay)), message: message.to_string() }
    }

    /// Fails the job permanently: it is dead at once.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Error { then: Then::Bury, message: message.to_string() }
    }

    /// Postpones the job. This costs no attempt.
    pub fn snooze(delay: Duration) -> Self {
        Error { then: Then::Snooze(delay), message: String::new() }
    }

    /// Ends the attempt for a reason outside the job, such as the shutdown of the machine. The job is ready again at
    /// once. This costs no attempt and counts as an interruption. Use [`Error::snooze`] to wait before the next attempt.
    pub fn interrupted() -> Self {
        Error { then: Then::Interrupted, message: String::new() }
    }

    /// Cancels the job, for example because it is no longer needed.
    pub fn cancel() -> Self {
        Error { then: Then::Cancel, message: String::new() }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Error { then: Then::Retry, message }
    }
}

/// Converts an error into one that is never retried: `parse(input).fatal()?`.
pub trait Fatal<T> {
    /// Makes an `Err` fatal.
    ///
    /// # Errors
    ///
    /// Returns the same error, marked as fatal.
    fn fatal(self) -> Result<T>;
}

impl<T, E: Into<Error>> Fatal<T> for std::result::Result<T, E> {
    fn fatal(self) -> Result<T> {
        self.map_err(|error| Error { then: Then::Bury, ..error.into() })
    }
}

/// Gives a handler access to the attempt that it runs. Cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    pub(crate) job: Arc<Claimed>,
    pub(crate) worker: WorkerId,
    pub(crate) stopping: CancellationToken,
    pub(crate) draining: CancellationToken,
    pub(crate) latest: Arc<Latest>,
    pub(crate) log: Arc<Log>,
    pub(crate) states: Arc<States>,
}

impl Ctx {
    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// Returns the job's queue.
    pub fn queue(&self) -> &QueueName {
        &self.job.queue
    }

    /// Returns the job's kind.
    pub fn kind(&self) -> &Kind {
        &self.job.kind
    }

    /// Returns the number of this attempt, from 1.
    pub fn attempt(&self) -> u16 {
        self.job.attempt
    }

    /// Returns how many attempts the job has.
    pub fn max_attempts(&self) -> u16 {
        self.job.max_attempts
    }

    /// Returns how long the attempt may take.
    pub fn timeout(&self) -> Duration {
        self.job.timeout
    }

    /// Returns the id of the worker that runs the attempt, as logs and the worker registry show it.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    /// Returns whether the job is dead if this attempt fails.
    pub fn is_last_attempt(&self) -> bool {
        self.job.attempt >= self.job.max_attempts
    }

    /// Returns a fencing token: a number that grows with each claim of the store. Pass it to systems that can refuse a
    /// lower number.
    pub fn fence(&self) -> u64 {
        self.job.token.number
    }

    /// Returns a key that is the same for every attempt of this job, for services that accept idempotency keys.
    pub fn idempotency_key(&self) -> String {
        self.job.id.to_string()
    }

    /// Reports the job's progress. It may be called at any rate: the latest value wins, and at most four a second are
    /// written.
    pub fn progress(&self, progress: Progress) {
        self.latest.set(progress);
    }

    /// Reports a progress message without a count.
    pub fn say(&self, words: &str) {
        self.latest.set(Progress::from_message(words));
    }

    /// Appends a line to the job's log, which `longshore log` and the HTTP API show. The store keeps the last 64 KiB of
    /// the newest attempt that wrote a log. Lines are written every two seconds and at the end of the attempt.
    pub fn log(&self, line: &str) {
        self.log.push(line);
    }

    /// Returns whether the attempt should stop: the job was cancelled, timed out or was lost, or the worker shuts down.
    /// A blocking handler can be stopped only if it calls this from time to time.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Waits until the attempt should stop. An async handler then has two seconds to return; after that it is dropped.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Waits until the worker is told to shut down. The attempt need not stop yet: it has the grace period to finish.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctx({} attempt {})", self.job.id, self.job.attempt)
    }
}

/// The latest progress of a handler, on its way to the store.
#[derive(Debug)]
pub(crate) struct Latest {
    said: Mutex<Said>,
    keeper: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Said {
    newest: Option<Progress>,
    /// Whether the latest progress is not written yet.
    unwritten: bool,
}

impl Latest {
    pub(crate) fn new(keeper: Arc<Notify>) -> Self {
        Latest { said: Mutex::default(), keeper }
    }

    /// Sets the progress. The keeper is woken only if it does not know yet that there is something to write.
    fn set(&self, progress: Progress) {
        let mut said = self.said();
        said.newest = Some(progress);
        if !std::mem::replace(&mut said.unwritten, true) {
            self.keeper.notify_one();
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.said().unwritten
    }

    /// Takes the latest progress, unless it is already written.
    pub(crate) fn take(&self) -> Option<Progress> {
        let mut said = self.said();
        std::mem::take(&mut said.unwritten).then(|| said.newest.clone()).flatten()
    }

    /// Marks the progress as not written, after a write failed.
    pub(crate) fn mark_unwritten(&self) {
        self.said().unwritten = true;
    }

    /// Returns the latest progress, written or not. The settle carries it, because the renewal that carried it may have
    /// failed.
    pub(crate) fn last(&self) -> Option<Progress> {
        self.said().newest.clone()
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shared values of a worker's handlers, by type.
#[derive(Default)]
pub(crate) struct States(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
    }

    fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({})", self.0.len())
    }
}

/// A type that a handler can take as an argument.
pub trait FromCtx: Sized + Send + 'static {
    /// Returns what is missing in the worker to provide this value. It is called when the worker starts, not when a job
    /// runs.
    fn missing(ctx: &Provided<'_>) -> Option<String>;

    /// Returns the value for one attempt.
    ///
    /// # Errors
    ///
    /// Returns the error that the attempt then fails with.
    fn from_ctx(ctx: &Ctx) -> Result<Self>;
}

/// The shared values that a worker provides to its handlers.
#[derive(Debug)]
pub struct Provided<'a>(pub(crate) &'a States);

impl FromCtx for Ctx {
    fn missing(_: &Provided<'_>) -> Option<String> {
        None
    }

    fn from_ctx(ctx: &Ctx) -> Result<Self> {
        Ok(ctx.clone())
    }
}

/// Extracts a clone of a value that was passed to [`Worker::state`](crate::worker::Worker::state).
#[derive(Clone, Copy, Debug)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromCtx for State<T> {
    fn missing(provided: &Provided<'_>) -> Option<String> {
        let missing = provided.0.get::<T>().is_none();
        missing.then(|| format!("State<{0}>: call `.state(…)` with a {0} before starting the worker", type_name::<T>()))
    }

    fn from_ctx(ctx: &Ctx) -> Result<Self> {
        ctx.states
            .get()
            .map(State)
            .ok_or_else(|| Error::retry(format!("the worker has no state of type {}", type_name::<T>())))
    }
}

/// An async function that handles a job: `async fn(job, extractors…) -> handler::Result<Output>`. The trait is
/// implemented for such functions.
pub trait Handler<Args>: Send + Sync + 'static {
    /// The job type.
    type Job: Job;

    /// Returns what is missing in the worker for this handler.
    fn missing(provided: &Provided<'_>) -> Option<String>;

    /// Runs one attempt.
    fn call(&self, job: Self::Job, ctx: Ctx) -> impl Future<Output = Result<<Self::Job as Job>::Output>> + Send;
}

/// A blocking function that handles a job: `fn(job, extractors…) -> handler::Result<Output>`. The trait is implemented
/// for such functions.
pub trait BlockingHandler<Args>: Send + Sync + 'static {
    /// The job type.
    type Job: Job;

    /// Returns what is missing in the worker for this handler.
    fn missing(provided: &Provided<'_>) -> Option<String>;

    /// Runs one attempt.
    ///
    /// # Errors
    ///
    /// Returns the error that the attempt fails with.
    fn call(&self, job: Self::Job, ctx: Ctx) -> Result<<Self::Job as Job>::Output>;
}

macro_rules! handlers {
    ($($arg:ident),*) => {
        impl<F, Fut, J, $($arg),*> Handler<(J, $($arg,)*)> for F
        where
            F: Fn(J, $($arg),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<J::Output>> + Send,
            J: Job,
            $($arg: FromCtx,)*
        {
            type Job = J;

            fn missing(_provided: &Provided<'_>) -> Option<String> {
                None$(.or_else(|| $arg::missing(_provided)))*
            }

            async fn call(&self, job: J, _ctx: Ctx) -> Result<J::Output> {
                self(job, $($arg::from_ctx(&_ctx)?),*).await
            }
        }

        impl<F, J, $($arg),*> BlockingHandler<(J, $($arg,)*)> for F
        where
            F: Fn(J, $($arg),*) -> Result<J::Output> + Send + Sync + 'static,
            J: Job,
            $($arg: FromCtx,)*
        {
            type Job = J;

            fn missing(_provided: &Provided<'_>) -> Option<String> {
                None$(.or_else(|| $arg::missing(_provided)))*
            }

            fn call(&self, job: J, _ctx: Ctx) -> Result<J::Output> {
                self(job, $($arg::from_ctx(&_ctx)?),*)
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A, B);
handlers!(A, B, C);
handlers!(A, B, C, D);
