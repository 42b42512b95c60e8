//! Percentiles, CPU time and memory of processes.

use std::fs;
use std::time::Duration;

/// A number of jobs, the time they took, and their cost.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    pub jobs: f64,
    pub seconds: f64,
    /// CPU time per job in microseconds, of all processes except the server.
    pub own_us: f64,
    /// CPU time per job of the server, if known.
    pub server_us: Option<f64>,
}

impl Throughput {
    /// Returns jobs per second.
    pub fn rate(&self) -> f64 {
        self.jobs / self.seconds
    }
}

/// Returns the value below which this share of the samples lies. It sorts `samples`.
pub fn percentile(samples: &mut [f64], share: f64) -> f64 {
    if samples.is_empty() {
        return f64::NAN;
    }
    samples.sort_by(f64::total_cmp);
    let index = (share * (samples.len() - 1) as f64).round() as usize;
    samples[index]
}

/// Returns the quantile with interpolation between two samples: the median of an even number is the mean of the two
/// middle samples. Suitable for few samples.
pub fn quantile(samples: &mut [f64], share: f64) -> f64 {
    if samples.is_empty() {
        return f64::NAN;
    }
    samples.sort_by(f64::total_cmp);
    let place = share * (samples.len() - 1) as f64;
    let (low, high) = (samples[place.floor() as usize], samples[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// Returns the median of a few runs.
pub fn median(mut samples: Vec<f64>) -> f64 {
    quantile(&mut samples, 0.5)
}

/// Returns the CPU time a process has used, in user and kernel mode.
pub fn cpu(pid: u32) -> Duration {
    let fields = stat(pid);
    ticks(fields[UTIME] + fields[STIME])
}

/// Returns the CPU time of a process and its children, including those that have ended.
pub fn cpu_with_children(pid: u32) -> Duration {
    let fields = stat(pid);
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> =
        children.flat_map(|pids| pids.split(' ').flat_map(str::parse).collect::<Vec<_>>()).collect();
    let own = ticks(fields[UTIME] + fields[STIME] + fields[CUTIME] + fields[CSTIME]);
    own + children.into_iter().map(cpu_with_children).sum::<Duration>()
}

const UTIME: usize = 11;
const STIME: usize = 12;
const CUTIME: usize = 13;
const CSTIME: usize = 14;

/// Returns the numbers in `/proc/<pid>/stat` after the name, as in `man proc`; zeros if the process has ended.
fn stat(pid: u32) -> [u64; CSTIME + 1] {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may contain spaces; the fields after it do not.
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let mut words = rest.split(' ').map(|word| word.parse().unwrap_or(0));
    std::array::from_fn(|_| words.next().unwrap_or(0))
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Returns the proportional set size of a process, in MiB.
pub fn pss_mib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or(f64::NAN) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_of_few_is_one_of_them() {
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.99), 3.0);
        assert!(percentile(&mut [], 0.5).is_nan());
    }

    #[test]
    fn median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(quantile(&mut [0.0, 1.0, 2.0], 0.25), 0.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn cpu_of_a_child_that_ended_is_counted() {
        let mut child = std::process::Command::new("sh");
        let before = cpu_with_children(std::process::id());
        assert!(child.args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]).status().unwrap().success());
        assert!(cpu_with_children(std::process::id()) > before);
        assert!(cpu(std::process::id()) <= cpu_with_children(std::process::id()));
    }
}
