//! `longshore wait`: wait for a job, with a progress bar, and write its result.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use longshore::State;
use longshore_wire as wire;

use crate::bar::Bar;
use crate::out::Out;
use crate::target::{Target, TargetArgs};
use crate::{Exit, Stores};

/// Wait until a job is finished, and print its result or write it to a file
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore wait 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e
  longshore wait my-own-id --out picture.gif --timeout 1m")]
pub struct Wait {
    /// The job's id or its alias
    id: String,
    /// Write the result to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Stop waiting after this time, with exit code 3
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Wait {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let bar = Bar::new();
        let shown = bar.clone();
        let follow = target.follow(&self.id, move |event| shown.show(event));
        let followed = match self.timeout {
            Some(timeout) => tokio::time::timeout(timeout, follow).await,
            None => Ok(follow.await),
        };
        bar.clear();
        followed.map_err(|_| Exit::not_finished(format!("job {} is not finished yet", self.id)))??;
        let job = target.job(&self.id).await?;
        if self.target.json {
            println!("{}", serde_json::to_string(&job).map_err(Exit::failed)?);
        }
        if job.state != State::Succeeded {
            return Err(Exit::failed(anyhow::anyhow!("job {} is {}: {}", job.id, job.state, job.status)));
        }
        match &self.out {
            Some(path) if job.result.is_some() => self.write(&target, &job, path).await,
            Some(_) => Ok(()),
            None if self.target.json => Ok(()),
            None => target.write_result(&job, std::io::stdout()).await.map(|_| ()).map_err(Exit::from),
        }
    }

    async fn write(&self, target: &Target, job: &wire::Job, path: &Path) -> Result<(), Exit> {
        let failed =
            |e: std::io::Error| Exit::failed(anyhow::Error::new(e).context(format!("write `{}`", path.display())));
        let out = Out::create(path).map_err(failed)?;
        target.write_result(job, out).await?.finish().map_err(failed)
    }
}
