//! Middleware: code around every handler of a worker.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Output;
use crate::handler::{self, Ctx};

/// The rest of an attempt: the next middleware, and in the end the handler. Nothing of it has begun.
pub struct Next(Box<dyn FnOnce() -> Attempted + Send>);

/// What an attempt returns once it has run.
pub(crate) type Attempted = Pin<Box<dyn Future<Output = handler::Result<Output>> + Send>>;

impl Next {
    pub(crate) fn new(begin: impl FnOnce() -> Attempted + Send + 'static) -> Self {
        Next(Box::new(begin))
    }

    /// Runs it. One that is dropped instead never runs, and the middleware's own answer counts.
    pub async fn run(self) -> handler::Result<Output> {
        (self.0)().await
    }
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Next")
    }
}

/// One middleware, with its type taken off.
#[derive(Clone)]
pub(crate) struct Middleware(Arc<dyn Fn(Ctx, Next) -> Attempted + Send + Sync>);

impl Middleware {
    pub(crate) fn new<F, Fut>(around: F) -> Self
    where
        F: Fn(Ctx, Next) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = handler::Result<Output>> + Send + 'static,
    {
        Middleware(Arc::new(move |ctx, next| Box::pin(around(ctx, next))))
    }

    pub(crate) fn around(&self, ctx: Ctx, next: Next) -> Next {
        let around = Arc::clone(&self.0);
        Next::new(move || around(ctx, next))
    }
}

impl std::fmt::Debug for Middleware {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Middleware")
    }
}
