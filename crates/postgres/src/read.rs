//! Reads for people and tools.
//!
//! Rows are read leniently: an invalid label or tag is left out, and a row with corrupt names hides no other row.

use std::time::Duration;

use longshore_core::{
    ArtifactName, Cursor, Death, Error, ErrorKind, Failure, FailureClass, Filter, JobId, Kind, Label, Listed, Moved,
    Output, Page, Payload, QueueName, QueueStats, Snapshot, State, Status, Stored, Timestamp, WorkerId, limits,
};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use crate::Postgres;
use crate::error;
use crate::pool::Param;
use crate::push::uuid;
use crate::rules;

pub(crate) async fn get(store: &Postgres, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
    let mut jobs = vec![None; ids.len()];
    let ids: Vec<Uuid> = ids.into_iter().map(uuid).collect();
    for row in
        store.pool.rows("SELECT g.place, (g.job).* FROM longshore.get($1) g", &[(&ids, Type::UUID_ARRAY)]).await?
    {
        jobs[place(&row)?] = lenient(&row);
    }
    Ok(jobs)
}

pub(crate) async fn status(store: &Postgres, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
    let mut jobs = vec![None; ids.len()];
    let uuids: Vec<Uuid> = ids.iter().copied().map(uuid).collect();
    for row in store.pool.rows("SELECT * FROM longshore.status($1)", &[(&uuids, Type::UUID_ARRAY)]).await? {
        let place = place(&row)?;
        jobs[place] = Some(Status {
            id: ids[place],
            state: state(column(&row, "state")?),
            attempt: small(&row, "attempt")?,
            max_attempts: small(&row, "max_attempts")?,
            progress: parsed(&row, "progress")?,
            reason: text(&row, "reason")?.and_then(|reason| reason.parse().ok()),
            message: text(&row, "message")?.map(str::to_owned),
            version: column::<i64>(&row, "version")?.unsigned_abs(),
        });
    }
    Ok(jobs)
}

pub(crate) async fn find(store: &Postgres, alias: Label) -> Result<Option<JobId>, Error> {
    let row = store.pool.row("SELECT longshore.find($1)", &[(&alias.as_str(), Type::TEXT)]).await?;
    let id: Option<Uuid> = row.try_get(0).map_err(error::of)?;
    Ok(id.map(|id| JobId::from_bytes(id.into_bytes())))
}

pub(crate) async fn list(store: &Postgres, filter: Filter, page: Page) -> Result<Listed, Error> {
    let Filter { queue, kind, state, tag, key } = filter;
    let end = page.after.map_or(i64::MAX, |Cursor(seq)| seq);
    let rows = store
        .pool
        .rows(
            "SELECT l.next, s.* FROM longshore.list($1, $2, $3, $4, $5, $6, $7, $8) l
             LEFT JOIN LATERAL longshore.at(l.seq) s ON true ORDER BY l.seq DESC",
            &[
                (&end, Type::INT8),
                (&i32::try_from(page.limit).unwrap_or(i32::MAX - 1), Type::INT4),
                (&queue.as_ref().map(QueueName::as_str), Type::TEXT),
                (&kind.as_ref().map(Kind::as_str), Type::TEXT),
                (&state.map(|state| state as i16), Type::INT2),
                (&tag.as_ref().map(Label::as_str), Type::TEXT),
                (&key.as_ref().map(Label::as_str), Type::TEXT),
                (&(limits::LIST_SCAN as i32), Type::INT4),
            ],
        )
        .await?;
    let next: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0)).map_err(error::of)?;
    let known = rows.iter().filter(|row| matches!(row.try_get::<_, Option<i64>>("seq"), Ok(Some(_))));
    Ok(Listed::new(known.filter_map(lenient).collect(), next.map(Cursor)))
}

