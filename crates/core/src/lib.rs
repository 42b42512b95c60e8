//! The core of longshore: jobs, the contract with stores, and the worker runtime.
//!
//! Programs use the crate `longshore`, which re-exports this crate and opens a store by URL. Read in this order:
//!
//! 1. [`job`]: a typed job and what is pushed; [`id`], [`name`], [`payload`]: its parts, parsed once
//! 2. [`state`]: the states of a job and the one function that knows every transition
//! 3. [`store`]: the contract with a database; [`backend`]: the interface for users; [`memory`]: the reference store
//! 4. [`client`]: enqueue jobs and wait for their results
//! 5. [`handler`]: functions that run jobs; [`worker`]: the runtime that runs handlers
//!
//! # Examples
//!
//! ```
//! use longshore_core::{Backend, Client, Job, Memory, artifact::InMemory, handler, worker::Worker};
//! use serde::{Deserialize, Serialize};
//! use std::sync::Arc;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Double { number: u64 }
//!
//! impl Job for Double {
//!     const KIND: &'static str = "double";
//!     type Output = u64;
//! }
//!
//! async fn double(job: Double) -> handler::Result<u64> {
//!     Ok(job.number * 2)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
//! let worker = Worker::new(backend.clone()).handle(double).start()?;
//!
//! let handle = Client::new(backend).enqueue(Double { number: 21 }).await?;
//! assert_eq!(handle.wait().await?, 42);
//! worker.drain().await;
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

pub mod job;
pub mod id;
pub mod name;
pub mod payload;
pub mod output;
pub mod progress;
pub mod retry;
pub mod policy;
pub mod state;
mod decide;
pub mod snapshot;
pub mod store;
pub mod backend;
mod outage;
mod warnings;
pub mod artifact;
pub mod notifications;
mod one_line;
pub mod batcher;
pub mod connections;
pub mod watch;
pub mod memory;
pub mod client;
pub mod handler;
pub mod middleware;
pub mod observer;
mod log;
pub mod worker;
pub mod upkeep;
pub mod time;
pub mod expiry;
pub mod limits;
pub mod error;

pub use artifact::{ArtifactName, Artifacts};
pub use backend::Backend;
pub use batcher::Batcher;
pub use client::{Client, Handle, WaitError};
pub use decide::{AttemptEnd, decide};
pub use error::{Effect, Error, ErrorKind};
pub use expiry::ExpiryClock;
pub use id::{JobId, Nonce, Token, WorkerId, WorkerSecret};
pub use job::{Idempotency, Job, NewJob, Reuse, Unique, UniqueScope};
pub use memory::Memory;
pub use middleware::Next;
pub use name::{Kind, Label, QueueName};
pub use notifications::{
    CancelSubscription, News, NewsSubscription, Notices, Notifications, Reception, Watched, Work, WorkSubscription,
};
pub use observer::{Failed, Observer};
pub use one_line::{commands_a_terminal, one_line, printable};
pub use output::{Answer, Output, Stored};
pub use payload::Payload;
pub use policy::{JobPolicy, KindLimits};
pub use progress::Progress;
pub use retry::Retry;
pub use snapshot::{Snapshot, Status};
pub use state::{Death, ExitStatus, Failure, FailureClass, Gone, Outcome, Reason, State};
pub use store::{
    Acted, Action, Admission, Answers, Capabilities, Claim, Claimed, Claims, Cursor, DuplicateReason, Durability,
    Filter, Finding, HeldBack, HeldBackReason, Jobs, KnownKind, Listed, Logs, Moved, NewPause, Notifier, Page, Pause,
    Pushed, QueueState, QueueStats, Queues, Reach, Renewal, Renewed, Repair, RepairCursor, RepairReport, RepairStep,
    Rules, RulesChange, Settings, Settled, Settlement, Store, Upkeep, UpkeepFailure, UpkeepReport, WorkerNote,
    WorkerSeen, Workers, admit,
};
pub use time::{BootTime, Clock, StepWatch, Timestamp, When, millis};
pub use watch::Watch;
