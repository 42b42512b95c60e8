//! `longshore jobs`: list jobs.

use clap::Args;
use comfy_table::{Table, presets};
use longshore::{Cursor, Filter, Page, State, one_line};

use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// List jobs, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore jobs --state dead
  longshore jobs --queue mail --tag invoice --limit 200 --json")]
pub struct Jobs {
    /// Only jobs of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only jobs of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Only jobs in this state: scheduled, ready, running, succeeded, dead or cancelled
    #[arg(long)]
    state: Option<State>,
    /// Only jobs with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only jobs with this key
    #[arg(long)]
    key: Option<String>,
    /// The maximum number of jobs
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Continue after the end of a previous list
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Jobs {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let filter = Filter {
            queue: self.queue.map(|text| text.parse()).transpose()?,
            kind: self.kind.map(|text| text.parse()).transpose()?,
            state: self.state,
            tag: self.tag.map(|text| text.parse()).transpose()?,
            key: self.key.map(|text| text.parse()).transpose()?,
        };
        let target = self.target.open(stores).await?;
        let mut jobs = Vec::new();
        let mut after = self.after;
        // A page may be short although more jobs follow: a call looks at a limited number of rows.
        let next = loop {
            let limit = (self.limit - jobs.len()).min(longshore::limits::PAGE);
            let page = target.list(filter.clone(), Page::new(after, limit)).await?;
            jobs.extend(page.jobs);
            match page.next {
                Some(next) if jobs.len() < self.limit => after = Some(next.parse()?),
                next => break next,
            }
        };
        if self.target.json {
            let page = longshore_wire::Jobs { jobs, next };
            println!("{}", serde_json::to_string(&page).map_err(Exit::failed)?);
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(["ID", "QUEUE", "KIND", "STATE", "TRIES", "PUSHED", "STATUS"]);
        for job in jobs {
            let tries = format!("{}/{}", job.attempt, job.max_attempts);
            let pushed = job.created_at.to_string();
            let status = one_line(&job.status).to_string();
            table.add_row([job.id.to_string(), job.queue, job.kind, job.state.to_string(), tries, pushed, status]);
        }
        println!("{table}");
        if let Some(next) = next {
            println!("more jobs: --after {next}");
        }
        Ok(())
    }
}
