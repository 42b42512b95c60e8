//! The connection to the server. All calls share it. It reconnects by itself, and calls fail at once while it is lost.
//!
//! For one server, also found by sentinels, [`Node`] manages the connection. For a cluster, the client library routes calls by
//! their keys, follows slots that move, and reconnects by itself.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore_core::{Clock, Error, ErrorKind};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{self, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{AsyncConnectionConfig, Cmd, ProtocolVersion, PushInfo, PushKind, RedisError, TlsMode, Value};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use crate::error;
use crate::route::{self, CONNECT, Route};
use crate::shards::Shards;
use crate::target::{Servers, Target};
use crate::tls;

/// The time limit for an answer. It is much longer than any function takes, so that only a broken server exceeds it.
const ANSWER: Duration = Duration::from_secs(10);
/// If a call takes this long, the server stalled, and other processes could not renew their leases either.
pub(crate) const STANDSTILL: Duration = Duration::from_secs(3);
/// How often a cluster is asked for its shards before the call fails.
const ASKED_FOR_SHARDS: u32 = 5;
/// How long a push waits for replicas.
const REPLICATED: Duration = Duration::from_secs(1);
/// How long a call waits for an attempt to connect.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(1);
/// How many commands the connection buffers before callers have to wait.
const BUFFERED: usize = 1024;

/// The connection to one server or to a cluster.
pub(crate) struct Link {
    way: Way,
    pub(crate) shards: Shards,
}

enum Way {
    Node(Arc<Node>),
    Cluster(ClusterConnection),
}

/// Why a call failed.
pub(crate) enum Failed {
    /// The call was not sent, because there is no connection.
    Away(Error),
    /// The call was sent and failed, or the server refused it.
    Told(RedisError),
    /// The client retried the call, and this is the error of the last try. The server may have executed an earlier try.
    Retried(RedisError),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Error {
        match failed {
            Failed::Away(error) => error,
            Failed::Told(error) => error::of(error),
            Failed::Retried(error) => error::of(error).perhaps_done().partial(),
        }
    }
}

impl Link {
    /// Connects to the servers of a URL.
    pub(crate) async fn open(target: &Target, clock: Clock) -> Result<Link, Error> {
        let way = match &target.servers {
            Servers::Cluster(_) => Way::Cluster(cluster(target).await?),
            _ => Way::Node(Node::open(target).await?),
        };
        let link = Link { way, shards: Shards::one(clock) };
        link.learn_shards().await?;
        Ok(link)
    }

