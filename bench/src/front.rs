//! The HTTP server under load: a thousand clients send a form very slowly, while others push as fast as they can.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore::{JobId, Longshore};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Bench;
use crate::measure::{cpu, percentile, pss_mib};
use crate::store::{Result, Store, wait};
use crate::table::Row;

/// How often a slow client sends a byte.
const DRIP: Duration = Duration::from_secs(1);
/// The pause of a client that could not connect, or was refused.
const AGAIN: Duration = Duration::from_millis(100);

/// Pushes over many connections while slow clients hold theirs. Then it kills the server, and checks that every job it
/// accepted is in the store.
pub fn front(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    raise_open_files();
    let mut rows = Vec::new();
    for flood in &bench.floods {
        rows.extend(wait(run(bench, store, *flood))?);
    }
    Ok(rows)
}

/// Raises the limit of open files of this process, and of those it starts, to the system's maximum.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }); // if this fails, the case reports an error
}

async fn run(bench: &Bench, store: &Store, flood: usize) -> Result<Vec<Row>> {
    let place = store.place()?;
    let server = Served::start(&place.url(), bench.slow + flood + 64)?;
    let slow = Arc::new(Tally::default());
    let mut dripping = JoinSet::new();
    for _ in 0..bench.slow {
        dripping.spawn(drip(server.addr, Arc::clone(&slow)));
    }
    while slow.count("connected") < bench.slow {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let (began, used) = (Instant::now(), cpu(server.child.id()));
    let until = began + Duration::from_secs(bench.seconds);
    let mut pushing = JoinSet::new();
    for _ in 0..flood {
        pushing.spawn(push(server.addr, until));
    }
    let mut memory: f64 = 0.0;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(250)).await;
        memory = memory.max(pss_mib(server.child.id()));
    }
    let mut all = Pushed::default();
    while let Some(pushed) = pushing.join_next().await {
        all.add(pushed?);
    }
    let seconds = began.elapsed().as_secs_f64();
    let used = (cpu(server.child.id()) - used).as_secs_f64();
    let (rss, slow) = (rss_mib(server.child.id()), slow.words());
    drop(server); // the server is killed; its answers must be true nevertheless
    dripping.shutdown().await;

    let longshore = Longshore::connect(&place.url()).await?;
    let mut found = 0;
    for ids in all.taken.chunks(1_000) {
        found += longshore.backend().status(ids.to_vec()).await?.iter().flatten().count();
    }
    let taken = all.taken.len();
    let (mut ok, mut shed) = (all.ok_ms, all.shed_ms);
    let case = |what: &str| format!("front: {} slow, {flood} pushing: {what}", bench.slow);
    let (p99, worst) = (percentile(&mut ok, 0.99), percentile(&mut ok, 1.0));
    let quickly = match shed.is_empty() {
        true => String::new(),
        false => format!(", p99 {:.1} ms", percentile(&mut shed, 0.99)),
    };
    Ok(vec![
        Row::new(case("taken over"), taken as f64 / seconds, "jobs/s", format!("{taken} jobs answered 202")),
        Row::new(case("p50"), percentile(&mut ok, 0.5), "ms", format!("p99 {p99:.1} ms, worst {worst:.1} ms")),
        Row::new(
            case("sent away"),
            shed.len() as f64,
            "times",
            format!(
                "429 or 503 with Retry-After{quickly}; {} other answers, {} broken connections",
                all.other, all.broken
            ),
        ),
        Row::new(case("lost"), (taken - found) as f64, "jobs", "of those answered 202, after SIGKILL of the server"),
        Row::new(case("memory"), memory, "MiB", format!("PSS at its peak; RSS {rss:.1} MiB at the end")),
        Row::new(case("CPU"), used / taken.max(1) as f64 * 1e6, "µs/job", format!("slow clients: {slow}")),
    ])
}

/// The program as a server, with default settings except the number of connections. It is killed when dropped.
struct Served {
    child: Child,
    addr: SocketAddr,
}

