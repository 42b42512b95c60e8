//! `longshore status`: prints all data of one job.

use clap::Args;
use longshore::{State, one_line};
use longshore_wire::Job;

use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Show all data of one job
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore status 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e
  longshore status --server http://127.0.0.1:8470 --json my-own-id")]
pub struct Status {
    /// The job's id or its alias
    id: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl Status {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let job = target.job(&self.id).await?;
        if self.target.json {
            println!("{}", serde_json::to_string(&job).map_err(Exit::failed)?);
        } else {
            print(&job);
            if job.state == State::Ready {
                match target.workers().await {
                    Ok(workers) => workers.why_unclaimed(&job).into_iter().for_each(|why| line("waits", &why)),
                    Err(e) => eprintln!(
                        "note: cannot read the workers, so it is unknown whether one will claim this job: {e}"
                    ),
                }
            }
        }
        Ok(())
    }
}

/// Prints a job for people.
pub fn print(job: &Job) {
    line("job", &job.id.to_string());
    line("kind", &job.kind);
    line("queue", &job.queue);
    line("state", &format!("{} ({})", job.state, job.status.lines().next().unwrap_or_default()));
    line("attempts", &format!("{} of {}", job.attempt, job.max_attempts));
    if job.crashes > 0 || job.interruptions > 0 || job.outages > 0 {
        let (crashes, interruptions, outages) = (job.crashes, job.interruptions, job.outages);
        line("disruptions", &format!("{crashes} crashes, {interruptions} interruptions, {outages} outages in a row"));
    }
    line("pushed", &job.created_at.to_string());
    if !job.state.is_final() {
        line("due", &job.run_at.to_string());
    }
    for (name, time) in [("started", job.started_at), ("finished", job.finished_at), ("deadline", job.deadline)] {
        if let Some(time) = time {
            line(name, &time.to_string());
        }
    }
    for (name, text) in [("alias", &job.alias), ("key", &job.key), ("unique key", &job.unique_key)] {
        if let Some(text) = text {
            line(name, text);
        }
    }
    if !job.tags.is_empty() {
        line("tags", &job.tags.join(", "));
    }
    if let Some(reason) = &job.reason {
        line("dead because", reason);
    }
    if let Some(result) = &job.result {
        line("result", &format!("{}, {} bytes", result.content_type, result.bytes));
    }
    for failure in &job.failures {
        let mut lines = failure.message.lines();
        let first = one_line(lines.next().unwrap_or_default());
        let claim = failure.claim.map_or(String::new(), |claim| format!(", claim {claim}"));
        line("failure", &format!("{} attempt {}{claim} ({}): {first}", failure.at, failure.attempt, failure.class));
        lines.for_each(|more| line("", &one_line(more).to_string()));
    }
}

fn line(name: &str, value: &str) {
    println!("{name:>12}  {value}");
}
