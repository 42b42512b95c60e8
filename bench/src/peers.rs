//! Other systems, by scripts of our own, beside ours on the same server in the same run.

mod install;
mod peer;
mod script;
mod system;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use crate::cases::SLOTS;
use crate::measure::{median, percentile};
use crate::peers::install::install;
use crate::peers::peer::{OURS, PEERS, Peer};
use crate::peers::script::Script;
use crate::peers::system::{Ours, PRODUCERS, System, Theirs};
use crate::store::{Engine, Result, Store, Wanted};

/// Measure other job systems beside ours, on the same server in the same run
///
/// BullMQ, Sidekiq and Celery on Redis, BullMQ and graphile-worker on PostgreSQL: each with its defaults, durable as the server
/// is. They are installed when they are first asked for, in versions that are pinned, by npm, pip and (Sidekiq) apt-get.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cargo run --profile dist -p longshore-bench -- peers
  cargo run --profile dist -p longshore-bench -- peers --only bullmq,sidekiq --seconds 10 --runs 3
  cargo run --profile dist -p longshore-bench -- peers --only celery --alone")]
pub struct Peers {
    /// Only these
    #[arg(long, value_name = "NAME", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(PEERS.iter().map(|peer| peer.name)))]
    only: Vec<String>,
    /// How long jobs are pushed; the full queue has 10,000 jobs for each second
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each measure is taken; the median is told
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Leave ourselves out, for a look at a peer
    #[arg(long)]
    alone: bool,
    /// The folder for servers; it decides which disk is measured [default: the system's temporary one]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The folder to install into [default: `peers` in cargo's target folder]
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// What was measured of one system.
#[derive(Debug, Serialize)]
struct Figures {
    system: String,
    engine: String,
    /// How many jobs its worker runs at once, and as what.
    slots: String,
    promises: &'static str,
    /// Jobs a second, pushed by many producers and worked at the same time.
    both: f64,
    /// CPU time a job of that in microseconds: its own processes', and the server's.
    own_us: f64,
    server_us: Option<f64>,
    /// Jobs a second, worked off a full queue.
    drain: f64,
    /// From the answer of a push to its handler at 200 jobs a second, in milliseconds.
    pick_up_p50: f64,
    pick_up_p99: f64,
}

impl Peers {
    /// Measures all that were asked for. One that fails is told, and the others go on; then the whole is an error.
    pub fn run(self) -> Result<()> {
        let cache = match &self.cache {
            Some(cache) => cache.clone(),
            // The program lies in target/release.
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
            if !self.json {
                self.head(&store)?;
            }
            let ours = if self.alone { None } else { Some(self.ours(&store)?) };
            if let (Some(ours), false) = (&ours, self.json) {
                ours.print(None);
            }
            let mut measured: Vec<Figures> = ours.into_iter().collect();
            for peer in peers {
                match self.theirs(&store, peer, &cache) {
                    Ok(figures) => {
                        if !self.json {
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
                println!();
                for figures in &measured {
                    println!("- **{}** ran {}; {}.", figures.system, figures.slots, figures.promises);
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

    fn head(&self, store: &Store) -> Result<()> {
        println!("{}", store.words()?);
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
        let slots = format!("{SLOTS} at once in one process");
        self.measure(store, &Ours, format!("longshore {}", env!("CARGO_PKG_VERSION")), slots, OURS)
    }

    fn theirs(&self, store: &Store, peer: &Peer, cache: &Path) -> Result<Figures> {
        let installed = install(peer, cache)?;
        let name = format!("{} {}", peer.title, Script::version(&installed)?);
        let slots = format!("{} {}", (peer.concurrency)(), peer.slots);
        self.measure(store, &Theirs { peer, installed }, name, slots, peer.promises)
    }

    fn measure(
        &self,
        store: &Store,
        system: &dyn System,
        name: String,
        slots: String,
        promises: &'static str,
    ) -> Result<Figures> {
        let (mut both, mut own, mut server, mut drain, mut waited) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.runs {
            let worked = system.both(store, self.seconds)?;
            both.push(worked.jobs / worked.seconds);
            own.push(worked.own_us);
            server.extend(worked.server_us);
            let worked = system.drain(store, self.full())?;
            drain.push(worked.jobs / worked.seconds);
            waited.extend(system.pick_up(store, 200, self.seconds)?);
        }
        if waited.is_empty() {
            return Err("none of its jobs told when it was entered".into());
        }
        Ok(Figures {
            system: name,
            engine: store.engine().to_string(),
            slots,
            promises,
            both: median(both),
            own_us: median(own),
            server_us: (!server.is_empty()).then(|| median(server)),
            drain: median(drain),
            pick_up_p50: percentile(&mut waited, 0.5),
            pick_up_p99: percentile(&mut waited, 0.99),
        })
    }
}

impl Figures {
    /// Prints them as a line of a Markdown table, with what ours are times theirs.
    fn print(&self, ours: Option<&Figures>) {
        let times =
            |of: fn(&Figures) -> f64| ours.map_or(String::new(), |ours| format!(" (× {:.1})", of(ours) / of(self)));
        let both = format!("{:.0}{}", self.both, times(|figures| figures.both));
        let drain = format!("{:.0}{}", self.drain, times(|figures| figures.drain));
        let pick_up = format!("{:.2}, {:.2}", self.pick_up_p50, self.pick_up_p99);
        let server = self.server_us.map_or(String::new(), |us| format!(", {us:.1}"));
        println!("| {:<32} | {both:>24} | {drain:>24} | {pick_up:>24} | {:.1}{server} |", self.system, self.own_us);
    }
}
