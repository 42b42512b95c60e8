//! The JSON format of longshore: requests and answers of the HTTP API, and the stored form of a job to push.
//!
//! The server, the command line and all other readers and writers of this JSON share these types. No other crate
//! declares them again. This crate contains no HTTP, no store and no retry. Read on in this order:
//!
//! 1. [`NewJob`]: a job to push, with [`Unique`] and [`Reuse`]; [`Batch`]: many jobs; [`json`]: how they are parsed
//! 2. [`Pushed`], [`Job`], [`Event`], [`Links`]: the answers about a job
//! 3. [`Jobs`], [`JobsQuery`]: a page of jobs and its query; [`Queue`], [`Pause`], [`NewPause`]: queues
//! 4. [`Problem`], [`Code`]: all errors; [`WrongField`]: the field that makes a request invalid
//! 5. [`duration`]: durations as milliseconds and as text; [`schema`]: schemas of core's types for the OpenAPI document
//!
//! Times are RFC 3339 strings. Durations are whole milliseconds, in fields that end in `_ms`. Types of answers ignore
//! unknown fields, so that an older client understands a newer server. Types of requests, and of stored jobs, refuse
//! unknown fields, so that a misspelt field is never ignored silently.
//!
//! # Examples
//!
//! ```
//! use longshore_wire::{NewJob, json};
//!
//! let job: NewJob = json::parse(br#"{"kind": "email", "payload": {"to": "ada"}, "queue": "mail", "priority": 5}"#)?;
//! let job = job.into_new()?;
//! assert_eq!((job.queue.as_str(), job.priority, job.max_attempts), ("mail", 5, None));
//!
//! let wrong = json::parse::<NewJob>(br#"{"kind": "email", "priority": "high"}"#).unwrap_err();
//! assert_eq!(wrong.to_string(), r#"priority: expected a whole number from -100 to 100, got string "high""#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(missing_docs)]

mod new_job;
mod unique;
mod reuse;
mod batch;
mod pushed;
mod job;
mod event;
mod links;
mod page;
mod queue;
mod pause;
mod worker;
mod health;
mod problem;
mod wrong_field;
pub mod demo;
pub mod json;
pub mod duration;
pub mod schema;
mod list;
mod number;
mod object;
mod text;

pub use batch::{Batch, BatchAnswer, BatchItem};
pub use event::Event;
pub use health::Health;
pub use job::{FailedAttempt, Job, ResultInfo};
pub use links::Links;
pub use new_job::NewJob;
pub use page::{Jobs, JobsQuery, PAGE_LIMIT};
pub use pause::{NewPause, Pause};
pub use problem::{CODES, Code, Problem};
pub use pushed::{Pushed, existing};
pub use queue::{Counts, Queue, Queues, QueuesQuery};
pub use reuse::Reuse;
pub use unique::{Scope, Unique};
pub use worker::{Worker, Workers, WorkersQuery};
pub use wrong_field::{WrongField, shown};
