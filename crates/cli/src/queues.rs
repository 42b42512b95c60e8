//! `longshore queues`: prints the statistics and pauses of queues.

use std::time::Duration;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use longshore::{HeldBackReason, QueueName, limits};
use longshore_wire as wire;

use crate::pause::describe;
use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Show queues by name, each with its numbers of jobs, the age of its oldest ready job, and its pause
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore queues
  longshore queues --limit 50 --after mail
  longshore queues --server http://127.0.0.1:8470 --json")]
pub struct Queues {
    /// The maximum number of queues [default: all]
    #[arg(long)]
    limit: Option<usize>,
    /// Continue after this queue, where a previous list ended
    #[arg(long, value_name = "QUEUE")]
    after: Option<QueueName>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Queues {
    /// Reads page by page. Tables are printed page by page, JSON as one document.
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut all = wire::Queues { queues: Vec::new(), next: None };
        let mut after = self.after;
        loop {
            let page = target.queues(after, left.clamp(1, limits::PAGE)).await?;
            left = left.saturating_sub(page.queues.len());
            match self.target.json {
                true => all.queues.extend(page.queues),
                false => println!("{}", table(page.queues)),
            }
            all.next = page.next;
            match &all.next {
                Some(next) if left > 0 => after = Some(next.parse()?),
                _ => break,
            }
        }
        if self.target.json {
            println!("{}", serde_json::to_string(&all).map_err(Exit::failed)?);
        } else if let Some(next) = all.next {
            println!("more queues: --after {next}");
        }
        Ok(())
    }
}

/// Returns a page as a table for people.
fn table(queues: Vec<wire::Queue>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "QUEUE",
        "SCHEDULED",
        "READY",
        "RUNNING",
        "SUCCEEDED",
        "DEAD",
        "CANCELLED",
        "OLDEST READY",
        "PAUSED",
    ]);
    for queue in queues {
        let counts = queue.counts;
        let oldest = queue.oldest_ready_ms.map(|ms| Duration::from_millis(ms.unsigned_abs()));
        let numbers = [counts.scheduled, counts.ready, counts.running, counts.succeeded, counts.dead, counts.cancelled];
        let mut row = vec![queue.queue];
        row.extend(numbers.map(|number| number.to_string()));
        row.push(oldest.map_or(String::new(), |oldest| humantime::format_duration(oldest).to_string()));
        row.push(match (&queue.paused, queue.held_back) {
            (Some(pause), _) => describe(pause),
            (None, Some(why)) if why == HeldBackReason::UnknownRule.as_str() => {
                "no, but blocked by a rule of a newer version".to_owned()
            }
            (None, _) => String::new(),
        });
        table.add_row(row);
    }
    table.column_iter_mut().skip(1).take(7).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}