/// Returns a page of queues. Queues with corrupt names are left out; the page is filled up with others.
pub(crate) async fn queues(store: &Postgres, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
    let (shift, _) = store.settings.clock.shift();
    let mut after = after.map_or_else(String::new, |name| name.to_string());
    let mut page = Vec::new();
    loop {
        let left = i32::try_from(limit - page.len()).unwrap_or(i32::MAX);
        let params: [Param<'_>; 3] = [(&after, Type::TEXT), (&left, Type::INT4), (&shift, Type::INT8)];
        let rows = store.pool.rows("SELECT * FROM longshore.queues($1, $2, $3)", &params).await?;
        for row in &rows {
            page.extend(stats(row)?);
        }
        match rows.last() {
            Some(last) if page.len() < limit && rows.len() == left as usize => {
                after = column::<&str>(last, "name")?.to_owned();
            }
            _ => return Ok(page),
        }
    }
}

pub(crate) async fn queue(store: &Postgres, queue: &QueueName) -> Result<Option<QueueStats>, Error> {
    let (shift, _) = store.settings.clock.shift();
    let params: [Param<'_>; 2] = [(&queue.as_str(), Type::TEXT), (&shift, Type::INT8)];
    let rows = store.pool.rows("SELECT * FROM longshore.queue_stats($1, $2)", &params).await?;
    rows.first().map_or(Ok(None), stats)
}

/// Reads a queue; `None` if its name is corrupt.
fn stats(row: &Row) -> Result<Option<QueueStats>, Error> {
    let Ok(queue) = column::<&str>(row, "name")?.parse() else { return Ok(None) };
    let mut counts = [0; 6];
    for (count, state) in counts.iter_mut().zip(State::ALL) {
        *count = column::<i64>(row, state.as_str())?.max(0).unsigned_abs();
    }
    let oldest_ready =
        column::<Option<i64>>(row, "oldest_ready")?.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs()));
    let rules = rules::read(row)?.at(Timestamp::from_millis(column(row, "now")?));
    Ok(Some(QueueStats::new(queue, counts, oldest_ready, rules)))
}

pub(crate) async fn log(store: &Postgres, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
    let params = [(&uuid(id) as _, Type::UUID), (&claim.map(|number| number as i64) as _, Type::INT8)];
    let row = store.pool.row("SELECT longshore.read_log($1, $2)", &params).await?;
    row.try_get(0).map_err(error::of)
}

/// Reads moved jobs, as `apply_event_to_all` in `sql/apply_event.sql` returns them. Jobs with corrupt names are left
/// out.
pub(crate) fn moved(jobs: Option<Value>) -> Vec<Moved> {
    let Some(Value::Array(jobs)) = jobs else { return Vec::new() };
    jobs.iter().filter_map(moved_one).collect()
}

/// Does the same as [`moved`], for jobs that were taken from workers that are gone.
pub(crate) fn taken(jobs: Option<Value>, death: Death) -> Vec<Moved> {
    moved(jobs).into_iter().map(|moved| Moved { death: Some(death), ..moved }).collect()
}

fn moved_one(job: &Value) -> Option<Moved> {
    let id = |name: &str| job[name].as_str().and_then(|id| id.parse::<Uuid>().ok());
    let count = |name: &str| u16::try_from(job[name].as_i64().unwrap_or_default().max(0)).ok();
    Some(Moved {
        id: JobId::from_bytes(id("id")?.into_bytes()),
        queue: job["queue"].as_str()?.parse().ok()?,
        kind: job["kind"].as_str()?.parse().ok()?,
        worker: id("worker").map(|id| WorkerId::from_bytes(id.into_bytes())),
        attempt: count("attempt")?,
        crashes: count("crashes")?,
        state: state(i16::try_from(job["state"].as_i64()?).ok()?),
        reason: job["reason"].as_str().and_then(|reason| reason.parse().ok()),
        death: None,
    })
}

/// Reads a job, or logs that its row is corrupt.
fn lenient(row: &Row) -> Option<Snapshot> {
    let read = snapshot(row);
    if let Err(e) = &read {
        let id: Option<Uuid> = row.try_get("id").ok();
        tracing::warn!(?id, error = %e, "a job's row is corrupt");
    }
    read.ok()
}

