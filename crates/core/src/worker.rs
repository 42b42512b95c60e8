//! The worker runtime: it claims jobs, runs their handlers, renews their leases, settles them, and shuts down cleanly.
//!
//! Design: docs/design/worker.md
//!
//! In reading order: [`Worker`] (the builder), `plan` (its validated settings), [`Running`] (controls a running
//! worker), `dispatcher` (the event loop, which owns all state), `event` (its events), `outbox` (its store calls),
//! `load` (running jobs), `fetch` (when to claim next), `settling` (outcomes on their way to the store), `stuck`
//! (handlers that do not return), `presence` (the entry in the registry), `attempt` (one attempt as a pipeline),
//! `keeper` (leases and progress, on its own thread), `registry` (handlers by kind), `queue_order` (the order of queues).

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
mod queue_order;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::handler::{self, Arguments, Ctx, Handler, Returned, SharedValues};
use crate::middleware::{Middleware, Next};
use crate::observer::Failed;
use crate::{Backend, Error, Job, JobPolicy, Kind, Output, Payload, Reach, State, WorkerSecret, limits};

use dispatcher::Dispatcher;
use hooks::Hooks;
use registry::Registry;

pub use running::{Ended, Report, Running};

/// Builds a worker: handlers, queues and limits. Start it with [`Worker::run_until`] or [`Worker::start`].
///
/// The worker claims from the queues of its handlers' jobs, and from those that [`Worker::queue`] adds.
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
    shared: SharedValues,
    queues: Vec<(String, u32)>,
    kind_queues: Vec<&'static str>,
    only_named_queues: bool,
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
    /// Creates a worker of that backend without handlers.
    pub fn new(backend: Backend) -> Self {
        Worker {
            backend,
            registry: Registry::default(),
            shared: SharedValues::default(),
            queues: Vec::new(),
            kind_queues: Vec::new(),
            only_named_queues: false,
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
    pub fn handle<Args, H>(mut self, handler: H) -> Self
    where
        Args: Arguments,
        H: Handler<Args>,
        H::Returns: Future<Output = Returned<Args>> + Send, // `handle_blocking` is for blocking functions
    {
        self.note::<Args>();
        self.registry.add::<Args::Job>(registry::run_async(handler));
        self
    }

    /// Runs jobs of one kind with a blocking function, on separate threads.
    ///
    /// Such a function cannot be stopped from outside. It should call
    /// [`Ctx::is_stopping`](crate::handler::Ctx::is_stopping) from time to time. A function that runs longer than its
    /// time-out counts as stuck and keeps its slot until it returns.
    pub fn handle_blocking<Args, H>(mut self, handler: H) -> Self
    where
        Args: Arguments,
        H: Handler<Args, Returns = Returned<Args>>,
    {
        self.note::<Args>();
        let run = registry::run_blocking(handler, self.registry.pool());
        self.registry.add::<Args::Job>(run);
        self
    }

    /// Runs jobs of a kind that is known only at run time, for example from a configuration. The function decodes the
    /// payload itself. The queue of such a kind is `default`.
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

    fn note<Args: Arguments>(&mut self) {
        self.note_once(Args::Job::KIND);
        self.registry.needs.push((Args::Job::KIND, Args::missing));
        self.kind_queues.push(Args::Job::QUEUE);
    }

    fn note_once(&mut self, kind: &str) {
        if self.registry.has(kind) {
            let twice = Error::invalid(format!("kind `{kind}` has two handlers in one worker"));
            self.wrong.get_or_insert(twice);
        }
    }

    /// Shares a value with handlers. Each handler that takes a [`Shared<T>`](crate::handler::Shared) gets a clone.
    pub fn share<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.shared.insert(value);
        self
    }

    /// Also claims from that queue. A queue comes first in the search order in proportion to its `weight`. The queues of
    /// the handlers' jobs have the weight 1, unless this sets another one, and come after those added here.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_core::worker::Worker;
    /// # use longshore_core::{Backend, Job, Memory, QueueName, artifact::InMemory, handler};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)] struct Report { month: u8 }
    /// # impl Job for Report { const KIND: &'static str = "report"; const QUEUE: &'static str = "reports"; type Output = (); }
    /// # async fn report(_: Report) -> handler::Result<()> { Ok(()) }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), longshore_core::Error> {
    /// # let backend = Backend::new(std::sync::Arc::new(Memory::default()), std::sync::Arc::new(InMemory::default()));
    /// let worker = Worker::new(backend).handle(report).queue("mail", 3).start()?; // jobs of `report` are in `reports`
    /// for queue in ["mail", "reports"] {
    ///     assert!(worker.takes(&queue.parse()?, &"report".parse()?));
    /// }
    /// # worker.drain().await;
    /// # Ok(()) }
    /// ```
    pub fn queue(mut self, name: &str, weight: u32) -> Self {
        self.queues.push((name.to_owned(), weight));
        self
    }

    /// Claims only from the queues that [`Worker::queue`] adds, and not from the other queues of its handlers' jobs, for
    /// example because another process works on those.
    pub fn only_named_queues(mut self) -> Self {
        self.only_named_queues = true;
        self
    }

    /// Always searches queues in the order they were added, so that a later queue waits until the earlier ones are
    /// empty.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Sets the most jobs that run at a time. Defaults to 10.
    ///
    /// A job leaves its slot when it has finished. Its outcome is kept, and its lease renewed, until the store has
    /// accepted the outcome. The number of claimed and unsettled jobs never exceeds twice the slots. After a failed
    /// settle and until one succeeds, a job that waits to be settled takes a slot like a running job.
    pub fn concurrency(mut self, slots: usize) -> Self {
        self.concurrency = slots;
        self
    }

    /// Sets how long a claim lasts without renewal. Defaults to 30 seconds; from 1 second to 10 minutes. Leases are
    /// renewed after a third of that. A shorter lease detects dead workers sooner but costs more writes.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the most jobs of one kind that run at a time, within the worker's slots. By default a kind may use all
    /// slots.
    pub fn concurrency_of(mut self, kind: &str, slots: usize) -> Self {
        self.most_of_kind.push((kind.to_owned(), slots));
        self
    }

    /// Sets the worker's secret. Its creator, for example a supervisor, can release the worker's jobs after its process
    /// has ended. A secret must not be used twice. Defaults to a new one.
    pub fn secret(mut self, secret: WorkerSecret) -> Self {
        self.secret = secret;
        self
    }

    /// Adds middleware that wraps every attempt of every kind. The function gets the attempt's context and the rest of
    /// the attempt, and its return value is the result of the attempt. The middleware that was added first is the
    /// outermost.
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

    /// Calls the function for each failed attempt of this worker, and for each job that this process took from a
    /// crashed worker, while this worker runs.
    ///
    /// The function must not block. A panic in it is logged and has no other effect.
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

    /// Calls the function for each job that became dead in this worker or in this process's upkeep, while this worker
    /// runs; see [`Worker::on_failed`].
    pub fn on_dead(mut self, hook: impl Fn(&Failed) + Send + Sync + 'static) -> Self {
        self.hooks.add(|failed| failed.job.state == State::Dead, hook);
        self
    }

    /// Sets how long a shutdown waits for running jobs. Defaults to 25 seconds. [`Duration::MAX`] waits without limit.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how long all slots may be held by handlers that do not return after their attempts have ended, before the
    /// worker ends. Defaults to 30 seconds; at least 100 milliseconds.
    ///
    /// After a third of that time the worker logs it and is removed from the registry. Outcomes that the store has not
    /// accepted by the end are retried for 10 more seconds.
    pub fn stuck_after(mut self, stuck: Duration) -> Self {
        self.stuck = stuck.max(Duration::from_millis(100));
        self
    }

    /// Starts the worker in tasks of the current tokio runtime and a thread for the leases.
    ///
    /// # Errors
    ///
    /// Returns an error if the worker has no handler, has two handlers for one kind, has a handler whose
    /// [`Shared`](crate::handler::Shared) value is missing, or has an invalid name or number.
    pub fn start(self) -> Result<Running, Error> {
        let plan = self.check()?;
        if plan.lease < limits::NETWORK_LEASE && self.backend.capabilities().reach == Reach::Network {
            tracing::warn!(
                lease = ?plan.lease,
                "on this store a lease should be at least {:?}: with a shorter one, a live worker may lose its jobs when the server pauses",
                limits::NETWORK_LEASE
            );
        }
        let secret = self.secret;
        let takes = (plan.queue_order.names(), plan.kinds.iter().map(|(known, _)| known.kind.clone()).collect());
        let (commands, orders) = mpsc::unbounded_channel();
        let (done, ended) = watch::channel(None);
        let id = secret.id();
        let upkeep = self.backend.start_upkeep();
        let backend = self.backend.clone();
        let dispatcher = Dispatcher::new(self.backend, self.registry, Arc::new(self.shared), plan, id, orders)?;
        let hooks = self.hooks.start(&backend, id);
        tokio::spawn(async move {
            let end = dispatcher.run().await;
            drop((upkeep, hooks));
            done.send_replace(Some(end));
        });
        Ok(Running::new(id, secret, takes, commands, ended))
    }

    /// Runs the worker until the future is ready, and then drains it; see [`Running::drain`]. The program decides how
    /// to handle signals.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Worker::start`].
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<Ended, Error> {
        let running = self.start()?;
        tokio::select! {
            () = shutdown => Ok(running.drain().await),
            ended = running.ended() => Ok(ended),
        }
    }
}
