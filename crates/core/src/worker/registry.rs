//! Type-erased handlers, by kind.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{self, Runtime};

use crate::handler::{self, Arguments, Ctx, Handler, Provided, Returned};
use crate::{Answer, Error, Job, JobPolicy, Kind, KnownKind, Output, Payload};

use super::event::Slot;

/// The future of one attempt. It returns the handler's result as bytes.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = handler::Result<Output>> + Send>>;
/// Starts an attempt. The slot is held until the handler has really returned.
pub(crate) type Run = Arc<dyn Fn(Payload, Ctx, Slot) -> Attempt + Send + Sync>;

/// Returns what a worker lacks for one handler.
pub(crate) type Missing = fn(&Provided<'_>) -> Option<String>;

/// The handler and policy of one kind.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) run: Run,
    pub(crate) policy: JobPolicy,
    pub(crate) stop_at_lease_end: bool,
}

#[derive(Default)]
pub(crate) struct Registry {
    handlers: HashMap<Cow<'static, str>, Registered>,
    pub(crate) needs: Vec<(&'static str, Missing)>,
    pool: Option<Arc<Pool>>,
}

impl Registry {
    pub(crate) fn has(&self, kind: &str) -> bool {
        self.handlers.contains_key(kind)
    }

    pub(crate) fn add<J: Job>(&mut self, run: Run) {
        let policy = JobPolicy { retry: J::RETRY, ..JobPolicy::default() };
        let known = Registered { run, policy, stop_at_lease_end: J::STOP_AT_LEASE_END };
        self.handlers.insert(J::KIND.into(), known);
    }

    /// Adds a kind without a type: its handler decodes the payload itself.
    pub(crate) fn add_untyped(&mut self, kind: &Kind, policy: JobPolicy, run: Run) {
        let known = Registered { run, policy, stop_at_lease_end: false };
        self.handlers.insert(kind.to_string().into(), known);
    }

    pub(crate) fn get(&self, kind: &Kind) -> Option<&Registered> {
        self.handlers.get(kind.as_str())
    }

    /// Returns the kinds, sorted by name, with the limits of each.
    pub(crate) fn kinds(&self) -> Result<Vec<KnownKind>, Error> {
        let known = |(kind, known): (&Cow<'_, str>, &Registered)| {
            Ok(KnownKind { limits: known.policy.limits(), ..KnownKind::from(kind.parse::<Kind>()?) })
        };
        let mut kinds: Vec<KnownKind> = self.handlers.iter().map(known).collect::<Result<_, Error>>()?;
        kinds.sort_by(|one, other| one.kind.as_str().cmp(other.kind.as_str()));
        Ok(kinds)
    }

    /// Returns the threads for blocking handlers, which are created with the first such handler.
    pub(crate) fn pool(&mut self) -> Arc<Pool> {
        Arc::clone(self.pool.get_or_insert_with(|| Arc::new(Pool::new())))
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.handlers.keys()).finish()
    }
}

/// Threads for blocking handlers, separate from those of the program's own runtime.
///
/// No tokio runtime is driven here: only its pool of blocking threads is used, which grows on demand and ends idle
/// threads. It may have more threads than a worker can have slots, so that no job waits for a thread.
pub(crate) struct Pool(Option<Runtime>);

impl Pool {
    fn new() -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .max_blocking_threads(crate::limits::BATCH + 1)
            .thread_name("longshore-handler")
            .thread_keep_alive(Duration::from_secs(10))
            .build();
        Pool(Some(runtime.expect("a runtime without drivers needs nothing that could fail")))
    }

    fn handle(&self) -> &runtime::Handle {
        self.0.as_ref().expect("there until dropped").handle()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background(); // a stuck handler must not delay the end of the program
        }
    }
}

pub(crate) fn run_async<Args, H>(handler: H) -> Run
where
    Args: Arguments,
    H: Handler<Args>,
    H::Returns: Future<Output = Returned<Args>> + Send,
{
    let handler = Arc::new(handler);
    Arc::new(move |payload, ctx, slot| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let _slot = slot;
            let arguments = Args::extract(decode(&payload)?, &ctx).await?;
            encode(handler.call(arguments).await?)
        })
    })
}

pub(crate) fn run_untyped<H, Fut>(handler: H) -> Run
where
    H: Fn(Payload, Ctx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = handler::Result<Output>> + Send + 'static,
{
    let handler = Arc::new(handler);
    Arc::new(move |payload, ctx, slot| {
        let handler = Arc::clone(&handler);
        Box::pin(async move {
            let _slot = slot;
            handler(payload, ctx).await
        })
    })
}

pub(crate) fn run_blocking<Args, H>(handler: H, pool: Arc<Pool>) -> Run
where
    Args: Arguments,
    H: Handler<Args, Returns = Returned<Args>>,
{
    let handler = Arc::new(handler);
    Arc::new(move |payload, ctx, slot| {
        let (handler, pool) = (Arc::clone(&handler), Arc::clone(&pool));
        Box::pin(async move {
            let arguments = Args::extract(decode(&payload)?, &ctx).await?;
            let span = tracing::Span::current();
            let work = move || {
                let (_slot, _in_span) = (slot, span.entered());
                encode(handler.call(arguments)?)
            };
            match pool.handle().spawn_blocking(work).await {
                Ok(result) => result,
                Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
                Err(e) => Err(e.into()),
            }
        })
    })
}

/// A payload that does not fit its job type is a fatal error: a retry cannot succeed.
fn decode<J: Job>(payload: &Payload) -> handler::Result<J> {
    payload.decode().map_err(handler::Error::fatal)
}

fn encode<T: Answer>(value: T) -> handler::Result<Output> {
    value.into_output().map_err(handler::Error::fatal)
}
