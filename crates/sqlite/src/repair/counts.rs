//! The recount of the counters.
//!
//! All jobs are counted in one snapshot, without the lock. The difference between the counters and that count stays the
//! same, because everybody who moves a job changes both. So the difference is added to the counters later, whatever they are
//! by then.

use std::collections::{BTreeMap, HashMap};

use longshore_core::{Error, Finding, RepairCursor, RepairReport, RepairStep, State};
use rusqlite::{Connection, params};

use super::{Place, forget_names, queue_of};
use crate::Sqlite;
use crate::column::text;
use crate::counts::Counts;
use crate::tx::Tx;

/// Counters that do not match the jobs.
#[derive(Clone, Debug)]
enum CountFault {
    Queue { id: i64, name: Option<String>, counted: [i64; 6], there: [i64; 6] },
    Kind { id: i64, name: Option<String>, counted: i64, there: i64 },
}

/// What a count has seen.
struct Count {
    faults: Vec<CountFault>,
    /// How many queues and kinds there are.
    checked: usize,
    /// How often names had been forgotten, or counters repaired, at that time.
    forgotten: i64,
}

/// Counts all jobs, and reports counters that do not match: as many as the step allows, after the first `after` of them.
pub(super) async fn recount(store: &Sqlite, after: usize, step: RepairStep) -> Result<RepairReport, Error> {
    let Count { faults, checked, forgotten } = match &store.readers {
        Some(_) => store.read(|connection| count(connection, &Counts::default())).await?,
        // There is one connection alone, and others may have moved jobs in the same transaction.
        None => store.write(|tx| count(tx.connection, &tx.counts)).await?,
    };
    let some: Vec<CountFault> = faults.iter().skip(after).take(step.limit).cloned().collect();
    let are_more = faults.len() > after.saturating_add(some.len());
    let repaired = step.write && !some.is_empty() && {
        let some = some.clone();
        store.write(move |tx| repair(tx, &some, forgotten)).await?
    };
    // Those that were repaired are not found again.
    let next = if repaired { 0 } else { after + some.len() };
    let next = are_more.then(|| RepairCursor(Place::Counts(next).to_string()));
    let finding = |fault: &CountFault| match step.write && !repaired {
        true => Finding::new(format!("{}; names were changed meanwhile, so repair it once more", fault.what())),
        false => Finding::new(fault.what()).repaired(repaired),
    };
    let findings = some.iter().map(|fault| match fault {
        CountFault::Queue { name, .. } => finding(fault).queue(queue_of(name.as_deref())),
        CountFault::Kind { .. } => finding(fault),
    });
    Ok(RepairReport::new(findings.collect(), checked.min(step.limit), next))
}

/// Counts jobs and compares; `unwritten` are changes of counters that belong to what is seen.
fn count(connection: &Connection, unwritten: &Counts) -> rusqlite::Result<Count> {
    let (of_queues, of_kinds) = (unwritten.of_queues(), unwritten.of_kinds());
    let forgotten = connection.prepare_cached("SELECT forgotten FROM store")?.query_row([], |row| row.get(0))?;
    let (mut queues, mut kinds) = (HashMap::<i64, [i64; 6]>::new(), HashMap::<i64, i64>::new());
    let mut statement =
        connection.prepare_cached("SELECT queue, kind, state, count(*) FROM job GROUP BY queue, kind, state")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (queue, kind, state, n): (_, _, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        queues.entry(queue).or_default()[crate::column::state(state) as usize] += n;
        *kinds.entry(kind).or_default() += n;
    }
    let (mut faults, mut checked) = (BTreeMap::new(), 0);
    let mut statement = connection
        .prepare_cached("SELECT id, name, scheduled, ready, running, succeeded, dead, cancelled FROM queue")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let mut counted = [0; 6];
        for (index, count) in counted.iter_mut().enumerate() {
            let unwritten = of_queues.get(&id).map_or(0, |changes| changes[index]);
            *count = row.get::<_, i64>(index + 2)?.saturating_add(unwritten);
        }
        let there = queues.get(&id).copied().unwrap_or_default();
        checked += 1;
        if counted != there {
            faults.insert((0, id), CountFault::Queue { id, name: text(row, 1)?, counted, there });
        }
    }
    let mut statement = connection.prepare_cached("SELECT id, name, jobs FROM kind")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let counted = row.get::<_, i64>(2)?.saturating_add(of_kinds.get(&id).copied().unwrap_or(0));
        let there = kinds.get(&id).copied().unwrap_or_default();
        checked += 1;
        if counted != there {
            faults.insert((1, id), CountFault::Kind { id, name: text(row, 1)?, counted, there });
        }
    }
    Ok(Count { faults: faults.into_values().collect(), checked, forgotten })
}

/// Adds the differences to the counters. Returns whether it did: if names were removed since the count, a number may have no
/// meaning any more, and if another repair was faster, there is no difference any more.
fn repair(tx: &mut Tx<'_>, some: &[CountFault], forgotten: i64) -> rusqlite::Result<bool> {
    let now: i64 = tx.connection.prepare_cached("SELECT forgotten FROM store")?.query_row([], |row| row.get(0))?;
    if now != forgotten {
        return Ok(false);
    }
    for fault in some {
        match fault {
            CountFault::Queue { id, counted, there, .. } => {
                let by: [[i64; 2]; 6] = std::array::from_fn(|state| halves(there[state], counted[state]));
                // A counter at one end of its range is moved in two steps, because the whole difference is no number.
                for half in 0..2 {
                    let [scheduled, ready, running, succeeded, dead, cancelled] = by.map(|halves| halves[half]);
                    tx.connection
                        .prepare_cached(
                            "UPDATE queue SET scheduled = scheduled + ?2, ready = ready + ?3, running = running + ?4,
                                    succeeded = succeeded + ?5, dead = dead + ?6, cancelled = cancelled + ?7 WHERE id = ?1",
                        )?
                        .execute(params![id, scheduled, ready, running, succeeded, dead, cancelled])?;
                }
            }
            CountFault::Kind { id, counted, there, .. } => {
                let mut statement = tx.connection.prepare_cached("UPDATE kind SET jobs = jobs + ?2 WHERE id = ?1")?;
                for half in halves(*there, *counted) {
                    statement.execute([*id, half])?;
                }
            }
        }
    }
    forget_names(tx)?;
    Ok(true)
}

/// Returns the difference of two numbers as the sum of two.
fn halves(one: i64, other: i64) -> [i64; 2] {
    let difference = i128::from(one) - i128::from(other);
    let half = difference / 2;
    [half as i64, (difference - half) as i64] // each is at most half of 2^64
}

impl CountFault {
    fn what(&self) -> String {
        match self {
            CountFault::Queue { id, name, counted, there } => {
                let differ = State::ALL.into_iter().filter(|state| counted[*state as usize] != there[*state as usize]);
                let differ = differ.map(|state| {
                    let state_index = state as usize;
                    format!("{} {state} jobs and has {}", counted[state_index], there[state_index])
                });
                let differ = differ.collect::<Vec<_>>().join(", ");
                match queue_of(name.as_deref()) {
                    Some(_) => format!("it counts {differ}"),
                    None => format!("queue number {id} counts {differ}"),
                }
            }
            CountFault::Kind { id, name, counted, there } => {
                let name = name.as_deref().map_or_else(|| format!("number {id}"), |name| format!("`{name}`"));
                format!("kind {name} counts {counted} jobs and has {there}")
            }
        }
    }
}
