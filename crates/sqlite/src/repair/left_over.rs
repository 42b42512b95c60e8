//! Rows that belong to jobs that are gone, or to no job.

use longshore_core::state::gives_key_back;
use longshore_core::{Finding, QueueName};
use rusqlite::{Connection, params};

use super::{Fault, Place, Rows, Seen, queue_of};
use crate::column::{state, text};
use crate::tx::Tx;
use crate::unique;

/// Tables with one or more rows for each job. Each row has a text and a number that name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Tags,
    Payloads,
    Logs,
    Failures,
    Keys,
}

impl Table {
    const ALL: [Table; 5] = [Table::Keys, Table::Tags, Table::Payloads, Table::Logs, Table::Failures];

    /// Returns where the walk goes on after this table. Keys come before jobs, which may take those that nobody holds any more.
    fn next(self) -> Rows {
        match self {
            Table::Keys => Rows::Jobs(i64::MIN),
            Table::Tags => Rows::LeftOver(Table::Payloads, None),
            Table::Payloads => Rows::LeftOver(Table::Logs, None),
            Table::Logs => Rows::LeftOver(Table::Failures, None),
            Table::Failures => Rows::Queues(i64::MIN),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Tags => "tags",
            Table::Payloads => "payloads",
            Table::Logs => "logs",
            Table::Failures => "failures",
            Table::Keys => "keys",
        }
    }

    pub(super) fn named(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }

    /// Reads rows in order: the text and the number that name the row, what it belongs to (as people read it), whether it does belong there.
    /// In: the text and the number of the row after which to begin, how many.
    fn read(self) -> &'static str {
        match self {
            Table::Tags => {
                "SELECT tag, seq, NULL, EXISTS (
                     SELECT 1 FROM job, json_each(iif(json_valid(job.tags), job.tags, '[]')) AS tagged
                     WHERE job.seq = job_tag.seq AND tagged.value = job_tag.tag)
                 FROM job_tag WHERE (tag, seq) > (?1, ?2) ORDER BY tag, seq LIMIT ?3"
            }
            Table::Payloads => {
                "SELECT '', seq, NULL, EXISTS (SELECT 1 FROM job WHERE job.seq = job_payload.seq AND job.payload IS NULL)
                 FROM job_payload WHERE ?1 = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
            }
            // The text is the number of the claim, or of the failure.
            Table::Logs => {
                "SELECT CAST(claim AS TEXT), seq, NULL, EXISTS (SELECT 1 FROM job WHERE job.seq = claim_log.seq)
                 FROM claim_log WHERE (seq, claim) > (?2, CAST(?1 AS INTEGER)) ORDER BY seq, claim LIMIT ?3"
            }
            Table::Failures => {
                "SELECT CAST(n AS TEXT), seq, NULL,
                        EXISTS (SELECT 1 FROM job WHERE job.seq = failure.seq) AND n BETWEEN 0 AND 9007199254740992
                 FROM failure WHERE (seq, n) > (?2, CAST(?1 AS INTEGER)) ORDER BY seq, n LIMIT ?3"
            }
            Table::Keys => {
                "SELECT held.key, held.queue, queue.name, job.seq IS NOT NULL, job.unique_scope, job.state
                 FROM unique_key AS held LEFT JOIN queue ON queue.id = held.queue
                 LEFT JOIN job ON job.seq = held.seq AND job.queue = held.queue AND job.unique_key = held.key
                 WHERE (held.queue, held.key) > (?2, ?1) ORDER BY held.queue, held.key LIMIT ?3"
            }
        }
    }

    /// Deletes a row. In: the text and the number that name it.
    fn delete(self) -> &'static str {
        match self {
            Table::Tags => "DELETE FROM job_tag WHERE tag = ?1 AND seq = ?2",
            Table::Payloads => "DELETE FROM job_payload WHERE ?1 = ?1 AND seq = ?2",
            Table::Logs => "DELETE FROM claim_log WHERE claim = CAST(?1 AS INTEGER) AND seq = ?2",
            Table::Failures => "DELETE FROM failure WHERE n = CAST(?1 AS INTEGER) AND seq = ?2",
            Table::Keys => "DELETE FROM unique_key WHERE key = ?1 AND queue = ?2",
        }
    }
}

/// A row that belongs to no job.
#[derive(Debug)]
pub(super) struct LeftOver {
    table: Table,
    key: String,
    number: i64,
    queue: Option<QueueName>,
}

/// Looks at rows of a table.
pub(super) fn look(
    connection: &Connection,
    table: Table,
    after: Option<(String, i64)>,
    limit: usize,
) -> rusqlite::Result<Seen> {
    let (key, number) = after.unwrap_or((String::new(), i64::MIN));
    let mut statement = connection.prepare_cached(table.read())?;
    let mut rows = statement.query(params![key, number, limit as i64])?;
    let (mut faults, mut checked, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let (key, number) = (text(row, 0)?.unwrap_or_default(), row.get(1)?);
        checked += 1;
        let mut belongs: bool = row.get(3)?;
        if table == Table::Keys && belongs {
            let (scope, job) = (row.get::<_, Option<i64>>(4)?.map(unique::scope), state(row.get(5)?));
            belongs = scope.is_some_and(|scope| !gives_key_back(scope, job));
        }
        if !belongs {
            let queue = queue_of(text(row, 2)?.as_deref());
            faults.push(Fault::LeftOver(LeftOver { table, key: key.clone(), number, queue }));
        }
        last = Some((key, number));
    }
    let next = if checked < limit { table.next() } else { Rows::LeftOver(table, last) };
    Ok(Seen { faults, checked, next: Place::Rows(next) })
}

impl LeftOver {
    pub(super) fn finding(&self) -> Finding {
        let LeftOver { table, key, number, queue } = self;
        let what = match table {
            Table::Tags => format!("the tag `{key}` leads to job number {number}, which does not have it"),
            Table::Payloads => format!("a payload belongs to job number {number}, which is gone or has another"),
            Table::Logs => format!("a log belongs to job number {number}, which is gone"),
            Table::Failures => format!(
                "a failure belongs to job number {number}, which is gone, or its own number {key} is out of range"
            ),
            Table::Keys => format!("the unique key `{key}` is held by a job that is gone, or has given it back"),
        };
        Finding::new(what).queue(queue.clone())
    }

    pub(super) fn delete(&self, tx: &Tx<'_>) -> rusqlite::Result<()> {
        tx.connection.prepare_cached(self.table.delete())?.execute(params![self.key, self.number]).map(|_| ())
    }
}
