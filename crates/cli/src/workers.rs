//! `longshore workers`: prints the workers that reported recently.

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

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
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let workers = self.target.open(stores).await?.workers().await?;
        if self.target.json {
            println!("{}", serde_json::to_string(&workers).map_err(Exit::failed)?);
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["WORKER", "HOST", "PID", "STATE", "BUSY", "QUEUES", "KINDS", "SEEN"]);
        for worker in workers.workers {
            let state = match (worker.alive, worker.quiet, worker.stuck) {
                (false, ..) => "gone".to_owned(),
                (true, _, 1..) => format!("{} stuck", worker.stuck),
                (true, true, 0) => "quiet".to_owned(),
                (true, false, 0) => "working".to_owned(),
            };
            table.add_row([
                worker.id,
                worker.host,
                worker.pid.to_string(),
                state,
                format!("{} of {}", worker.running, worker.slots),
                worker.queues.join(" "),
                worker.kinds.join(" "),
                worker.seen.to_string(),
            ]);
        }
        table.column_iter_mut().skip(2).take(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        println!("{table}");
        Ok(())
    }
}
