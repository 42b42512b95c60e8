//! Servers that tests and benchmarks start for themselves, and a proxy that breaks connections.
//!
//! Every server runs on a free loopback port in a temporary folder of its own, and ends with the program that started it, whatever
//! happens to that (`server.rs`). Tests share one of each kind where they can (`shared()`), each in a namespace of its own; those
//! that stop, kill or fill one start their own. A program that is missing is a loud failure that names the line which installs it.
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
