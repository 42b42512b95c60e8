//! `longshore cancel` and `longshore retry`.

use clap::Args;
use longshore::Action;

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
    /// The job's id or its alias
    id: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl Cancel {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        self.job.act(stores, Action::Cancel, "cancel").await
    }
}

impl Retry {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        self.job.act(stores, Action::Retry, "retry").await
    }
}

impl JobArgs {
    async fn act(self, stores: &Stores, action: Action, verb: &str) -> Result<(), Exit> {
        let job = self.target.open(stores).await?.act(&self.id, action, verb).await?;
        if self.target.json {
            println!("{}", serde_json::to_string(&job).map_err(Exit::failed)?);
        } else if job.cancel_asked {
            println!("job {} is {}; its handler was asked to stop", job.id, job.state);
        } else {
            println!("job {} is {}", job.id, job.state);
        }
        Ok(())
    }
}
