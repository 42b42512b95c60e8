//! Background jobs: a program enqueues work, continues at once, and reads the result later.
//!
//! A job is a serde struct, a handler is an async function, and a URL selects the store. Jobs are kept until they are
//! settled: each runs at least once and is settled exactly once. A worker that dies loses no job.
//!
//! ```
//! use longshore::{Job, Longshore, Result};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Job)]
//! #[job(output = String)]
//! struct Greet { name: String }
//!
//! async fn greet(job: Greet) -> Result<String> {
//!     Ok(format!("Hello, {}!", job.name))
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! #   let folder = tempfile::tempdir()?;
//! #   let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
//! #   let url = url.as_str();
//! #   const IN_A_REAL_PROGRAM: &str = stringify!(
//!     let url = "sqlite:jobs.db";
//! #   );
//!     let longshore = Longshore::connect(url).await?;
//!     let worker = longshore.worker().handle(greet).start()?;       // here, or in a process of its own
//!
//!     let job = longshore.enqueue(Greet { name: "Ada".into() }).await?;   // durable when this returns
//!     assert_eq!(job.wait().await?, "Hello, Ada!");
//!
//!     worker.drain().await;
//!     Ok(())
//! }
//! ```
//!
//! Where to read on: [`Job`] and [`Enqueue`] to push jobs, [`handler`] to run them, [`worker`] to set up a worker,
//! [`State`] for the states of a job, [`store`] for the guarantees of a store, `testing` (feature `testing`) to test your
//! jobs.

#![deny(missing_docs)]

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

mod connect;
mod store_url;
#[cfg(feature = "testing")]
pub mod testing;

pub use connect::{Longshore, SCHEMES};
#[doc(inline)]
pub use longshore_core::*;
#[doc(inline)]
pub use longshore_core::{
    client::{Enqueue, EnqueueMany},
    handler::{Ctx, Fatal, Result, Shared},
    worker::Worker,
};
#[cfg(feature = "derive")]
pub use longshore_derive::Job;
/// The PostgreSQL store, for pushes inside the application's own transaction.
#[cfg(feature = "postgres")]
pub use longshore_postgres as postgres;
/// The Redis store and its URL options.
#[cfg(feature = "redis")]
pub use longshore_redis as redis;
/// The SQLite store, for pushes inside the application's own transaction.
#[cfg(feature = "sqlite")]
pub use longshore_sqlite as sqlite;
pub use store_url::StoreUrl;
