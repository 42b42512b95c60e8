//! Many processes: 1, 4 and 16 producer processes with one push in flight each, and two worker processes with ten slots
//! each.
//!
//! Web applications often work like this: each process pushes one job at a time. No client can combine such pushes into
//! a batch, so the store handles each of them separately.

use std::time::{Duration, Instant};

use crate::Bench;
use crate::measure::{Throughput, median};
use crate::process::{Count, Process, Producer, Worker};
use crate::store::{Result, Store};
use crate::table::Row;

/// The numbers of producer processes that are measured.
pub const PRODUCERS: [usize; 3] = [1, 4, 16];
/// The number of worker processes.
pub const WORKERS: usize = 2;
/// The number of jobs that each worker runs at once.
pub const SLOTS: usize = 10;

/// How often workers are asked whether all jobs are done, and how long they may make no progress before this is an
/// error.
const POLL: Duration = Duration::from_millis(10);
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(60);

/// Measures longshore with each number of producer processes.
pub fn processes(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for producers in PRODUCERS {
        let (mut rates, mut own, mut server) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bench.runs {
            let measured = ours(store, producers, bench.seconds)?;
            rates.push(measured.rate());
            own.push(measured.own_us);
            server.extend(measured.server_us);
        }
        let case = format!("many processes: {producers} producing");
        let more = format!("one push in flight each; {WORKERS} workers, {SLOTS} slots each");
        rows.push(Row::new(&case, median(rates), "jobs/s", more));
        if !server.is_empty() {
            rows.push(Row::new(format!("{case}: server CPU"), median(server), "µs/job", ""));
        }
        rows.push(Row::new(format!("{case}: own CPU"), median(own), "µs/job", "producers and workers"));
    }
    Ok(rows)
}

/// Measures longshore once.
pub fn ours(store: &Store, producers: usize, seconds: u64) -> Result<Throughput> {
    let place = store.place()?;
    let workers = (0..WORKERS).map(|_| Worker::start(&place.url(), SLOTS, 0, &["--unwatched"]));
    let mut workers = workers.collect::<Result<Vec<_>>>()?;
    let producers = (0..producers).map(|_| Producer::start(&place.url(), 1, 1, seconds as f64, 0));
    let measured = measure(store, &mut producers.collect::<Result<Vec<_>>>()?, &mut workers)?;
    workers.into_iter().try_for_each(|worker| worker.stop().map(|_| ()))?;
    Ok(measured)
}

/// Starts all producers at the same time, and waits until the workers have started the handlers of all their jobs.
///
/// Start-up is not measured: all processes are connected before the first push.
///
/// # Errors
///
/// If the workers make no progress for a minute while jobs are left.
pub fn measure(store: &Store, producers: &mut [impl Process], workers: &mut [impl Process]) -> Result<Throughput> {
    let (meter, began) = (store.meter(), Instant::now());
    let pushed = counts(producers)?;
    let (mut before, mut progress) = (0.0, Instant::now());
    let done = loop {
        let done = counts(workers)?;
        if done.jobs >= pushed.jobs {
            break done;
        }
        if done.jobs > before {
            (before, progress) = (done.jobs, Instant::now());
        } else if progress.elapsed() > PROGRESS_TIMEOUT {
            return Err(
                format!("the workers have run {} of {} jobs and make no progress", done.jobs, pushed.jobs).into()
            );
        }
        std::thread::sleep(POLL);
    };
    let seconds = began.elapsed().as_secs_f64();
    let own_us = (pushed.cpu + done.cpu) / pushed.jobs * 1e6;
    Ok(Throughput { jobs: pushed.jobs, seconds, own_us, server_us: meter.cost(pushed.jobs) })
}

/// Asks all processes at once, and adds up their answers.
fn counts(processes: &mut [impl Process]) -> Result<Count> {
    processes.iter_mut().for_each(Process::ask);
    let mut all = Count { jobs: 0.0, cpu: 0.0 };
    for process in processes {
        let count = process.answer()?;
        all = Count { jobs: all.jobs + count.jobs, cpu: all.cpu + count.cpu };
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Engine, Wanted};

    /// Answers with one count after the other.
    struct Scripted(Vec<f64>);

    impl Process for Scripted {
        fn ask(&mut self) {}

        fn answer(&mut self) -> Result<Count> {
            Ok(Count { jobs: self.0.remove(0), cpu: 1.0 })
        }
    }

    #[test]
    fn jobs_that_still_wait_after_the_last_push_are_waited_for() {
        let store = Store::open(&Wanted::Own(Engine::Sqlite), None).unwrap();
        let mut producers = [Scripted(vec![100.0]), Scripted(vec![50.0])];
        let mut workers = [Scripted(vec![20.0, 90.0, 90.0]), Scripted(vec![50.0, 50.0, 60.0])];
        let measured = measure(&store, &mut producers, &mut workers).unwrap();
        assert_eq!(measured.jobs, 150.0);
        assert!(workers.iter().all(|worker| worker.0.is_empty()), "each was asked three times");
        assert!((measured.own_us - 4.0 / 150.0 * 1e6).abs() < 1e-6, "the CPU time of all four processes");
    }
}
