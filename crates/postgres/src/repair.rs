//! Finds what other programs have changed, and repairs it, part by part: see `sql/repair.sql` and `sql/repair_jobs.sql`.

use longshore_core::{Error, ErrorKind, Finding, JobId, News, Notices, RepairCursor, RepairReport, RepairStep, limits};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::error;
use crate::pool::Param;
use crate::read::column;
use crate::upkeep::clock;

/// The parts of a walk: unique keys first, so that a job may take one that nobody holds any more; what belongs to jobs after them.
const PARTS: [&str; 6] = ["keys", JOBS, "tags", "payloads", "logs", "chunks"];
const JOBS: &str = "jobs";
/// The last part: no more than one call.
const COUNTS: &str = "counts";

/// Does one step.
pub(crate) async fn repair(store: &Postgres, step: RepairStep) -> Result<RepairReport, Error> {
    let (part, after) = match &step.after {
        None => (PARTS[0], None),
        Some(cursor) => place(&cursor.0).ok_or_else(|| cursor.unknown())?,
    };
    let repaired =
        if part == COUNTS { recount(store, step.write).await? } else { look(store, part, after, &step).await? };
    if repaired.findings.iter().any(|finding| finding.repaired) {
        let mut notices = Notices::of_news(News::All);
        notices.all_work = true; // jobs may have come to light
        store.publisher.tell(notices);
    }
    Ok(repaired)
}

/// Reads a cursor: the part, and the keys of the row behind which it goes on.
fn place(text: &str) -> Option<(&'static str, Option<Value>)> {
    let (part, after) = text.split_once(' ')?;
    let part = PARTS.into_iter().chain([COUNTS]).find(|known| *known == part)?;
    let after = if after.is_empty() { None } else { Some(serde_json::from_str(after).ok()?) };
    Some((part, after))
}

/// Does one step of a part.
async fn look(store: &Postgres, part: &str, after: Option<Value>, step: &RepairStep) -> Result<RepairReport, Error> {
    let (clock, (shift, lease_shift)) = (clock(&store.pool).await?, store.settings.clock.shift());
    let (now, lease_now) = (clock + shift, clock + lease_shift);
    let limit = step.limit.min(limits::UPKEEP_ROWS) as i32;
    let row = if part == JOBS {
        let params: [Param<'_>; 7] = [
            (&after, Type::JSONB),
            (&limit, Type::INT4),
            (&step.write, Type::BOOL),
            (&now, Type::INT8),
            (&lease_now, Type::INT8),
            (&store.keep_finished(), Type::INT8),
            (&store.keep_dead(), Type::INT8),
        ];
        store.pool.row("SELECT * FROM longshore.repair_jobs($1, $2, $3, $4, $5, $6, $7)", &params).await?
    } else {
        let params: [Param<'_>; 5] = [
            (&part, Type::TEXT),
            (&after, Type::JSONB),
            (&limit, Type::INT4),
            (&step.write, Type::BOOL),
            (&now, Type::INT8),
        ];
        store.pool.row("SELECT * FROM longshore.repair_left_over($1, $2, $3, $4, $5)", &params).await?
    };
    let next = match column::<Option<Value>>(&row, "after")? {
        Some(after) => format!("{part} {after}"),
        None => {
            let behind = PARTS.into_iter().skip_while(|known| *known != part).nth(1);
            format!("{} ", behind.unwrap_or(COUNTS))
        }
    };
    read(&row, Some(RepairCursor(next)))
}

/// Counts all jobs anew. That takes as long as it takes: the bounds of other calls do not hold here.
async fn recount(store: &Postgres, write: bool) -> Result<RepairReport, Error> {
    let schema = store.pool.schema();
    let taken = store.pool.take().await?;
    let client = taken.client();
    let begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
    client.batch_execute(begin).await.map_err(error::of)?;
    let sql = schema.in_sql("SELECT * FROM longshore.repair_counts($1, $2)");
    let params: [Param<'_>; 2] = [(&write, Type::BOOL), (&schema.lock(b"recount"), Type::INT8)];
    let rows = client.query_typed(&sql, &params).await.map_err(error::of)?;
    client.batch_execute("COMMIT").await.map_err(|e| error::of(e).perhaps_done())?;
    taken.put_back();
    read(rows.first().ok_or_else(|| Error::new(ErrorKind::Corrupt, "a recount has no answer"))?, None)
}

/// Reads the answer of a part.
fn read(row: &Row, next: Option<RepairCursor>) -> Result<RepairReport, Error> {
    let findings: Value = column(row, "findings")?;
    let findings = findings.as_array().into_iter().flatten().map(|finding| {
        let text = |name: &str| finding[name].as_str();
        let job = text("job").and_then(|job| job.parse::<Uuid>().ok()).map(|job| JobId::from_bytes(job.into_bytes()));
        let found = Finding::new(text("what").unwrap_or_default()).job(job);
        let queue = text("queue").and_then(|queue| queue.parse().ok());
        found.queue(queue).repaired(finding["repaired"] == true)
    });
    Ok(RepairReport::new(findings.collect(), column::<i64>(row, "checked")? as usize, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_names_a_part_and_a_row() {
        assert_eq!(place("keys "), Some(("keys", None)));
        assert_eq!(place(r#"tags ["a b",7]"#), Some(("tags", Some(serde_json::json!(["a b", 7])))));
        assert_eq!(place("counts "), Some((COUNTS, None)));
        for text in ["", "keys", "nowhere ", "jobs {"] {
            assert_eq!(place(text), None, "{text:?}");
        }
    }
}
