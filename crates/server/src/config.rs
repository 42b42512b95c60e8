//! The configuration of a server.

use std::time::Duration;

use crate::Secret;

/// The configuration of a server. The defaults are safe on a developer's own machine.
///
/// # Examples
///
/// ```
/// let mut config = longshore_server::Config::default();
/// config.demo = true;
/// assert_eq!(config.connections, 2_048);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The token that callers must send, as a bearer token or as the password of HTTP Basic. Defaults to none. Without
    /// a token the server listens only on loopback addresses and answers only requests whose `Host` is a loopback name.
    pub token: Option<Secret>,
    /// Whether the server has the demo page and its routes. Defaults to no.
    pub demo: bool,
    /// The maximum number of connections. A further connection takes the place of one that is idle. If none is idle,
    /// the server answers health checks and refuses other requests with 503. If the process may not have that many
    /// files open, the server lowers the number and says so in its log. Defaults to 2,048, which leaves room beside
    /// all event streams and all requests that wait.
    pub connections: usize,
    /// The maximum number of connections of one caller; see [`Config::streams_per_caller`]. Defaults to 1,024.
    pub connections_per_caller: usize,
    /// The maximum number of event streams. The server answers 503 to further requests. Defaults to 512.
    pub streams: usize,
    /// The maximum number of event streams of one caller. The server answers 429 to further requests. Callers are
    /// distinguished by address (IPv6: by /64 network). Behind a proxy all callers have the proxy's address. Defaults
    /// to 20.
    pub streams_per_caller: usize,
    /// How long an event stream stays open. Then the server ends it, and a client that still follows the job opens a
    /// new one. Defaults to one hour.
    pub stream_lifetime: Duration,
    /// The maximum number of requests that wait for a job to finish. The server answers 503 to further requests.
    /// Defaults to 1,024.
    pub waits: usize,
    /// The maximum number of results of more than 256 KiB that are sent at a time. Each of them holds at most two
    /// chunks of 256 KiB in memory. The server answers 503 to further requests. Defaults to 256.
    pub results: usize,
    /// The maximum number of these results that are sent to one caller at a time; see [`Config::streams_per_caller`].
    /// The server answers 429 to further requests. Defaults to 64.
    pub results_per_caller: usize,
    /// The maximum number of pushes that wait for the store. The server answers 503 to further pushes immediately.
    /// Defaults to 512.
    pub pushes: usize,
    /// The maximum number of waiting jobs (scheduled or ready) in one queue. The server answers 429 to a push above it.
    /// The jobs are counted every quarter of a second, so several servers on one store may exceed the limit a little.
    /// Defaults to none, which allows any number.
    pub queue_depth: Option<u64>,
    /// The maximum number of wrong tokens from one address per minute. Above it, the server answers 429 to all requests
    /// of this address for the rest of that minute, even with the right token. Zero allows any number, for a server
    /// behind a proxy, where all callers have the same address. Defaults to 10.
    pub wrong_tokens: u32,
    /// The maximum size of a request body, in bytes. Defaults to 1 MiB.
    pub body_bytes: usize,
    /// The maximum size of a batch body, in bytes. Defaults to 8 MiB.
    pub batch_bytes: usize,
    /// The maximum total size of large bodies (over 64 KiB) in memory, in bytes. The server answers 503 to further
    /// bodies. Defaults to 128 MiB.
    pub bodies_bytes: usize,
    /// The maximum total size of answers (over 16 KiB) in memory, in bytes. They stay there until their clients have
    /// read them. The server answers 503 to further requests. Defaults to 256 MiB.
    pub answers_bytes: usize,
    /// The maximum size of a page of jobs, in bytes. A page with large jobs ends early. A job that is larger than this
    /// is alone on its page. Defaults to 4 MiB.
    pub page_bytes: usize,
    /// The origins of web pages that may call the API from other sites (CORS), such as `https://app.example`. Defaults
    /// to none.
    pub cors_origins: Vec<String>,
    /// How long the head of a request may take to arrive. Defaults to 10 seconds.
    pub head_timeout: Duration,
    /// How long a connection may be idle between two requests. It should be longer than a proxy in front keeps its
    /// connections, which is 60 seconds for most of them. Defaults to 75 seconds.
    pub idle_timeout: Duration,
    /// How long the body of a request may take to arrive. Defaults to 30 seconds.
    pub body_timeout: Duration,
    /// How long a client may read nothing of an answer before its connection is closed. Defaults to 30 seconds.
    pub stall_timeout: Duration,
    /// How often an idle event stream sends a comment, so that proxies keep it open. Defaults to 15 seconds.
    pub stream_comment: Duration,
    /// How long the store may take to answer `/readyz`. Defaults to 2 seconds.
    pub ready_timeout: Duration,
    /// How long running requests may continue after shutdown begins. Defaults to 5 seconds. Zero aborts them
    /// immediately.
    pub grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            token: None,
            demo: false,
            connections: 2_048,
            connections_per_caller: 1_024,
            streams: 512,
            streams_per_caller: 20,
            stream_lifetime: Duration::from_secs(3600),
            waits: 1_024,
            results: 256,
            results_per_caller: 64,
            pushes: 512,
            queue_depth: None,
            wrong_tokens: 10,
            body_bytes: 1024 * 1024,
            batch_bytes: 8 * 1024 * 1024,
            bodies_bytes: 128 * 1024 * 1024,
            answers_bytes: 256 * 1024 * 1024,
            page_bytes: 4 * 1024 * 1024,
            cors_origins: Vec::new(),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            stream_comment: Duration::from_secs(15),
            ready_timeout: Duration::from_secs(2),
            grace: Duration::from_secs(5),
        }
    }
}
