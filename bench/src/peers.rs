//! Runs other job systems with scripts from this folder, beside longshore on the same server in the same run.

mod install;
mod peer;
mod script;
mod system;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use crate::cases::SLOTS;
use crate::goal::BesideBullmq;
use crate::measure::{Throughput, median, percentile};
use crate::peers::install::install;
use crate::peers::peer::{BULLMQ_NAME, OUR_NAME, OURS, PEERS, Peer};
use crate::peers::script::Script;
use crate::peers::system::{Ours, PRODUCERS, System, Theirs};
use crate::processes;
use crate::store::{Engine, Result, Store, Wanted};

/// Measure other job systems and longshore, on the same server in the same run
///
/// BullMQ, Sidekiq and Celery on Redis, BullMQ and graphile-worker on PostgreSQL: each with its defaults, and as
/// durable as the server. They are installed when they are first used, in fixed versions, with npm, pip and (Sidekiq)
/// apt-get.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cargo run --profile dist -p longshore-bench -- peers
  cargo run --profile dist -p longshore-bench -- peers --only bullmq,sidekiq --seconds 10 --runs 3
  cargo run --profile dist -p longshore-bench -- peers --only bullmq --cases processes --runs 3
  cargo run --profile dist -p longshore-bench -- peers --only celery --alone")]
pub struct Peers {
    /// Measure only these systems
    #[arg(long, value_name = "NAME", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(PEERS.iter().map(|peer| peer.name)))]
    only: Vec<String>,
    /// Measure only these cases
    #[arg(long, value_name = "CASE", value_delimiter = ',', default_values_t = Case::value_variants().to_vec(), value_enum)]
    cases: Vec<Case>,
    /// How long jobs are pushed; the full queue has 10,000 jobs for each second
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times each case is measured; the median is printed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Do not measure longshore
    #[arg(long)]
    alone: bool,
    /// The folder for servers, which selects the disk [default: the system's temporary folder]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The folder to install into [default: `peers` in cargo's target folder]
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// The cases that are measured for each system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Case {
    /// Many producers in one process, and one worker
    Both,
    /// A full queue
    Drain,
    /// How long a job waits at a low rate
    Pickup,
    /// Many producer processes, and two workers
    Processes,
}

/// The results of one system. Those that were not requested are missing.
#[derive(Debug, Default, Serialize)]
struct Figures {
    /// Its name on the command line.
    name: &'static str,
    system: String,
    engine: String,
    /// The number of jobs that its worker runs at once, and how.
    slots: String,
    promises: &'static str,
    /// Jobs per second, pushed by many producers and run at the same time.
    both: Option<f64>,
    /// CPU time per job of that case in microseconds: of its own processes, and of the server.
    own_us: Option<f64>,
    server_us: Option<f64>,
    /// Jobs per second from a full queue.
    drain: Option<f64>,
    /// Time from the answer of a push to the start of its handler at 200 jobs per second, in milliseconds.
    pick_up_p50: Option<f64>,
    pick_up_p99: Option<f64>,
    /// Results with many producer processes, one entry for each number of them.
    processes: Vec<Processes>,
}

/// The medians for one number of producer processes.
#[derive(Debug, Serialize)]
struct Processes {
    producers: usize,
    /// Jobs per second.
    rate: f64,
    /// CPU time per job in microseconds.
    own_us: f64,
    server_us: Option<f64>,
}

