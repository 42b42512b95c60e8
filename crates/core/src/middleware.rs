//! Middleware: code around every handler of a worker.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Output;
use crate::handler::{self, Ctx};

/// The rest of an attempt: the next middleware and finally the handler. It has not started yet.
pub struct Next(Box<dyn FnOnce() -> Attempted + Send>);

/// The future of an attempt.
pub(crate) type Attempted = Pin<Box<dyn Future<Output = handler::Result<Output>> + Send>>;

impl Next {
    pub(crate) fn new(begin: impl FnOnce() -> Attempted + Send + 'static) -> Self {
        Next(Box::new(begin))
    }

    /// Runs the rest of the attempt. If it is dropped instead, the rest never runs, and the middleware's own answer
    /// counts.
    pub async fn run(self) -> handler::Result<Output> {
        (self.0)().await
    }
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Next")
    }
}

/// A type-erased middleware.
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
