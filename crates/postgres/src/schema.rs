//! The schema in the database: what it is made of, and how it is brought up to date.

use longshore_core::{Error, ErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error;
use crate::pool::Pool;

/// What each version adds to the one before, in the order it is run.
const VERSIONS: &[&[&str]] = &[&[
    include_str!("../sql/schema/001_tables.sql"),
    include_str!("../sql/clock.sql"),
    include_str!("../sql/step.sql"),
    include_str!("../sql/happen.sql"),
    include_str!("../sql/keys.sql"),
    include_str!("../sql/push.sql"),
    include_str!("../sql/enqueue.sql"),
    include_str!("../sql/claim.sql"),
    include_str!("../sql/renew.sql"),
    include_str!("../sql/settle.sql"),
    include_str!("../sql/release.sql"),
    include_str!("../sql/upkeep.sql"),
    include_str!("../sql/act.sql"),
    include_str!("../sql/pause.sql"),
    include_str!("../sql/log.sql"),
    include_str!("../sql/read.sql"),
    include_str!("../sql/artifact.sql"),
]];

/// Marks functions that plan the same way whatever the statistics say: a table that was never analysed, or grew from nothing to a
/// million rows since it was, must not flip a plan to a scan of the whole. Plans are made once a connection of the server, and may
/// be made while a table is empty. For the same reason
/// - rows are joined by `id = ANY (ARRAY[x.id])`, of which the planner can make nothing but a look into the index for each x,
///   or by a LATERAL subquery with a LIMIT; of `id = x.id` it makes a walk through the whole index, if that is one page;
/// - a join by id says nothing of a state: on an empty table a partial index on it looks as good as the key.
const STEADY: (&str, &str) = (
    "/* steady */",
    "SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
     SET enable_mergejoin = off SET jit = off",
);

/// The version of the schema that this program works with.
pub(crate) const VERSION: i32 = VERSIONS.len() as i32;

/// Brings the schema up to date, in one transaction; who comes at the same time waits and finds it done.
///
/// # Errors
///
/// If it is newer than this program, or there is none and we may not make it.
pub(crate) async fn migrate(pool: &Pool, client: &Client, is_there: bool) -> Result<(), Error> {
    if is_there && check(version(pool, client).await?)? {
        return Ok(()); // without asking for rights that are not needed
    }
    let schema = pool.schema();
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({});
         DO $$ BEGIN
             IF to_regnamespace('\"{name}\"') IS NULL THEN CREATE SCHEMA \"{name}\"; END IF;
             IF to_regclass('\"{name}\".migration') IS NULL THEN
                 CREATE TABLE \"{name}\".migration (
                     version integer PRIMARY KEY, program text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
             END IF;
         END $$",
        schema.lock(b"migrate"),
        name = schema.as_str(),
    );
    client.batch_execute(&begin).await.map_err(|e| refused(pool, e))?;
    let found = version(pool, client).await?;
    if !check(found)? {
        let mut sql = String::new();
        for (version, files) in VERSIONS.iter().enumerate().skip(found.unsigned_abs() as usize) {
            sql.push_str(&schema.in_sql(&files.concat().replace(STEADY.0, STEADY.1)));
            let program = env!("CARGO_PKG_VERSION");
            sql.push_str(&schema.in_sql(&format!(
                "INSERT INTO longshore.migration (version, program) VALUES ({}, '{program}');\n",
                version + 1
            )));
        }
        client.batch_execute(&sql).await.map_err(|e| refused(pool, e))?;
    }
    client.batch_execute("COMMIT").await.map_err(error::of)
}

async fn version(pool: &Pool, client: &Client) -> Result<i32, Error> {
    let sql = "SELECT coalesce(max(version), 0), to_regclass('longshore.waiting') IS NOT NULL FROM longshore.migration";
    let sql = pool.schema().in_sql(sql);
    let row = client.query_typed_one(&sql, &[] as &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)]).await;
    let read = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let (found, complete): (i32, bool) = read.map_err(|e| refused(pool, e))?;
    if (1..=VERSION).contains(&found) && !complete {
        let text = format!(
            "the schema `{}` lacks tables: a longshore from before the first release made it, or somebody has dropped them; name \
             another with `schema=`, or drop it",
            pool.schema().as_str()
        );
        return Err(Error::new(ErrorKind::Refused, text));
    }
    Ok(found)
}

/// Returns whether that version needs nothing.
fn check(found: i32) -> Result<bool, Error> {
    if found > VERSION {
        let text = format!(
            "the schema has version {found}, this program knows version {VERSION} at most: a newer longshore works on this \
             database; update this one too"
        );
        return Err(Error::new(ErrorKind::Refused, text));
    }
    Ok(found == VERSION)
}

fn refused(pool: &Pool, e: tokio_postgres::Error) -> Error {
    let name = pool.schema().as_str();
    let ours = error::of(e);
    if ours.kind() != ErrorKind::Refused {
        return ours;
    }
    let hint = format!(
        "{ours}; an administrator makes the schema with `CREATE SCHEMA {name} AUTHORIZATION <our role>`, or lets us use one that is \
         there with `GRANT USAGE ON SCHEMA {name} TO <our role>; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} \
         TO <our role>; GRANT USAGE ON ALL SEQUENCES IN SCHEMA {name} TO <our role>`"
    );
    Error::new(ErrorKind::Refused, hint).caused_by(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_schema_is_refused_with_both_versions() {
        let text = check(VERSION + 3).unwrap_err().to_string();
        assert!(
            text.contains(&format!("version {}", VERSION + 3)) && text.contains(&format!("version {VERSION} at most"))
        );
        assert!(check(VERSION).unwrap());
        assert!(!check(0).unwrap());
    }

    #[test]
    fn sql_never_says_the_schema_but_where_it_can_be_replaced() {
        for sql in VERSIONS.iter().flat_map(|files| files.iter()) {
            for (place, _) in sql.match_indices("longshore") {
                let comment = sql[..place].rfind('\n').is_some_and(|line| sql[line..place].contains("--"));
                let rest = &sql[place + "longshore".len()..];
                let named = rest.starts_with('.') || rest.starts_with(':') || rest.starts_with(',');
                assert!(comment || named || sql[..place].ends_with("of "), "{}", &sql[place..place + 40]);
            }
        }
    }
}
