//! The `longshore` program: one file per subcommand, and their shared parts.
//!
//! `config` and `kind`: the configuration; `stores`: the open stores; `target`: the store or server that tools use; `remote`: the HTTP client;
//! `bar`: the progress bar; `exit`: exit codes.

mod config;
mod kind;
mod sweeper;
mod exit;
mod signals;
mod stores;
mod target;
mod out;
mod remote;
mod bar;
mod log;
mod demo;
mod init;
mod up;
mod serve;
mod work;
mod enqueue;
mod status;
mod wait;
mod jobs;
mod act;
mod queues;
mod workers;
mod job_log;
mod pause;
mod check;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

use config::{Config, Flags};
use exit::Exit;
use stores::Stores;

/// Background jobs for web applications: push a job, get its id at once, poll or stream its result
#[derive(Debug, Parser)]
#[command(name = "longshore", version, max_term_width = 110, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Init(init::Init),
    Up(up::Up),
    Serve(serve::Serve),
    Work(work::Work),
    Enqueue(enqueue::Enqueue),
    Status(status::Status),
    Wait(wait::Wait),
    Jobs(jobs::Jobs),
    Cancel(act::Cancel),
    Retry(act::Retry),
    Queues(queues::Queues),
    Workers(workers::Workers),
    Log(job_log::Log),
    Pause(pause::Pause),
    Resume(pause::Resume),
    Check(check::Check),
    #[command(hide = true)]
    Sweep(sweeper::Sweep),
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
struct Common {
    /// The store: `sqlite:FILE`, `redis://HOST`, `postgres://HOST/DATABASE` or `memory:` [default: sqlite:longshore.db] [env: LONGSHORE_STORE]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The configuration file [default: longshore.toml, if it exists] [env: LONGSHORE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Common {
    /// Loads the configuration. Flags have the highest priority.
    fn load(&self, mut flags: Flags) -> Result<Config, Exit> {
        flags.set("store", self.store.clone());
        Config::load(self.config.as_deref(), &flags).map_err(Exit::config)
    }
}

fn main() {
    let cli = Cli::parse(); // invalid usage exits here, with code 2
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => Exit::failed(anyhow::Error::new(e).context("start the runtime")).end(),
    };
    let result = runtime.block_on(async {
        let stores = Stores::default();
        let running = tokio::spawn(run(cli.command, stores.clone()));
        let result = tokio::select! {
            ended = running => ended.unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic())),
            exit = stores.interrupted() => Err(exit),
        };
        stores.close().await;
        result
    });
    runtime.shutdown_background(); // do not wait for handlers that cannot be stopped
    match result {
        Ok(()) => {}
        Err(exit) => exit.end(),
    }
}

async fn run(command: Command, stores: Stores) -> Result<(), Exit> {
    match command {
        Command::Demo(demo) => demo.run(&stores).await,
        Command::Init(init) => init.run(),
        Command::Up(up) => up.run(&stores).await,
        Command::Serve(serve) => serve.run(&stores).await,
        Command::Work(work) => work.run(&stores).await,
        Command::Enqueue(enqueue) => enqueue.run(&stores).await,
        Command::Status(status) => status.run(&stores).await,
        Command::Wait(wait) => wait.run(&stores).await,
        Command::Jobs(jobs) => jobs.run(&stores).await,
        Command::Cancel(cancel) => cancel.run(&stores).await,
        Command::Retry(retry) => retry.run(&stores).await,
        Command::Queues(queues) => queues.run(&stores).await,
        Command::Workers(workers) => workers.run(&stores).await,
        Command::Log(log) => log.run(&stores).await,
        Command::Pause(pause) => pause.run(&stores).await,
        Command::Resume(resume) => resume.run(&stores).await,
        Command::Check(check) => check.run(&stores).await,
        Command::Sweep(sweep) => sweep.run(),
    }
}
