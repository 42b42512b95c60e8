//! Jobs whose row contradicts itself, or what lies beside it.

use std::collections::HashSet;

use longshore_core::{Finding, JobId, QueueName, Reason, State, Timestamp, UniqueScope, limits, millis};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::{Fault, Place, Seen, Table, forget_names, queue_of};
use crate::claim::bury;
use crate::column::{duration, state, text};
use crate::tx::Tx;
use crate::unique::hold_key;

/// A step stops after so many bytes of payloads.
const PAYLOADS: usize = 8 << 20;

/// What is wrong with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrong {
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
    FreeKey {
        queue: i64,
        key: String,
    },
}

/// Something that is wrong with a job.
#[derive(Debug)]
pub(crate) struct JobFault {
    seq: i64,
    id: Option<JobId>,
    queue: Option<QueueName>,
    state: State,
    wrong: Wrong,
}

/// Looks at jobs in the order of pushes.
pub(super) fn look(connection: &Connection, after: i64, limit: usize) -> rusqlite::Result<Seen> {
    let mut statement = connection.prepare_cached(include_str!("../../sql/suspects.sql"))?;
    let mut rows = statement.query([after, limit as i64])?;
    let (mut seen, mut last) = (Seen { faults: Vec::new(), checked: 0, next: None }, after);
    let (mut names, mut payloads) = (HashSet::new(), 0);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        seen.checked += 1;
        let id: Option<[u8; 16]> = row.get(1).ok();
        let (queue, state) = (queue_of(text(row, 2)?.as_deref()), state(row.get(3)?));
        for wrong in wrong(row, state)? {
            // A missing name is told once for all its jobs.
            if !matches!(wrong, Wrong::NoQueue(_) | Wrong::NoKind(_)) || names.insert(format!("{wrong:?}")) {
                let (id, queue) = (id.map(JobId::from_bytes), queue.clone());
                seen.faults.push(Fault::Job(JobFault { seq: last, id, queue, state, wrong }));
            }
        }
        payloads += row.get_ref(10)?.as_bytes_or_null()?.map_or(0, <[u8]>::len);
        if payloads > PAYLOADS {
            seen.next = Some(Place::Jobs(last));
            return Ok(seen);
        }
    }
    let is_over = seen.checked < limit;
    seen.next = Some(if is_over { Place::LeftOver(Table::Tags, None) } else { Place::Jobs(last) });
    Ok(seen)
}

/// Reads a row of suspects.sql.
fn wrong(row: &Row<'_>, state: State) -> rusqlite::Result<Vec<Wrong>> {
    let is = |column: usize| row.get::<_, bool>(column);
    let mut all = Vec::new();
    let mut note = |is_so: bool, wrong: Wrong| {
        if is_so {
            all.push(wrong);
        }
    };
    note(is(11)?, Wrong::NoQueue(row.get(4)?));
    note(is(12)?, Wrong::NoKind(row.get(5)?));
    note(is(13)?, Wrong::NoLease);
    note(is(14)?, Wrong::NoToken);
    note(is(15)?, Wrong::LeftClaim);
    note(is(16)?, Wrong::NoEnd { reuse_ms: row.get(9)? });
    note(is(17)?, Wrong::LeftEnd);
    note(is(18)?, if state == State::Dead { Wrong::NoReason } else { Wrong::LeftReason });
    let tags = text(row, 6)?;
    let is_list = tags.as_ref().is_none_or(|tags| serde_json::from_str::<Vec<String>>(tags).is_ok());
    note(!is_list, Wrong::BadTags);
    note(is_list && is(19)?, Wrong::MissingTags);
    if is(20)? {
        let (queue, key) = (row.get(4)?, text(row, 7)?.unwrap_or_default());
        note(true, Wrong::FreeKey { queue, key });
    }
    // Last, because it moves the job.
    if matches!(state, State::Scheduled | State::Ready) {
        let is_text = matches!(row.get_ref(10)?, ValueRef::Text(text) if std::str::from_utf8(text).is_ok());
        note(!is_text, Wrong::NoPayload);
    }
    Ok(all)
}

