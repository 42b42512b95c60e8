//! redis-server: alone, as a cluster of three, and with a sentinel; and valkey-server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::Certificates;
use crate::server::{Place, Recipe, Server, folder, from_debian};

/// A redis-server, or a valkey-server, with AOF.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    /// Whether its port uses TLS, so that commands go through its socket.
    tls: bool,
}

/// The name of the socket of a server whose port uses TLS.
const SOCKET: &str = "control.sock";

impl Redis {
    /// Returns the server that all tests of this program share.
    pub fn shared() -> &'static Redis {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| Redis::start(&[]))
    }

    /// Starts a server with these settings in addition to the defaults (AOF, synced every second, no snapshots).
    /// `{port}` and `{folder}` in a value are replaced.
    ///
    /// # Panics
    ///
    /// Panics if redis-server is missing or does not start.
    pub fn start(settings: &[(&str, &str)]) -> Redis {
        Redis::run("redis-server", from_debian("redis-server"), settings)
    }

    /// Starts a server whose port uses only TLS, for clients and for nodes of its cluster.
    ///
    /// # Panics
    ///
    /// Panics if redis-server is missing or does not start.
    pub fn start_with_tls(certificates: &Certificates, settings: &[(&str, &str)]) -> Redis {
        let socket = format!("{{folder}}/{SOCKET}");
        let encrypted = encrypted(certificates);
        let mut all = vec![("tls-port", "{port}"), ("tls-cluster", "yes"), ("unixsocket", &socket)];
        all.extend(encrypted.iter().map(|(name, value)| (*name, value.as_str())));
        all.extend_from_slice(settings);
        Redis { tls: true, ..Redis::start(&all) }
    }

    /// Returns the Valkey server that all tests of this program share.
    ///
    /// # Panics
    ///
    /// Panics if valkey-server is missing or does not start.
    pub fn shared_valkey() -> &'static Redis {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        let install = "PATH=\"$(crates/redis/tests/valkey):$PATH\"";
        SHARED.get_or_init(|| Redis::run("valkey-server", install.into(), &[]))
    }

    fn run(program: &'static str, install: String, settings: &[(&str, &str)]) -> Redis {
        let mut all = vec![
            ("bind".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), "{port}".to_owned()),
            ("dir".to_owned(), "{folder}".to_owned()),
            ("save".to_owned(), String::new()),
            ("appendonly".to_owned(), "yes".to_owned()),
            ("appendfsync".to_owned(), "everysec".to_owned()),
        ];
        for (name, value) in settings {
            match all.iter_mut().find(|(known, _)| known == name) {
                Some(setting) => setting.1 = (*value).to_owned(),
                None => all.push(((*name).to_owned(), (*value).to_owned())),
            }
        }
        let command = move |place: &Place| {
            let fill = |value: &str| {
                value
                    .replace("{port}", &place.port.to_string())
                    .replace("{folder}", &place.folder.display().to_string())
            };
            let settings = all.iter().flat_map(|(name, value)| [format!("--{name}"), fill(value)]);
            std::iter::once(program.to_owned()).chain(settings).collect()
        };
        let recipe = Recipe {
            program,
            install,
            command: Box::new(command),
            signal: "KILL",
            is_up: Box::new(|place| answers(place.addr())),
        };
        Redis { server: Server::start(folder(), recipe), tls: false }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.addr())
    }

    /// Starts a replica of it that has all its data.
    ///
    /// # Panics
    ///
    /// Panics if redis-server is missing, or if the replica has not caught up within a minute.
    pub fn replica(&self) -> Redis {
        let replica = Redis::start(&[]);
        replica.command(&["REPLICAOF", "127.0.0.1", &self.addr().port().to_string()]);
        replica.catch_up(self);
        replica
    }

    /// Waits until this replica has all data that its master has now.
    ///
    /// # Panics
    ///
    /// Panics if it has not within a minute.
    pub fn catch_up(&self, master: &Redis) {
        let number = |info: &str, name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|number| number.trim().parse::<u64>().ok())
        };
        let wanted = number(&master.command(&["INFO", "replication"]), "master_repl_offset");
        wait_until("the replica does not catch up", || {
            let info = self.command(&["INFO", "replication"]);
            info.contains("master_link_status:up") && number(&info, "slave_repl_offset") >= wanted
        });
    }

    /// Sends one command whose words contain no spaces. Returns the answer in one line.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be reached.
    pub fn command(&self, words: &[&str]) -> String {
        let socket = self.tls.then(|| self.folder().join(SOCKET));
        command(self.addr(), socket.as_deref(), words).expect("redis-server answers")
    }
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// Returns the settings of a server that uses TLS and has no other port.
fn encrypted(certificates: &Certificates) -> [(&'static str, String); 5] {
    let file = |path: std::path::PathBuf| path.display().to_string();
    [
        ("port", "0".to_owned()),
        ("tls-cert-file", file(certificates.certificate())),
        ("tls-key-file", file(certificates.key())),
        ("tls-ca-cert-file", file(certificates.authority())),
        ("tls-auth-clients", "no".to_owned()),
    ]
}

/// The settings that make a server a node of a cluster.
const CLUSTER: [(&str, &str); 2] = [("cluster-enabled", "yes"), ("cluster-config-file", "nodes.conf")];

/// Three nodes that share the slots between them.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Returns the cluster that all tests of this program share.
    pub fn shared() -> &'static RedisCluster {
        static SHARED: OnceLock<RedisCluster> = OnceLock::new();
        SHARED.get_or_init(|| RedisCluster::start(&[]))
    }

    /// Starts a cluster whose nodes have these settings in addition to the defaults.
    ///
    /// # Panics
    ///
    /// Panics if redis-server is missing, or if the nodes do not find each other within a minute.
    pub fn start(settings: &[(&str, &str)]) -> RedisCluster {
        RedisCluster::of(|cluster| Redis::start(&[cluster, settings].concat()))
    }

    /// Starts a cluster whose nodes use TLS, for clients and between each other.
    ///
    /// # Panics
    ///
    /// Panics like [`RedisCluster::start`].
    pub fn start_with_tls(certificates: &Certificates) -> RedisCluster {
        RedisCluster::of(|cluster| Redis::start_with_tls(certificates, cluster))
    }

    fn of(node: impl Fn(&[(&str, &str)]) -> Redis) -> RedisCluster {
        let nodes: Vec<Redis> = (0..3).map(|_| node(&CLUSTER)).collect();
        for (index, (from, to)) in [("0", "5460"), ("5461", "10922"), ("10923", "16383")].iter().enumerate() {
            nodes[index].command(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            nodes[index].command(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
        }
        for node in &nodes[1..] {
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &node.addr().port().to_string()]);
        }
        let agrees = |node: &Redis| {
            let info = node.command(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        wait_until("the nodes of a cluster do not find each other", || nodes.iter().all(agrees));
        RedisCluster { nodes }
    }

    /// Starts a replica of one of its nodes. All nodes know it, and it has all data of that node.
    ///
    /// # Panics
    ///
    /// Panics if redis-server is missing, or if the replica has not joined within a minute.
    pub fn replica(&self, node: usize) -> Redis {
        let replica = Redis::start(&CLUSTER);
        let master = &self.nodes[node];
        replica.command(&["CLUSTER", "MEET", "127.0.0.1", &master.addr().port().to_string()]);
        let id = master.command(&["CLUSTER", "MYID"]);
        wait_until("the replica is not let in", || replica.command(&["CLUSTER", "REPLICATE", &id]) == "+OK");
        replica.catch_up(master);
        let its = replica.command(&["CLUSTER", "MYID"]);
        wait_until("not all nodes know the replica", || {
            let knows = |node: &Redis| {
                let known = node.command(&["CLUSTER", "NODES"]);
                known.lines().any(|line| line.starts_with(&its) && line.contains("slave"))
            };
            self.nodes.iter().all(knows)
        });
        replica
    }

    /// Returns the nodes.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Returns the addresses of the nodes.
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.addr()).collect()
    }

    /// Returns the URL of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }
}

