//! The `longshore` program: one file per subcommand, and their shared parts.
//!
//! `config` and `kind`: the configuration; `target`: the store or server that tools use; `remote`: the HTTP client;
//! `bar`: the progress bar; `exit`: exit codes; `sweeper`, `environment`, `reaper`, `descriptors`: what a process that
//! runs commands needs from the operating system.

mod config;
mod kind;
mod sweeper;
mod environment;
mod reaper;
mod descriptors;
mod exit;
mod signals;
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

impl Command {
    /// Returns whether the command runs until it is stopped, and may run commands of jobs.
    fn is_service(&self) -> bool {
        matches!(self, Command::Up(_) | Command::Serve(_) | Command::Work(_))
    }
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
    if cli.command.is_service() {
        if let Err(e) = environment::hide() {
            eprintln!("warning: commands can read the environment of this process: {e}");
        }
        if reaper::is_first() {
            match reaper::run() {
                Ok(code) => std::process::exit(code),
                Err(e) => eprintln!("warning: processes that jobs leave behind are not reaped: {e}"),
            }
        }
    }
    let mut runtime = match cli.command {
        Command::Sweep(_) => tokio::runtime::Builder::new_current_thread(), // it only waits
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => Exit::failed(anyhow::Error::new(e).context("start the runtime")).end(),
    };
    let result = runtime.block_on(async {
        match cli.command {
            Command::Demo(demo) => demo.run().await,
            Command::Init(init) => init.run(),
            Command::Up(up) => up.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Work(work) => work.run().await,
            Command::Enqueue(enqueue) => enqueue.run().await,
            Command::Status(status) => status.run().await,
            Command::Wait(wait) => wait.run().await,
            Command::Jobs(jobs) => jobs.run().await,
            Command::Cancel(cancel) => cancel.run().await,
            Command::Retry(retry) => retry.run().await,
            Command::Queues(queues) => queues.run().await,
            Command::Workers(workers) => workers.run().await,
            Command::Log(log) => log.run().await,
            Command::Pause(pause) => pause.run().await,
            Command::Resume(resume) => resume.run().await,
            Command::Check(check) => check.run().await,
            Command::Sweep(sweep) => sweep.run(),
        }
    });
    runtime.shutdown_background(); // do not wait for handlers that cannot be stopped
    match result {
        Ok(()) => {}
        Err(exit) => exit.end(),
    }
}
