//! Producers and workers as processes of their own, and what they tell at their end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use longshore::JobId;

use crate::role::STORE;
use crate::store::Result;

/// What a process told at its end.
#[derive(Debug)]
pub struct Told {
    pub jobs: f64,
    pub seconds: f64,
    /// CPU time in seconds, from when it was ready.
    pub cpu: f64,
    /// Memory at its peak in MiB, from workers alone.
    pub pss: f64,
}

impl Told {
    fn parse(line: &str) -> Result<Self> {
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|text| text.parse().ok()).collect();
        match numbers[..] {
            [jobs, seconds, cpu] => Ok(Told { jobs, seconds, cpu, pss: f64::NAN }),
            [jobs, seconds, cpu, pss] => Ok(Told { jobs, seconds, cpu, pss }),
            _ => Err("a process of the bench ended before its time".into()), // it has said why
        }
    }

    /// Returns jobs per second.
    pub fn rate(&self) -> f64 {
        self.jobs / self.seconds
    }

    /// Returns the CPU time a job took, in microseconds.
    pub fn cost(&self) -> f64 {
        self.cpu / self.jobs * 1e6
    }
}

/// A producer or a worker in a process of its own, ours or a peer's.
pub trait Process {
    /// Lets a producer begin, or asks a worker what it has done so far.
    fn ask(&mut self);

    /// Waits for its answer to that.
    fn answer(&mut self) -> Result<Count>;
}

/// How many jobs a process has pushed or worked, and the CPU time in seconds that it has used since it was ready.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    pub jobs: f64,
    pub cpu: f64,
}

/// A process of this program; it has said that it is ready.
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
            let _ = writeln!(stdin); // a process that has ended is noticed when its answer is read
        }
    }

    fn answer(&mut self) -> Result<Told> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Told::parse(&line)
    }
}

/// A process that pushes.
pub struct Producer(Role);

impl Producer {
    /// Starts a process with `producers` tasks, and waits until it is connected. From when it is asked, each of them pushes
    /// `batch` jobs a call, one call after the other, until the time is over or `count` jobs are pushed (0 for no such number).
    pub fn start(url: &str, producers: usize, batch: usize, seconds: f64, count: u64) -> Result<Self> {
        let named = [
            ("producers", producers.to_string()),
            ("batch", batch.to_string()),
            ("seconds", seconds.to_string()),
            ("count", count.to_string()),
        ];
        Ok(Producer(Role::start("produce", url, &named, &[])?))
    }

    /// Pushes that many jobs as fast as it goes.
    pub fn fill(url: &str, count: u64) -> Result<Told> {
        Producer::start(url, 1, 1000, 36_000.0, count)?.run()
    }

    /// Lets it begin, and waits for its end.
    pub fn run(mut self) -> Result<Told> {
        self.0.ask();
        let told = self.0.answer()?;
        self.0.child.wait()?;
        Ok(told)
    }
}

impl Process for Producer {
    fn ask(&mut self) {
        self.0.ask();
    }

    fn answer(&mut self) -> Result<Count> {
        let told = self.0.answer()?;
        self.0.child.wait()?;
        Ok(Count { jobs: told.jobs, cpu: told.cpu })
    }
}

/// A process that works jobs off.
pub struct Worker(Role);

/// What a worker has done.
pub struct Worked {
    pub told: Told,
    /// When each handler was entered, in microseconds, where that was asked for.
    pub entries: Vec<(JobId, u64)>,
}

impl Worker {
    /// Starts one that ends by itself after `count` jobs (0 for never), and waits until it is ready.
    pub fn start(url: &str, concurrency: usize, count: u64, flags: &[&str]) -> Result<Self> {
        let named = [("concurrency", concurrency.to_string()), ("count", count.to_string())];
        Ok(Worker(Role::start("work", url, &named, flags)?))
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.0.child.id()
    }

    /// Tells it to stop, and returns what it has done.
    pub fn stop(mut self) -> Result<Worked> {
        drop(self.0.child.stdin.take());
        self.wait()
    }

    /// Waits until it has done what it was to do.
    pub fn wait(mut self) -> Result<Worked> {
        let told = self.0.answer()?;
        let mut entries = Vec::new();
        for line in self.0.stdout.lines() {
            if let Some((id, micros)) = line?.split_once(' ') {
                entries.push((id.parse()?, micros.parse()?));
            }
        }
        self.0.child.wait()?;
        Ok(Worked { told, entries })
    }
}

impl Process for Worker {
    fn ask(&mut self) {
        self.0.ask();
    }

    fn answer(&mut self) -> Result<Count> {
        let told = self.0.answer()?;
        Ok(Count { jobs: told.jobs, cpu: told.cpu })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_that_told_nothing_is_an_error() {
        assert!(Told::parse("").is_err());
        let told = Told::parse("200 2 0.001\n").unwrap();
        assert_eq!((told.rate(), told.cost()), (100.0, 5.0));
    }
}
