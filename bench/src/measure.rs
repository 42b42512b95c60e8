//! Percentiles, CPU time and memory of processes.

use std::fs;
use std::time::Duration;

/// Returns the value below which that share of the samples lies; `samples` is sorted by it.
pub fn percentile(samples: &mut [f64], share: f64) -> f64 {
    if samples.is_empty() {
        return f64::NAN;
    }
    samples.sort_by(f64::total_cmp);
    let index = (share * (samples.len() - 1) as f64).round() as usize;
    samples[index]
}

/// Returns the median of a few runs.
pub fn median(mut samples: Vec<f64>) -> f64 {
    percentile(&mut samples, 0.5)
}

/// Returns the CPU time a process has used, in user and kernel mode.
pub fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold blanks; what follows it does not.
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    let field = |index: usize| rest.split(' ').nth(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let ticks = rustix::param::clock_ticks_per_second();
    Duration::from_secs_f64((field(11) + field(12)) as f64 / ticks as f64)
}

/// Returns the proportional set size of a process, in MiB.
pub fn pss_mib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or(f64::NAN) / 1024.0
}