    /// Returns whether this is a cluster, in which each server has its own clock.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.way, Way::Cluster(_))
    }

    /// Asks a random server of a cluster which server has which slots.
    pub(crate) async fn learn_shards(&self) -> Result<(), Failed> {
        let Way::Cluster(connection) = &self.way else { return Ok(()) };
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        let mut asked = 0;
        let answer = loop {
            let any = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
            let answer = connection.clone().route_command(command.clone(), any).await.and_then(Value::extract_error);
            asked += 1;
            // The next random server may answer where this one does not.
            if answer.is_ok() || asked == ASKED_FOR_SHARDS {
                break answer;
            }
        };
        self.shards.learn(answer.map_err(Failed::Told)?);
        Ok(())
    }

    /// Sends a command on keys with this prefix and waits for its answer.
    pub(crate) async fn send(&self, root: &str, command: &Cmd) -> Result<Value, Failed> {
        let began = Instant::now();
        let answer = match &self.way {
            Way::Node(node) => node.send(command).await,
            Way::Cluster(connection) => {
                let mut connection = connection.clone();
                let answer = connection.req_packed_command(command).await;
                let answer = answer.and_then(Value::extract_error).map_err(told_by_cluster);
                if matches!(answer, Err(Failed::Retried(_))) {
                    self.shards.note_unresponsive(root);
                }
                answer
            }
        };
        self.note_standstill(root, began);
        answer
    }

    /// Sends commands to the one server in one round trip. The server runs them in order. Returns the answer to each.
    pub(crate) async fn send_in_order(&self, commands: impl Iterator<Item = &Cmd>) -> Vec<Result<Value, Failed>> {
        let Way::Node(node) = &self.way else { unreachable!("commands in order need one server") };
        let began = Instant::now();
        let answers = node.send_in_order(commands).await;
        self.note_standstill("", began);
        answers
    }

    /// Sends a command and waits, for at most a second, until this many replicas have its writes. Returns the answer and the number
    /// of replicas that have them.
    pub(crate) async fn send_and_wait(&self, root: &str, command: &Cmd, replicas: u8) -> Result<(Value, i64), Failed> {
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(REPLICATED.as_millis() as u64);
        let answers = match &self.way {
            Way::Node(node) => {
                node.send_in_order([command, &wait].into_iter()).await.into_iter().collect::<Result<_, _>>()?
            }
            Way::Cluster(connection) => {
                let mut both = redis::pipe();
                both.add_command(command.clone()).add_command(wait);
                let route =
                    SingleNodeRoutingInfo::SpecificNode(cluster_routing::Route::with_key(root, SlotAddr::Master));
                let answers = connection.clone().route_pipeline(both, 0, 2, route).await.map_err(told_by_cluster)?;
                answers
                    .into_iter()
                    .map(|answer| answer.extract_error().map_err(told_by_cluster))
                    .collect::<Result<_, _>>()?
            }
        };
        let answers: Vec<Value> = answers;
        match <[Value; 2]>::try_from(answers) {
            Ok([answer, Value::Int(have)]) => Ok((answer, have)),
            _ => Err(Failed::Away(error::unexpected("WAIT"))),
        }
    }

    /// Notes that the server stalled if a call took so long that other processes could not renew their leases.
    fn note_standstill(&self, root: &str, began: Instant) {
        if began.elapsed() >= STANDSTILL {
            self.shards.note_unresponsive(root);
        }
    }

    /// Sends a command to the server that has a slot.
    pub(crate) async fn send_to_slot(&self, slot: u16, command: &Cmd) -> Result<Value, Failed> {
        let Way::Cluster(connection) = &self.way else { return self.send("", command).await };
        // By its address: a command for a slot goes to any other server while the right one is not connected.
        let route = match self.shards.address_of(slot) {
            Some((host, port)) => SingleNodeRoutingInfo::ByAddress { host, port },
            None => SingleNodeRoutingInfo::SpecificNode(cluster_routing::Route::new(slot, SlotAddr::Master)),
        };
        let answer = connection.clone().route_command(command.clone(), RoutingInfo::SingleNode(route)).await;
        answer.and_then(Value::extract_error).map_err(told_by_cluster)
    }

    /// Sends a command to the server, or to each master of a cluster; returns what each answers.
    pub(crate) async fn send_to_each(&self, command: &Cmd) -> Vec<Result<Value, Failed>> {
        let slots = self.shards.a_slot_of_each();
        join_all(slots.into_iter().map(|slot| self.send_to_slot(slot, command))).await
    }

    /// Sends a command to the server, or to each master of a cluster. Returns the answers of the masters that can be reached, because
    /// an unreachable master must stop only its own queues.
    ///
    /// # Errors
    ///
    /// If a server refuses the command, or no server can be reached.
    pub(crate) async fn send_to_masters(&self, command: &Cmd) -> Result<Vec<Value>, Error> {
        let (mut answers, mut failed) = (Vec::new(), None);
        for answer in self.send_to_each(command).await {
            match answer.map_err(Error::from) {
                Ok(answer) => answers.push(answer),
                Err(e) if e.kind() == ErrorKind::Unavailable => failed = Some(e),
                Err(e) => return Err(e),
            }
        }
        match failed {
            Some(e) if answers.is_empty() => Err(e),
            _ => Ok(answers),
        }
    }
}

