//! `longshore workers`: prints the workers that reported recently.

use clap::Args;
use longshore::Clock;
use longshore_wire::Worker;

use crate::printer::{Printer, columns};
use crate::table::{self, age};
use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// Show the workers that reported within the last hour: where they run, what they claim, and how busy they are
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore workers
  longshore workers --server http://127.0.0.1:8470 --json")]
pub struct Workers {
    #[command(flatten)]
    target: TargetArgs,
}

impl Workers {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let workers = self.target.open(stores).await?.workers().await?;
        match printer.is_json() {
            true => printer.json(&workers),
            false => printer.line(table(workers.workers, columns())),
        }
    }
}

/// Returns the workers as a table for people.
fn table(workers: Vec<Worker>, columns: Option<u16>) -> String {
    let now = Clock::default().now();
    let mut table = table::new(columns, &["WORKER", "HOST", "PID", "STATE", "BUSY", "QUEUES", "KINDS", "SEEN"]);
    for worker in workers {
        let state = match (worker.alive, worker.quiet, worker.stuck) {
            (false, ..) => "gone".to_owned(),
            (true, _, 1..) => format!("{} stuck", worker.stuck),
            (true, true, 0) => "quiet".to_owned(),
            (true, false, 0) => "working".to_owned(),
        };
        table::add(
            &mut table,
            [
                worker.id,
                worker.host,
                worker.pid.to_string(),
                state,
                format!("{} of {}", worker.running, worker.slots),
                worker.queues.join(" "),
                worker.kinds.join(" "),
                age(now.since(worker.seen)),
            ],
        );
    }
    table::keep(&mut table, [2, 3, 4, 7]);
    table::align_right(&mut table, [2]);
    table::text(&table)
}
