//! `longshore queues`: prints the statistics and pauses of queues.

use std::time::Duration;

use clap::Args;
use longshore::{HeldBackReason, QueueName, limits};
use longshore_wire as wire;

use crate::printer::{Printer, columns};
use crate::table::{self, age};
use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Show queues by name, each with its numbers of jobs, the age of its oldest ready job, and its pause
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore queues
  longshore queues --limit 50 --after mail
  longshore queues --server http://127.0.0.1:8470 --json")]
pub struct Queues {
    /// The maximum number of queues, from 1 to 100000 [default: all]
    #[arg(long, value_parser = crate::args::limit)]
    limit: Option<usize>,
    /// Continue after this queue, where a previous list ended
    #[arg(long, value_name = "QUEUE")]
    after: Option<QueueName>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Queues {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let target = self.target.open(stores).await?;
        let limit = self.limit.unwrap_or(usize::MAX);
        let mut all = wire::Queues { queues: Vec::new(), next: None };
        let mut after = self.after;
        // One queue more than is shown tells whether there are more.
        while all.queues.len() <= limit {
            let wanted = limit.saturating_add(1) - all.queues.len();
            let page = target.queues(after.take(), wanted.min(limits::PAGE)).await?;
            all.queues.extend(page.queues);
            match page.next {
                Some(next) => after = Some(next.parse()?),
                None => break,
            }
        }
        if all.queues.len() > limit {
            all.queues.truncate(limit);
            all.next = all.queues.last().map(|last| last.queue.clone());
        }
        if printer.is_json() {
            return printer.json(&all);
        }
        let columns = columns();
        printer.line(table(&all.queues, columns))?;
        for (name, pause) in all.queues.iter().filter_map(|queue| Some((&queue.queue, queue.paused.as_ref()?))) {
            printer.line(table::wrap(&format!("{name} is paused {pause}"), columns))?;
        }
        match all.next {
            Some(next) => printer.line(format_args!("more queues: --after {next}")),
            None => Ok(()),
        }
    }
}

/// Returns a page as a table for people.
fn table(queues: &[wire::Queue], columns: Option<u16>) -> String {
    let header = ["QUEUE", "SCHEDULED", "READY", "RUNNING", "SUCCEEDED", "DEAD", "CANCELLED", "OLDEST", "PAUSED"];
    let mut table = table::new(columns, &header);
    for queue in queues {
        let wire::Counts { scheduled, ready, running, succeeded, dead, cancelled } = queue.counts;
        let oldest = queue.oldest_ready_ms.map(|ms| age(Duration::from_millis(ms.unsigned_abs())));
        let paused = match (&queue.paused, queue.held_back.as_deref()) {
            (Some(_), _) => "yes",
            (None, Some(why)) if why == HeldBackReason::UnknownRule.as_str() => "newer rule",
            (None, Some(why)) if why == HeldBackReason::Unreachable.as_str() => "unreachable",
            (None, _) => "",
        };
        let [scheduled, ready, running, succeeded, dead, cancelled] =
            [scheduled, ready, running, succeeded, dead, cancelled].map(|count| count.to_string());
        table::add(
            &mut table,
            [
                queue.queue.clone(),
                scheduled,
                ready,
                running,
                succeeded,
                dead,
                cancelled,
                oldest.unwrap_or_default(),
                paused.to_owned(),
            ],
        );
    }
    table::keep(&mut table, 1..9);
    table::align_right(&mut table, 1..8);
    table::text(&table)
}
