//! Measures longshore, with the raw engine and other job systems in the same run. `cargo run --profile dist -p
//! longshore-bench -- --help`
//!
//! `store` (the measured store: a file, or a server started for it), `baseline` (the raw engines), `role` (the code of
//! producers and workers), `process` (each of them in its own process), `measure` (percentiles, CPU, memory), `cases`
//! (the cases), `processes` (many producer processes), `front` (the HTTP server with slow clients and a flood of
//! pushes), `goal` (the goals), `peers` (other systems, run by scripts), `pairs` (two builds in turns), `table`
//! (output).

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

/// Measure longshore and the raw engine
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
    /// The store to measure: `sqlite`; `redis` or `postgres`, a durable server that is started for this run; or the URL
    /// of a server, on which only keys or a schema of this run are created, and deleted afterwards
    #[arg(long, default_value = "sqlite", value_name = "STORE")]
    store: store::Wanted,
    /// How long each case runs
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many times each case runs; the median is printed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Run only cases whose name begins like this: baseline, push, drain, both, processes, crowd, pickup, idle, depth,
    /// front; goals relative to the baseline are printed only if the case `baseline` runs too
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// The numbers of waiting jobs, for the case `depth`
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000], value_parser = clap::value_parser!(u64).range(2..))]
    depths: Vec<u64>,
    /// The number of slow clients, for the case `front`
    #[arg(long, default_value_t = 1_000)]
    slow: usize,
    /// The numbers of connections that push jobs, for the case `front`
    #[arg(long, value_delimiter = ',', default_values_t = [64, 800])]
    floods: Vec<usize>,
    /// The folder for databases, which selects the disk; PostgreSQL's user must have access to it [default: the
    /// system's temporary folder]
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
    // The code of the bench's own processes. Only the bench itself starts these.
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
