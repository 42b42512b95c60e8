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
    /// CPU time in seconds.
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

fn start(role: &str, url: &str, named: &[(&str, String)], flags: &[&str]) -> Result<Child> {
    let named = named.iter().map(|(name, value)| format!("--{name}={value}"));
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).args(named).args(flags).env(STORE, url);
    Ok(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)
}

/// A process that pushes.
pub struct Producer(Child);

impl Producer {
    /// Starts `producers` tasks that push `batch` jobs a call, until the time is over or `count` jobs are pushed (0 for none).
    pub fn start(url: &str, producers: usize, batch: usize, seconds: f64, count: u64) -> Result<Self> {
        let named = [
            ("producers", producers.to_string()),
            ("batch", batch.to_string()),
            ("seconds", seconds.to_string()),
            ("count", count.to_string()),
        ];
        Ok(Producer(start("produce", url, &named, &[])?))
    }

    /// Pushes that many jobs as fast as it goes.
    pub fn fill(url: &str, count: u64) -> Result<Told> {
        Producer::start(url, 1, 1000, 36_000.0, count)?.end()
    }

    /// Waits until it has done what it was to do.
    pub fn end(mut self) -> Result<Told> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().expect("it is piped")).read_line(&mut line)?;
        self.0.wait()?;
        Told::parse(&line)
    }
}

/// A process that works jobs off.
pub struct Worker {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

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
        let mut child = start("work", url, &named, flags)?;
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut String::new())?;
        Ok(Worker { child, stdout })
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop, and returns what it has done.
    pub fn stop(mut self) -> Result<Worked> {
        if let Some(stdin) = &mut self.child.stdin {
            let _ = writeln!(stdin); // it may have ended by itself
        }
        self.wait()
    }

    /// Waits until it has done what it was to do.
    pub fn wait(mut self) -> Result<Worked> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        let mut entries = Vec::new();
        for line in self.stdout.lines() {
            if let Some((id, micros)) = line?.split_once(' ') {
                entries.push((id.parse()?, micros.parse()?));
            }
        }
        self.child.wait()?;
        Ok(Worked { told: Told::parse(&line)?, entries })
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
