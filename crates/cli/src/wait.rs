//! `longshore wait`: wait for a job, with a progress bar, and write its result.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use longshore::State;
use longshore_wire as wire;

use crate::bar::Bar;
use crate::follow::PATIENCE;
use crate::out::Out;
use crate::printer::{ForTerminal, Printer, unwritten};
use crate::target::{Target, TargetArgs};
use crate::{Exit, Stores};

/// How long a job may wait before the reason is printed.
const SOON: Duration = Duration::from_secs(3);

/// Wait until a job is finished, and print its result or write it to a file
///
/// If the job does not start, standard error says what it waits for. If a server is lost while it is waited for, it is
/// tried again for a minute, or for the whole `--timeout`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore wait 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e
  longshore wait 0199c0de-3f
  longshore wait my-own-id --out picture.gif --timeout 1m")]
pub struct Wait {
    /// The job's id, a unique beginning of it, or its alias
    id: String,
    /// Write the result to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Stop waiting after this time, with exit code 3
    #[arg(long, value_name = "DURATION", value_parser = crate::args::duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Wait {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let job = target.resolve(&self.id).await?;
        let bar = Bar::new();
        let patience = self.timeout.unwrap_or(PATIENCE);
        let followed = {
            let follow = target.follow(job.id, patience, |event| bar.show(event));
            let reason = async {
                tokio::time::sleep(SOON).await;
                if let Some(why) = reason(&target, &job).await {
                    bar.suspend(|| printer.note(format_args!("job {} waits: {why}", job.id)));
                }
                std::future::pending::<()>().await
            };
            tokio::select! {
                followed = within(self.timeout, follow) => followed,
                () = reason => unreachable!("it never ends"),
            }
        };
        bar.clear();
        let Some(followed) = followed else { return Err(self.not_finished(&target, &job).await) };
        followed?;
        let job = target.patiently(patience, async || target.job(job.id).await).await?;
        if printer.is_json() {
            printer.json(&job)?;
        }
        if job.state != State::Succeeded {
            return Err(Exit::unsuccessful(&job));
        }
        match &self.out {
            Some(path) if job.result.is_some() => self.write(&target, &job, path).await,
            Some(_) => Ok(()),
            None if printer.is_json() => Ok(()),
            None => print_result(&target, &job).await,
        }
    }

    /// Returns the exit at the end of the time-out, with what the job waits for.
    async fn not_finished(&self, target: &Target, job: &wire::Job) -> Exit {
        // A server that does not answer now was not reachable all the time.
        let asked = tokio::time::timeout(Duration::from_secs(5), target.job(job.id)).await;
        match asked {
            Ok(Ok(now)) => {
                let why = reason(target, &now).await.map_or(String::new(), |why| format!("; it waits: {why}"));
                Exit::not_finished(format_args!("job {} is not finished yet: it is {}{why}", now.id, now.state))
            }
            Ok(Err(e)) => Exit::from(e),
            Err(_) => Exit::unreachable(format_args!("job {} is not finished yet, and nothing answers", job.id)),
        }
    }

    async fn write(&self, target: &Target, job: &wire::Job, path: &Path) -> Result<(), Exit> {
        let failed =
            |e: std::io::Error| Exit::failed(anyhow::Error::new(e).context(format!("write `{}`", path.display())));
        let out = Out::create(path).map_err(failed)?;
        target.write_result(job, out).await?.finish().map_err(failed)
    }
}

/// Prints the result. A terminal gets it as text that cannot command it.
async fn print_result(target: &Target, job: &wire::Job) -> Result<(), Exit> {
    let out = std::io::stdout();
    let out = ForTerminal::new(out, std::io::stdout().is_terminal());
    match target.write_result(job, out).await {
        Ok(_) => Ok(()),
        Err(e) => Err(match broken_pipe(&e) {
            Some(pipe) => unwritten(pipe),
            None => e.into(),
        }),
    }
}

/// Returns the cause of an error if it is a reader that went away.
fn broken_pipe(error: &longshore::Error) -> Option<std::io::Error> {
    let cause = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    (cause.kind() == std::io::ErrorKind::BrokenPipe).then(|| cause.kind().into())
}

/// Returns what an unfinished job waits for, if that is known. A failure to ask is no failure of the wait.
async fn reason(target: &Target, job: &wire::Job) -> Option<String> {
    let job = target.job(job.id).await.ok()?;
    let why = target.why_waiting(&job).await.ok()?;
    (!why.is_empty()).then(|| why.join("; "))
}

/// Waits for the future, at most for the time; `None` if the time is over.
async fn within<T>(time: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match time {
        Some(time) => tokio::time::timeout(time, future).await.ok(),
        None => Some(future.await),
    }
}
