//! `longshore status`: prints all data of one job.

use clap::Args;
use longshore::one_line;
use longshore_wire::Job;
use serde_json::value::RawValue;

use crate::printer::Printer;
use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Show all data of one job, and what it waits for
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore status 0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e
  longshore status 0199c0de-3f
  longshore status --server http://127.0.0.1:8470 --json my-own-id")]
pub struct Status {
    /// The job's id, a unique beginning of it, or its alias
    id: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl Status {
    /// With `--json` the job is printed as the HTTP API returns it, with the reasons in `waits_for`.
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let job = target.resolve(&self.id).await?;
        let waits = target.why_waiting(&job).await.unwrap_or_else(|e| {
            printer.note(format_args!("it is unknown what the job waits for: {e}"));
            Vec::new()
        });
        if printer.is_json() {
            return printer.json(&with_waits(&job, &waits)?);
        }
        let mut lines = lines_of(&job);
        lines.extend(waits.into_iter().map(|why| ("waits", why)));
        lines.iter().try_for_each(|(name, value)| printer.line(format_args!("{name:>12}  {value}")))
    }
}

/// Returns a job as JSON with one field more. The payload keeps its bytes, so this is done in the text.
fn with_waits(job: &Job, waits: &[String]) -> Result<Box<RawValue>, Exit> {
    let job = serde_json::to_string(job).map_err(Exit::failed)?;
    let waits = serde_json::to_string(waits).map_err(Exit::failed)?;
    let fields = job.strip_suffix('}').unwrap_or(&job);
    RawValue::from_string(format!("{fields},\"waits_for\":{waits}}}")).map_err(Exit::failed)
}

/// Returns a job as lines for people: a name, and a value on one line.
fn lines_of(job: &Job) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("job", job.id.to_string()),
        ("kind", job.kind.clone()),
        ("queue", job.queue.clone()),
        ("state", format!("{} ({})", job.state, one_line(job.status.lines().next().unwrap_or_default()))),
        ("attempts", attempts(job)),
    ];
    let mut add = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    add("pushed", Some(job.created_at.to_string()));
    add("due", (!job.state.is_final()).then(|| job.run_at.to_string()));
    add("started", job.started_at.map(|time| time.to_string()));
    add("finished", job.finished_at.map(|time| time.to_string()));
    add("deadline", job.deadline.map(|time| time.to_string()));
    add("worker", job.worker.clone());
    add("alias", job.alias.clone());
    add("key", job.key.clone());
    add("unique key", job.unique_key.clone());
    add("tags", (!job.tags.is_empty()).then(|| job.tags.join(", ")));
    add("dead because", job.reason.clone());
    add("result", job.result.as_ref().map(|result| format!("{}, {} bytes", result.content_type, result.bytes)));
    for failure in &job.failures {
        let mut message = failure.message.lines();
        let first = one_line(message.next().unwrap_or_default());
        let claim = failure.claim.map_or(String::new(), |claim| format!(", claim {claim}"));
        let worker = failure.worker.as_ref().map_or(String::new(), |worker| format!(", worker {worker}"));
        let (at, attempt, class) = (failure.at, failure.attempt, &failure.class);
        lines.push(("failure", format!("{at} attempt {attempt}{claim}{worker} ({class}): {first}")));
        lines.extend(message.map(|more| ("", one_line(more).to_string())));
    }
    lines
}

/// Returns how many attempts were used, and what happened besides that used none.
fn attempts(job: &Job) -> String {
    let counted = |count: u32, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let disruptions: Vec<_> = [
        counted(job.outages.into(), "outage", "outages in a row"),
        counted(job.interruptions, "interruption", "interruptions"),
        counted(job.crashes.into(), "crash of a worker", "crashes of workers"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let used = format!("{} of {}", job.attempt, job.max_attempts);
    match disruptions.is_empty() {
        true => used,
        false => format!("{used}, besides {}, which use no attempt", disruptions.join(", ")),
    }
}
