//! Reads for people and tools: short transactions on separate connections.
//!
//! Rows are read leniently: an invalid label or tag is left out, so that one corrupt row hides nothing else.

use longshore_core::{
    ArtifactName, Cursor, Failure, FailureClass, Filter, JobId, KindLimits, Label, Listed, Output, Payload, Progress,
    QueueName, QueueStats, Rules, Snapshot, State, Status, Stored, Timestamp, WorkerId, WorkerNote, WorkerSeen, limits,
};
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::column::{blob, small, small_or_none, state, text, timeout, worker};
use crate::error;

pub(crate) fn job(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Snapshot>> {
    let seq = connection
        .prepare_cached("SELECT seq FROM job WHERE id = ?1")?
        .query_row([id.as_bytes()], |row| row.get::<_, i64>(0))
        .optional()?;
    seq.map_or(Ok(None), |seq| snapshot(connection, seq))
}

fn snapshot(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Snapshot>> {
    let read =
        connection.prepare_cached(include_str!("../sql/snapshot.sql"))?.query_row([seq], read_snapshot).optional()?;
    let Some(mut job) = read else { return Ok(None) };
    let mut statement = connection.prepare_cached(
        "SELECT at, started_at, class, attempt, claim, worker, message FROM failure WHERE seq = ?1 ORDER BY n",
    )?;
    let failures = statement.query_map([seq], |row| {
        Ok(Failure {
            at: Timestamp::from_millis(row.get(0)?),
            started_at: row.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis),
            class: FailureClass::from_number(row.get(2)?),
            attempt: small(row, 3)?,
            claim: row.get::<_, Option<i64>>(4)?.map(|claim| claim as u64),
            worker: worker(row, 5)?.map(WorkerId::from_bytes),
            message: text(row, 6)?.unwrap_or_default(),
        })
    })?;
    job.failures = failures.collect::<Result<_, _>>()?;
    Ok(Some(job))
}

fn read_snapshot(row: &Row<'_>) -> rusqlite::Result<Snapshot> {
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
    let label = |column| Ok::<_, rusqlite::Error>(text(row, column)?.and_then(|text| text.parse::<Label>().ok()));
    let corrupt = |_| rusqlite::Error::InvalidQuery;
    let id = JobId::from_bytes(row.get("id")?);
    let tags: Vec<String> = parsed(row, "tags")?.unwrap_or_default();
    let name = |column| Ok::<_, rusqlite::Error>(text(row, column)?.unwrap_or_default());
    Ok(Snapshot {
        id,
        queue: name("queue")?.parse().map_err(corrupt)?,
        kind: name("kind")?.parse().map_err(corrupt)?,
        payload: Payload::from_store(&text(row, "payload")?.unwrap_or_default()),
        state: state(row.get("state")?),
        priority: priority(row.get("rank")?),
        key: label("key")?,
        unique_key: label("unique_key")?,
        reuse_key: label("reuse_key")?,
        alias: label("alias")?,
        tags: tags.iter().filter_map(|tag| tag.parse().ok()).collect(),
        attempt: small(row, "attempt")?,
        max_attempts: KindLimits::default().attempts(small_or_none(row, "max_attempts")?),
        crashes: small(row, "crashes")?,
        interruptions: row.get::<_, i64>("interruptions")?.clamp(0, i64::from(u32::MAX)) as u32,
        outages: small(row, "outages")?,
        timeout: KindLimits::default().timeout(row.get::<_, Option<i64>>("timeout_ms")?.map(timeout)),
        deadline: time("deadline")?,
        created_at: Timestamp::from_millis(row.get("created_at")?),
        run_at: Timestamp::from_millis(row.get("run_at")?),
        started_at: time("started_at")?,
        finished_at: time("finished_at")?,
        worker: worker(row, "worker")?.map(WorkerId::from_bytes),
        cancel_asked: row.get::<_, i64>("cancel_asked")? != 0,
        progress: parsed(row, "progress")?,
        reason: text(row, "reason")?.and_then(|reason| reason.parse().ok()),
        result: result(row, id)?,
        failures: Vec::new(),
        version: row.get::<_, i64>("version")? as u64,
    })
}

/// Returns the priority of a rank. A rank out of range counts as the nearest valid one.
fn priority(rank: i64) -> i16 {
    -(rank.clamp(-i64::from(i16::MAX), i64::from(i16::MAX)) as i16)
}

fn result(row: &Row<'_>, id: JobId) -> rusqlite::Result<Option<Stored>> {
    let Some(content_type) = text(row, "result_type")? else { return Ok(None) };
    Ok(Some(match row.get::<_, Option<i64>>("artifact")? {
        Some(claim) => Stored::Artifact {
            name: ArtifactName { job: id, claim: claim as u64 },
            content_type,
            bytes: row.get::<_, i64>("artifact_bytes")? as u64,
        },
        None => Stored::Inline(Output::new(content_type, row.get::<_, Option<Vec<u8>>>("result")?.unwrap_or_default())),
    }))
}

fn parsed<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<T>> {
    Ok(text(row, column)?.and_then(|text| serde_json::from_str(&text).ok()))
}

pub(crate) fn status(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Status>> {
    connection
        .prepare_cached(include_str!("../sql/status.sql"))?
        .query_row([id.as_bytes()], |row| {
            Ok(Status {
                id,
                state: state(row.get(0)?),
                attempt: small(row, 1)?,
                max_attempts: KindLimits::default().attempts(small_or_none(row, 2)?),
                progress: parsed::<Progress>(row, "progress")?,
                reason: text(row, "reason")?.and_then(|reason| reason.parse().ok()),
                version: row.get::<_, i64>(5)? as u64,
                message: row.get(6)?,
            })
        })
        .optional()
}

/// Returns the log of a claim, or of the newest claim that has one; an empty text if there is none.
pub(crate) fn log(connection: &Connection, id: JobId, claim: Option<u64>) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached(
            "SELECT coalesce((SELECT text FROM claim_log WHERE claim_log.seq = job.seq AND (?2 IS NULL OR claim = ?2)
                              ORDER BY claim DESC LIMIT 1), '') FROM job WHERE job.id = ?1",
        )?
        .query_row(params![id.as_bytes(), claim.map(|claim| claim as i64)], |row| row.get(0))
        .optional()
}

