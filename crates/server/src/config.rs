//! What a server is told before it starts.

use std::time::Duration;

use crate::Secret;

/// What a server is told before it starts; the defaults are safe on a machine of one's own.
///
/// # Examples
///
/// ```
/// let mut config = longshore_server::Config::default();
/// config.demo = true;
/// assert_eq!(config.connections, 1_024);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What callers must show, as a bearer token or as the password of HTTP Basic. Defaults to none, which allows only
    /// loopback addresses and only requests whose `Host` is one.
    pub token: Option<Secret>,
    /// Whether the demo page and its routes are there. Defaults to no.
    pub demo: bool,
    /// Most connections at a time; one more is answered 503 and closed. Defaults to 1,024.
    pub connections: usize,
    /// Most event streams at a time; one more is answered 503. Defaults to 512.
    pub streams: usize,
    /// Most event streams of one caller, told by address (of IPv6 by the network, /64), at a time; one more is answered 429.
    /// Behind a proxy all callers have the proxy's address. Defaults to 20.
    pub streams_per_caller: usize,
    /// How long an event stream lives; then it ends, and a client that follows it opens it again. Defaults to one hour.
    pub stream_lifetime: Duration,
    /// Most requests at a time that wait for a job to finish; one more is answered 503. Defaults to 1,024.
    pub waits: usize,
    /// Most results of more than 256 KiB that are sent at a time, each of which holds two chunks of 256 KiB at most; one more is answered 503.
    /// Defaults to 256.
    pub results: usize,
    /// Most pushes at a time that wait for the store; one more is answered 503 at once. Defaults to 512.
    pub pushes: usize,
    /// Most jobs that may wait, scheduled or ready, in one queue; a push over that is answered 429. Counted anew every quarter of a
    /// second, so that several servers on one store may overshoot a little. Defaults to none, which allows any number.
    pub queue_depth: Option<u64>,
    /// Wrong tokens that one address may show a minute; after that it is answered 429 for the rest of that minute, whatever it shows.
    /// Zero allows any number, for a server behind a proxy, where all callers have one address. Defaults to 10.
    pub wrong_tokens: u32,
    /// Largest body of a request, in bytes. Defaults to 1 MiB.
    pub body_bytes: usize,
    /// Largest body of a batch, in bytes. Defaults to 8 MiB.
    pub batch_bytes: usize,
    /// Most bytes of large bodies (over 64 KiB) that are held at a time; more are answered 503. Defaults to 128 MiB.
    pub bodies_bytes: usize,
    /// How long the head of a request may take to arrive, and a kept connection may idle. Defaults to 10 seconds.
    pub head_timeout: Duration,
    /// How long the body of a request may take to arrive. Defaults to 30 seconds.
    pub body_timeout: Duration,
    /// How long a client may take no byte of an answer before its connection is closed. Defaults to 30 seconds.
    pub stall_timeout: Duration,
    /// How often an event stream without news sends a comment, so that nothing in between takes it for dead. Defaults to
    /// 15 seconds.
    pub stream_comment: Duration,
    /// How long the store may take to answer `/readyz`. Defaults to 2 seconds.
    pub ready_timeout: Duration,
    /// How long requests may go on when the server is to end. Defaults to 5 seconds; zero cuts them off at once.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            token: None,
            demo: false,
            connections: 1_024,
            streams: 512,
            streams_per_caller: 20,
            stream_lifetime: Duration::from_secs(3600),
            waits: 1_024,
            results: 256,
            pushes: 512,
            queue_depth: None,
            wrong_tokens: 10,
            body_bytes: 1024 * 1024,
            batch_bytes: 8 * 1024 * 1024,
            bodies_bytes: 128 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            stream_comment: Duration::from_secs(15),
            ready_timeout: Duration::from_secs(2),
            grace: Duration::from_secs(5),
        }
    }
}
