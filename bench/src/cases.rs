//! The cases that are measured.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use longshore::{JobId, Longshore};

use crate::Bench;
use crate::baseline::baseline;
use crate::front::front;
use crate::goal::Figure;
use crate::measure::{cpu, median, percentile, pss_mib};
use crate::process::{Producer, Worker};
use crate::processes::processes;
use crate::role::{micros, new_job};
use crate::store::{Result, Store, wait};
use crate::table::{Row, head};

/// Measures one case and returns its results as rows.
type Case = fn(&Bench, &Store) -> Result<Vec<Row>>;

/// The number of jobs that a worker runs at once.
pub const SLOTS: usize = 200;
/// The number of jobs that a worker runs at once when only throughput counts. It is the maximum size of a batch.
const MANY_SLOTS: usize = 1000;

/// The number of idle processes in the case `crowd`.
const CROWD: usize = 100;

/// Runs the requested cases and prints each when it is done.
pub fn run(bench: &Bench) -> Result<()> {
    let cases: &[(&str, Case)] = &[
        ("baseline", baseline),
        ("push", push),
        ("drain", drain),
        ("both", both),
        ("processes", processes),
        ("crowd", crowd),
        ("pickup", pickup),
        ("idle", idle),
        ("depth", depth),
        ("front", front),
    ];
    let store = Store::open(&bench.store, bench.folder.as_deref())?;
    if !bench.json {
        println!("{}\n", store.words().unwrap_or_else(|_| store.engine().to_string()));
        head();
    }
    let mut rows = Vec::new();
    for (name, case) in cases {
        if bench.only.is_empty() || bench.only.iter().any(|only| name.starts_with(only.as_str())) {
            for row in case(bench, &store)? {
                let row = row.judge(store.engine(), &rows);
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

/// The CPU time of jobs, run by run, in microseconds per job: that of longshore's processes, and that of the server if
/// it was started for this run.
#[derive(Default)]
struct Cost {
    own: Vec<f64>,
    server: Vec<f64>,
}

impl Cost {
    fn add(&mut self, own: f64, server: Option<f64>) {
        self.own.push(own);
        self.server.extend(server);
    }

    fn own(&self) -> f64 {
        median(self.own.clone())
    }

    /// Returns the total CPU time of a job, as far as it is known.
    fn all(&self) -> f64 {
        self.own() + if self.server.is_empty() { 0.0 } else { median(self.server.clone()) }
    }

    fn words(&self) -> String {
        let server =
            if self.server.is_empty() { String::new() } else { format!(", server {:.1}", median(self.server.clone())) };
        format!("{:.1} µs CPU a job{server}", self.own())
    }
}

fn push(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (producers, batch) in [(1, 1), (64, 1), (1, 100), (1, 1000)] {
        let (mut rates, mut cost) = (Vec::new(), Cost::default());
        for _ in 0..bench.runs {
            let place = store.place()?;
            let meter = store.meter();
            let report = Producer::start(&place.url(), producers, batch, bench.seconds as f64, 0)?.run()?;
            cost.add(report.cost(), meter.cost(report.jobs));
            rates.push(report.rate());
        }
        let case = format!("push: {producers} producers, {batch} a call");
        rows.push(Row::new(case, median(rates), "jobs/s", cost.words()));
    }
    Ok(rows)
}

fn drain(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let jobs = 30_000 * bench.seconds;
    let mut rows = Vec::new();
    for slots in [SLOTS, MANY_SLOTS] {
        let (mut rates, mut cost, mut memory) = (Vec::new(), Cost::default(), Vec::new());
        for _ in 0..bench.runs {
            let place = store.place()?;
            Producer::fill(&place.url(), jobs)?;
            let meter = store.meter();
            let report = Worker::start(&place.url(), slots, jobs, &[])?.wait()?.report;
            cost.add(report.cost(), meter.cost(report.jobs));
            rates.push(report.rate());
            memory.push(report.pss);
        }
        let more = format!("{}, {:.0} MiB", cost.words(), median(memory));
        let row = Row::new(format!("work off {jobs} waiting jobs, {slots} slots"), median(rates), "jobs/s", more);
        rows.push(if slots == MANY_SLOTS { row.figure(Figure::Drain) } else { row });
    }
    Ok(rows)
}

fn both(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for producers in [1, 64] {
        let (mut rates, mut produce, mut work, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut cost = Cost::default();
        for _ in 0..bench.runs {
            let place = store.place()?;
            let worker = Worker::start(&place.url(), SLOTS, 0, &[])?;
            let meter = store.meter();
            let pushed = Producer::start(&place.url(), producers, 1, bench.seconds as f64, 0)?.run()?;
            let done = worker.stop()?.report;
            rates.push(done.jobs.min(pushed.jobs) / pushed.seconds);
            cost.add(pushed.cost() + done.cost(), meter.cost(done.jobs.min(pushed.jobs)));
            produce.push(pushed.cost());
            work.push(done.cost());
            memory.push(done.pss);
        }
        let case = format!("both at once: {producers} producers, one worker");
        let (produce, work, memory) = (median(produce), median(work), median(memory));
        let more = format!("µs CPU a job: producer {produce:.1}, worker {work:.1}; worker {memory:.0} MiB");
        let own = Row::new(format!("{case}: own CPU"), cost.own(), "µs/job", "producer and worker, without the server");
        let server = (!cost.server.is_empty())
            .then(|| Row::new(format!("{case}: server CPU"), median(cost.server.clone()), "µs/job", ""));
        rows.push(Row::new(case, median(rates), "jobs/s", more).figure(Figure::Both(producers)));
        rows.extend(server);
        rows.push(own);
    }
    Ok(rows)
}

/// Pushes 200 jobs a second, and measures the time from the answer of each push to the start of its handler in another
/// process.
fn pickup(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let mut all = Vec::new();
    for _ in 0..bench.runs {
        all.extend(pick_up(store, 200, bench.seconds)?);
    }
    let p999 = percentile(&mut all, 0.999);
    let p99 = Row::new("pick-up at 200 jobs/s, p99", percentile(&mut all, 0.99), "ms", format!("p99.9 {p999:.2} ms"));
    let p50 = percentile(&mut all, 0.5);
    let p50 = Row::new("pick-up at 200 jobs/s, p50", p50, "ms", format!("{} jobs", all.len()));
    Ok(vec![p50, p99.figure(Figure::PickUpP99)])
}

/// Pushes at a rate, and returns how long each job waited, in milliseconds.
pub fn pick_up(store: &Store, rate: u32, seconds: u64) -> Result<Vec<f64>> {
    let place = store.place()?;
    let worker = Worker::start(&place.url(), 10, 0, &["--entries"])?;
    let answered = wait(push_at_a_rate(&place.url(), rate, seconds))?;
    std::thread::sleep(Duration::from_millis(500)); // wait for the last jobs
    let entries = worker.stop()?.entries;
    let waited = |(id, entered): (JobId, u64)| Some(entered.saturating_sub(*answered.get(&id)?) as f64 / 1e3);
    Ok(entries.into_iter().filter_map(waited).collect())
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

/// Pushes one job at a time, first without other processes, then beside many idle processes that wait for jobs of
/// another kind.
fn crowd(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut costs = Vec::new();
    for idle in [0, CROWD] {
        let (mut rates, mut cost) = (Vec::new(), Cost::default());
        for _ in 0..bench.runs {
            let place = store.place()?;
            let crowd = (0..idle).map(|_| Worker::start(&place.url(), 10, 0, &["--unwatched", "--other"]));
            let crowd = crowd.collect::<Result<Vec<_>>>()?;
            std::thread::sleep(if idle > 0 { Duration::from_secs(2) } else { Duration::ZERO }); // their start is not measured
            let producer = Producer::start(&place.url(), 1, 1, bench.seconds as f64, 0)?;
            let meter = store.meter();
            let report = producer.run()?;
            cost.add(report.cost(), meter.cost(report.jobs));
            rates.push(report.rate());
            crowd.into_iter().try_for_each(|worker| worker.stop().map(|_| ()))?;
        }
        rows.push(Row::new(format!("push beside {idle} idle processes"), median(rates), "jobs/s", cost.words()));
        costs.extend((!cost.server.is_empty()).then(|| median(cost.server)));
    }
    if let [alone, crowded] = costs[..] {
        let row = Row::new("push beside idle processes: server CPU", crowded / alone, "×", "of that beside none");
        rows.push(row.figure(Figure::Crowd));
    }
    Ok(rows)
}

/// Measures a worker that has nothing to do.
fn idle(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let place = store.place()?;
    let worker = Worker::start(&place.url(), 10, 0, &["--unwatched"])?;
    std::thread::sleep(Duration::from_secs(2)); // its start is not measured
    let (pid, before, began) = (worker.pid(), cpu(worker.pid()), Instant::now());
    let served = store.cpu();
    std::thread::sleep(Duration::from_secs(bench.seconds.max(20)));
    let share = |used: Duration| used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    let used = share(cpu(pid) - before);
    let server = store.cpu().zip(served).map(|(now, before)| format!(", server {:.2} %", share(now - before)));
    let memory = pss_mib(pid);
    worker.stop()?;
    let over = format!("over {:.0} s{}", began.elapsed().as_secs_f64(), server.unwrap_or_default());
    let memory = Row::new("idle worker: memory", memory, "MiB", "PSS");
    Ok(vec![Row::new("idle worker: CPU", used, "%", over), memory.figure(Figure::IdleMemory)])
}

/// With fewer jobs than these, the CPU time is too short to be measured.
const FEW: f64 = 20_000.0;

/// Runs half of the waiting jobs, at most 50,000, for increasing numbers of waiting jobs.
fn depth(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut costs = Vec::new();
    for depth in &bench.depths {
        let place = store.place()?;
        let half = (*depth / 2).clamp(1, 50_000);
        let (mut waiting, mut rates, mut cost) = (0, Vec::new(), Cost::default());
        for _ in 0..bench.runs {
            let (mut jobs, mut seconds, mut own, mut server) = (0.0, 0.0, 0.0, None);
            while jobs < FEW {
                Producer::fill(&place.url(), *depth - waiting)?;
                let meter = store.meter();
                let report = Worker::start(&place.url(), SLOTS, half, &[])?.wait()?.report;
                waiting = *depth - half;
                server = meter.cost(1.0).map(|used| used + server.unwrap_or(0.0));
                (jobs, seconds, own) = (jobs + report.jobs, seconds + report.seconds, own + report.cpu);
            }
            cost.add(own / jobs * 1e6, server.map(|used| used / jobs));
            rates.push(jobs / seconds);
        }
        costs.push((*depth, cost.all()));
        rows.push(Row::new(format!("work with {depth} jobs waiting"), median(rates), "jobs/s", cost.words()));
    }
    let (fewest, most) = (costs.iter().min_by_key(|cost| cost.0), costs.iter().max_by_key(|cost| cost.0));
    if let (Some(fewest), Some(most)) = (fewest, most)
        && fewest.0 < most.0
    {
        let case = format!("cost a job: {} waiting to {}", most.0, fewest.0);
        rows.push(Row::new(case, most.1 / fewest.1, "×", "CPU of all processes").figure(Figure::Depth));
    }
    Ok(rows)
}
