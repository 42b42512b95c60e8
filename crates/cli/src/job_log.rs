//! `longshore log`: prints the log of an attempt.

use std::io::Write;

use clap::Args;

use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Print a job's log: by default that of its newest attempt
///
/// The log of a command is what it writes to standard error; the log of a Rust handler is what it passes to `ctx.log`.
/// The last 64 KiB of each attempt are kept, and written every two seconds while the job runs. The log of a failed
/// attempt is kept as long as its failure.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore log 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e
  longshore log my-own-id --attempt 2
  longshore log my-own-id --claim 5117
  longshore log my-own-id --server http://127.0.0.1:8470")]
pub struct Log {
    /// The job's id or its alias
    id: String,
    /// The failed attempt, as `longshore status` numbers it [default: the newest attempt that has a log]
    #[arg(long, value_name = "N")]
    attempt: Option<u16>,
    /// The claim, as `longshore status` numbers it; outages and crashes do not count as attempts, so several claims may
    /// have the same attempt number
    #[arg(long, value_name = "N", conflicts_with = "attempt")]
    claim: Option<u64>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Log {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let claim = match self.attempt {
            None => self.claim,
            Some(attempt) => {
                let job = target.job(&self.id).await?;
                let failure = job.failures.iter().rev().find(|failure| failure.attempt == attempt);
                let claim = failure.and_then(|failure| failure.claim);
                let missing = format!("job {} has no log of a failed attempt {attempt}", job.id);
                Some(claim.ok_or_else(|| Exit::usage(missing))?)
            }
        };
        let log = target.log(&self.id, claim).await?;
        if self.target.json {
            println!("{}", serde_json::json!({ "log": log }));
            return Ok(());
        }
        std::io::stdout().write_all(log.as_bytes()).map_err(Exit::failed)
    }
}
