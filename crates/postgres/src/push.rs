//! Pushing jobs.

use std::time::Duration;

use longshore_core::{
    DuplicateReason, Error, ErrorKind, JobId, Label, NewJob, Notices, Pushed, UniqueScope, When, millis,
};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::pool::{Param, Pool, Statement};
use crate::publisher::Publisher;

/// The statement. Its columns are the parameters.
const PUSH: &str = "SELECT place, instead, other FROM longshore.push_batch(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, false, false)";

/// The same inside the caller's transaction.
const PUSH_IN: &str = "SELECT place, instead, other FROM longshore.push_within(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";

/// Pushes jobs, all or none.
pub(crate) async fn push(
    pool: Pool,
    publisher: Publisher,
    shift: i64,
    jobs: Vec<NewJob>,
) -> Result<Vec<Pushed>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let columns = Columns::of(&jobs, shift);
    let rows = pool.rows_of(Statement { function: "push_batch", sql: PUSH, params: &columns.params() }).await?;
    let answers = answers(&jobs, &rows)?;
    publisher.tell(notices(&jobs, &answers));
    Ok(answers)
}

/// Returns the notifications to send after the commit.
pub(crate) fn notices(jobs: &[NewJob], answers: &[Pushed]) -> Notices {
    let mut notices = Notices::default();
    for (job, _) in jobs.iter().zip(answers).filter(|(_, answer)| matches!(answer, Pushed::Created(_))) {
        notices.add_work(&job.queue, &job.kind);
    }
    notices
}

/// Returns the statement that pushes inside the caller's transaction.
pub(crate) fn statement_within(pool: &Pool) -> String {
    pool.schema().in_sql(PUSH_IN)
}

/// Reads the answers. The rows name jobs with an existing job; all others were created.
pub(crate) fn answers(jobs: &[NewJob], rows: &[Row]) -> Result<Vec<Pushed>, Error> {
    let mut answers: Vec<_> = jobs.iter().map(|job| Pushed::Created(job.id)).collect();
    for row in rows {
        let read = || Ok((row.try_get::<_, i32>(0)?, row.try_get::<_, i16>(1)?, row.try_get::<_, Uuid>(2)?));
        let (place, instead, other) = read().map_err(crate::error::of)?;
        let id = JobId::from_bytes(other.into_bytes());
        let answer = usize::try_from(place - 1).ok().and_then(|place| answers.get_mut(place));
        let nonsense = || Error::new(ErrorKind::Corrupt, "bug: an answer refers to a job that was not in the push");
        *answer.ok_or_else(nonsense)? = match instead {
            0 => Pushed::Created(id),
            1 => Pushed::Existing { id, by: DuplicateReason::Unique },
            2 => Pushed::Existing { id, by: DuplicateReason::Reuse },
            _ => Pushed::Conflict(id),
        };
    }
    Ok(answers)
}