/// A sentinel that watches one redis-server, reports its address, and promotes a replica when the server is unreachable
/// for a second.
#[derive(Debug)]
pub struct Sentinel(Server);

impl Sentinel {
    /// Starts a sentinel that knows `master` under that name.
    ///
    /// # Panics
    ///
    /// Panics if redis-sentinel is missing or does not start.
    pub fn start(master: &Redis, name: &str) -> Sentinel {
        Sentinel::run(master, name, "port", String::new())
    }

    /// Starts a sentinel that uses TLS, to clients and to `master`.
    ///
    /// # Panics
    ///
    /// Panics like [`Sentinel::start`].
    pub fn start_with_tls(master: &Redis, name: &str, certificates: &Certificates) -> Sentinel {
        let settings = encrypted(certificates).map(|(name, value)| format!("{name} {value}\n"));
        Sentinel::run(master, name, "tls-port", settings.concat() + "tls-replication yes\n")
    }

    fn run(master: &Redis, name: &str, port_of: &'static str, settings: String) -> Sentinel {
        let folder = folder();
        let file = folder.path().join("sentinel.conf");
        let port = master.addr().port();
        let text = format!(
            "sentinel monitor {name} 127.0.0.1 {port} 1\nsentinel down-after-milliseconds {name} 1000\n\
             sentinel failover-timeout {name} 10000\nbind 127.0.0.1\n{settings}"
        );
        std::fs::write(&file, text).expect("the folder can be written");
        let command = move |place: &Place| {
            let (file, port) = (file.display().to_string(), place.port.to_string());
            ["redis-sentinel", &file, &format!("--{port_of}"), &port].map(str::to_owned).to_vec()
        };
        let recipe = Recipe {
            program: "redis-sentinel",
            install: from_debian("redis-sentinel"),
            command: Box::new(command),
            signal: "KILL",
            is_up: Box::new(|place| answers(place.addr())),
        };
        Sentinel(Server::start(folder, recipe))
    }
}

