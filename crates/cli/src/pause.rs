//! `longshore pause` and `longshore resume`.

use clap::Args;
use longshore_wire as wire;

use crate::printer::Printer;
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
    #[arg(long = "for", value_name = "TIME", value_parser = crate::args::duration)]
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
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let by = self.by.or_else(|| std::env::var("USER").ok().filter(|user| !user.is_empty()));
        if self.period.is_some_and(|period| period.is_zero()) {
            return Err(Exit::usage("--for 0s would end the pause at once; `longshore resume` ends a pause"));
        }
        let for_ms = self.period.map(wire::duration::to_ms);
        let pause = wire::NewPause { until: self.until, for_ms, reason: self.reason, by };
        let target = self.target.open(stores).await?;
        let is_known = target.queue(&self.queue).await?.is_some();
        let queue = target.pause(&self.queue, pause).await?;
        if !is_known {
            printer.note(format_args!("no job was ever pushed to queue `{}`, or not for a day", queue.queue));
        }
        print(&queue, printer)
    }
}

impl Resume {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let queue = self.target.open(stores).await?.resume(&self.queue).await?;
        print(&queue, printer)
    }
}

fn print(queue: &wire::Queue, printer: Printer) -> Result<(), Exit> {
    match &queue.paused {
        _ if printer.is_json() => printer.json(queue),
        Some(pause) => printer.line(format_args!("queue {} is paused {pause}", queue.queue)),
        None => printer.line(format_args!("queue {} is not paused", queue.queue)),
    }
}
