//! Jobs whose row contradicts itself or the rows that belong to it.

use std::collections::HashSet;

use longshore_core::{Finding, JobId, QueueName, Reason, State, Token, UniqueScope, limits, millis};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::left_over::Table;
use super::numbers::{self, Number, out_of_range};
use super::{Fault, Place, Rows, Seen, forget_names, queue_of};
use crate::claim::{bury, reserve};
use crate::column::{LARGEST, state, text};
use crate::tx::Tx;
use crate::unique::hold_key;

/// A step stops after so many bytes of payloads.
const PAYLOADS: usize = 8 << 20;

/// A job with a fault.
#[derive(Debug)]
pub(super) struct FaultyJob {
    seq: i64,
    id: Option<JobId>,
    queue: Option<QueueName>,
    state: State,
    fault: JobFault,
}

/// What is wrong with a job.
#[derive(Debug, PartialEq, Eq)]
enum JobFault {
    /// A number with this value is out of range.
    Number {
        number: &'static Number,
        value: i64,
        reuse_ms: Option<i64>,
    },
    NoQueue(i64),
    NoKind(i64),
    /// It runs, and nothing would ever take it from its worker.
    NoLease,
    /// It runs, and nobody can settle it.
    NoToken,
    /// It does not run, and a token or a lease is left.
    LeftClaim,
    /// It is final, and would be kept for ever.
    NoEnd {
        reuse_ms: Option<i64>,
    },
    LeftEnd,
    NoReason,
    LeftReason,
    NoPayload,
    BadTags,
    MissingTags,
    FreeKey(String),
    /// Its own number is out of range.
    BadSeq,
}

/// Checks jobs in the order of pushes.
pub(super) fn look(connection: &Connection, from: i64, limit: usize) -> rusqlite::Result<Seen> {
    let mut statement = connection.prepare_cached(include_str!("../../sql/suspects.sql"))?;
    let mut rows = statement.query([from, limit as i64])?;
    let (mut faults, mut checked, mut next) = (Vec::new(), 0, None);
    let (mut names, mut payloads, mut is_cut) = (HashSet::new(), 0, false);
    while !is_cut && let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        (checked, next) = (checked + 1, seq.checked_add(1));
        let id: Option<[u8; 16]> = row.get(1).ok();
        let (queue, state) = (queue_of(text(row, 2)?.as_deref()), state(row.get(3)?));
        for fault in check(connection, row, seq, state)? {
            // A missing name is reported once for all its jobs, because one repair is enough.
            let is_new = match fault {
                JobFault::NoQueue(number) => !is_number(number) || names.insert((0, number)),
                JobFault::NoKind(number) => !is_number(number) || names.insert((1, number)),
                _ => true,
            };
            if is_new {
                let (id, queue) = (id.map(JobId::from_bytes), queue.clone());
                faults.push(Fault::Job(FaultyJob { seq, id, queue, state, fault }));
            }
        }
        payloads += row.get_ref(10)?.as_bytes_or_null()?.map_or(0, <[u8]>::len);
        is_cut = payloads > PAYLOADS;
    }
    let next = next.filter(|_| is_cut || checked == limit).map_or(Rows::LeftOver(Table::Tags, None), Rows::Jobs);
    Ok(Seen { faults, checked, next: Place::Rows(next) })
}

/// Returns whether a store can have given this number to a row.
fn is_number(number: i64) -> bool {
    (0..=LARGEST).contains(&number)
}

/// Checks a row of suspects.sql. The faults are in the order in which they must be repaired.
fn check(connection: &Connection, row: &Row<'_>, seq: i64, state: State) -> rusqlite::Result<Vec<JobFault>> {
    let is = |column: usize| row.get::<_, bool>(column);
    let reuse_ms: Option<i64> = row.get(9)?;
    let wrong = out_of_range(connection, seq)?.into_iter();
    let mut all: Vec<_> = wrong.map(|(number, value)| JobFault::Number { number, value, reuse_ms }).collect();
    let mut note = |is_so: bool, fault: JobFault| {
        if is_so {
            all.push(fault);
        }
    };
    note(is(11)?, JobFault::NoQueue(row.get(4)?));
    note(is(12)?, JobFault::NoKind(row.get(5)?));
    note(is(13)?, JobFault::NoLease);
    note(is(14)?, JobFault::NoToken);
    note(is(15)?, JobFault::LeftClaim);
    note(is(16)?, JobFault::NoEnd { reuse_ms });
    note(is(17)?, JobFault::LeftEnd);
    note(is(18)?, if state == State::Dead { JobFault::NoReason } else { JobFault::LeftReason });
    let tags = text(row, 6)?;
    let is_list = tags.as_ref().is_none_or(|tags| serde_json::from_str::<Vec<String>>(tags).is_ok());
    note(!is_list, JobFault::BadTags);
    note(is_list && is(19)?, JobFault::MissingTags);
    note(is(20)?, JobFault::FreeKey(text(row, 7)?.unwrap_or_default()));
    // The last two move the job.
    if matches!(state, State::Scheduled | State::Ready) {
        let is_text = matches!(row.get_ref(10)?, ValueRef::Text(text) if std::str::from_utf8(text).is_ok());
        note(!is_text, JobFault::NoPayload);
    }
    note(!is_number(seq), JobFault::BadSeq);
    Ok(all)
}