impl Deref for Sentinel {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

/// Waits until a condition holds.
fn wait_until(otherwise: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{otherwise}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns whether the server answers; an answer that asks for a password counts. For a TLS server it is enough that it
/// accepts connections.
fn answers(addr: SocketAddr) -> bool {
    match command(addr, None, &["PING"]) {
        Ok(answer) => !answer.contains("LOADING"),
        Err(e) => matches!(e.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof),
    }
}

/// Sends a command in the inline form of the protocol to a port, or to a socket if there is one. Returns the answer; of
/// an array only the first line.
///
/// Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/>
fn command(addr: SocketAddr, socket: Option<&Path>, words: &[&str]) -> std::io::Result<String> {
    let patience = Some(Duration::from_secs(10));
    match socket {
        Some(socket) => {
            let stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(patience)?;
            ask(stream, words)
        }
        None => {
            let stream = TcpStream::connect(addr)?;
            stream.set_read_timeout(patience)?;
            ask(stream, words)
        }
    }
}

fn ask(mut stream: impl Read + Write, words: &[&str]) -> std::io::Result<String> {
    stream.write_all(format!("{}\r\n", words.join(" ")).as_bytes())?;
    let mut answers = BufReader::new(stream);
    let mut line = String::new();
    if answers.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    match line.strip_prefix('$').and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => {
            let mut text = vec![0; length];
            answers.read_exact(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        None => Ok(line.trim_end().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_can_be_killed_and_keeps_what_it_wrote() {
        let redis = Redis::start(&[("appendfsync", "always")]);
        assert_eq!(redis.command(&["SET", "a", "1"]), "+OK");
        redis.restart();
        assert_eq!(redis.command(&["GET", "a"]), "1");
        redis.stop();
        redis.go_on();
        assert_eq!(redis.command(&["PING"]), "+PONG");
    }

    #[test]
    fn server_ends_with_who_started_it() {
        let redis = Redis::start(&[]);
        let (pid, folder) = (redis.pid().unwrap(), redis.folder().to_owned());
        drop(redis);
        assert!(!std::path::Path::new(&format!("/proc/{pid}/stat")).exists());
        assert!(!folder.exists());
    }

    #[test]
    fn cluster_answers_for_all_slots() {
        let cluster = RedisCluster::shared();
        assert!(cluster.nodes()[0].command(&["CLUSTER", "INFO"]).contains("cluster_slots_ok:16384"));
    }

    #[test]
    fn sentinel_knows_its_master() {
        let redis = Redis::start(&[]);
        let sentinel = Sentinel::start(&redis, "main");
        let answer = command(sentinel.addr(), None, &["SENTINEL", "CKQUORUM", "main"]).unwrap();
        assert!(answer.starts_with("+OK"), "{answer}");
    }
}
