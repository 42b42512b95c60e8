//! `longshore log`: what an attempt of a job had to say.

use std::io::Write;

use clap::Args;

use crate::Exit;
use crate::target::On;

/// Print a job's log: what its newest attempt had to say beside its result
///
/// A command's log is what it writes to standard error; a Rust handler's is what it gives to `ctx.log`. The last 64 KiB of each attempt are
/// kept, and written every two seconds while the job runs; those of attempts that failed are kept with their failures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore log 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e
  longshore log my-own-id --attempt 2
  longshore log my-own-id --claim 5117
  longshore log my-own-id --server http://127.0.0.1:8470")]
pub struct Log {
    /// The job's id, or its alias
    id: String,
    /// The attempt that failed, as `longshore status` counts them [default: the newest that has a log]
    #[arg(long, value_name = "N")]
    attempt: Option<u16>,
    /// The claim whose log it is, as `longshore status` shows it: outages and crashes cost no attempt, so that several may have one number
    #[arg(long, value_name = "N", conflicts_with = "attempt")]
    claim: Option<u64>,
    #[command(flatten)]
    on: On,
}

impl Log {
    pub async fn run(self) -> Result<(), Exit> {
        let target = self.on.open().await?;
        let claim = match self.attempt {
            None => self.claim,
            Some(attempt) => {
                let job = target.job(&self.id).await?;
                let failure = job.failures.iter().rev().find(|failure| failure.attempt == attempt);
                let claim = failure.and_then(|failure| failure.claim);
                let missing = format!("job {} has no failed attempt {attempt} whose log is kept", job.id);
                Some(claim.ok_or_else(|| Exit::usage(missing))?)
            }
        };
        let log = target.log(&self.id, claim).await?;
        if self.on.json {
            println!("{}", serde_json::json!({ "log": log }));
            return Ok(());
        }
        std::io::stdout().write_all(log.as_bytes()).map_err(Exit::failed)
    }
}
