//! How fast longshore is, beside the raw engine in the same run. `cargo run --release -p longshore-bench -- --help`
//!
//! `baseline` (the raw engine), `role` (producers and workers, each a process of its own), `measure` (percentiles, CPU,
//! memory), `cases` (what is measured), `front` (the server under slow forms and a flood), `table` (how it is told).

mod baseline;
mod cases;
mod front;
mod measure;
mod role;
mod table;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Measure longshore, and the raw engine beside it
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo run --release -p longshore-bench
  cargo run --release -p longshore-bench -- --only both --seconds 10
  cargo run --release -p longshore-bench -- --depths 10000,1000000,10000000 --only depth")]
struct Bench {
    /// How long each case runs
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How often each case is run; the median is told
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only cases whose name begins so; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How many jobs wait, for the case `depth`
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000])]
    depths: Vec<usize>,
    /// How many clients drip their form, for the case `front`
    #[arg(long, default_value_t = 1_000)]
    slow: usize,
    /// From how many connections jobs are pushed, for the case `front`
    #[arg(long, value_delimiter = ',', default_values_t = [64, 800])]
    floods: Vec<usize>,
    /// The folder for databases; it decides which disk is measured [default: the system's temporary one]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What a process of its own does; for the program itself.
#[derive(Debug, Subcommand)]
enum Role {
    #[command(hide = true)]
    Produce(role::Produce),
    #[command(hide = true)]
    Work(role::Work),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bench = Bench::parse();
    match bench.role {
        Some(Role::Produce(produce)) => produce.run().await,
        Some(Role::Work(work)) => work.run().await,
        None => cases::run(&bench),
    }
}
