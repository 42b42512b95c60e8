//! `longshore cancel` and `longshore retry`.

use clap::Args;
use longshore::Action;

use crate::printer::Printer;
use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Cancel a job: immediately if it waits; by a request to its handler if it runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore cancel 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e")]
pub struct Cancel {
    #[command(flatten)]
    job: JobArgs,
}

/// Retry a dead or cancelled job with all its attempts, or run a scheduled job now
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore retry 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e")]
pub struct Retry {
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Debug, Args)]
struct JobArgs {
    /// The job's id, a unique beginning of it, or its alias
    id: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl Cancel {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        self.job.act(printer, stores, Action::Cancel, "cancel").await
    }
}

impl Retry {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        self.job.act(printer, stores, Action::Retry, "retry").await
    }
}

impl JobArgs {
    async fn act(self, printer: Printer, stores: &Stores, action: Action, verb: &str) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let id = target.resolve(&self.id).await?.id;
        let job = target.act(id, action, verb).await?;
        if printer.is_json() {
            printer.json(&job)
        } else if job.cancel_asked {
            printer.line(format_args!("job {} is {}; its handler was asked to stop", job.id, job.state))
        } else {
            printer.line(format_args!("job {} is {}", job.id, job.state))
        }
    }
}