impl Served {
    fn start(url: &str, connections: usize) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("longshore");
        if !program.exists() {
            return Err(format!(
                "{} does not exist; build it together with this bench (`--workspace`)",
                program.display()
            )
            .into());
        }
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LONGSHORE_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--demo", "--listen=127.0.0.1:0", "--store", url]).stdout(Stdio::piped());
        command.env("LONGSHORE_LOG", "error").env("LONGSHORE_HTTP_CONNECTIONS", connections.to_string());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line)?;
        let addr = line.trim().rsplit('/').next().unwrap_or_default().parse();
        match addr {
            Ok(addr) => Ok(Served { child, addr }),
            Err(_) => {
                let _ = child.kill(); // it may have ended with an error message
                Err(format!("expected the server's address, got {line:?}").into())
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself, which the results show
        let _ = self.child.wait();
    }
}

/// Counts events of slow clients.
#[derive(Default)]
struct Tally(Mutex<HashMap<String, usize>>);

impl Tally {
    fn note(&self, what: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what.to_owned()).or_default() += 1;
    }

    fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(what).copied().unwrap_or(0)
    }

    fn words(&self) -> String {
        let tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words: Vec<_> = tally.iter().map(|(what, count)| format!("{count} {what}")).collect();
        words.sort();
        words.join(", ")
    }
}

/// Sends a form very slowly, one byte at a time, again and again.
async fn drip(addr: SocketAddr, tally: Arc<Tally>) {
    let head = "POST /image_queue HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 3600\r\n\r\ntext=";
    loop {
        let Ok(mut stream) = TcpStream::connect(addr).await else {
            tally.note("refused");
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        if stream.write_all(head.as_bytes()).await.is_ok() {
            tally.note("connected");
        }
        let mut answer = [0; 512];
        let ended = loop {
            tokio::select! {
                read = stream.read(&mut answer) => break read,
                () = tokio::time::sleep(DRIP) => if let Err(e) = stream.write_all(b"x").await { break Err(e) },
            }
        };
        match ended {
            Ok(read) if read >= 12 => tally.note(&format!("answered {}", String::from_utf8_lossy(&answer[9..12]))),
            _ => tally.note("broken off"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The results of pushing.
#[derive(Default)]
struct Pushed {
    taken: Vec<JobId>,
    ok_ms: Vec<f64>,
    /// Durations of answers that asked to retry later, with `Retry-After`.
    shed_ms: Vec<f64>,
    other: usize,
    broken: usize,
}

impl Pushed {
    fn add(&mut self, more: Pushed) {
        self.taken.extend(more.taken);
        self.ok_ms.extend(more.ok_ms);
        self.shed_ms.extend(more.shed_ms);
        self.other += more.other;
        self.broken += more.broken;
    }
}

/// Pushes jobs over one connection, each as soon as the previous one is answered.
async fn push(addr: SocketAddr, until: Instant) -> Pushed {
    let body = format!(r#"{{"kind":"noop","payload":{{"text":"{}"}}}}"#, "x".repeat(100));
    let request = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut pushed = Pushed::default();
    while Instant::now() < until {
        if over_one_connection(addr, &request, until, &mut pushed).await.is_err() {
            pushed.broken += 1;
            tokio::time::sleep(AGAIN).await;
        }
    }
    pushed
}

async fn over_one_connection(addr: SocketAddr, request: &str, until: Instant, pushed: &mut Pushed) -> Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while Instant::now() < until {
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let (head, body) = read_answer(&mut stream, &mut buffer).await?;
        let ms = sent.elapsed().as_secs_f64() * 1e3;
        match &head[9..12] {
            "202" => {
                let answer: serde_json::Value = serde_json::from_str(&body)?;
                pushed.taken.push(answer["id"].as_str().ok_or("an answer without an id")?.parse()?);
                pushed.ok_ms.push(ms);
            }
            "429" | "503" if head.contains("\r\nretry-after: ") => pushed.shed_ms.push(ms),
            _ => pushed.other += 1,
        }
        if head.contains("\r\nconnection: close") {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads one answer that has a `Content-Length`; returns its head, in lower case, and its body.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(String, String)> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server closed the connection".into());
        }
        let text = std::str::from_utf8(buffer)?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: usize = length.ok_or("an answer without a length")?.parse()?;
        if body.len() >= length {
            return Ok((head, body.to_owned()));
        }
    }
}

/// Returns the resident set size of a process, in MiB.
fn rss_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or(f64::NAN) / 1024.0
}