fn snapshot(row: &Row) -> Result<Snapshot, Error> {
    let label = |name| Ok::<_, Error>(text(row, name)?.and_then(|text| text.parse::<Label>().ok()));
    let id = JobId::from_bytes(column::<Uuid>(row, "id")?.into_bytes());
    Ok(Snapshot {
        id,
        queue: column::<&str>(row, "queue")?.parse()?,
        kind: column::<&str>(row, "kind")?.parse()?,
        payload: Payload::from_store(column(row, "payload")?),
        state: state(column(row, "state")?),
        priority: column::<i16>(row, "rank")?.saturating_neg(),
        key: label("key")?,
        unique_key: label("unique_key")?,
        reuse_key: label("reuse_key")?,
        alias: label("alias")?,
        tags: entries(row, "tags")?.iter().filter_map(|tag| tag.as_str()?.parse().ok()).collect(),
        attempt: small(row, "attempt")?,
        max_attempts: small(row, "max_attempts")?,
        crashes: small(row, "crashes")?,
        interruptions: column::<i32>(row, "interruptions")?.max(0).unsigned_abs(),
        outages: small(row, "outages")?,
        timeout: Duration::from_millis(column::<i32>(row, "timeout_ms")?.unsigned_abs().into()),
        deadline: time(row, "deadline")?,
        created_at: Timestamp::from_millis(column(row, "created_at")?),
        run_at: Timestamp::from_millis(column(row, "run_at")?),
        started_at: time(row, "started_at")?,
        finished_at: time(row, "finished_at")?,
        worker: column::<Option<Uuid>>(row, "worker")?.map(|id| WorkerId::from_bytes(id.into_bytes())),
        cancel_asked: column(row, "cancel_asked")?,
        progress: parsed(row, "progress")?,
        reason: text(row, "reason")?.and_then(|reason| reason.parse().ok()),
        result: result(row, id)?,
        failures: entries(row, "failures")?.iter().filter_map(failure).collect(),
        version: column::<i64>(row, "version")?.unsigned_abs(),
    })
}

fn result(row: &Row, id: JobId) -> Result<Option<Stored>, Error> {
    let Some(content_type) = text(row, "result_type")?.map(str::to_owned) else { return Ok(None) };
    Ok(Some(match column::<Option<i64>>(row, "artifact")? {
        Some(claim) => Stored::Artifact {
            name: ArtifactName { job: id, claim: claim as u64 },
            content_type,
            bytes: column::<Option<i64>>(row, "artifact_bytes")?.unwrap_or_default().unsigned_abs(),
        },
        None => {
            let body = column::<Option<Vec<u8>>>(row, "result")?.unwrap_or_default();
            Stored::Inline(Output::new(content_type, body))
        }
    }))
}

fn failure(entry: &Value) -> Option<Failure> {
    let worker = entry["worker"].as_str().and_then(|id| id.parse::<Uuid>().ok());
    Some(Failure {
        at: Timestamp::from_millis(entry["at"].as_i64()?),
        started_at: entry["started"].as_i64().map(Timestamp::from_millis),
        class: FailureClass::from_number(entry["class"].as_i64().unwrap_or_default()),
        attempt: u16::try_from(entry["attempt"].as_u64()?).ok()?,
        claim: entry["claim"].as_i64().map(|number| number as u64),
        worker: worker.map(|id| WorkerId::from_bytes(id.into_bytes())),
        message: entry["message"].as_str()?.to_owned(),
    })
}

fn place(row: &Row) -> Result<usize, Error> {
    let place: i64 = column(row, "place")?;
    usize::try_from(place - 1)
        .map_err(|_| Error::new(ErrorKind::Corrupt, "bug: a job was returned for an unknown position"))
}

pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, Error> {
    row.try_get(name).map_err(error::of)
}

fn text<'a>(row: &'a Row, name: &str) -> Result<Option<&'a str>, Error> {
    column(row, name)
}

fn time(row: &Row, name: &str) -> Result<Option<Timestamp>, Error> {
    Ok(column::<Option<i64>>(row, name)?.map(Timestamp::from_millis))
}

fn small(row: &Row, name: &str) -> Result<u16, Error> {
    Ok(column::<i16>(row, name)?.max(0).unsigned_abs())
}

fn parsed<T: serde::de::DeserializeOwned>(row: &Row, name: &str) -> Result<Option<T>, Error> {
    Ok(text(row, name)?.and_then(|text| serde_json::from_str(text).ok()))
}

/// Reads a JSON array. Anything else is an empty one.
fn entries(row: &Row, name: &str) -> Result<Vec<Value>, Error> {
    Ok(match column::<Option<Value>>(row, name)? {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    })
}

/// Reads a state; the schema allows no other numbers.
pub(crate) fn state(number: i16) -> State {
    State::ALL[usize::try_from(number).unwrap_or(0).min(5)]
}
