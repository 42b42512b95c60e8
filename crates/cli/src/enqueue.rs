//! `longshore enqueue`: push one job.

use clap::Args;
use longshore::Payload;
use longshore_wire as wire;
use longshore_wire::duration::to_ms;
use std::io::Read;
use std::time::Duration;

use crate::Exit;
use crate::target::On;

/// Push a job and print its id
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore enqueue image '{\"text\":\"hello_world\"}'
  longshore enqueue report --queue slow --delay 10m --max-attempts 3 < report.json
  longshore wait $(longshore enqueue image '{\"text\":\"hi\"}') --out hi.gif")]
pub struct Enqueue {
    /// The kind, which decides the handler
    kind: String,
    /// What the handler gets, as JSON; `-` or nothing reads standard input
    payload: Option<String>,
    /// The queue [default: default]
    #[arg(long)]
    queue: Option<String>,
    /// Run it after this long
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, conflicts_with = "run_at")]
    delay: Option<Duration>,
    /// Run it at this time, as in 2026-02-03T04:05:06Z
    #[arg(long, value_name = "TIME")]
    run_at: Option<String>,
    /// From -100 to 100; higher runs first [default: 0]
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i16>,
    /// Whom it belongs to within its queue
    #[arg(long)]
    key: Option<String>,
    /// Push it only if no live job of the queue holds this key
    #[arg(long, value_name = "KEY")]
    unique: Option<String>,
    /// A foreign id by which it can be looked up
    #[arg(long)]
    alias: Option<String>,
    /// Attempts before it is dead; its kind may grant fewer [default: what its kind grants, or 20]
    #[arg(long, value_name = "N")]
    max_attempts: Option<u16>,
    /// How long one attempt may take; its kind may grant less [default: what its kind grants, or 30m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Do not start it, nor try it again, after this time
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// A word to find it by; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    on: On,
}

impl Enqueue {
    pub async fn run(self) -> Result<(), Exit> {
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
        let pushed = self.on.open().await?.push(job).await?;
        if self.on.json {
            println!("{}", serde_json::to_string(&pushed).map_err(Exit::failed)?);
        } else {
            println!("{}", pushed.id);
        }
        Ok(())
    }
}
