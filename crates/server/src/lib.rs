//! The HTTP server of longshore: push jobs, ask for them, hear of them, fetch what they gave back.
//!
//! ```text
//! socket ─ connections (cap, time-outs) ─ guard (token, host, origin) ─ routes ─ Backend
//!                                             │                           │
//!                                             └──────── problem ◄─────────┘   every error is RFC 9457 JSON
//! ```
//!
//! Read on in this order:
//!
//! 1. [`config`], [`secret`]: what a server is told
//! 2. [`server`]: bind, run, end; `connections`: the accept loop behind it; `stall`: who does not read is let go
//! 3. `app`: what all routes share, and the router; `guard`: who may ask, and `caller`: who asks; `finish`: what every answer carries
//! 4. `routes`: a file a verb; `params`, `body`, `idempotency`, `lookup`: what they have in common
//! 5. `intake`, `streams`: how much is taken on at a time
//! 6. `problem`: errors on their way to a client; [`openapi`]: the API as a document for programs
//! 7. `demo`: the demo page and its three routes
//!
//! The JSON that goes in and out, and every error there is, are the crate `longshore-wire`.
//!
//! Invariants: no route waits without also waiting for the end of the server; no answer shows what a store said word for word
//! except about the caller's own input; nothing here retries.
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
mod stall;
mod app;
mod caller;
mod guard;
mod finish;
mod params;
mod body;
mod idempotency;
mod lookup;
mod intake;
mod streams;
mod range;
mod sending;
mod routes;
mod problem;
pub mod openapi;
mod demo;

pub use config::Config;
pub use secret::Secret;
pub use server::{Error, Server};
