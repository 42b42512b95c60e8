//! The worker runtime: claims jobs, runs their handlers, keeps their leases, settles them, and stops well.
//!
//! Design: docs/design/worker.md
//!
//! In reading order: [`Worker`] (what a user sets up), `plan` (the same, checked), [`Running`] (what may be asked of it then), `dispatcher`
//! (one event loop, one owner of all state), `event` (what it hears), `outbox` (its calls), `load` (what runs), `fetch` (when to claim next), `settling`
//! (outcomes on their way), `stuck` (handlers that do not return), `presence` (its note in the registry), `attempt` (one attempt as a
//! pipeline), `keeper` (leases and progress, on a thread of its own), `registry` (handlers by kind), `turns` (whose queue is first).

mod plan;
mod running;
mod dispatcher;
mod event;
mod outbox;
mod load;
mod fetch;
mod hooks;
mod settling;
mod stuck;
mod presence;
mod attempt;
mod keeper;
mod registry;
mod turns;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::handler::{self, BlockingHandler, Ctx, Handler, Provided, States};
use crate::middleware::{Middleware, Next};
use crate::observer::Failed;
use crate::{Backend, Error, Job, JobPolicy, Kind, Output, Payload, State, WorkerSecret, limits};

use dispatcher::Dispatcher;
use hooks::Hooks;
use registry::Registry;

pub use running::{Ended, Report, Running};

/// A worker in the making: handlers, queues and limits; then [`Worker::run_until`] or [`Worker::start`].
///
/// Without queues it works on those of its handlers' jobs.
///
/// # Examples
///
/// ```no_run
/// # use longshore_core::{Backend, Job, handler, worker::Worker};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)] struct Email { to: String }
/// # impl Job for Email { const KIND: &'static str = "email"; type Output = (); }
/// # async fn send(_: Email) -> handler::Result<()> { Ok(()) }
/// # async fn example(backend: Backend) -> Result<(), longshore_core::Error> {
/// let ended = Worker::new(backend)
///     .handle(send)
///     .queue("mail", 3)
///     .queue("bulk", 1)
///     .concurrency(20)
///     .run_until(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
///     .await?;
/// std::process::exit(ended.exit_code());
/// # }
/// ```
#[must_use = "a worker does nothing until it is run or started"]
#[derive(Debug)]
pub struct Worker {
    backend: Backend,
    registry: Registry,
    states: States,
    queues: Vec<(String, u32)>,
    kind_queues: Vec<&'static str>,
    strict: bool,
    concurrency: usize,
    lease: Duration,
    grace: Duration,
    stuck: Duration,
    secret: WorkerSecret,
    most_of_kind: Vec<(String, usize)>,
    middleware: Vec<Middleware>,
    hooks: Hooks,
    wrong: Option<Error>,
}

impl Worker {
    /// Makes a worker without handlers on that backend.
    pub fn new(backend: Backend) -> Self {
        Worker {
            backend,
            registry: Registry::default(),
            states: States::default(),
            queues: Vec::new(),
            kind_queues: Vec::new(),
            strict: false,
            concurrency: 10,
            lease: limits::LEASE,
            grace: limits::GRACE,
            stuck: limits::STUCK,
            secret: WorkerSecret::new(),
            most_of_kind: Vec::new(),
            middleware: Vec::new(),
            hooks: Hooks::default(),
            wrong: None,
        }
    }

    /// Runs jobs of one kind with an async function; see [`handler`].
    pub fn handle<Args, H: Handler<Args>>(mut self, handler: H) -> Self {
        let lacks = H::lacks;
        self.note::<H::Job>(lacks);
        self.registry.add::<H::Job>(registry::run_async(handler));
        self
    }

