//! Extractors: the arguments of a handler besides its job.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::{Ctx, Error, Result};

/// A type that a handler can take as an argument after its job.
///
/// It is created for each attempt, before the handler is called. If that fails, the attempt fails with the error.
///
/// # Examples
///
/// ```
/// use longshore_core::handler::{Ctx, Error, FromCtx, Provided, Result, Shared};
/// # #[derive(Clone)] struct Pool;
/// # struct Connection;
/// # impl Pool { async fn get(&self) -> std::io::Result<Connection> { Ok(Connection) } }
///
/// /// A connection of the worker's pool.
/// struct Db(Connection);
///
/// impl FromCtx for Db {
///     async fn from_ctx(ctx: &Ctx) -> Result<Self> {
///         let Shared(pool) = Shared::<Pool>::from_ctx(ctx).await?;
///         pool.get().await.map(Db).map_err(Error::outage) // costs no attempt
///     }
///
///     fn missing(provided: &Provided<'_>) -> Option<String> {
///         Shared::<Pool>::missing(provided) // reported when the worker starts
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}` as an argument",
    label = "`{Self}` is not an extractor",
    note = "after its job, a handler takes `Ctx`, `Shared<T>` (a value given to `Worker::share`) or a type that implements `FromCtx`"
)]
pub trait FromCtx: Sized + Send + 'static {
    /// Returns the value for one attempt.
    ///
    /// # Errors
    ///
    /// Returns the error that the attempt then fails with.
    fn from_ctx(ctx: &Ctx) -> impl Future<Output = Result<Self>> + Send;

    /// Returns what is missing in the worker to provide this value. It is called when the worker starts, not when a job
    /// runs. By default nothing is missing.
    fn missing(_provided: &Provided<'_>) -> Option<String> {
        None
    }
}

impl FromCtx for Ctx {
    async fn from_ctx(ctx: &Ctx) -> Result<Self> {
        Ok(ctx.clone())
    }
}

/// Extracts a clone of a value that was given to [`Worker::share`](crate::worker::Worker::share).
#[derive(Clone, Copy, Debug)]
pub struct Shared<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromCtx for Shared<T> {
    async fn from_ctx(ctx: &Ctx) -> Result<Self> {
        let value = ctx.shared.get().map(Shared);
        value.ok_or_else(|| Error::retry(format!("the worker shares no value of type {}", type_name::<T>())))
    }

    fn missing(provided: &Provided<'_>) -> Option<String> {
        let missing = provided.0.get::<T>().is_none();
        missing
            .then(|| format!("Shared<{0}>: call `.share(…)` with a {0} before starting the worker", type_name::<T>()))
    }
}

/// The values that a worker shares with its handlers.
#[derive(Debug)]
pub struct Provided<'a>(pub(crate) &'a SharedValues);

/// The values that a worker shares with its handlers, by type.
#[derive(Clone, Default)]
pub(crate) struct SharedValues(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl SharedValues {
    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
    }

    fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref::<T>().cloned()
    }
}

impl fmt::Debug for SharedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedValues({})", self.0.len())
    }
}
