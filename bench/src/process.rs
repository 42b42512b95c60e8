//! Producers and workers in their own processes, and what they report.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use longshore::JobId;

use crate::role::STORE;
use crate::store::Result;

/// The report of a process at its end.
#[derive(Debug)]
pub struct Report {
    pub jobs: f64,
    pub seconds: f64,
    /// CPU time in seconds since it was ready.
    pub cpu: f64,
    /// Peak memory in MiB; only from workers.
    pub pss: f64,
}

impl Report {
    fn parse(line: &str) -> Result<Self> {
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|text| text.parse().ok()).collect();
        match numbers[..] {
            [jobs, seconds, cpu] => Ok(Report { jobs, seconds, cpu, pss: f64::NAN }),
            [jobs, seconds, cpu, pss] => Ok(Report { jobs, seconds, cpu, pss }),
            _ => Err("a process of the bench ended early".into()), // it has printed the error
        }
    }

    /// Returns jobs per second.
    pub fn rate(&self) -> f64 {
        self.jobs / self.seconds
    }

    /// Returns the CPU time per job, in microseconds.
    pub fn cost(&self) -> f64 {
        self.cpu / self.jobs * 1e6
    }
}

/// A producer or a worker in its own process, of longshore or of another system.
pub trait Process {
    /// Starts a producer, or asks a worker for its count.
    fn ask(&mut self);

    /// Waits for the answer.
    fn answer(&mut self) -> Result<Count>;
}

/// The number of jobs that a process has pushed or run, and its CPU time in seconds since it was ready.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub jobs: f64,
    pub cpu: f64,
}

/// A process of this program that is ready.
struct Role {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Role {
    fn start(role: &str, url: &str, named: &[(&str, String)], flags: &[&str]) -> Result<Self> {
        let named = named.iter().map(|(name, value)| format!("--{name}={value}"));
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role).args(named).args(flags).env(STORE, url);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut String::new())?;
        Ok(Role { child, stdout })
    }

    fn ask(&mut self) {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = writeln!(stdin); // the end of the process is noticed when the answer is read
        }
    }

    fn answer(&mut self) -> Result<Report> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Report::parse(&line)
    }
}

/// A process that pushes.
pub struct Producer(Role);

impl Producer {
    /// Starts a process with `producers` tasks, and waits until it is connected. After [`Process::ask`], each task
    /// pushes `batch` jobs per call, one call after the other, until the time is over or `count` jobs are pushed (0: no
    /// limit).
    pub fn start(url: &str, producers: usize, batch: usize, seconds: f64, count: u64) -> Result<Self> {
        let named = [
            ("producers", producers.to_string()),
            ("batch", batch.to_string()),
            ("seconds", seconds.to_string()),
            ("count", count.to_string()),
        ];
        Ok(Producer(Role::start("produce", url, &named, &[])?))
    }

    /// Pushes this number of jobs as fast as possible.
    pub fn fill(url: &str, count: u64) -> Result<Report> {
        Producer::start(url, 1, 1000, 36_000.0, count)?.run()
    }

    /// Starts pushing, and waits for the end.
    pub fn run(mut self) -> Result<Report> {
        self.0.ask();
        let report = self.0.answer()?;
        self.0.child.wait()?;
        Ok(report)
    }
}

impl Process for Producer {
    fn ask(&mut self) {
        self.0.ask();
    }

    fn answer(&mut self) -> Result<Count> {
        let report = self.0.answer()?;
        self.0.child.wait()?;
        Ok(Count { jobs: report.jobs, cpu: report.cpu })
    }
}

/// A process that runs jobs.
pub struct Worker(Role);

/// The results of a worker.
pub struct Worked {
    pub report: Report,
    /// When each handler started, in microseconds, if requested.
    pub entries: Vec<(JobId, u64)>,
}

impl Worker {
    /// Starts a worker that ends after `count` jobs (0: never), and waits until it is ready.
    pub fn start(url: &str, concurrency: usize, count: u64, flags: &[&str]) -> Result<Self> {
        let named = [("concurrency", concurrency.to_string()), ("count", count.to_string())];
        Ok(Worker(Role::start("work", url, &named, flags)?))
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.0.child.id()
    }

    /// Stops the worker, and returns its results.
    pub fn stop(mut self) -> Result<Worked> {
        drop(self.0.child.stdin.take());
        self.wait()
    }

    /// Waits until the worker has run all its jobs.
    pub fn wait(mut self) -> Result<Worked> {
        let report = self.0.answer()?;
        let mut entries = Vec::new();
        for line in self.0.stdout.lines() {
            if let Some((id, micros)) = line?.split_once(' ') {
                entries.push((id.parse()?, micros.parse()?));
            }
        }
        self.0.child.wait()?;
        Ok(Worked { report, entries })
    }
}

impl Process for Worker {
    fn ask(&mut self) {
        self.0.ask();
    }

    fn answer(&mut self) -> Result<Count> {
        let report = self.0.answer()?;
        Ok(Count { jobs: report.jobs, cpu: report.cpu })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_report_is_an_error() {
        assert!(Report::parse("").is_err());
        let report = Report::parse("200 2 0.001\n").unwrap();
        assert_eq!((report.rate(), report.cost()), (100.0, 5.0));
    }
}