impl FaultyJob {
    pub(super) fn finding(&self) -> Finding {
        let what = match &self.fault {
            JobFault::Number { number, value, .. } => {
                format!("its `{}` is {value}, which is out of range", number.column)
            }
            JobFault::NoQueue(number) => {
                let finding = Finding::new(format!("jobs are in queue number {number}, which has no name"));
                return finding.job(self.id);
            }
            JobFault::NoKind(number) => {
                let finding = Finding::new(format!("jobs are of kind number {number}, which has no name"));
                return finding.job(self.id);
            }
            JobFault::NoLease => "it runs without a lease, and would never be taken from a dead worker".to_owned(),
            JobFault::NoToken => "it runs without a token, and no worker can settle it".to_owned(),
            JobFault::LeftClaim => format!("it is {}, and has the token or the lease of a running job", self.state),
            JobFault::NoEnd { .. } => {
                format!("it is {}, and has no time at which it ended or may be deleted", self.state)
            }
            JobFault::LeftEnd => format!("it is {}, and has a time at which it ended or may be deleted", self.state),
            JobFault::NoReason => "it is dead without a reason".to_owned(),
            JobFault::LeftReason => format!("it is {}, and has a reason for being dead", self.state),
            JobFault::NoPayload => "its payload is missing, or is no text; no handler can run it".to_owned(),
            JobFault::BadTags => "its tags are no list of texts".to_owned(),
            JobFault::MissingTags => "it is not found by one of its tags".to_owned(),
            JobFault::BadSeq => format!("its number {} in the order of pushes is out of range", self.seq),
            JobFault::FreeKey(key) => format!("it does not hold its unique key `{key}`, and nobody else does"),
        };
        Finding::new(what).queue(self.queue.clone()).job(self.id)
    }

    pub(super) fn repair(&self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        match &self.fault {
            JobFault::Number { number, value, reuse_ms } => {
                let instead = number.instead(tx, self.state, *reuse_ms, *value);
                let sql = format!("UPDATE job SET {} = ?2 WHERE seq = ?1", number.column);
                tx.connection.prepare_cached(&sql)?.execute(params![self.seq, instead])?;
            }
            JobFault::NoQueue(number) => return self.recover(tx, &QUEUES, *number),
            JobFault::NoKind(number) => return self.recover(tx, &KINDS, *number),
            // A worker that is alive renews it; after a dead one upkeep rescues the job.
            JobFault::NoLease => self.update(
                tx,
                "lease_boot = ?2, lease_until = ?3, lease_ms = ?4",
                params![self.seq, tx.boot.boot.to_be_bytes(), tx.lease_until(limits::LEASE), millis(limits::LEASE)],
            )?,
            // Nobody has the new token. So the worker is told that it has lost the job, and upkeep rescues it when the
            // lease has ended.
            JobFault::NoToken => {
                let Token { number, bits } = Token::new(reserve(tx, 1)?);
                let (boot, until) = (tx.boot.boot.to_be_bytes(), tx.lease_until(limits::LEASE));
                self.update(
                    tx,
                    "token_number = ?2, token_bits = ?3, lease_boot = ?4, lease_until = ?5, lease_ms = ?6",
                    params![self.seq, number as i64, bits as i64, boot, until, millis(limits::LEASE)],
                )?;
            }
            JobFault::LeftClaim => self.update(
                tx,
                "token_number = NULL, token_bits = NULL, lease_boot = NULL, lease_until = NULL",
                [self.seq],
            )?,
            JobFault::NoEnd { reuse_ms } => {
                let keep = numbers::keep_until(tx, self.state, *reuse_ms);
                self.update(
                    tx,
                    "finished_at = coalesce(finished_at, ?2), keep_until = coalesce(keep_until, ?3)",
                    [self.seq, tx.now.as_millis(), keep.as_millis()],
                )?;
            }
            JobFault::LeftEnd => self.update(tx, "finished_at = NULL, keep_until = NULL", [self.seq])?,
            JobFault::NoReason => self.update(tx, "reason = ?2", params![self.seq, Reason::Corrupt.as_str()])?,
            JobFault::LeftReason => self.update(tx, "reason = NULL", [self.seq])?,
            JobFault::NoPayload => {
                bury(tx, self.seq, Reason::Corrupt, Some("the job's payload is missing, or is no text"))?;
                return Ok(());
            }
            JobFault::BadTags => self.update(tx, "tags = NULL", [self.seq])?,
            JobFault::MissingTags => {
                tx.connection
                    .prepare_cached(
                        "INSERT OR IGNORE INTO job_tag (tag, seq)
                         SELECT tagged.value, job.seq FROM job, json_each(job.tags) AS tagged WHERE job.seq = ?1",
                    )?
                    .execute([self.seq])?;
            }
            JobFault::FreeKey(key) => {
                // An earlier repair may have moved the job to another queue.
                let queue = "SELECT queue FROM job WHERE seq = ?1";
                let queue = tx.connection.prepare_cached(queue)?.query_row([self.seq], |row| row.get(0))?;
                hold_key(tx, queue, key, self.seq, UniqueScope::UntilFinished)?;
            }
            JobFault::BadSeq => self.renumber(tx)?,
        }
        self.id.into_iter().for_each(|id| tx.notices.news.add(id));
        Ok(())
    }