pub(crate) fn find(connection: &Connection, alias: &Label) -> rusqlite::Result<Option<JobId>> {
    connection
        .prepare_cached("SELECT id FROM job WHERE alias IS NOT NULL AND alias = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([alias.as_str()], |row| row.get(0).map(JobId::from_bytes))
        .optional()
}

/// Lists jobs, newest first. It reads a limited number of rows. Jobs with a tag, and running or dead jobs, are found by
/// their index.
pub(crate) fn list(connection: &Connection, filter: &Filter, end: i64, limit: usize) -> rusqlite::Result<Listed> {
    let number = |table: &str, name: Option<&str>| match name {
        Some(name) => number_of(connection, table, name).map(|found| Some(found.unwrap_or(-1))),
        None => Ok(None),
    };
    let Filter { queue, kind, state, tag, key } = filter;
    let queue = number("queue", queue.as_ref().map(|queue| queue.as_str()))?;
    let kind = number("kind", kind.as_ref().map(|kind| kind.as_str()))?;
    let source = match (tag, state) {
        (Some(_), _) => "job_tag AS listed CROSS JOIN job ON job.seq = listed.seq WHERE listed.tag = ?2 AND",
        (None, Some(State::Dead)) => "job AS listed INDEXED BY job_dead WHERE state = 4 AND",
        (None, Some(State::Running)) => "job AS listed INDEXED BY job_running WHERE state = 2 AND",
        (None, _) => "job AS listed WHERE",
    };
    let columns = "listed.seq, queue, kind, state, tags, key";
    let sql = format!("SELECT {columns} FROM {source} listed.seq < ?1 ORDER BY listed.seq DESC");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = match tag {
        Some(tag) => statement.query(params![end, tag.as_str()])?,
        None => statement.query([end])?,
    };
    let mut listed = Listed::default();
    let mut checked = 0;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        if listed.jobs.len() == limit || checked == limits::LIST_SCAN {
            listed.next = Some(Cursor(seq.saturating_add(1)));
            break;
        }
        checked += 1;
        let tagged = |tag: &Label| -> rusqlite::Result<bool> {
            Ok(parsed::<Vec<String>>(row, "tags")?.is_some_and(|tags| tags.iter().any(|text| text == tag.as_str())))
        };
        let fits = is(row, 1, queue)?
            && is(row, 2, kind)?
            && is(row, 3, state.map(|state| state as i64))?
            && is(row, 5, key.as_ref().map(|key| key.as_str().to_owned()))?
            && tag.as_ref().map_or(Ok(true), tagged)?;
        if fits {
            listed.jobs.extend(snapshot(connection, seq)?);
        }
    }
    Ok(listed)
}

/// Returns whether a column has the wanted value, if a value is wanted.
fn is<T: FromSql + PartialEq>(row: &Row<'_>, column: usize, wanted: Option<T>) -> rusqlite::Result<bool> {
    match wanted {
        Some(wanted) => Ok(row.get::<_, Option<T>>(column)?.is_some_and(|value| value == wanted)),
        None => Ok(true),
    }
}

