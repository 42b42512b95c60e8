//! What is measured.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use longshore::{JobId, Longshore};
use tempfile::TempDir;

use crate::front::front;
use crate::measure::{cpu, median, percentile, pss_mib};
use crate::role::{micros, new_job};
use crate::table::{Row, head};
use crate::{Bench, baseline};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Measures something, and tells it in a few rows.
type Case = fn(&Bench) -> Result<Vec<Row>>;

/// Runs the cases that were asked for, and tells each as it is done.
pub fn run(bench: &Bench) -> Result<()> {
    let cases: &[(&str, Case)] = &[
        ("baseline", baseline),
        ("push", push),
        ("drain", drain),
        ("both", both),
        ("pickup", pickup),
        ("idle", idle),
        ("depth", depth),
        ("front", front),
    ];
    if !bench.json {
        head();
    }
    let mut rows = Vec::new();
    for (name, case) in cases {
        if bench.only.is_empty() || bench.only.iter().any(|only| name.starts_with(only.as_str())) {
            for row in case(bench)? {
                if !bench.json {
                    row.print();
                }
                rows.push(row);
            }
        }
    }
    if bench.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(())
}

/// A fresh folder for one run.
pub struct Place(TempDir);

impl Place {
    pub fn new(bench: &Bench) -> Result<Self> {
        Ok(Place(match &bench.folder {
            Some(folder) => TempDir::new_in(folder)?,
            None => TempDir::new()?,
        }))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("jobs.db")
    }

    pub fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }
}

fn baseline(bench: &Bench) -> Result<Vec<Row>> {
    let time = Duration::from_secs(bench.seconds);
    let mut rows = Vec::new();
    for batch in [1, 64] {
        let rates = (0..bench.runs).map(|_| Ok(baseline::three_writes(&Place::new(bench)?.file(), batch, time)?));
        let rate = median(rates.collect::<Result<_>>()?);
        rows.push(Row::new(format!("baseline: three writes a job, batches of {batch}"), rate, "jobs/s", "raw SQLite"));
    }
    let mut commits = baseline::commits(&Place::new(bench)?.file(), 500)?;
    let (p50, p99) = (percentile(&mut commits, 0.5), percentile(&mut commits, 0.99));
    rows.push(Row::new("baseline: one durable commit", p50, "ms", format!("p99 {p99:.2} ms")));
    Ok(rows)
}

fn push(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (producers, batch) in [(1, 1), (64, 1), (1, 100), (1, 1000)] {
        let mut rates = Vec::new();
        let mut costs = Vec::new();
        for _ in 0..bench.runs {
            let place = Place::new(bench)?;
            let told = Producer::start(&place.url(), producers, batch, bench.seconds as f64, 0)?.end()?;
            rates.push(told.jobs / told.seconds);
            costs.push(told.cost());
        }
        let case = format!("push: {producers} producers, {batch} a call");
        rows.push(Row::new(case, median(rates), "jobs/s", format!("{:.1} µs CPU a job", median(costs))));
    }
    Ok(rows)
}

fn drain(bench: &Bench) -> Result<Vec<Row>> {
    let jobs = 30_000 * bench.seconds;
    let (mut rates, mut costs, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.runs {
        let place = Place::new(bench)?;
        Producer::start(&place.url(), 1, 1000, 3600.0, jobs)?.end()?;
        let told = Worker::start(&place.url(), 200, jobs, false)?.wait()?.told;
        rates.push(told.jobs / told.seconds);
        costs.push(told.cost());
        memory.push(told.pss);
    }
    let more = format!("{:.1} µs CPU a job, {:.0} MiB", median(costs), median(memory));
    Ok(vec![Row::new(format!("work off {jobs} waiting jobs, 200 slots"), median(rates), "jobs/s", more)])
}

fn both(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for producers in [1, 64] {
        let (mut rates, mut produce, mut work, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bench.runs {
            let place = Place::new(bench)?;
            let worker = Worker::start(&place.url(), 200, 0, false)?;
            let producer = Producer::start(&place.url(), producers, 1, bench.seconds as f64, 0)?;
            let pushed = producer.end()?;
            let done = worker.stop()?.told;
            rates.push(done.jobs.min(pushed.jobs) / pushed.seconds);
            produce.push(pushed.cost());
            work.push(done.cost());
            memory.push(done.pss);
        }
        let case = format!("both at once: {producers} producers, one worker");
        let (produce, work, memory) = (median(produce), median(work), median(memory));
        let more = format!("µs CPU a job: producer {produce:.1}, worker {work:.1}; worker {memory:.0} MiB");
        rows.push(Row::new(case, median(rates), "jobs/s", more));
    }
    Ok(rows)
}

/// Pushes 200 jobs a second, and measures from the answer of each push to the entry of its handler in another process.
fn pickup(bench: &Bench) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    for _ in 0..bench.runs {
        let place = Place::new(bench)?;
        let worker = Worker::start(&place.url(), 10, 0, true)?;
        let answered = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(push_at_a_rate(&place.url(), 200, bench.seconds))
        })?;
        std::thread::sleep(Duration::from_millis(500)); // the last ones are on their way
        for (id, entered) in worker.stop()?.entries {
            all.push(entered.saturating_sub(answered[&id]) as f64 / 1e3);
        }
    }
    let (p99, p999) = (percentile(&mut all, 0.99), percentile(&mut all, 0.999));
    let more = format!("p99 {p99:.2} ms, p99.9 {p999:.2} ms, {} jobs", all.len());
    Ok(vec![Row::new("pick-up at 200 jobs/s, p50", percentile(&mut all, 0.5), "ms", more)])
}