    fn update(&self, tx: &Tx<'_>, set: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
        let sql = format!("UPDATE job SET {set}, version = version + 1 WHERE seq = ?1");
        tx.connection.prepare_cached(&sql)?.execute(params).map(|_| ())
    }

    /// Creates a name for the number of a queue or kind, so that its jobs are found again. The recount counts them.
    fn recover(&self, tx: &mut Tx<'_>, of: &Named, number: i64) -> rusqlite::Result<()> {
        let (name, now) = (format!("recovered-{}", number.unsigned_abs()), tx.now.as_millis());
        if is_number(number) {
            tx.connection.prepare_cached(of.insert_number)?.execute(params![name, now, number])?;
        } else {
            // The number itself cannot be kept: no queue or kind could be created after it.
            tx.connection.prepare_cached(of.insert)?.execute(params![name, now])?;
            tx.connection.prepare_cached(of.assign)?.execute(params![self.seq, name])?;
        }
        forget_names(tx)
    }

    /// Gives the job the next free number, with all that belongs to it.
    fn renumber(&self, tx: &Tx<'_>) -> rusqlite::Result<()> {
        let next = "SELECT 1 + coalesce(max(seq), 0) FROM job WHERE seq >= 0 AND seq < ?1";
        let next: i64 = tx.connection.prepare_cached(next)?.query_row([LARGEST], |row| row.get(0))?;
        for table in ["job_payload", "job_tag", "claim_log", "failure", "unique_key"] {
            // Rows with the new number are those of a job that is gone.
            tx.connection.prepare_cached(&format!("DELETE FROM {table} WHERE seq = ?1"))?.execute([next])?;
            let mut statement = tx.connection.prepare_cached(&format!("UPDATE {table} SET seq = ?2 WHERE seq = ?1"))?;
            statement.execute([self.seq, next])?;
        }
        tx.connection.prepare_cached("UPDATE job SET seq = ?2 WHERE seq = ?1")?.execute([self.seq, next]).map(|_| ())
    }
}

/// The statements that create a name.
struct Named {
    /// In: name, now, its number.
    insert_number: &'static str,
    /// In: name, now. A known name stays as it is.
    insert: &'static str,
    /// In: the number of a job, the name that it gets.
    assign: &'static str,
}

const QUEUES: Named = Named {
    insert_number: "INSERT INTO queue (name, used_at, id) VALUES (?1, ?2, ?3)",
    insert: "INSERT INTO queue (name, used_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
    assign: "UPDATE job SET queue = (SELECT id FROM queue WHERE name = ?2) WHERE seq = ?1",
};

const KINDS: Named = Named {
    insert_number: "INSERT INTO kind (name, seen, id) VALUES (?1, ?2, ?3)",
    insert: "INSERT INTO kind (name, seen) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
    assign: "UPDATE job SET kind = (SELECT id FROM kind WHERE name = ?2) WHERE seq = ?1",
};
