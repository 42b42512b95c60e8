//! Finds and repairs what other programs have changed in the database, one part after the other, each in bounded steps.
//!
//! First the numbers of the store itself, which repairs use. Then unique keys, so that jobs can take those that nobody holds
//! any more. Then the jobs, the rows that belonged to jobs which are gone, and names. Last the counters. Each step is one
//! transaction. Only the recount reads without the lock, because it reads every job.

mod counts;
mod job;
mod left_over;
mod names;
mod numbers;
mod store_row;

use std::fmt;

use longshore_core::{Error, Finding, QueueName, RepairCursor, RepairReport, RepairStep};
use rusqlite::Connection;

use crate::Sqlite;
use crate::tx::Tx;

use job::FaultyJob;
use left_over::{LeftOver, Table};
use names::NameFault;
use store_row::StoreFault;

/// Where a walk goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Rows(Rows),
    /// In the recount, after so many queues and kinds whose counters are wrong.
    Counts(usize),
}

/// Rows that are checked, and repaired, in one transaction a step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rows {
    /// The numbers of the store itself.
    Store,
    /// Jobs, from that number on.
    Jobs(i64),
    /// A table of what belongs to jobs, after the row with these keys.
    LeftOver(Table, Option<(String, i64)>),
    /// Queues or kinds, from that number on.
    Queues(i64),
    Kinds(i64),
}

/// What is wrong in a place.
#[derive(Debug)]
enum Fault {
    Store(StoreFault),
    Job(FaultyJob),
    LeftOver(LeftOver),
    Name(NameFault),
}

/// What a step has seen.
struct Seen {
    faults: Vec<Fault>,
    checked: usize,
    next: Place,
}

/// Does one step.
pub(crate) async fn repair(store: &Sqlite, step: RepairStep) -> Result<RepairReport, Error> {
    let place = match &step.after {
        None => Place::Rows(Rows::Store),
        Some(cursor) => Place::parse(&cursor.0).ok_or_else(|| cursor.unknown())?,
    };
    let RepairStep { limit, write, .. } = step;
    let (findings, checked, next) = match place {
        Place::Counts(after) => return counts::recount(store, after, step).await,
        Place::Rows(rows) if write => store.write(move |tx| look_and_repair(tx, &rows, limit)).await?,
        Place::Rows(rows) => {
            store
                .read(move |connection| {
                    let Seen { faults, checked, next } = look(connection, &rows, limit)?;
                    Ok((faults.iter().map(Fault::finding).collect(), checked, next))
                })
                .await?
        }
    };
    Ok(RepairReport::new(findings, checked, Some(RepairCursor(next.to_string()))))
}

/// What a step found, how many rows it looked at, and where the next goes on.
type Step = (Vec<Finding>, usize, Place);

fn look_and_repair(tx: &mut Tx<'_>, rows: &Rows, limit: usize) -> rusqlite::Result<Step> {
    let Seen { faults, checked, next } = look(tx.connection, rows, limit)?;
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

fn look(connection: &Connection, rows: &Rows, limit: usize) -> rusqlite::Result<Seen> {
    match rows {
        Rows::Store => store_row::look(connection),
        Rows::Jobs(from) => job::look(connection, *from, limit),
        Rows::LeftOver(table, after) => left_over::look(connection, *table, after.clone(), limit),
        Rows::Queues(from) => names::look(connection, names::Of::Queues, *from, limit),
        Rows::Kinds(from) => names::look(connection, names::Of::Kinds, *from, limit),
    }
}

impl Fault {
    fn finding(&self) -> Finding {
        match self {
            Fault::Store(fault) => fault.finding(),
            Fault::Job(fault) => fault.finding(),
            Fault::LeftOver(row) => row.finding(),
            Fault::Name(name) => name.finding(),
        }
    }

    fn repair(&self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        match self {
            Fault::Store(fault) => fault.repair(tx),
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
        Some(Place::Rows(match part {
            "counts" => return Some(Place::Counts(after.parse().ok()?)),
            "store" => Rows::Store,
            "jobs" => Rows::Jobs(number()?),
            "queues" => Rows::Queues(number()?),
            "kinds" => Rows::Kinds(number()?),
            table => {
                let after = match after.split_once(' ') {
                    Some((number, key)) => Some((key.to_owned(), number.parse().ok()?)),
                    None => None,
                };
                Rows::LeftOver(Table::named(table)?, after)
            }
        }))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Rows(Rows::Store) => f.write_str("store "),
            Place::Rows(Rows::Jobs(from)) => write!(f, "jobs {from}"),
            Place::Rows(Rows::LeftOver(table, None)) => write!(f, "{} ", table.name()),
            Place::Rows(Rows::LeftOver(table, Some((key, number)))) => write!(f, "{} {number} {key}", table.name()),
            Place::Rows(Rows::Queues(from)) => write!(f, "queues {from}"),
            Place::Rows(Rows::Kinds(from)) => write!(f, "kinds {from}"),
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
        let rows = [
            Rows::Store,
            Rows::Jobs(i64::MIN),
            Rows::LeftOver(Table::Tags, None),
            Rows::LeftOver(Table::Keys, Some(("a key: with 1 space".into(), -7))),
            Rows::LeftOver(Table::Tags, Some((String::new(), 7))),
            Rows::Queues(1),
            Rows::Kinds(2),
        ];
        for place in rows.map(Place::Rows).into_iter().chain([Place::Counts(3)]) {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for text in ["", "jobs", "jobs x", "counts -1", "nowhere 1", "tags x y"] {
            assert_eq!(Place::parse(text), None, "{text:?}");
        }
    }
}
