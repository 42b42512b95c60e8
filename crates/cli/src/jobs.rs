//! `longshore jobs`: list jobs.

use clap::Args;
use longshore::{Clock, Cursor, Filter, Page, State, one_line};
use longshore_wire::Job;

use crate::printer::{Printer, columns};
use crate::table::{self, age};
use crate::target::TargetArgs;
use crate::{Exit, Stores};

/// List jobs, newest first
///
/// On a terminal of fewer than 120 columns the ids are cut; every command takes the beginning of an id. In files and
/// pipes nothing is cut.
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
    /// The maximum number of jobs, from 1 to 100000
    #[arg(long, default_value_t = 20, value_parser = crate::args::limit)]
    limit: usize,
    /// Continue after the end of a previous list
    #[arg(long, value_name = "CURSOR")]
    after: Option<Cursor>,
    #[command(flatten)]
    target: TargetArgs,
}

impl Jobs {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let filter = Filter {
            queue: self.queue.map(|text| text.parse()).transpose()?,
            kind: self.kind.map(|text| text.parse()).transpose()?,
            state: self.state,
            tag: self.tag.map(|text| text.parse()).transpose()?,
            key: self.key.map(|text| text.parse()).transpose()?,
        };
        let target = self.target.open(stores).await?;
        let (mut jobs, mut unreachable) = (Vec::new(), Vec::new());
        let mut after = self.after;
        // A page may be short although more jobs follow: a call looks at a limited number of rows.
        let next = loop {
            let limit = (self.limit - jobs.len()).min(longshore::limits::PAGE);
            let page = target.list(filter.clone(), Page::new(after, limit)).await?;
            jobs.extend(page.jobs);
            unreachable.extend(page.unreachable);
            match page.next {
                Some(next) if jobs.len() < self.limit => after = Some(next.parse()?),
                next => break next,
            }
        };
        unreachable.sort();
        unreachable.dedup();
        for queue in &unreachable {
            printer.note(format_args!("the jobs of queue `{queue}` are missing: its server does not answer"));
        }
        if printer.is_json() {
            return printer.json(&longshore_wire::Jobs { jobs, next, unreachable });
        }
        printer.line(table(jobs, columns()))?;
        match next {
            Some(next) => printer.line(format_args!("more jobs: --after {next}")),
            None => Ok(()),
        }
    }
}

/// The width from which a table has room for whole ids.
const WIDE: u16 = 120;
/// The length of a short id: its time in milliseconds, and twelve bits more.
const SHORT: usize = 18;

/// Returns a page as a table for people. On a narrow terminal it has the beginnings of the ids, as long as they are
/// unique on the page; every command takes them.
fn table(jobs: Vec<Job>, columns: Option<u16>) -> String {
    let now = Clock::default().now();
    let is_wide = columns.is_none_or(|columns| columns >= WIDE);
    let ids: Vec<_> = jobs.iter().map(|job| job.id.to_string()).collect();
    let length = if is_wide { usize::MAX } else { shortest(&ids) };
    let mut table = table::new(columns, &["ID", "QUEUE", "KIND", "STATE", "TRIES", "AGE", "STATUS"]);
    for (job, id) in jobs.into_iter().zip(ids) {
        table::add(
            &mut table,
            [
                id.chars().take(length).collect(),
                job.queue,
                job.kind,
                job.state.to_string(),
                format!("{}/{}", job.attempt, job.max_attempts),
                age(now.since(job.created_at)),
                one_line(&job.status).to_string(),
            ],
        );
    }
    table::keep(&mut table, [0, 3, 4, 5]);
    table::text(&table)
}

/// Returns how much of the ids is enough to tell them apart.
fn shortest(ids: &[String]) -> usize {
    let is_unique = |length: usize| {
        let mut beginnings: Vec<_> = ids.iter().map(|id| id.get(..length)).collect();
        beginnings.sort_unstable();
        beginnings.windows(2).all(|pair| pair[0] != pair[1])
    };
    (SHORT..).find(|length| *length >= 36 || is_unique(*length)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_as_long_as_is_needed_to_tell_them_apart() {
        let ids = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let one = "019ab4f0-6b0e-837a-8d2f-1f0c3a5e7b92";
        assert_eq!(shortest(&ids(&[one, "019ab4f1-6b0e-837a-8d2f-1f0c3a5e7b92"])), SHORT);
        assert_eq!(shortest(&ids(&[one, "019ab4f0-6b0e-837a-8e2f-1f0c3a5e7b92"])), 21);
        assert_eq!(shortest(&ids(&[one, one])), 36);
        assert_eq!(shortest(&[]), SHORT);
    }
}
