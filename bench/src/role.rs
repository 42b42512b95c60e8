//! Producers and workers, each in its own process, as in production. They communicate with the bench in lines of text.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use longshore::handler::Shared;
use longshore::{Ctx, Job, JobId, Longshore, NewJob, Payload, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::measure::cpu;

/// The environment variable with the store's URL for a process of the bench. A command line would show its password to
/// all users.
pub const STORE: &str = "LONGSHORE_BENCH_STORE";

/// A job that does nothing, with a payload of about 110 bytes and a small result.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "noop", output = Done)]
pub struct Noop {
    /// Fills the payload.
    pub text: String,
}

/// The result of every job, `{"ok":true}`: real jobs have results, and a store has to write them.
#[derive(Serialize, Deserialize)]
pub struct Done {
    ok: bool,
}

/// A job that is never pushed.
#[derive(Serialize, Deserialize, Job)]
#[job(kind = "other", output = Done)]
pub struct Other {}

async fn other(_: Other) -> Result<Done> {
    Ok(Done { ok: true })
}

impl Noop {
    pub fn new() -> Self {
        Noop { text: "x".repeat(100) }
    }
}

/// Pushes jobs as fast as possible, or at a rate.
#[derive(Debug, Args)]
pub struct Produce {
    #[arg(env = STORE, hide_env_values = true)]
    store: String,
    #[arg(long)]
    producers: usize,
    /// Jobs per push.
    #[arg(long)]
    batch: usize,
    #[arg(long)]
    seconds: f64,
    /// Stop after this many jobs; 0: no limit.
    #[arg(long)]
    count: u64,
}

impl Produce {
    /// Connects and prints `ready`. It begins when it reads a line from standard input. At the end it prints jobs,
    /// seconds, and CPU seconds since the beginning.
    pub async fn run(self) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let longshore = Longshore::connect(&self.store).await?;
        say_ready()?;
        if std::io::stdin().lock().lines().next().is_none() {
            return Err("standard input ended before the line that starts the producers".into());
        }
        let used = cpu(std::process::id());
        let pushed = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let until = began + Duration::from_secs_f64(self.seconds);
        let producers: Vec<_> = (0..self.producers)
            .map(|_| {
                let (longshore, pushed) = (longshore.clone(), Arc::clone(&pushed));
                let (batch, count) = (self.batch, self.count);
                tokio::spawn(async move {
                    while Instant::now() < until && (count == 0 || pushed.load(Ordering::Relaxed) < count) {
                        let jobs = (0..batch).map(|_| new_job()).collect();
                        longshore.backend().push(jobs).await.expect("jobs can be pushed");
                        pushed.fetch_add(batch as u64, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.await?;
        }
        let cpu = (cpu(std::process::id()) - used).as_secs_f64();
        println!("{} {} {cpu}", pushed.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Creates one such job.
pub fn new_job() -> NewJob {
    let payload = Payload::of(&Noop::new()).expect("it is small");
    NewJob::new("default".parse().expect("a name"), Noop::KIND.parse().expect("a name"), payload)
}

/// Runs jobs until its standard input ends, or a number of jobs is done.
#[derive(Debug, Args)]
pub struct Work {
    #[arg(env = STORE, hide_env_values = true)]
    store: String,
    #[arg(long)]
    concurrency: usize,
    /// Do not sample the memory, which costs CPU.
    #[arg(long)]
    unwatched: bool,
    /// Wait for jobs of a kind that is never pushed.
    #[arg(long)]
    other: bool,
    /// Print when the handler of each job started.
    #[arg(long)]
    entries: bool,
    /// Stop after this many jobs; 0: no limit.
    #[arg(long)]
    count: u64,
}

/// The handler's records: how many jobs it ran, and when it started.
#[derive(Clone)]
struct Notes {
    done: Arc<AtomicU64>,
    entries: Option<mpsc::UnboundedSender<(JobId, u64)>>,
    enough: Arc<tokio::sync::Notify>,
    count: u64,
}

async fn noop(_: Noop, ctx: Ctx, Shared(notes): Shared<Notes>) -> Result<Done> {
    if let Some(entries) = &notes.entries {
        let _ = entries.send((ctx.id(), micros())); // the receiver lives longer than this handler
    }
    if notes.done.fetch_add(1, Ordering::Relaxed) + 1 == notes.count {
        notes.enough.notify_one();
    }
    Ok(Done { ok: true })
}

impl Work {
    /// Connects and prints `ready`. For each line of standard input, and at the end, it prints: jobs, seconds, CPU
    /// seconds since it was ready, peak PSS in MiB. After that, if requested, it prints `id micros` for each start of a
    /// handler.
    pub async fn run(self) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let longshore = Longshore::connect(&self.store).await?;
        let (entries, mut entered) = mpsc::unbounded_channel();
        let entries = self.entries.then_some(entries);
        let enough = Arc::new(tokio::sync::Notify::new());
        let notes = Notes { done: Arc::default(), entries, enough: Arc::clone(&enough), count: self.count };
        let done = Arc::clone(&notes.done);
        let (began, used) = (Instant::now(), cpu(std::process::id()));
        let numbers = move || {
            let (jobs, took) = (done.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
            let cpu = (cpu(std::process::id()) - used).as_secs_f64();
            format!("{jobs} {took} {cpu} {}", PEAK_KIB.load(Ordering::Relaxed) as f64 / 1024.0)
        };
        let worker = longshore.worker().share(notes).concurrency(self.concurrency);
        let running = if self.other { worker.handle(other).start()? } else { worker.handle(noop).start()? };
        say_ready()?;
        let peak = (!self.unwatched).then(|| tokio::spawn(watch_memory()));
        let asked = numbers.clone();
        let input_ended = tokio::task::spawn_blocking(move || {
            for _ in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
                println!("{}", asked());
            }
        });
        tokio::select! {
            () = enough.notified() => {}
            _ = input_ended => {}
        }
        let numbers = numbers();
        let _ = running.drain().await;
        if let Some(peak) = peak {
            peak.abort();
        }
        println!("{numbers}");
        while let Ok((id, micros)) = entered.try_recv() {
            println!("{id} {micros}");
        }
        std::process::exit(0) // a thread may still wait for standard input
    }
}

fn say_ready() -> std::io::Result<()> {
    println!("ready");
    std::io::stdout().flush()
}

static PEAK_KIB: AtomicU64 = AtomicU64::new(0);

async fn watch_memory() {
    loop {
        let now = (crate::measure::pss_mib(std::process::id()) * 1024.0) as u64;
        PEAK_KIB.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Returns the wall clock in microseconds, which all processes of a machine share.
pub fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