impl JobFault {
    pub(super) fn finding(&self) -> Finding {
        let what = match &self.wrong {
            Wrong::NoQueue(number) => {
                let finding = Finding::new(format!("jobs are in queue number {number}, which has no name"));
                return finding.job(self.id);
            }
            Wrong::NoKind(number) => {
                let finding = Finding::new(format!("jobs are of kind number {number}, which has no name"));
                return finding.job(self.id);
            }
            Wrong::NoLease => "it runs without a lease, and would never be taken from a dead worker".to_owned(),
            Wrong::NoToken => "it runs without a token, and no worker can settle it".to_owned(),
            Wrong::LeftClaim => format!("it is {}, and has the token or the lease of a running job", self.state),
            Wrong::NoEnd { .. } => format!("it is {}, and has no time at which it ended or may be deleted", self.state),
            Wrong::LeftEnd => format!("it is {}, and has a time at which it ended or may be deleted", self.state),
            Wrong::NoReason => "it is dead without a reason".to_owned(),
            Wrong::LeftReason => format!("it is {}, and has a reason for being dead", self.state),
            Wrong::NoPayload => "its payload is missing, or is no text; no handler can run it".to_owned(),
            Wrong::BadTags => "its tags are no list of texts".to_owned(),
            Wrong::MissingTags => "it is not found by one of its tags".to_owned(),
            Wrong::FreeKey { key, .. } => format!("it does not hold its unique key `{key}`, and nobody else does"),
        };
        Finding::new(what).queue(self.queue.clone()).job(self.id)
    }

    pub(super) fn repair(&self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        match &self.wrong {
            Wrong::NoQueue(number) => {
                return recover(tx, "INSERT INTO queue (name, used_at, id) VALUES (?1, ?2, ?3)", *number);
            }
            Wrong::NoKind(number) => {
                return recover(tx, "INSERT INTO kind (name, seen, id) VALUES (?1, ?2, ?3)", *number);
            }
            // A worker that is alive renews it, or hears that it has lost the job; after a dead one upkeep rescues it.
            Wrong::NoLease | Wrong::NoToken => {
                let until = tx.lease_until(limits::LEASE);
                self.update(
                    tx,
                    "lease_boot = ?2, lease_until = ?3, lease_ms = ?4",
                    params![self.seq, tx.boot.boot.to_be_bytes(), until, millis(limits::LEASE)],
                )?;
            }
            Wrong::LeftClaim => self.update(
                tx,
                "token_number = NULL, token_bits = NULL, lease_boot = NULL, lease_until = NULL",
                [self.seq],
            )?,
            Wrong::NoEnd { reuse_ms } => {
                let keep = tx.settings.keep_until(self.state, tx.now, reuse_ms.map(duration));
                self.update(
                    tx,
                    "finished_at = coalesce(finished_at, ?2), keep_until = coalesce(keep_until, ?3)",
                    [self.seq, tx.now.as_millis(), keep.as_millis()],
                )?;
            }
            Wrong::LeftEnd => self.update(tx, "finished_at = NULL, keep_until = NULL", [self.seq])?,
            Wrong::NoReason => self.update(tx, "reason = ?2", params![self.seq, Reason::Corrupt.as_str()])?,
            Wrong::LeftReason => self.update(tx, "reason = NULL", [self.seq])?,
            Wrong::NoPayload => {
                bury(tx, self.seq, Reason::Corrupt, Some("the job's payload is missing, or is no text"))?;
                return Ok(());
            }
            Wrong::BadTags => self.update(tx, "tags = NULL", [self.seq])?,
            Wrong::MissingTags => {
                tx.connection
                    .prepare_cached(
                        "INSERT OR IGNORE INTO job_tag (tag, seq)
                         SELECT tagged.value, job.seq FROM job, json_each(job.tags) AS tagged WHERE job.seq = ?1",
                    )?
                    .execute([self.seq])?;
            }
            Wrong::FreeKey { queue, key } => hold_key(tx, *queue, key, self.seq, UniqueScope::UntilFinished)?,
        }
        self.id.into_iter().for_each(|id| tx.notices.news.add(id));
        Ok(())
    }

    fn update(&self, tx: &Tx<'_>, set: &str, params: impl rusqlite::Params) -> rusqlite::Result<()> {
        let sql = format!("UPDATE job SET {set}, version = version + 1 WHERE seq = ?1");
        tx.connection.prepare_cached(&sql)?.execute(params).map(|_| ())
    }
}

/// Makes a name for a number that jobs have, so that they are seen again; its counters come with the recount.
fn recover(tx: &mut Tx<'_>, insert: &str, number: i64) -> rusqlite::Result<()> {
    let name = format!("recovered-{number}");
    let now: Timestamp = tx.now;
    tx.connection.prepare_cached(insert)?.execute(params![name, now.as_millis(), number])?;
    forget_names(tx)
}
