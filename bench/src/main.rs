//! How fast longshore is, beside the raw engine and its peers in the same run. `cargo run --profile dist -p longshore-bench -- --help`
//!
//! `store` (what is measured: a file, or a server started for it), `baseline` (the raw engines), `role` (what producers and
//! workers do), `process` (each of them a process of its own), `measure` (percentiles, CPU, memory), `cases` (what is
//! measured), `processes` (many producer processes), `front` (the server under slow forms and a flood), `goal` (what we aim at),
//! `peers` (other systems, by their own scripts), `pairs` (two builds in turns), `table` (how it is told).

mod baseline;
mod cases;
mod front;
mod goal;
mod measure;
mod pairs;
mod peers;
mod process;
mod processes;
mod role;
mod store;
mod table;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Measure longshore, and the raw engine beside it
#[derive(Debug, Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  cargo run --profile dist -p longshore-bench
  cargo run --profile dist -p longshore-bench -- --store redis --only both,pickup --seconds 10
  cargo run --profile dist -p longshore-bench -- --store postgres --folder /mnt/disk
  cargo run --profile dist -p longshore-bench -- --store postgres://bench@db.example/bench --only both
  cargo run --profile dist -p longshore-bench -- --only depth --depths 10000,1000000,10000000
  cargo run --profile dist -p longshore-bench -- peers --only bullmq,sidekiq"
)]
struct Bench {
    /// What is measured: `sqlite`, or a durable server started for this run: `redis`, `postgres`; or the URL of a server, on
    /// which only keys or a schema of this run's own are made, and taken away again
    #[arg(long, default_value = "sqlite", value_name = "STORE")]
    store: store::Wanted,
    /// How long each case runs
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each case is run; the median is told
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only cases whose name begins so: baseline, push, drain, both, processes, crowd, pickup, idle, depth, front; goals relative to
    /// the baseline are printed only if the case `baseline` runs too
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// How many jobs wait, for the case `depth`
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000], value_parser = clap::value_parser!(u64).range(2..))]
    depths: Vec<u64>,
    /// How many clients drip their form, for the case `front`
    #[arg(long, default_value_t = 1_000)]
    slow: usize,
    /// From how many connections jobs are pushed, for the case `front`
    #[arg(long, value_delimiter = ',', default_values_t = [64, 800])]
    floods: Vec<usize>,
    /// The folder for databases; it decides which disk is measured; PostgreSQL's user must be able to enter it [default: the
    /// system's temporary one]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Peers(peers::Peers),
    Pairs(pairs::Pairs),
    // What a process of its own does; for the program itself.
    #[command(hide = true)]
    Produce(role::Produce),
    #[command(hide = true)]
    Work(role::Work),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bench = Bench::parse();
    match bench.command {
        Some(Command::Peers(peers)) => peers.run(),
        Some(Command::Pairs(pairs)) => pairs.run(),
        Some(Command::Produce(produce)) => produce.run().await,
        Some(Command::Work(work)) => work.run().await,
        None => cases::run(&bench),
    }
}
