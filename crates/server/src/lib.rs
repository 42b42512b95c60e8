//! The HTTP server of longshore: push jobs, read and follow their status, download their results.
//!
//! ```text
//! socket ─ connections (limits, time-outs) ─ guard (token, host, origin) ─ routes ─ Backend
//!                                                │                           │
//!                                                └──────── problem ◄─────────┘   every error is RFC 9457 JSON
//! ```
//!
//! Read on in this order:
//!
//! 1. [`config`], [`secret`]: the configuration
//! 2. [`server`]: bind, run, shut down; `connections`: the accept loop; `slots`, `excess`, `descriptors`: how many there may be
//! 3. `socket`, `peer`, `exchange`: one connection, its client, and the request that it answers; `write_timeout`: clients that do not read
//! 4. `app`: the shared state and the router; `guard`: access control; `caller`: the caller's network; [`cors`]: pages of other sites;
//!    `message`: the form of requests; `finish`: headers and log
//! 5. `routes`: one file per verb; `params`, `body`, `idempotency`, `lookup`: their shared parts
//! 6. `intake`, `shares`, `answer_memory`: limits on pushes, on event streams and results, and on answers in memory
//! 7. `problem`: errors as answers; [`openapi`]: the OpenAPI document
//! 8. `demo`: the demo page and its three routes
//!
//! The crate `longshore-wire` defines the JSON of requests, answers and errors.
//!
//! Invariants: every route that waits also waits for the server's shutdown. No answer contains an error message of a
//! store, except about the caller's own input. Nothing in this crate retries.
//!
//! # Examples
//!
//! ```
//! use longshore_core::{Backend, Memory, artifact::InMemory};
//! use longshore_server::{Config, Server};
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
//! let server = Server::bind("127.0.0.1:0".parse()?, backend, Config::default()).await?;
//! println!("listening on http://{}", server.local_addr());
//! # let asked_to_end = async {};
//! server.run(asked_to_end).await;
//! # Ok(())
//! # }
//! ```

#![deny(missing_docs)]

pub mod config;
pub mod secret;
pub mod server;
mod connections;
mod slots;
mod excess;
mod descriptors;
mod socket;
mod peer;
mod exchange;
mod write_timeout;
mod http;
mod app;
mod caller;
mod guard;
pub mod cors;
mod message;
mod finish;
mod params;
mod body;
mod idempotency;
mod lookup;
mod intake;
mod shares;
mod answer_memory;
mod range;
mod media;
mod sending;
mod routes;
mod problem;
pub mod openapi;
mod demo;

pub use config::Config;
pub use secret::Secret;
pub use server::{Error, Server};