impl Peers {
    /// Measures all requested systems. If one fails, the error is printed and the others are still measured; the result
    /// is then an error.
    pub fn run(self) -> Result<()> {
        let cache = match &self.cache {
            Some(cache) => cache.clone(),
            // The program is in target/release.
            None => std::env::current_exe()?.ancestors().nth(2).unwrap_or(Path::new("target")).join("peers"),
        };
        std::fs::create_dir_all(&cache)?;
        let cache = cache.canonicalize()?;
        let (mut all, mut failed) = (Vec::new(), Vec::new());
        for engine in [Engine::Redis, Engine::Postgres] {
            let asked = |peer: &&Peer| self.only.is_empty() || self.only.iter().any(|name| name == peer.name);
            let peers: Vec<_> = PEERS.iter().filter(|peer| peer.engine == engine).filter(asked).collect();
            if peers.is_empty() {
                continue;
            }
            let store = Store::open(&Wanted::Own(engine), self.folder.as_deref())?;
            let has_rows = !self.json && self.cases.iter().any(|case| *case != Case::Processes);
            if !self.json {
                self.head(&store, has_rows)?;
            }
            let ours = if self.alone { None } else { Some(self.ours(&store)?) };
            if let (Some(ours), true) = (&ours, has_rows) {
                ours.print(None);
            }
            let mut measured: Vec<Figures> = ours.into_iter().collect();
            for peer in peers {
                match self.theirs(&store, peer, &cache) {
                    Ok(figures) => {
                        if has_rows {
                            figures.print(measured.first().filter(|_| !self.alone));
                        }
                        measured.push(figures);
                    }
                    Err(e) => {
                        eprintln!("{}: {e}", peer.name);
                        failed.push(peer.name);
                    }
                }
            }
            if !self.json {
                if self.cases.contains(&Case::Processes) {
                    print_processes(&measured);
                }
                if engine == Engine::Redis {
                    print_goals(&measured);
                }
                println!();
                for figures in &measured {
                    let ran = if has_rows { format!("one worker ran {}; ", figures.slots) } else { String::new() };
                    println!("- **{}**: {ran}{}.", figures.system, figures.promises);
                }
                println!();
            }
            all.extend(measured);
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&all)?);
        }
        if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}", failed.join(", ")).into()) }
    }

    fn head(&self, store: &Store, has_rows: bool) -> Result<()> {
        println!("{}", store.words()?);
        if !has_rows {
            return Ok(());
        }
        println!(
            "{PRODUCERS} producers in one process and one worker for {} s; then {} waiting jobs; then 200 jobs a second. × is \
             ours over theirs.\n",
            self.seconds,
            self.full()
        );
        println!(
            "| {:<32} | {:>24} | {:>24} | {:>24} | µs CPU a job: own, server |",
            "system", "both at once, jobs/s", "full queue, jobs/s", "pick-up p50, p99 in ms"
        );
        println!("|{:-<34}|{:->25}:|{:->25}:|{:->25}:|---:|", "", "", "", "");
        Ok(())
    }

    fn full(&self) -> u64 {
        10_000 * self.seconds
    }

    fn ours(&self, store: &Store) -> Result<Figures> {
        let figures = Figures {
            name: OUR_NAME,
            system: format!("longshore {}", env!("CARGO_PKG_VERSION")),
            slots: format!("{SLOTS} at once in one process"),
            promises: OURS,
            ..Figures::default()
        };
        self.measure(store, &Ours, figures)
    }

    fn theirs(&self, store: &Store, peer: &'static Peer, cache: &Path) -> Result<Figures> {
        let installed = install(peer, cache)?;
        let figures = Figures {
            name: peer.name,
            system: format!("{} {}", peer.title, Script::version(&installed)?),
            slots: format!("{} {}", (peer.concurrency)(), peer.slots),
            promises: peer.promises,
            ..Figures::default()
        };
        self.measure(store, &Theirs { peer, installed }, figures)
    }

    /// Fills in the results, with the medians of all runs.
    fn measure(&self, store: &Store, system: &dyn System, mut figures: Figures) -> Result<Figures> {
        let asked = |case| self.cases.contains(&case);
        figures.engine = store.engine().to_string();
        let (mut both, mut drain, mut waited) = (Vec::new(), Vec::new(), Vec::new());
        let mut processes = processes::PRODUCERS.map(|producers| (producers, Vec::new()));
        for _ in 0..self.runs {
            if asked(Case::Both) {
                both.push(system.both(store, self.seconds)?);
            }
            if asked(Case::Drain) {
                drain.push(system.drain(store, self.full())?);
            }
            if asked(Case::Pickup) {
                waited.extend(system.pick_up(store, 200, self.seconds)?);
                if waited.is_empty() {
                    return Err("no handler reported its start".into());
                }
            }
            if asked(Case::Processes) {
                for (producers, runs) in &mut processes {
                    runs.push(system.processes(store, *producers, self.seconds)?);
                }
            }
        }
        figures.both = rate(&both);
        figures.own_us = middle(both.iter().map(|run| run.own_us));
        figures.server_us = middle(both.iter().filter_map(|run| run.server_us));
        figures.drain = rate(&drain);
        figures.pick_up_p50 = asked(Case::Pickup).then(|| percentile(&mut waited, 0.5));
        figures.pick_up_p99 = asked(Case::Pickup).then(|| percentile(&mut waited, 0.99));
        figures.processes = processes.into_iter().filter_map(|(n, runs)| Processes::of(n, &runs)).collect();
        Ok(figures)
    }
}

