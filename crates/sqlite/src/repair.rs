//! Looks through the database for what other programs have changed, and repairs it: a part after the other, each in bounded steps.
//!
//! First unique keys, so that jobs can take those that nobody holds any more; then the jobs; then what belongs to jobs and has none any
//! more; then names; last the counters. Most of it is done in one transaction a step. Only the recount reads without the lock, since it reads every job.

mod counts;
mod job;
mod left_over;
mod names;

use std::fmt;

use longshore_core::{Error, Finding, QueueName, RepairCursor, RepairReport, RepairStep};
use rusqlite::Connection;

use crate::Sqlite;
use crate::tx::Tx;

use job::JobFault;
use left_over::{LeftOver, Table};

/// Where a walk goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Behind the job of that number.
    Jobs(i64),
    /// In a table of what belongs to jobs, behind the row with these keys.
    LeftOver(Table, Option<(String, i64)>),
    /// Behind the queue, or the kind, of that number.
    Queues(i64),
    Kinds(i64),
    /// In the recount, behind so many queues and kinds whose counters are wrong.
    Counts(usize),
}

/// What a step has found and how to repair it.
#[derive(Debug)]
pub(crate) enum Fault {
    Job(JobFault),
    LeftOver(LeftOver),
    Name(names::BadName),
}

/// What a step has seen.
struct Seen {
    faults: Vec<Fault>,
    checked: usize,
    next: Option<Place>,
}

/// Does one step.
pub(crate) async fn repair(store: &Sqlite, step: RepairStep) -> Result<RepairReport, Error> {
    let place = match &step.after {
        None => Place::LeftOver(Table::Keys, None),
        Some(cursor) => Place::parse(&cursor.0).ok_or_else(|| cursor.unknown())?,
    };
    if let Place::Counts(after) = place {
        return counts::recount(store, after, step).await;
    }
    let RepairStep { limit, write, .. } = step;
    let (findings, checked, next) = if write {
        store.write(move |tx| look_and_mend(tx, &place, limit)).await?
    } else {
        store
            .read(move |connection| {
                let Seen { faults, checked, next } = look(connection, &place, limit)?;
                Ok((faults.iter().map(Fault::finding).collect(), checked, next))
            })
            .await?
    };
    Ok(RepairReport::new(findings, checked, next.map(|next| RepairCursor(next.to_string()))))
}

/// What a step found, how many rows it looked at, and where the next goes on.
type Step = (Vec<Finding>, usize, Option<Place>);

fn look_and_mend(tx: &mut Tx<'_>, place: &Place, limit: usize) -> rusqlite::Result<Step> {
    let Seen { faults, checked, next } = look(tx.connection, place, limit)?;
    let mut findings = Vec::with_capacity(faults.len());
    for fault in faults {
        let mut finding = fault.finding();
        // One that cannot be repaired stops no other.
        match tx.with_rollback(|tx| fault.repair(tx))? {
            Ok(()) => finding.repaired = true,
            Err(e) => finding.message = format!("{}; it cannot be repaired: {e}", finding.message),
        }
        findings.push(finding);
    }
    Ok((findings, checked, next))
}

fn look(connection: &Connection, place: &Place, limit: usize) -> rusqlite::Result<Seen> {
    match place {
        Place::Jobs(after) => job::look(connection, *after, limit),
        Place::LeftOver(table, after) => left_over::look(connection, *table, after.clone(), limit),
        Place::Queues(after) => names::look(connection, names::Of::Queues, *after, limit),
        Place::Kinds(after) => names::look(connection, names::Of::Kinds, *after, limit),
        Place::Counts(_) => Ok(Seen { faults: Vec::new(), checked: 0, next: None }), // see `counts::recount`
    }
}

impl Fault {
    fn finding(&self) -> Finding {
        match self {
            Fault::Job(fault) => fault.finding(),
            Fault::LeftOver(row) => row.finding(),
            Fault::Name(name) => name.finding(),
        }
    }

    fn repair(&self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        match self {
            Fault::Job(fault) => fault.repair(tx),
            Fault::LeftOver(row) => row.delete(tx),
            Fault::Name(name) => name.replace(tx),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Option<Place> {
        let (part, after) = text.split_once(' ')?;
        let number = || after.parse().ok();
        Some(match part {
            "jobs" => Place::Jobs(number()?),
            "queues" => Place::Queues(number()?),
            "kinds" => Place::Kinds(number()?),
            "counts" => Place::Counts(after.parse().ok()?),
            table => {
                let after = match after.split_once(' ') {
                    Some((number, key)) => Some((key.to_owned(), number.parse().ok()?)),
                    None => None,
                };
                Place::LeftOver(Table::named(table)?, after)
            }
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Jobs(after) => write!(f, "jobs {after}"),
            Place::LeftOver(table, None) => write!(f, "{} ", table.name()),
            Place::LeftOver(table, Some((key, number))) => write!(f, "{} {number} {key}", table.name()),
            Place::Queues(after) => write!(f, "queues {after}"),
            Place::Kinds(after) => write!(f, "kinds {after}"),
            Place::Counts(after) => write!(f, "counts {after}"),
        }
    }
}

/// Returns the name of a queue as a finding says it; nothing where that can be none.
fn queue_of(name: Option<&str>) -> Option<QueueName> {
    name.and_then(|name| name.parse().ok())
}

/// Lets all processes forget which numbers queues and kinds have: they were changed.
fn forget_names(tx: &mut Tx<'_>) -> rusqlite::Result<()> {
    tx.connection.prepare_cached("UPDATE store SET forgotten = forgotten + 1")?.execute([])?;
    tx.names.forget();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_read_as_it_was_written() {
        let places = [
            Place::Jobs(i64::MIN),
            Place::LeftOver(Table::Tags, None),
            Place::LeftOver(Table::Keys, Some(("a key: with 1 space".into(), -7))),
            Place::LeftOver(Table::Tags, Some((String::new(), 7))),
            Place::Queues(1),
            Place::Kinds(2),
            Place::Counts(3),
        ];
        for place in places {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for text in ["", "jobs", "jobs x", "counts -1", "nowhere 1", "tags x y"] {
            assert_eq!(Place::parse(text), None, "{text:?}");
        }
    }
}
