//! Handlers: plain functions that run one attempt of one job.
//!
//! A handler takes the job first and then whatever it needs, each an extractor: [`Ctx`], [`State`]. It may be async, or block
//! (see [`Worker::handle_blocking`](crate::worker::Worker::handle_blocking)). `Err` means *try again*, unless the error says
//! otherwise.
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
use crate::{Claimed, Job, JobId, Kind, Progress, QueueName};

/// What a handler returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an attempt did not bring a result, and what is to be done about it.
///
/// Any error turns into one with `?` and means *try again*. It is no `std::error::Error` itself: it is where errors end.
#[derive(Debug)]
pub struct Error {
    pub(crate) then: Then,
    pub(crate) message: String,
}

/// What is to be done about a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Retry,
    RetryIn(Duration),
    Outage(Option<Duration>),
    Bury,
    Snooze(Duration),
    Cancel,
}

impl Error {
    /// Fails the attempt; it is tried again by the kind's policy.
    pub fn retry(message: impl fmt::Display) -> Self {
        Error { then: Then::Retry, message: message.to_string() }
    }

    /// Fails the attempt; it is tried again after this long, for example because a service said so.
    pub fn retry_in(delay: Duration, message: impl fmt::Display) -> Self {
        Error { then: Then::RetryIn(delay), message: message.to_string() }
    }

    /// Says that something the job needs is away: a service, a network, a licence server. The job is tried again, first after about 5 seconds, then after
    /// twice as long each time, up to 5 minutes; none of this uses up an attempt. After 24 hours of nothing but outages the job is dead.
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

    /// As [`Error::outage`], where it is known when to try again; not sooner than after a second.
    pub fn outage_for(delay: Duration, message: impl fmt::Display) -> Self {
        Error { then: Then::Outage(Some(delay)), message: message.to_string() }
    }

    /// Fails the job for good: it is dead at once.
    pub fn fatal(message: impl fmt::Display) -> Self {
        Error { then: Then::Bury, message: message.to_string() }
    }

    /// Puts the job off without costing an attempt.
    pub fn snooze(delay: Duration) -> Self {
        Error { then: Then::Snooze(delay), message: String::new() }
    }

    /// Calls the job off: it is not needed any more.
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

/// Turns an error into one that is never tried again: `parse(input).fatal()?`.
pub trait Fatal<T> {
    /// Makes an `Err` fatal.
    ///
    /// # Errors
    ///
    /// The same error, marked.
    fn fatal(self) -> Result<T>;
}

impl<T, E: Into<Error>> Fatal<T> for std::result::Result<T, E> {
    fn fatal(self) -> Result<T> {
        self.map_err(|error| Error { then: Then::Bury, ..error.into() })
    }
}

/// What a handler may know and say about the attempt it runs; cheap to clone.
#[derive(Clone)]
pub struct Ctx {
    pub(crate) job: Arc<Claimed>,
    pub(crate) stopping: CancellationToken,
    pub(crate) latest: Arc<Latest>,
    pub(crate) log: Arc<Log>,
    pub(crate) states: Arc<States>,
}

impl Ctx {
    /// Returns the job's id.
    pub fn id(&self) -> JobId {
        self.job.id
    }

    /// Returns the queue the job came from.
    pub fn queue(&self) -> &QueueName {
        &self.job.queue
    }

    /// Returns the job's kind.
    pub fn kind(&self) -> &Kind {
        &self.job.kind
    }

    /// Returns which attempt this is, from 1.
    pub fn attempt(&self) -> u16 {
        self.job.attempt
    }

    /// Returns how many attempts the job has.
    pub fn max_attempts(&self) -> u16 {
        self.job.max_attempts
    }

    /// Returns whether a failure of this attempt is the job's end.
    pub fn is_last_attempt(&self) -> bool {
        self.job.attempt >= self.job.max_attempts
    }

    /// Returns a number that is higher with each claim of the store: give it to systems that can refuse a lower one.
    pub fn fence(&self) -> u64 {
        self.job.token.number
    }

    /// Returns a text that is the same for every attempt of this job, for services that know idempotency keys.
    pub fn idempotency_key(&self) -> String {
        self.job.id.to_string()
    }

    /// Says how far the job has come. Call it as often as you like: the latest word wins, and at most four a second are written.
    pub fn progress(&self, progress: Progress) {
        self.latest.say(progress);
    }

    /// Says a few words about how far the job has come.
    pub fn say(&self, words: &str) {
        self.latest.say(Progress::saying_only(words));
    }

