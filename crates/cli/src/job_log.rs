//! `longshore log`: what a job's newest attempt had to say.

use std::io::Write;

use clap::Args;

use crate::Exit;
use crate::target::On;

/// Print a job's log: what its newest attempt had to say beside its result
///
/// A command's log is what it writes to standard error; a Rust handler's is what it gives to `ctx.log`. The last 64 KiB are kept, and
/// written every two seconds while the job runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore log 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e
  longshore log my-own-id --server http://127.0.0.1:8470")]
pub struct Log {
    /// The job's id, or its alias
    id: String,
    #[command(flatten)]
    on: On,
}

impl Log {
    pub async fn run(self) -> Result<(), Exit> {
        let log = self.on.open().await?.log(&self.id).await?;
        if self.on.json {
            println!("{}", serde_json::json!({ "log": log }));
            return Ok(());
        }
        std::io::stdout().write_all(log.as_bytes()).map_err(Exit::failed)
    }
}
