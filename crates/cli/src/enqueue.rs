//! `longshore enqueue`: push one job.

use clap::Args;
use longshore::Payload;
use longshore_wire as wire;
use longshore_wire::duration::to_ms;
use std::io::Read;
use std::time::Duration;

use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Push a job and print its id
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore enqueue image '{\"text\":\"hello_world\"}'
  longshore enqueue report --queue slow --delay 10m --max-attempts 3 < report.json
  longshore wait $(longshore enqueue image '{\"text\":\"hi\"}') --out hi.gif")]
pub struct Enqueue {
    /// The job's kind, which selects the handler
    kind: String,
    /// The input of the handler, as JSON; if it is `-` or missing, it is read from standard input
    payload: Option<String>,
    /// The job's queue [default: default]
    #[arg(long)]
    queue: Option<String>,
    /// Run the job after this time
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, conflicts_with = "run_at")]
    delay: Option<Duration>,
    /// Run the job at this time, as in 2026-02-03T04:05:06Z
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// From -100 to 100; jobs with a higher priority run first [default: 0]
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i16>,
    /// The group that the job belongs to within its queue, for example a tenant
    #[arg(long)]
    key: Option<String>,
    /// Push the job only if no unfinished job of the queue holds this key
    #[arg(long, value_name = "KEY")]
    unique: Option<String>,
    /// An id of your choice by which the job can be found
    #[arg(long)]
    alias: Option<String>,
    /// The number of attempts before the job is dead; its kind may allow fewer [default: what its kind allows, or 20]
    #[arg(long, value_name = "N")]
    max_attempts: Option<u16>,
    /// How long one attempt may take; its kind may allow less [default: what its kind allows, or 30m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Do not start or retry the job after this time
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// A tag to find the job by; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Enqueue {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let payload = match self.payload.as_deref() {
            None | Some("-") => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map_err(Exit::failed)?;
                text
            }
            Some(text) => text.to_owned(),
        };
        let job = wire::NewJob {
            queue: self.queue,
            delay_ms: self.delay.map(to_ms),
            run_at: self.run_at,
            priority: self.priority,
            key: self.key,
            unique: self.unique.map(|key| wire::Unique { key, scope: wire::Scope::UntilFinished }),
            alias: self.alias,
            max_attempts: self.max_attempts,
            timeout_ms: self.timeout.map(to_ms),
            deadline: self.deadline,
            tags: self.tags,
            ..wire::NewJob::new(self.kind, Payload::parse(payload.trim())?)
        };
        let pushed = self.target.open(stores).await?.push(job).await?;
        if self.target.json {
            println!("{}", serde_json::to_string(&pushed).map_err(Exit::failed)?);
        } else {
            println!("{}", pushed.id);
        }
        Ok(())
    }
}