/// Takes an error from the client of a cluster, which sends some commands again by itself.
fn told_by_cluster(error: RedisError) -> Failed {
    if error::is_sent_again(&error) { Failed::Retried(error) } else { Failed::Told(error) }
}

async fn cluster(target: &Target) -> Result<ClusterConnection, Error> {
    let Servers::Cluster(hosts) = &target.servers else { unreachable!("the caller checked that this is a cluster") };
    let mut builder = ClusterClientBuilder::new(route::nodes(target, hosts).map_err(error::of)?)
        .connection_timeout(CONNECT)
        .response_timeout(ANSWER)
        .overall_response_timeout(Some(ANSWER))
        .tcp_settings(route::tcp())
        .use_protocol(ProtocolVersion::RESP3)
        // These retries are enough to follow a slot that moved. After them, the caller gets the error.
        .retries(3)
        .min_retry_wait(20)
        .max_retry_wait(500);
    if target.tls {
        tls::choose_provider();
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(ca) = &target.ca {
        builder = builder.certs(tls::trusting(ca)?);
    }
    let client = builder.build().map_err(error::of)?;
    let connected = tokio::time::timeout(2 * CONNECT, client.get_async_connection()).await;
    connected.unwrap_or_else(|_| Err(timed_out())).map_err(error::of)
}

/// Makes the error for a connection that took too long.
pub(crate) fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

/// The connection to one server.
struct Node {
    route: Route,
    /// The name of the server in errors.
    name: String,
    runtime: Handle,
    state: Mutex<State>,
    /// Changes after each attempt to connect.
    attempts: watch::Sender<()>,
    /// Requests an attempt to connect without further delay.
    hurry: Notify,
}

struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, so that the end of an old connection does not close a newer one.
    number: u64,
    /// The error of the last attempt, if there is no connection.
    error: String,
}

impl Node {
    async fn open(target: &Target) -> Result<Arc<Node>, Error> {
        let state = State { connection: None, number: 0, error: String::new() };
        let node = Arc::new(Node {
            // With RESP3 the client reports a connection that is lost while idle.
            route: Route::new(target, ProtocolVersion::RESP3)?,
            name: target.to_string(),
            runtime: Handle::current(),
            state: Mutex::new(state),
            attempts: watch::Sender::default(),
            hurry: Notify::new(),
        });
        let connection = Node::connect(&node, 0).await.map_err(error::of)?;
        node.state().connection = Some(connection);
        Ok(node)
    }

    async fn connect(node: &Arc<Node>, number: u64) -> Result<MultiplexedConnection, RedisError> {
        let watcher = Arc::downgrade(node);
        let on_push = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection
                && let Some(node) = watcher.upgrade()
            {
                node.lost(number, "the connection was closed");
            }
            Ok::<_, Infallible>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_pipeline_buffer_size(BUFFERED)
            .set_push_sender(on_push);
        let connect = async { node.route.client(0).await?.get_multiplexed_async_connection_with_config(&config).await };
        tokio::time::timeout(CONNECT, connect).await.unwrap_or_else(|_| Err(timed_out()))
    }

    async fn send(self: &Arc<Self>, command: &Cmd) -> Result<Value, Failed> {
        let (mut connection, number) = self.connection().await.map_err(Failed::Away)?;
        let answer = connection.send_packed_command(command).await.and_then(Value::extract_error);
        answer.map_err(|e| self.note_error(number, e))
    }