/// Returns the median, if there are values.
fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<_> = values.collect();
    (!values.is_empty()).then(|| median(values))
}

fn rate(runs: &[Throughput]) -> Option<f64> {
    middle(runs.iter().map(Throughput::rate))
}

impl Processes {
    fn of(producers: usize, runs: &[Throughput]) -> Option<Self> {
        let own_us = middle(runs.iter().map(|run| run.own_us))?;
        let server_us = middle(runs.iter().filter_map(|run| run.server_us));
        Some(Processes { producers, rate: rate(runs)?, own_us, server_us })
    }

    fn print(&self) -> String {
        let server = self.server_us.map_or(String::new(), |us| format!("{us:.1}, "));
        format!("{:.0}; {server}{:.1}", self.rate, self.own_us)
    }
}

impl Figures {
    /// Prints the results as a line of a Markdown table, with the ratio of longshore's to these.
    fn print(&self, ours: Option<&Figures>) {
        let rate = |of: fn(&Figures) -> Option<f64>| match (of(self), ours.and_then(of)) {
            (Some(theirs), Some(ours)) => format!("{theirs:.0} (× {:.1})", ours / theirs),
            (Some(rate), None) => format!("{rate:.0}"),
            (None, _) => String::new(),
        };
        let (both, drain) = (rate(|figures| figures.both), rate(|figures| figures.drain));
        let pick_up = match (self.pick_up_p50, self.pick_up_p99) {
            (Some(p50), Some(p99)) => format!("{p50:.2}, {p99:.2}"),
            _ => String::new(),
        };
        let own = self.own_us.map_or(String::new(), |us| format!("{us:.1}"));
        let server = self.server_us.map_or(String::new(), |us| format!(", {us:.1}"));
        println!("| {:<32} | {both:>24} | {drain:>24} | {pick_up:>24} | {own}{server} |", self.system);
    }

    /// Returns the result that has a goal relative to BullMQ, if it was measured.
    fn beside_bullmq(&self, figure: BesideBullmq) -> Option<f64> {
        match figure {
            BesideBullmq::Both => self.both,
            BesideBullmq::ServerCpu(producers) => {
                self.processes.iter().find(|processes| processes.producers == producers)?.server_us
            }
        }
    }
}

/// Prints the table of many processes.
fn print_processes(measured: &[Figures]) {
    let (workers, slots) = (processes::WORKERS, processes::SLOTS);
    println!(
        "\nProducer processes with one push in flight each; {workers} worker processes, {slots} jobs at once each: jobs/s; µs \
         CPU a job of the server, of producers and workers\n"
    );
    print!("| {:<32} |", "system");
    processes::PRODUCERS.iter().for_each(|producers| print!(" {:>24} |", format!("{producers} producing")));
    print!("\n|{:-<34}|", "");
    processes::PRODUCERS.iter().for_each(|_| print!("{:->25}:|", ""));
    println!();
    for figures in measured {
        print!("| {:<32} |", figures.system);
        figures.processes.iter().for_each(|processes| print!(" {:>24} |", processes.print()));
        println!();
    }
}

/// Prints the goals relative to BullMQ for the results that were measured for both in this run.
fn print_goals(measured: &[Figures]) {
    let find = |name| measured.iter().find(|figures| figures.name == name);
    let (Some(ours), Some(theirs)) = (find(OUR_NAME), find(BULLMQ_NAME)) else { return };
    let both = |figure| Some(ours.beside_bullmq(figure)? / theirs.beside_bullmq(figure)?);
    let judged = BesideBullmq::GOALS.iter().filter_map(|(figure, bound)| Some((figure, bound, both(*figure)?)));
    println!();
    for (figure, bound, ratio) in judged {
        println!("- Goal: {figure} {bound} × BullMQ: {}, {ratio:.2}", bound.verdict(ratio));
    }
}
