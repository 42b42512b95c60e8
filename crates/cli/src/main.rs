//! The `longshore` program: one file per subcommand, and their shared parts.
//!
//! `config` and `kind`: the configuration; `target`: the store or server that tools use, with `prefix` (jobs by the
//! beginning of their id) and `follow` (waiting for a job); `remote`: the HTTP client; `printer` and `table`: the
//! output; `bar`: the progress bar; `exit`: exit codes and errors; `stores`: the open stores; `sweeper`, `environment`,
//! `reaper`, `descriptors`: what a process that runs commands needs from the operating system.

mod config;
mod kind;
mod args;
mod sweeper;
mod environment;
mod reaper;
mod descriptors;
mod exit;
mod printer;
mod table;
mod signals;
mod stores;
mod target;
mod prefix;
mod follow;
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
mod completions;
mod man;
mod version;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use config::{Config, Draft, Flags};
use exit::Exit;
use printer::Printer;
use stores::Stores;

/// Background jobs for web applications: push a job, get its id at once, poll or stream its result
#[derive(Debug, Parser)]
#[command(name = "longshore", version = VERSION, max_term_width = 110, after_help = exit::help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print results as JSON on standard output, and an error as one JSON object on standard error
    #[arg(long, global = true)]
    json: bool,
}

/// The version and the commit, for `--version`.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("LONGSHORE_COMMIT"), ")");

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
    Completions(completions::Completions),
    Man(man::Man),
    Version(version::Version),
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
    /// The configuration file [default: longshore.toml of this folder or of the nearest parent folder] [env: LONGSHORE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Common {
    /// Loads the configuration. Flags have the highest priority.
    fn load(&self, mut flags: Flags) -> Result<Config, Exit> {
        flags.set("store", self.store.clone());
        Config::load(self.config.as_deref(), &flags).map_err(Exit::config)
    }

    /// Loads the configuration as far as it is valid.
    fn draft(&self, mut flags: Flags) -> Draft {
        flags.set("store", self.store.clone());
        Config::draft(self.config.as_deref(), &flags)
    }
}

fn main() {
    let Cli { command, json } = parse();
    let printer = Printer::new(json);
    if command.is_service() {
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
    let mut runtime = match command {
        Command::Sweep(_) => tokio::runtime::Builder::new_current_thread(), // it only waits
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => printer.end(Exit::failed(anyhow::Error::new(e).context("start the runtime"))),
    };
    let result = runtime.block_on(async {
        let stores = Stores::default();
        let result = tokio::select! {
            ended = run(command, printer, &stores) => ended,
            exit = stores.interrupted() => Err(exit),
        };
        stores.close().await;
        result
    });
    runtime.shutdown_background(); // do not wait for handlers that cannot be stopped
    if let Err(exit) = result {
        printer.end(exit);
    }
}

async fn run(command: Command, printer: Printer, stores: &Stores) -> Result<(), Exit> {
    match command {
        Command::Demo(demo) => demo.run(printer, stores).await,
        Command::Init(init) => init.run(printer),
        Command::Up(up) => up.run(printer, stores).await,
        Command::Serve(serve) => serve.run(printer, stores).await,
        Command::Work(work) => work.run(stores).await,
        Command::Enqueue(enqueue) => enqueue.run(printer, stores).await,
        Command::Status(status) => status.run(printer, stores).await,
        Command::Wait(wait) => wait.run(printer, stores).await,
        Command::Jobs(jobs) => jobs.run(printer, stores).await,
        Command::Cancel(cancel) => cancel.run(printer, stores).await,
        Command::Retry(retry) => retry.run(printer, stores).await,
        Command::Queues(queues) => queues.run(printer, stores).await,
        Command::Workers(workers) => workers.run(printer, stores).await,
        Command::Log(log) => log.run(printer, stores).await,
        Command::Pause(pause) => pause.run(printer, stores).await,
        Command::Resume(resume) => resume.run(printer, stores).await,
        Command::Check(check) => check.run(printer, stores).await,
        Command::Completions(completions) => completions.run(printer),
        Command::Man(man) => man.run(printer),
        Command::Version(version) => version.run(printer),
        Command::Sweep(sweep) => sweep.run(),
    }
}

/// Parses the command line. Invalid usage ends the program here, with code 2.
fn parse() -> Cli {
    let parsed = Cli::try_parse();
    // A command line that cannot be parsed has no values, so the flag is looked for in its words.
    let wants_json = || std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json");
    match parsed {
        Ok(cli) => cli,
        Err(e) if e.use_stderr() && wants_json() => {
            let text = e.render().to_string();
            let text = text.split("\n\nUsage:").next().unwrap_or_default();
            let text = text.strip_prefix("error: ").unwrap_or(text).trim();
            Printer::new(true).end(Exit::usage(text))
        }
        Err(e) => e.exit(),
    }
}
