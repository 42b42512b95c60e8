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
    include_str!("../sql/rules.sql"),
    include_str!("../sql/workers.sql"),
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
const STEADY: &str = "/* steady */";

/// Marks functions of which there is a second one, `…_bare`, for sessions that are steady from their start: to make a function's settings
/// and to take them back costs a tenth of a millisecond a call.
const AND_BARE: &str = "/* steady, and bare */";

/// What makes a plan steady.
pub(crate) const SETTINGS: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// Returns a file of the schema as the server takes it, with what its marks stand for.
fn written_out(file: &str) -> String {
    let mut sql = file.to_owned();
    for (mark, _) in file.match_indices(AND_BARE) {
        let from = file[..mark].rfind("CREATE FUNCTION").expect("a mark stands in a function");
        let to = mark + file[mark..].find("END $$;").expect("a function ends") + "END $$;".len();
        sql.push_str(&file[from..to].replacen('(', "_bare(", 1).replace(AND_BARE, ""));
        sql.push('\n');
    }
    let settings = SETTINGS.map(|(name, value)| format!("SET {name} = {value}")).join(" ");
    sql.replace(AND_BARE, &settings).replace(STEADY, &settings)
}

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
            sql.extend(files.iter().map(|file| schema.in_sql(&written_out(file))));
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
    let sql = "SELECT coalesce(max(version), 0), to_regclass('longshore.waiting') IS NOT NULL \
               AND to_regclass('longshore.worker_note') IS NOT NULL FROM longshore.migration";
    let sql = pool.schema().in_sql(sql);
    let row = client.query_typed_one(&sql, &[] as &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)]).await;
    let read = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let (found, complete): (i32, bool) = read.map_err(|e| refused(pool, e))?;
    if (1..=VERSION).contains(&found) && !complete {
        let text = format!(
            "the schema `{}` lacks tables or functions: a longshore from before the first release made it, or somebody has dropped them; name \
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
    fn function_for_steady_sessions_is_the_same_but_for_its_name_and_settings() {
        let sql = written_out(include_str!("../sql/settle.sql"));
        let (first, bare) = sql.split_once("CREATE FUNCTION longshore.settle_bare(").unwrap();
        let (_, steady) = first.split_once("CREATE FUNCTION longshore.settle(").unwrap();
        let (head, body) = steady.split_once(" SET plan_cache_mode = force_generic_plan ").unwrap();
        let (_, body) = body.split_once("jit = off").unwrap();
        assert_eq!(
            format!("{head} {body}").split_whitespace().collect::<Vec<_>>(),
            bare.split_whitespace().collect::<Vec<_>>()
        );
        assert!(!sql.contains("/* steady"));
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