    async fn send_in_order(self: &Arc<Self>, commands: impl Iterator<Item = &Cmd>) -> Vec<Result<Value, Failed>> {
        let mut pipeline = redis::pipe();
        for command in commands {
            pipeline.add_command(command.clone());
        }
        let count = pipeline.len();
        let (mut connection, number) = match self.connection().await {
            Ok(connected) => connected,
            Err(e) => return (0..count).map(|_| Err(Failed::Away(e.shared()))).collect(),
        };
        match connection.send_packed_commands(&pipeline, 0, count).await {
            Ok(answers) => {
                let read = |answer: Value| answer.extract_error().map_err(|e| self.note_error(number, e));
                answers.into_iter().map(read).collect()
            }
            Err(e) => (0..count).map(|_| Err(self.note_error(number, e.clone()))).collect(),
        }
    }

    /// Handles an error of a connection, and drops the connection if it cannot be used any more.
    fn note_error(self: &Arc<Self>, number: u64, error: RedisError) -> Failed {
        if error::ends_connection(&error) {
            self.lost(number, &error.to_string());
        }
        Failed::Told(error)
    }

    /// Returns the connection. If there is none, this requests an attempt at once and waits for its result. So the first call
    /// after the server is back succeeds, and while the server is down, a call takes only as long as one attempt.
    async fn connection(&self) -> Result<(MultiplexedConnection, u64), Error> {
        let mut attempts = self.attempts.subscribe();
        if let Some(connected) = self.connected() {
            return Ok(connected);
        }
        self.hurry.notify_one();
        let _in_time = tokio::time::timeout(LONGEST_ATTEMPT, attempts.changed()).await;
        self.connected().ok_or_else(|| {
            let error = format!("cannot reach Redis at {}: {}", self.name, self.state().error);
            Error::new(ErrorKind::Unavailable, error)
        })
    }

    fn connected(&self) -> Option<(MultiplexedConnection, u64)> {
        let state = self.state();
        state.connection.clone().map(|connection| (connection, state.number))
    }

    /// Drops a connection and starts to reconnect, unless this was done already.
    fn lost(self: &Arc<Self>, number: u64, why: &str) {
        let mut state = self.state();
        if state.number != number || state.connection.take().is_none() {
            return;
        }
        state.error = why.to_owned();
        tracing::warn!(server = %self.name, error = why, "lost the connection to Redis; reconnecting");
        self.runtime.spawn(Node::reconnect(Arc::downgrade(self)));
    }

    /// Tries to connect until there is a connection or the node is dropped.
    async fn reconnect(node: Weak<Node>) {
        let mut backoff = Backoff::default();
        loop {
            let Some(node) = node.upgrade() else { return };
            let number = node.state().number + 1;
            match Node::connect(&node, number).await {
                Ok(connection) => {
                    let mut state = node.state();
                    (state.number, state.connection) = (number, Some(connection));
                    drop(state);
                    node.attempts.send_replace(());
                    tracing::info!(server = %node.name, "reconnected to Redis");
                    return;
                }
                Err(e) => node.state().error = e.to_string(),
            }
            node.attempts.send_replace(());
            backoff.wait_unless(node.hurry.notified()).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The delay between attempts to connect. It doubles up to a limit, with random jitter.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_secs(2);

    pub(crate) async fn wait(&mut self) {
        self.wait_unless(std::future::pending()).await;
    }

    /// Waits until the delay is over or `hurry` completes, but at least a moment.
    async fn wait_unless(&mut self, hurry: impl Future<Output = ()>) {
        let longest = (Backoff::FIRST * 2u32.pow(self.attempts.min(10))).min(Backoff::LONGEST);
        self.attempts += 1;
        let shortest = Backoff::FIRST.mul_f64(0.5 + fastrand::f64() / 2.0);
        tokio::time::sleep(shortest).await;
        let rest = longest.mul_f64(0.5 + fastrand::f64() / 2.0).saturating_sub(shortest);
        let _in_a_hurry = tokio::time::timeout(rest, hurry).await;
    }

    /// Returns the number of waits so far.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts as usize
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.way {
            Way::Node(node) => write!(f, "Link({})", node.name),
            Way::Cluster(_) => f.write_str("Link(cluster)"),
        }
    }
}
