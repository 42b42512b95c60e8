//! `longshore work`: a worker process.

use clap::Args;
use longshore::Backend;
use longshore::worker::Worker;

use crate::config::{Config, Flags};
use crate::kind;
use crate::signals::Signals;
use crate::sweeper::Sweeper;
use crate::{Common, Exit, Stores, log};

/// Run a worker: claim and run jobs of the configured kinds until shutdown
///
/// TERM, INT, QUIT, HUP or USR1 drains: the worker claims no more jobs, running jobs get the grace period, and then the
/// rest is released. A second signal cancels running jobs, a third exits immediately. TSTP pauses claiming, CONT
/// resumes it, USR2 logs the worker's state.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore work
  longshore work --queue mail=3 --queue bulk --concurrency 20
  longshore work --store sqlite:/var/lib/app/jobs.db --grace 2m")]
pub struct Work {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    worker: WorkerArgs,
}

/// The flags of a worker, for every command that runs one.
#[derive(Clone, Debug, Args)]
pub struct WorkerArgs {
    /// A queue to claim jobs from, with an optional weight: `mail=3`; may be repeated [default: default]
    #[arg(long = "queue", value_name = "NAME[=WEIGHT]")]
    queues: Vec<String>,
    /// Claim from a queue only while all queues before it are empty
    #[arg(long)]
    strict: bool,
    /// The maximum number of jobs that run at a time [default: 10]
    #[arg(long, value_name = "N")]
    concurrency: Option<String>,
    /// How long to wait for running jobs during shutdown [default: 25s]
    #[arg(long, value_name = "DURATION")]
    grace: Option<String>,
    /// How long a claim lasts without renewal [default: 30s]
    #[arg(long, value_name = "DURATION")]
    lease: Option<String>,
    /// Also run the demo's kind `image`, with a pause after each step of an image so that the progress can be seen
    /// [default when given: 150ms]
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "150ms")]
    pace: Option<String>,
}

impl WorkerArgs {
    /// Returns the flags as configuration values.
    pub fn flags(&self) -> Flags {
        let mut flags = Flags::default();
        flags.set("worker.queues", (!self.queues.is_empty()).then(|| self.queues.join(",")));
        flags.set("worker.strict", self.strict.then(|| "true".into()));
        flags.set("worker.concurrency", self.concurrency.clone());
        flags.set("worker.grace", self.grace.clone());
        flags.set("worker.lease", self.lease.clone());
        flags.set("image.pace", self.pace.clone());
        flags
    }
}

const NO_KIND: &str = "this worker has no kinds to run: add a `[[kind]]` to longshore.toml (`longshore init` writes an example), \
                       or use `--pace` to run the demo's kind `image`";

impl Work {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let mut config = self.common.load(self.worker.flags())?;
        log::start(&config);
        kind::check(&config.kinds)?;
        if config.kinds.is_empty() && config.image.is_none() {
            return Err(Exit::usage(NO_KIND));
        }
        let longshore = stores.open(&config).await?;
        let _sweeper = Sweeper::start(&mut config);
        let mut signals = Signals::listen()?;
        let running = worker(longshore.backend().clone(), &config).start()?;
        Exit::of_worker(signals.handle(&running).await)
    }
}

/// Creates a worker for the configured kinds, and for the demo's kind if it is configured.
pub fn worker(backend: Backend, config: &Config) -> Worker {
    let worker = Worker::new(backend).concurrency(config.concurrency).grace(config.grace).lease(config.lease);
    let worker = match config.image {
        Some(pace) => worker.state(pace).handle_blocking(longshore_demo::draw),
        None => worker,
    };
    let worker = config.kinds.iter().cloned().fold(worker, |worker, kind| {
        let name = kind.name.to_string();
        let worker = worker.handle_kind(kind.name, kind.policy, kind.command.handler());
        kind.concurrency.into_iter().fold(worker, |worker, slots| worker.concurrency_of(&name, slots))
    });
    let worker = config.queues.iter().fold(worker, |worker, (queue, weight)| worker.queue(queue.as_str(), *weight));
    if config.strict { worker.strict() } else { worker }
}
