//! `longshore queues`: queues in numbers, and which of them are paused.

use std::time::Duration;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use longshore::HeldBackReason;

use crate::Exit;
use crate::pause::words;
use crate::target::On;

/// Show every queue with its counts, the age of its oldest waiting job, and its pause
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore queues
  longshore queues --server http://127.0.0.1:8470 --json")]
pub struct Queues {
    #[command(flatten)]
    on: On,
}

impl Queues {
    pub async fn run(self) -> Result<(), Exit> {
        let queues = self.on.open().await?.queues().await?;
        if self.on.json {
            println!("{}", serde_json::to_string(&queues).map_err(Exit::failed)?);
            return Ok(());
        }
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
        for queue in queues.queues {
            let counts = queue.counts;
            let oldest = queue.oldest_ready_ms.map(|ms| Duration::from_millis(ms.unsigned_abs()));
            let numbers =
                [counts.scheduled, counts.ready, counts.running, counts.succeeded, counts.dead, counts.cancelled];
            let mut row = vec![queue.queue];
            row.extend(numbers.map(|number| number.to_string()));
            row.push(oldest.map_or(String::new(), |oldest| humantime::format_duration(oldest).to_string()));
            row.push(match (&queue.paused, queue.held_back) {
                (Some(pause), _) => words(pause),
                (None, Some(why)) if why == HeldBackReason::UnknownRule.as_str() => {
                    "no, but held back by a rule of a newer version".to_owned()
                }
                (None, _) => String::new(),
            });
            table.add_row(row);
        }
        table.column_iter_mut().skip(1).take(7).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        println!("{table}");
        Ok(())
    }
}