    /// Adds a line to the job's log, which people read with `longshore log` or over HTTP. The last 64 KiB of the newest attempt that
    /// said something are kept; they are written every two seconds and at the end.
    pub fn log(&self, line: &str) {
        self.log.say(line);
    }

    /// Returns whether the attempt should stop: called off, timed out, lost, or the worker is to end. Blocking handlers
    /// that look here now and then can be stopped; others cannot.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Waits until the attempt should stop. An async handler has two seconds from then on; after that it is dropped.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctx({} attempt {})", self.job.id, self.job.attempt)
    }
}

/// The newest word of a handler, on its way to the store.
#[derive(Debug)]
pub(crate) struct Latest {
    said: Mutex<Said>,
    keeper: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Said {
    newest: Option<Progress>,
    /// Whether the newest waits to be written.
    unwritten: bool,
}

impl Latest {
    pub(crate) fn new(keeper: Arc<Notify>) -> Self {
        Latest { said: Mutex::default(), keeper }
    }

    /// Notes a word; the keeper is woken only if it does not know yet that there is one.
    fn say(&self, progress: Progress) {
        let mut said = self.said();
        said.newest = Some(progress);
        if !std::mem::replace(&mut said.unwritten, true) {
            self.keeper.notify_one();
        }
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.said().unwritten
    }

    /// Takes the newest word to be written, where it was not yet.
    pub(crate) fn take(&self) -> Option<Progress> {
        let mut said = self.said();
        std::mem::take(&mut said.unwritten).then(|| said.newest.clone()).flatten()
    }

    /// Says that what was taken could not be written.
    pub(crate) fn put_back(&self) {
        self.said().unwritten = true;
    }

    /// Returns the last word, written or not: the settle carries it, whatever became of the renewal that did.
    pub(crate) fn last(&self) -> Option<Progress> {
        self.said().newest.clone()
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What handlers of a worker share, by type.
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

/// Something a handler can ask for by taking it as an argument.
pub trait FromCtx: Sized + Send + 'static {
    /// Returns what the worker lacks to provide this; asked when the worker starts, not when a job runs.
    fn lacks(ctx: &Provided<'_>) -> Option<String>;

    /// Provides it.
    ///
    /// # Errors
    ///
    /// What the attempt then fails with.
    fn from_ctx(ctx: &Ctx) -> Result<Self>;
}

/// What a worker has been given for its handlers.
#[derive(Debug)]
pub struct Provided<'a>(pub(crate) &'a States);

impl FromCtx for Ctx {
    fn lacks(_: &Provided<'_>) -> Option<String> {
        None
    }

    fn from_ctx(ctx: &Ctx) -> Result<Self> {
        Ok(ctx.clone())
    }
}

/// Hands a clone of what was given to [`Worker::state`](crate::worker::Worker::state) to a handler.
#[derive(Clone, Copy, Debug)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromCtx for State<T> {
    fn lacks(provided: &Provided<'_>) -> Option<String> {
        let missing = provided.0.get::<T>().is_none();
        missing.then(|| format!("State<{0}>: call `.state(…)` with a {0} before starting the worker", type_name::<T>()))
    }

    fn from_ctx(ctx: &Ctx) -> Result<Self> {
        ctx.states.get().map(State).ok_or_else(|| Error::retry(format!("no state of type {}", type_name::<T>())))
    }
}

/// An async function that handles a job: `async fn(job, extractors…) -> handler::Result<Output>`. Implemented for you.
pub trait Handler<Args>: Send + Sync + 'static {
    /// The job it handles.
    type Job: Job;

    /// Returns what the worker lacks for it.
    fn lacks(provided: &Provided<'_>) -> Option<String>;

    /// Runs one attempt.
    fn call(&self, job: Self::Job, ctx: Ctx) -> impl Future<Output = Result<<Self::Job as Job>::Output>> + Send;
}

/// A function that blocks: `fn(job, extractors…) -> handler::Result<Output>`. Implemented for you.
pub trait BlockingHandler<Args>: Send + Sync + 'static {
    /// The job it handles.
    type Job: Job;

    /// Returns what the worker lacks for it.
    fn lacks(provided: &Provided<'_>) -> Option<String>;

    /// Runs one attempt.
    ///
    /// # Errors
    ///
    /// What the attempt fails with.
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

            fn lacks(_provided: &Provided<'_>) -> Option<String> {
                None$(.or_else(|| $arg::lacks(_provided)))*
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

            fn lacks(_provided: &Provided<'_>) -> Option<String> {
                None$(.or_else(|| $arg::lacks(_provided)))*
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
