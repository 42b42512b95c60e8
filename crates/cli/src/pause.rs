//! `longshore pause` and `longshore resume`.

use clap::Args;
use longshore_wire as wire;

use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Pause a queue until it is resumed or a time has passed; running jobs continue
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore pause mail --reason 'the mail host is down'
  longshore pause mail --for 10m
  longshore pause mail --until 2027-01-01T06:00:00Z")]
pub struct Pause {
    /// The queue
    queue: String,
    /// Resume the queue automatically after this time, such as 90s, 10m or 2h
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    period: Option<std::time::Duration>,
    /// Resume the queue automatically at this time (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "period")]
    until: Option<String>,
    /// The reason, shown to other people
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The name of the person who pauses the queue [default: $USER]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Resume a paused queue
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore resume mail")]
pub struct Resume {
    /// The queue
    queue: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl Pause {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let by = self.by.or_else(|| std::env::var("USER").ok().filter(|user| !user.is_empty()));
        let for_ms = self.period.map(wire::duration::to_ms);
        let pause = wire::NewPause { until: self.until, for_ms, reason: self.reason, by };
        let queue = self.target.open(stores).await?.pause(&self.queue, pause).await?;
        print(&queue, self.target.json)
    }
}

impl Resume {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let queue = self.target.open(stores).await?.resume(&self.queue).await?;
        print(&queue, self.target.json)
    }
}

fn print(queue: &wire::Queue, json: bool) -> Result<(), Exit> {
    if json {
        println!("{}", serde_json::to_string(queue).map_err(Exit::failed)?);
        return Ok(());
    }
    match &queue.paused {
        Some(pause) => println!("queue {} is paused {}", queue.queue, describe(pause)),
        None => println!("queue {} is not paused", queue.queue),
    }
    Ok(())
}

/// Returns until when, by whom and why a queue is paused.
pub fn describe(pause: &wire::Pause) -> String {
    let mut text = match pause.until {
        Some(until) => format!("until {until}"),
        None => "until it is resumed".to_owned(),
    };
    if let Some(by) = &pause.by {
        text += &format!(", by {by}");
    }
    if let Some(reason) = &pause.reason {
        text += &format!(": {reason}");
    }
    text
}
