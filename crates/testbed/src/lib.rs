//! Servers that tests and benchmarks start for themselves, and a proxy that breaks connections.
//!
//! Every server runs on a free loopback port in its own temporary folder, and ends with the program that started it,
//! however that program ends (`server.rs`). Tests share one server of each kind if they can (`shared()`), each in its
//! own namespace. Tests that stop, kill or fill a server start their own. A missing program is an error that names the
//! command which installs it.
//!
//! | what | where |
//! |---|---|
//! | [`Redis`], [`RedisCluster`], [`Sentinel`] | `redis.rs` |
//! | [`Postgres`], [`PgBouncer`] | `postgres.rs` |
//! | [`Proxy`] | `proxy.rs`: black hole, reset, slow, cut after the request went through |
//! | [`Certificates`] | `certificates.rs`: a CA and a server certificate for TLS |

#![deny(missing_docs)]

mod certificates;
mod postgres;
mod proxy;
mod redis;
mod server;

pub use certificates::Certificates;
pub use postgres::{PgBouncer, Postgres, PostgresSetup};
pub use proxy::Proxy;
pub use redis::{Redis, RedisCluster, Sentinel};
pub use server::Server;