async fn push_at_a_rate(url: &str, rate: u32, seconds: u64) -> Result<HashMap<JobId, u64>> {
    let longshore = Longshore::connect(url).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut pushes = Vec::new();
    for _ in 0..u64::from(rate) * seconds {
        ticks.tick().await;
        let backend = longshore.backend().clone();
        pushes.push(tokio::spawn(async move {
            let new = new_job();
            let id = new.id;
            backend.push(vec![new]).await.expect("jobs can be pushed");
            (id, micros())
        }));
    }
    let mut answered = HashMap::new();
    for push in pushes {
        let (id, at) = push.await?;
        answered.insert(id, at);
    }
    Ok(answered)
}

/// Watches a worker that has nothing to do.
fn idle(bench: &Bench) -> Result<Vec<Row>> {
    let place = Place::new(bench)?;
    let worker = Worker::start_with(&place.url(), 10, 0, &["--unwatched"])?;
    std::thread::sleep(Duration::from_secs(2)); // its start is not what is measured
    let (pid, before, began) = (worker.child.id(), cpu(worker.child.id()), Instant::now());
    std::thread::sleep(Duration::from_secs(bench.seconds.max(20)));
    let used = (cpu(pid) - before).as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let memory = pss_mib(pid);
    worker.stop()?;
    let over = format!("over {:.0} s", began.elapsed().as_secs_f64());
    Ok(vec![Row::new("idle worker: CPU", used, "%", over), Row::new("idle worker: memory", memory, "MiB", "PSS")])
}

/// Works off a fixed number of jobs while ever more wait behind them.
fn depth(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for depth in &bench.depths {
        let place = Place::new(bench)?;
        Producer::start(&place.url(), 1, 1000, 36_000.0, *depth as u64)?.end()?;
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for _ in 0..bench.runs {
            let jobs = (*depth as u64 / bench.runs as u64 / 2).min(50_000);
            let told = Worker::start(&place.url(), 200, jobs, false)?.wait()?.told;
            rates.push(told.jobs / told.seconds);
            costs.push(told.cost());
        }
        let case = format!("work with {depth} jobs waiting");
        rows.push(Row::new(case, median(rates), "jobs/s", format!("{:.1} µs CPU a job", median(costs))));
    }
    Ok(rows)
}

/// What a process told at its end.
#[derive(Debug, Default)]
struct Told {
    jobs: f64,
    seconds: f64,
    cpu: f64,
    pss: f64,
}

impl Told {
    fn parse(line: &str) -> Self {
        let mut numbers = line.split_whitespace().map(|text| text.parse().unwrap_or(f64::NAN));
        let mut next = || numbers.next().unwrap_or(f64::NAN);
        Told { jobs: next(), seconds: next(), cpu: next(), pss: next() }
    }

    /// Returns the CPU time a job took, in microseconds.
    fn cost(&self) -> f64 {
        self.cpu / self.jobs * 1e6
    }
}

fn role(args: &[String]) -> Result<Child> {
    let command = &mut Command::new(std::env::current_exe()?);
    Ok(command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)
}

fn arguments(role: &str, named: &[(&str, String)]) -> Vec<String> {
    std::iter::once(role.to_owned()).chain(named.iter().map(|(name, value)| format!("--{name}={value}"))).collect()
}

struct Producer(Child);

impl Producer {
    fn start(url: &str, producers: usize, batch: usize, seconds: f64, count: u64) -> Result<Self> {
        let named = [
            ("store", url.to_owned()),
            ("producers", producers.to_string()),
            ("batch", batch.to_string()),
            ("seconds", seconds.to_string()),
            ("count", count.to_string()),
        ];
        Ok(Producer(role(&arguments("produce", &named))?))
    }

    fn end(mut self) -> Result<Told> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().expect("it is piped")).read_line(&mut line)?;
        self.0.wait()?;
        Ok(Told::parse(&line))
    }
}

struct Worker {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

struct Worked {
    told: Told,
    entries: Vec<(JobId, u64)>,
}

impl Worker {
    fn start(url: &str, concurrency: usize, count: u64, entries: bool) -> Result<Self> {
        Worker::start_with(url, concurrency, count, if entries { &["--entries"] } else { &[] })
    }

    fn start_with(url: &str, concurrency: usize, count: u64, flags: &[&str]) -> Result<Self> {
        let named = [("store", url.to_owned()), ("concurrency", concurrency.to_string()), ("count", count.to_string())];
        let mut args = arguments("work", &named);
        args.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let mut child = role(&args)?;
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut String::new())?; // it is ready
        Ok(Worker { child, stdout })
    }

    /// Tells it to stop, and returns what it has done.
    fn stop(mut self) -> Result<Worked> {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = writeln!(stdin); // it may have ended by itself
        }
        self.wait()
    }

    /// Waits until it has done what it was to do.
    fn wait(mut self) -> Result<Worked> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let mut entries = Vec::new();
        for line in self.stdout.lines() {
            if let Some((id, micros)) = line?.split_once(' ') {
                entries.push((id.parse()?, micros.parse()?));
            }
        }
        self.child.wait()?;
        Ok(Worked { told: Told::parse(&line), entries })
    }
}