/// Jobs as parameters: one array per column, which is empty if no job has a value.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    ids: Vec<Uuid>,
    queues: Vec<&'a str>,
    kinds: Vec<&'a str>,
    payloads: Vec<&'a str>,
    ranks: Vec<Option<i16>>,
    delays: Vec<Option<i64>>,
    moments: Vec<Option<i64>>,
    max_attempts: Vec<Option<i16>>,
    timeouts: Vec<Option<i32>>,
    deadlines_in: Vec<Option<i64>>,
    deadlines: Vec<Option<i64>>,
    keys: Vec<Option<&'a str>>,
    tags: Vec<Option<String>>,
    aliases: Vec<Option<&'a str>>,
    unique_keys: Vec<Option<&'a str>>,
    unique_scopes: Vec<Option<i64>>,
    reuse_keys: Vec<Option<&'a str>>,
    reuse_ms: Vec<Option<i64>>,
    idempotency_keys: Vec<Option<&'a str>>,
    fingerprints: Vec<Option<&'a [u8]>>,
    shift: i64,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(jobs: &'a [NewJob], shift: i64) -> Self {
        Columns {
            ids: jobs.iter().map(|job| uuid(job.id)).collect(),
            queues: jobs.iter().map(|job| job.queue.as_str()).collect(),
            kinds: jobs.iter().map(|job| job.kind.as_str()).collect(),
            payloads: jobs.iter().map(|job| job.payload.as_str()).collect(),
            max_attempts: column(jobs, |job| job.max_attempts.map(attempts)),
            timeouts: column(jobs, |job| job.timeout.map(timeout_ms)),
            ranks: column(jobs, |job| (job.priority != 0).then_some(-job.priority)),
            delays: column(jobs, |job| delay(Some(job.when)).filter(|delay| *delay > 0)),
            moments: column(jobs, |job| moment(Some(job.when))),
            deadlines_in: column(jobs, |job| delay(job.deadline)),
            deadlines: column(jobs, |job| moment(job.deadline)),
            keys: column(jobs, |job| job.key.as_ref().map(Label::as_str)),
            tags: column(jobs, tags),
            aliases: column(jobs, |job| job.alias.as_ref().map(Label::as_str)),
            unique_keys: column(jobs, |job| job.unique.as_ref().map(|unique| unique.key.as_str())),
            unique_scopes: column(jobs, |job| job.unique.as_ref().map(|unique| scope_number(unique.scope))),
            reuse_keys: column(jobs, |job| job.reuse.as_ref().map(|reuse| reuse.key.as_str())),
            reuse_ms: column(jobs, |job| job.reuse.as_ref().map(|reuse| bounded(millis(reuse.within)))),
            idempotency_keys: column(jobs, |job| job.idempotency.as_ref().map(|asked| asked.key.as_str())),
            fingerprints: column(jobs, |job| job.idempotency.as_ref().map(|asked| asked.fingerprint.as_slice())),
            shift,
        }
    }

    pub(crate) fn params(&self) -> [Param<'_>; 21] {
        [
            (&self.ids, Type::UUID_ARRAY),
            (&self.queues, Type::TEXT_ARRAY),
            (&self.kinds, Type::TEXT_ARRAY),
            (&self.payloads, Type::TEXT_ARRAY),
            (&self.ranks, Type::INT2_ARRAY),
            (&self.delays, Type::INT8_ARRAY),
            (&self.moments, Type::INT8_ARRAY),
            (&self.max_attempts, Type::INT2_ARRAY),
            (&self.timeouts, Type::INT4_ARRAY),
            (&self.deadlines_in, Type::INT8_ARRAY),
            (&self.deadlines, Type::INT8_ARRAY),
            (&self.keys, Type::TEXT_ARRAY),
            (&self.tags, Type::TEXT_ARRAY),
            (&self.aliases, Type::TEXT_ARRAY),
            (&self.unique_keys, Type::TEXT_ARRAY),
            (&self.unique_scopes, Type::INT8_ARRAY),
            (&self.reuse_keys, Type::TEXT_ARRAY),
            (&self.reuse_ms, Type::INT8_ARRAY),
            (&self.idempotency_keys, Type::TEXT_ARRAY),
            (&self.fingerprints, Type::BYTEA_ARRAY),
            (&self.shift, Type::INT8),
        ]
    }
}

/// Returns an array of optional values; empty if no item has one.
pub(crate) fn column<'a, I, T>(items: &'a [I], value: impl Fn(&'a I) -> Option<T>) -> Vec<Option<T>>
where
    Option<T>: ToSql,
{
    let mut column = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let value = value(item);
        if value.is_some() && column.is_empty() {
            column.reserve_exact(items.len());
            column.resize_with(place, || None);
        }
        if value.is_some() || !column.is_empty() {
            column.push(value);
        }
    }
    column
}

/// Returns a number of attempts in the form that the schema stores.
pub(crate) fn attempts(attempts: u16) -> i16 {
    i16::try_from(attempts).unwrap_or(i16::MAX)
}

/// Returns a time-out in the form that the schema stores.
pub(crate) fn timeout_ms(timeout: Duration) -> i32 {
    i32::try_from(millis(timeout)).unwrap_or(i32::MAX).max(1)
}

/// Returns a job's id in the form that PostgreSQL stores.
pub(crate) fn uuid(id: JobId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

/// Limits milliseconds, so that sums cannot overflow.
pub(crate) fn bounded(ms: i64) -> i64 {
    ms.clamp(-(i64::MAX / 8), i64::MAX / 8)
}

/// Returns the delay, if it is one.
pub(crate) fn delay(when: Option<When>) -> Option<i64> {
    match when {
        Some(When::In(delay)) => Some(bounded(millis(delay))),
        _ => None,
    }
}

/// Returns the moment, if it is one.
pub(crate) fn moment(when: Option<When>) -> Option<i64> {
    match when {
        Some(When::At(moment)) => Some(bounded(moment.as_millis())),
        _ => None,
    }
}

fn tags(job: &NewJob) -> Option<String> {
    let tags: Vec<&str> = job.tags.iter().map(Label::as_str).collect();
    (!tags.is_empty()).then(|| serde_json::to_string(&tags).expect("strings can be written"))
}

/// Converts a scope to the number that the schema stores.
fn scope_number(scope: UniqueScope) -> i64 {
    match scope {
        UniqueScope::UntilStarted => 0,
        UniqueScope::UntilFinished => 1,
        UniqueScope::For(period) => bounded(millis(period)).saturating_add(2),
    }
}
