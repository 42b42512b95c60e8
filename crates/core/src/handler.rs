//! Handlers: plain functions that run one attempt of one job.
//!
//! A handler takes the job as its first argument, followed by up to eight extractors: [`Ctx`], [`Shared`], or your own
//! ([`FromCtx`]). It may be async or blocking (see [`Worker::handle_blocking`](crate::worker::Worker::handle_blocking)).
//! It returns [`Result`]. `Err` means *try again*, unless the error says otherwise; `?` takes errors of all kinds
//! ([`Error`]).
//!
//! A test can call a handler like any other function; `Ctx::for_test` (feature `testing`) creates a context.
//!
//! # Examples
//!
//! ```
//! use longshore_core::{Job, handler::{self, Ctx, Fatal, Shared}};
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
//! async fn fetch(job: Fetch, ctx: Ctx, Shared(pages): Shared<Arc<Pages>>) -> handler::Result<usize> {
//!     let page = job.page.parse().fatal()?;       // never right, however often it is tried
//!     ctx.say("fetching");
//!     Ok(pages.get(page).await?.len())            // may be right next time
//! }
//! # #[cfg(feature = "testing")]
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//!
//! // In a test:
//! let size = fetch(Fetch { page: "7".into() }, Ctx::for_test(), Shared(Arc::new(Pages))).await.unwrap();
//! assert_eq!(size, 3);
//! # });
//! ```

mod error;
mod ctx;
mod extract;
#[cfg(feature = "testing")]
mod testing;

use std::future::Future;

use crate::Job;

pub use ctx::Ctx;
pub(crate) use ctx::Latest;
pub(crate) use error::Then;
pub use error::{Error, Fatal, Result};
pub(crate) use extract::SharedValues;
pub use extract::{FromCtx, Provided, Shared};

/// The arguments of a handler: a job, followed by extractors. The trait is implemented for tuples of them.
///
/// It is separate from [`Handler`] so that the compiler can name the argument that is wrong.
pub trait Arguments: Sized + Send + 'static {
    /// The job type.
    type Job: Job;

    /// Returns what is missing in the worker for these arguments.
    fn missing(provided: &Provided<'_>) -> Option<String>;

    /// Returns the arguments for one attempt.
    ///
    /// # Errors
    ///
    /// Returns the error of the first extractor that failed.
    fn extract(job: Self::Job, ctx: &Ctx) -> impl Future<Output = Result<Self>> + Send;
}

/// What a handler with these arguments returns, or what its future resolves to.
pub type Returned<Args> = Result<<<Args as Arguments>::Job as Job>::Output>;

/// A function that can be called with these arguments. The trait is implemented for functions of up to nine arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a function that takes a job",
    note = "a handler is a function `async fn(job, extractors…) -> longshore::Result<…>` with one job and up to eight extractors"
)]
pub trait Handler<Args>: Send + Sync + 'static {
    /// What the function returns.
    type Returns;

    /// Calls the function.
    fn call(&self, arguments: Args) -> Self::Returns;
}

macro_rules! handlers {
    ($($arg:ident),*) => {
        impl<J: Job, $($arg: FromCtx),*> Arguments for (J, $($arg,)*) {
            type Job = J;

            fn missing(_provided: &Provided<'_>) -> Option<String> {
                None$(.or_else(|| $arg::missing(_provided)))*
            }

            async fn extract(job: J, _ctx: &Ctx) -> Result<Self> {
                Ok((job, $($arg::from_ctx(_ctx).await?,)*))
            }
        }

        impl<F, R, J, $($arg),*> Handler<(J, $($arg,)*)> for F
        where
            F: Fn(J, $($arg),*) -> R + Send + Sync + 'static,
        {
            type Returns = R;

            #[expect(non_snake_case, reason = "the names of the types are the names of the values")]
            fn call(&self, (J, $($arg,)*): (J, $($arg,)*)) -> R {
                self(J, $($arg),*)
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A, B);
handlers!(A, B, C);
handlers!(A, B, C, D);
handlers!(A, B, C, D, E);
handlers!(A, B, C, D, E, G);
handlers!(A, B, C, D, E, G, H);
handlers!(A, B, C, D, E, G, H, I);
