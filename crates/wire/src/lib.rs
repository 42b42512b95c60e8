//! The JSON of longshore: what goes to an HTTP server and comes from it, and how a job to push is stored.
//!
//! The server, the command line and everything else that reads or writes this JSON share these types; no other crate declares them
//! again. There is no HTTP here, no store and no retry. Read on in this order:
//!
//! 1. [`NewJob`]: a job to push, with [`Unique`] and [`Reuse`]; [`Batch`]: many of them; [`json`]: how they are read
//! 2. [`Pushed`], [`Job`], [`Event`], [`Links`]: what is answered about a job
//! 3. [`Jobs`], [`JobsQuery`]: a page of jobs, and how to ask for it; [`Queue`], [`Pause`], [`NewPause`]: queues
//! 4. [`Problem`], [`Code`]: every error there is; [`WrongField`]: the field that makes a request wrong
//! 5. [`duration`]: durations as milliseconds and as text; [`schema`]: how values of core look in the OpenAPI document
//!
//! Times are RFC 3339 strings, durations whole milliseconds whose field ends in `_ms`. Types that a server answers ignore fields they do
//! not know, so that an older client reads a newer server. Types that are sent to a server, or stored, refuse them: a misspelt field must
//! not be lost without a word.
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
pub use wrong_field::WrongField;