    /// Runs jobs of one kind with a function that blocks or computes, on threads kept for that.
    ///
    /// Such a function cannot be stopped from outside: it should look at [`Ctx::is_stopping`](crate::handler::Ctx::is_stopping)
    /// now and then. One that runs on past its time-out is counted as stuck and keeps its slot until it returns.
    pub fn handle_blocking<Args: 'static, H: BlockingHandler<Args>>(mut self, handler: H) -> Self {
        let lacks = H::lacks;
        self.note::<H::Job>(lacks);
        let run = registry::run_blocking(handler, self.registry.pool());
        self.registry.add::<H::Job>(run);
        self
    }

    /// Runs jobs of a kind that is known only at run time, from a configuration for example: the function reads the payload
    /// itself. Such a kind's queue is `default`.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_core::worker::Worker;
    /// use longshore_core::{Backend, JobPolicy, Memory, Output, artifact::InMemory};
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
    /// let policy = JobPolicy { timeout: Some(Duration::from_secs(60)), ..JobPolicy::default() };
    /// let worker = Worker::new(backend).handle_kind("echo".parse().unwrap(), policy, |payload, _ctx| async move {
    ///     Ok(Output::new("application/json", payload.as_str().to_owned()))
    /// });
    /// ```
    pub fn handle_kind<H, Fut>(mut self, kind: Kind, policy: JobPolicy, handler: H) -> Self
    where
        H: Fn(Payload, Ctx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = handler::Result<Output>> + Send + 'static,
    {
        self.note_once(kind.as_str());
        if let Err(wrong) = policy.check() {
            self.wrong.get_or_insert(wrong.context(format!("kind `{kind}`")));
        }
        self.kind_queues.push("default");
        self.registry.add_untyped(&kind, policy, registry::run_untyped(handler));
        self
    }

    fn note<J: Job>(&mut self, lacks: fn(&Provided<'_>) -> Option<String>) {
        self.note_once(J::KIND);
        self.registry.needs.push((J::KIND, lacks));
        self.kind_queues.push(J::QUEUE);
    }

    fn note_once(&mut self, kind: &str) {
        if self.registry.has(kind) {
            let twice = Error::invalid(format!("kind `{kind}` has two handlers in one worker"));
            self.wrong.get_or_insert(twice);
        }
    }

    /// Gives handlers a value to share: each that takes a [`State<T>`](crate::handler::State) gets a clone.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Works on that queue too, `weight` times as often first as one with weight 1.
    pub fn queue(mut self, name: &str, weight: u32) -> Self {
        self.queues.push((name.to_owned(), weight));
        self
    }

    /// Looks at queues always in the order they were given, so that a later one waits until the earlier ones are empty.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Runs at most this many jobs at a time. Defaults to 10.
    ///
    /// A job leaves its slot when it has finished; its outcome is held, and its lease renewed, until the store has taken it. Jobs that were
    /// claimed and are not settled yet are never more than twice the slots; once a settle has failed, and until one succeeds, a job that waits to be
    /// settled takes a slot like one that runs.
    pub fn concurrency(mut self, slots: usize) -> Self {
        self.concurrency = slots;
        self
    }

    /// Holds jobs for this long without renewing them, which happens three times as often. Defaults to 30 seconds; from 1
    /// second to 10 minutes. A shorter one finds a dead worker sooner and costs more writes.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Runs at most so many jobs of one kind at a time, within the slots that the worker has. Without it a kind may take them all.
    pub fn concurrency_of(mut self, kind: &str, slots: usize) -> Self {
        self.most_of_kind.push((kind.to_owned(), slots));
        self
    }

    /// Works under that secret, so that whoever made it, a supervisor for one, can release the worker's jobs once its process is gone. A secret
    /// must not be used twice. Defaults to a fresh one.
    pub fn secret(mut self, secret: WorkerSecret) -> Self {
        self.secret = secret;
        self
    }

    /// Wraps every attempt of every kind: the function gets the attempt's context and the rest of the attempt, and what it returns counts. The
    /// first that was added is the outermost.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_core::worker::Worker;
    /// # use longshore_core::{Backend, Memory, artifact::InMemory};
    /// # let backend = Backend::new(std::sync::Arc::new(Memory::default()), std::sync::Arc::new(InMemory::default()));
    /// let worker = Worker::new(backend).wrap(|ctx, next| async move {
    ///     let began = std::time::Instant::now();
    ///     let result = next.run().await;
    ///     println!("{} took {:?}", ctx.kind(), began.elapsed());
    ///     result
    /// });
    /// ```
    pub fn wrap<F, Fut>(mut self, around: F) -> Self
    where
        F: Fn(Ctx, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = handler::Result<Output>> + Send + 'static,
    {
        self.middleware.push(Middleware::new(around));
        self
    }

    /// Calls the function for each attempt of this worker that failed, and for each job that this process took from a worker that crashed, while
    /// this worker runs. It must not block. A panic in it is logged, and affects nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_core::worker::Worker;
    /// # use longshore_core::{Backend, Memory, artifact::InMemory};
    /// # let backend = Backend::new(std::sync::Arc::new(Memory::default()), std::sync::Arc::new(InMemory::default()));
    /// let worker = Worker::new(backend)
    ///     .on_failed(|failed| println!("{} failed: {}", failed.job.id, failed.message))
    ///     .on_dead(|failed| println!("{} is dead: {:?}", failed.job.id, failed.job.reason));
    /// ```
    pub fn on_failed(mut self, hook: impl Fn(&Failed) + Send + Sync + 'static) -> Self {
        self.hooks.add(|failed| failed.class.is_some(), hook);
        self
    }

    /// Calls the function for each job that this worker has made dead, and for each that this process has found to be, while this worker runs; see
    /// [`Worker::on_failed`].
    pub fn on_dead(mut self, hook: impl Fn(&Failed) + Send + Sync + 'static) -> Self {
        self.hooks.add(|failed| failed.job.state == State::Dead, hook);
        self
    }

    /// Waits this long for running jobs when asked to end. Defaults to 25 seconds; [`Duration::MAX`] waits for as long as it takes.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Ends the worker when every slot was held for this long by handlers that do not return although their attempts are over. Defaults to 30 seconds. It
    /// says so, and is taken out of the registry, after a third of that. At least 100 milliseconds. Outcomes that the store has not taken by then are tried
    /// for 10 more seconds.
    pub fn stuck_after(mut self, stuck: Duration) -> Self {
        self.stuck = stuck.max(Duration::from_millis(100));
        self
    }

    /// Starts working in tasks of the current tokio runtime, and a thread for the leases.
    ///
    /// # Errors
    ///
    /// If the worker has no handler, two for one kind, one whose [`State`](crate::handler::State) is missing, or a name or
    /// number that is out of bounds.
    pub fn start(self) -> Result<Running, Error> {
        let plan = self.check()?;
        let secret = self.secret;
        let (commands, orders) = mpsc::unbounded_channel();
        let (done, ended) = watch::channel(None);
        let id = secret.id();
        let upkeep = self.backend.keep_up();
        let backend = self.backend.clone();
        let dispatcher = Dispatcher::new(self.backend, self.registry, Arc::new(self.states), plan, id, orders)?;
        let hooks = self.hooks.start(&backend, id);
        tokio::spawn(async move {
            let end = dispatcher.run().await;
            drop((upkeep, hooks));
            done.send_replace(Some(end));
        });
        Ok(Running::new(id, secret, commands, ended))
    }

    /// Works until the future is ready, then drains; see [`Running::drain`]. What signals mean is up to the program.
    ///
    /// # Errors
    ///
    /// As [`Worker::start`].
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<Ended, Error> {
        let running = self.start()?;
        tokio::select! {
            () = shutdown => Ok(running.drain().await),
            ended = running.ended() => Ok(ended),
        }
    }
}
