//! `longshore cancel` and `longshore retry`.

use clap::Args;
use longshore::Action;

use crate::Exit;
use crate::target::On;

/// Call a job off: at once if it waits, by asking its handler if it runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore cancel 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e")]
pub struct Cancel {
    #[command(flatten)]
    which: Which,
}

/// Try a dead or cancelled job again with all its attempts, or a scheduled one now
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore retry 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e")]
pub struct Retry {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// The job's id, or its alias
    id: String,
    #[command(flatten)]
    on: On,
}

impl Cancel {
    pub async fn run(self) -> Result<(), Exit> {
        self.which.act(Action::Cancel, "cancel").await
    }
}

impl Retry {
    pub async fn run(self) -> Result<(), Exit> {
        self.which.act(Action::Retry, "retry").await
    }
}

impl Which {
    async fn act(self, action: Action, verb: &str) -> Result<(), Exit> {
        let job = self.on.open().await?.act(&self.id, action, verb).await?;
        if self.on.json {
            println!("{}", serde_json::to_string(&job).map_err(Exit::failed)?);
        } else if job.cancel_asked {
            println!("job {} is {}, and was asked to stop", job.id, job.state);
        } else {
            println!("job {} is {}", job.id, job.state);
        }
        Ok(())
    }
}
