//! A measured system: longshore or a peer, with the same measurements.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cases::{SLOTS, pick_up};
use crate::measure::Throughput;
use crate::peers::install::Installed;
use crate::peers::peer::Peer;
use crate::peers::script::{Moment, Script};
use crate::process::{Count, Process, Producer, Worker};
use crate::processes;
use crate::store::{Result, Store};

/// The number of producers that push at once, each waiting for its answer.
pub const PRODUCERS: usize = 64;

/// A job system that works on a store.
pub trait System {
    /// Pushes from many producers while one worker runs the jobs. A job counts when its handler was started.
    fn both(&self, store: &Store, seconds: u64) -> Result<Throughput>;

    /// Fills a queue, then runs its jobs. Only the latter is measured.
    fn drain(&self, store: &Store, jobs: u64) -> Result<Throughput>;

    /// Pushes from this number of processes, each one job at a time, while two workers run the jobs.
    fn processes(&self, store: &Store, producers: usize, seconds: u64) -> Result<Throughput>;

    /// Pushes at a rate, and returns how long each job waited from its answer to the start of its handler, in
    /// milliseconds.
    fn pick_up(&self, store: &Store, rate: u32, seconds: u64) -> Result<Vec<f64>>;
}

/// Longshore.
pub struct Ours;

impl System for Ours {
    fn both(&self, store: &Store, seconds: u64) -> Result<Throughput> {
        let place = store.place()?;
        let worker = Worker::start(&place.url(), SLOTS, 0, &[])?;
        let meter = store.meter();
        let pushed = Producer::start(&place.url(), PRODUCERS, 1, seconds as f64, 0)?.run()?;
        let done = worker.stop()?.report;
        let jobs = done.jobs.min(pushed.jobs);
        let own_us = pushed.cost() + done.cost();
        Ok(Throughput { jobs, seconds: pushed.seconds, own_us, server_us: meter.cost(jobs) })
    }

    fn drain(&self, store: &Store, jobs: u64) -> Result<Throughput> {
        let place = store.place()?;
        Producer::fill(&place.url(), jobs)?;
        let meter = store.meter();
        let done = Worker::start(&place.url(), SLOTS, jobs, &[])?.wait()?.report;
        let server_us = meter.cost(done.jobs);
        Ok(Throughput { jobs: done.jobs, seconds: done.seconds, own_us: done.cost(), server_us })
    }

    fn processes(&self, store: &Store, producers: usize, seconds: u64) -> Result<Throughput> {
        processes::ours(store, producers, seconds)
    }

    fn pick_up(&self, store: &Store, rate: u32, seconds: u64) -> Result<Vec<f64>> {
        pick_up(store, rate, seconds)
    }
}

/// A peer, run by its script.
pub struct Theirs<'a> {
    pub peer: &'a Peer,
    pub installed: Installed,
}

impl Theirs<'_> {
    /// Starts a role on this server, in this schema if the server has schemas.
    fn start(&self, role: &str, store: &Store, schema: &str, more: Value) -> Result<Script> {
        let mut options = (self.peer.options)();
        options.extend([
            ("url".to_owned(), json!(store.raw_url()?)),
            ("schema".to_owned(), json!(schema)),
            ("concurrency".to_owned(), json!((self.peer.concurrency)())),
        ]);
        if let Value::Object(more) = more {
            options.extend(more);
        }
        Script::start(&self.installed, role, &Value::Object(options))
    }
}

impl System for Theirs<'_> {
    fn both(&self, store: &Store, seconds: u64) -> Result<Throughput> {
        let place = store.place()?;
        let mut worker = self.start("work", store, place.name(), json!({"count": 0, "entries": false}))?;
        let meter = store.meter();
        let produce = json!({"producers": PRODUCERS, "seconds": seconds});
        let mut producer = self.start("produce", store, place.name(), produce)?;
        producer.ask();
        let (pushed, push_cpu) = producer.report()?;
        worker.ask();
        let (done, work_cpu) = worker.report()?;
        let jobs = done.jobs.min(pushed.jobs);
        let server_us = meter.cost(jobs);
        producer.end()?;
        worker.end()?;
        let own_us = (push_cpu / pushed.jobs + work_cpu / done.jobs) * 1e6;
        Ok(Throughput { jobs, seconds: pushed.seconds, own_us, server_us })
    }

    fn drain(&self, store: &Store, jobs: u64) -> Result<Throughput> {
        let place = store.place()?;
        let mut fill = self.start("fill", store, place.name(), json!({"count": jobs}))?;
        fill.report()?;
        fill.end()?;
        let meter = store.meter();
        let mut worker = self.start("work", store, place.name(), json!({"count": jobs, "entries": false}))?;
        let (done, cpu) = worker.report()?;
        let server_us = meter.cost(done.jobs);
        worker.end()?;
        Ok(Throughput { jobs: done.jobs, seconds: done.seconds, own_us: cpu / done.jobs * 1e6, server_us })
    }

    fn processes(&self, store: &Store, producers: usize, seconds: u64) -> Result<Throughput> {
        let place = store.place()?;
        let start = |role: &str, more: Value| self.start(role, store, place.name(), more);
        let work = json!({"count": 0, "entries": false, "concurrency": processes::SLOTS});
        let workers = (0..processes::WORKERS).map(|_| start("work", work.clone()));
        let mut workers = workers.collect::<Result<Vec<_>>>()?;
        let produce = json!({"producers": 1, "seconds": seconds});
        let producers = (0..producers).map(|_| start("produce", produce.clone()));
        let mut producers = producers.collect::<Result<Vec<_>>>()?;
        let measured = processes::measure(store, &mut producers, &mut workers)?;
        producers.into_iter().chain(workers).try_for_each(|script| script.end().map(|_| ()))?;
        Ok(measured)
    }

    fn pick_up(&self, store: &Store, rate: u32, seconds: u64) -> Result<Vec<f64>> {
        let place = store.place()?;
        let mut worker = self.start("work", store, place.name(), json!({"count": 0, "entries": true}))?;
        let mut producer = self.start("pickup", store, place.name(), json!({"rate": rate, "seconds": seconds}))?;
        producer.ask();
        producer.report()?;
        std::thread::sleep(Duration::from_millis(500)); // wait for the last jobs
        let by_id = |moments: Vec<Moment>| moments.into_iter().map(|moment| (moment.id, moment.us));
        let answered: HashMap<_, _> = by_id(producer.end()?).collect();
        worker.ask();
        worker.report()?;
        let waited = |(id, entered): (String, u64)| Some(entered.saturating_sub(*answered.get(&id)?) as f64 / 1e3);
        Ok(by_id(worker.end()?).filter_map(waited).collect())
    }
}

impl Process for Script {
    fn ask(&mut self) {
        Script::ask(self);
    }

    fn answer(&mut self) -> Result<Count> {
        let (report, cpu) = self.report()?;
        Ok(Count { jobs: report.jobs, cpu })
    }
}