fn number_of(connection: &Connection, table: &str, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(&format!("SELECT id FROM {table} WHERE name = ?1"))?
        .query_row([name], |row| row.get(0))
        .optional()
}

/// Returns a page of queues, sorted by name. A queue with a corrupt name is left out; the page is filled up with
/// others.
pub(crate) fn queues(
    connection: &Connection,
    now: Timestamp,
    after: Option<&QueueName>,
    limit: usize,
) -> rusqlite::Result<Vec<QueueStats>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, scheduled, ready, running, succeeded, dead, cancelled, rules_version, rules FROM queue
         WHERE name > ?1 ORDER BY name",
    )?;
    let mut rows = statement.query([after.map_or("", QueueName::as_str)])?;
    let mut page = Vec::new();
    while page.len() < limit
        && let Some(row) = rows.next()?
    {
        page.extend(stats(connection, row, now)?);
    }
    Ok(page)
}

/// Returns one queue, if it exists.
pub(crate) fn queue(
    connection: &Connection,
    now: Timestamp,
    queue: &QueueName,
) -> rusqlite::Result<Option<QueueStats>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, scheduled, ready, running, succeeded, dead, cancelled, rules_version, rules FROM queue WHERE name = ?1",
    )?;
    let found = statement.query_row([queue.as_str()], |row| stats(connection, row, now));
    found.optional().map(Option::flatten)
}

/// Reads a queue's counts and finds the age of its oldest ready job, by index seeks and never by counting.
fn stats(connection: &Connection, row: &Row<'_>, now: Timestamp) -> rusqlite::Result<Option<QueueStats>> {
    let Some(Ok(queue)) = text(row, 1)?.map(|name| name.parse()) else { return Ok(None) };
    let mut counts = [0; 6];
    for (index, count) in counts.iter_mut().enumerate() {
        *count = row.get::<_, i64>(index + 2)?.unsigned_abs();
    }
    let oldest = oldest_ready(connection, row.get(0)?)?.map(|at| now.since(Timestamp::from_millis(at)));
    Ok(Some(QueueStats::new(queue, counts, oldest, read_rules(row, 8)?.at(now))))
}

/// Returns the rules of a queue, or the default if it does not exist.
pub(crate) fn rules(connection: &Connection, queue: &QueueName) -> rusqlite::Result<Rules> {
    let found = connection
        .prepare_cached("SELECT rules_version, rules FROM queue WHERE name = ?1")?
        .query_row([queue.as_str()], |row| read_rules(row, 0))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Reads the version of rules, and the rules from the next column.
pub(crate) fn read_rules(row: &Row<'_>, column: usize) -> rusqlite::Result<Rules> {
    let version = row.get::<_, i64>(column)? as u64;
    let text = row.get_ref(column + 1)?.as_bytes()?;
    Ok(Rules::from_text(version, &String::from_utf8_lossy(text)))
}

/// Returns a page of the registry of workers.
pub(crate) fn workers(
    connection: &Connection,
    after: Option<WorkerId>,
    limit: usize,
) -> rusqlite::Result<Vec<WorkerSeen>> {
    let mut statement = connection
        .prepare_cached("SELECT id, since, seen, note FROM worker_note WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let after = after.map_or_else(Vec::new, |id| blob(id).to_vec());
    let workers = statement.query_map(params![after, limit as i64], |row| {
        let time = |column| row.get(column).map(Timestamp::from_millis);
        let note = WorkerNote::from_text(&text(row, "note")?.unwrap_or_default());
        Ok(WorkerSeen::new(WorkerId::from_bytes(row.get(0)?), time(1)?, time(2)?, note))
    })?;
    workers.collect()
}

/// Skips through the index of ready jobs, with one seek per kind and used priority.
fn oldest_ready(connection: &Connection, queue: i64) -> rusqlite::Result<Option<i64>> {
    let mut oldest: Option<i64> = None;
    for crashes in ["crashes < 2", "crashes >= 2"] {
        let sql = format!(
            "SELECT kind, rank, run_at FROM job WHERE state = 1 AND {crashes} AND queue = ?1 AND (kind, rank) > (?2, ?3)
             ORDER BY kind, rank, run_at LIMIT 1"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut place = (i64::MIN, i64::MIN);
        loop {
            let next: Option<(i64, i64, i64)> = statement
                .query_row(params![queue, place.0, place.1], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((kind, rank, run_at)) = next else { break };
            if (kind, rank) <= place {
                return Err(error::index_is_damaged("ready jobs"));
            }
            oldest = Some(oldest.map_or(run_at, |known| known.min(run_at)));
            place = (kind, rank);
        }
    }
    Ok(oldest)
}
