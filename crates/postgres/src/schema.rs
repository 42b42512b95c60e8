//! The schema in the database: its parts and its upgrades.

use std::collections::HashSet;
use std::sync::LazyLock;

use longshore_core::{Error, ErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error;
use crate::pool::Pool;

/// The version of the schema that this program works with.
pub(crate) const VERSION: i32 = 4;

/// The oldest version whose programs may write to this schema. Functions have the version of their program in their
/// names ([`in_sql`]), so that two versions work side by side. The functions of older programs are dropped.
const OLDEST: i32 = 2;

/// Tables, in the order of their creation in an empty schema.
const TABLES: &[&str] = &[
    include_str!("../sql/tables.sql"),
    include_str!("../sql/tables_since_2.sql"),
    include_str!("../sql/upgrade/003.sql"),
];

/// The upgrade steps, starting with version 1: the files that run before views and functions are created again, and the
/// file that runs after.
const STEPS: &[(&[&str], &str)] = &[
    (
        &[include_str!("../sql/upgrade/002.sql"), include_str!("../sql/tables_since_2.sql")],
        include_str!("../sql/upgrade/002_tags.sql"),
    ),
    (&[include_str!("../sql/upgrade/003.sql")], ""),
    (&[], ""), // version 4 has the tables of version 3, and other functions
];

/// Views and functions.
const FUNCTIONS: &[&str] = &[
    include_str!("../sql/views.sql"),
    include_str!("../sql/clock.sql"),
    include_str!("../sql/step.sql"),
    include_str!("../sql/failure.sql"),
    include_str!("../sql/counts.sql"),
    include_str!("../sql/apply_event.sql"),
    include_str!("../sql/keys.sql"),
    include_str!("../sql/notify.sql"),
    include_str!("../sql/push.sql"),
    include_str!("../sql/enqueue.sql"),
    include_str!("../sql/rules.sql"),
    include_str!("../sql/claim.sql"),
    include_str!("../sql/renew.sql"),
    include_str!("../sql/settle.sql"),
    include_str!("../sql/release.sql"),
    include_str!("../sql/upkeep.sql"),
    include_str!("../sql/prune.sql"),
    include_str!("../sql/vacuum.sql"),
    include_str!("../sql/act.sql"),
    include_str!("../sql/workers.sql"),
    include_str!("../sql/log.sql"),
    include_str!("../sql/read.sql"),
    include_str!("../sql/artifact.sql"),
    include_str!("../sql/repair.sql"),
    include_str!("../sql/repair_jobs.sql"),
];

/// Objects that each version has for itself, so that two versions work side by side: functions, and the views that only
/// they read. Objects that people and other programs use are replaced (`CREATE OR REPLACE`, `DROP VIEW IF EXISTS`) and
/// keep their names.
static OWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    const MADE: &str = "CREATE FUNCTION longshore.";
    let made = FUNCTIONS.iter().flat_map(|file| file.split(MADE).skip(1));
    made.filter_map(|rest| rest.split('(').next()).chain(["live", "snapshot"]).collect()
});

/// Replaces the schema name `longshore` in SQL by that of this store, and function names by those of this program's
/// version.
pub fn in_sql(schema: &str, sql: &str) -> String {
    in_sql_of(VERSION, schema, sql)
}

fn in_sql_of(version: i32, schema: &str, sql: &str) -> String {
    const WRITTEN: &str = "longshore.";
    let mut put = String::with_capacity(sql.len() + sql.len() / 8);
    let mut rest = sql;
    while let Some(at) = rest.find(WRITTEN) {
        let (before, after) = (&rest[..at], &rest[at + WRITTEN.len()..]);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, behind) = after.split_at(end);
        put.push_str(before);
        put.push_str(&format!("\"{schema}\".{name}"));
        if OWN.contains(name.strip_suffix(BARE).unwrap_or(name)) {
            put.push_str(&format!("_v{version}"));
        }
        rest = behind;
    }
    put.push_str(rest);
    put
}

/// Returns what the next version would add to a schema if only its functions were new, for tests of two versions side
/// by side.
#[doc(hidden)]
pub fn next_version(schema: &str) -> String {
    let functions: String = FUNCTIONS.iter().map(|file| expand(file)).collect();
    let noted = format!(
        "INSERT INTO longshore.migration (version, program, oldest) VALUES ({}, 'next', {VERSION});",
        VERSION + 1
    );
    in_sql_of(VERSION + 1, schema, &(functions + &noted))
}

/// The suffix of function names for steady sessions, before the version.
const BARE: &str = "_bare";

/// Marks functions whose plans must not depend on statistics. A table that was never analysed, or that has grown from
/// nothing to a million rows since, must not change a plan to a full scan. The server plans once per connection,
/// possibly while a table is empty. For the same reason:
/// - rows are joined by `id = ANY (ARRAY[x.id])`, which the planner can only run as an index lookup for each x, or by a
///   LATERAL subquery with a LIMIT; for `id = x.id` it may scan the whole index if that has one page;
/// - a join by id has no condition on a state: on an empty table, a partial index on the state looks as good as the
///   key.
const STEADY: &str = "/* steady */";

/// Marks functions with a second version, `…_bare`, for sessions that have these settings from their start: setting and
/// resetting them costs a tenth of a millisecond per call.
const AND_BARE: &str = "/* steady, and bare */";

/// The settings that make plans steady.
pub(crate) const SETTINGS: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// Returns a file of the schema with its marks expanded.
fn expand(file: &str) -> String {
    let mut sql = file.to_owned();
    for (mark, _) in file.match_indices(AND_BARE) {
        let from = file[..mark].rfind("CREATE FUNCTION").expect("a mark stands in a function");
        let to = mark + file[mark..].find("END $$;").expect("a function ends") + "END $$;".len();
        sql.push_str(&file[from..to].replacen('(', &format!("{BARE}("), 1).replace(AND_BARE, ""));
        sql.push('\n');
    }
    let settings = SETTINGS.map(|(name, value)| format!("SET {name} = {value}")).join(" ");
    sql.replace(AND_BARE, &settings).replace(STEADY, &settings)
}

/// Upgrades the schema in one transaction. Concurrent callers wait and find it done.
///
/// # Errors
///
/// Returns an error if the schema is newer than this program, or if there is none and we may not create it.
pub(crate) async fn migrate(pool: &Pool, client: &Client, is_there: bool) -> Result<(), Error> {
    let schema = pool.schema();
    // Without a time limit: an interrupted upgrade would be rolled back, and the next try would be interrupted as well.
    let patiently = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
                     SET LOCAL idle_in_transaction_session_timeout = 0";
    if is_there {
        client.batch_execute(patiently).await.map_err(error::of)?;
        let is_new_enough = check(version(pool, client).await?)?;
        client.batch_execute("COMMIT").await.map_err(error::of)?;
        if is_new_enough {
            return Ok(()); // needs no further permissions
        }
    }
    let begin = format!(
        "{patiently}; SELECT pg_advisory_xact_lock({});
         DO $$ BEGIN
             IF to_regnamespace('\"{name}\"') IS NULL THEN CREATE SCHEMA \"{name}\"; END IF;
             IF to_regclass('\"{name}\".migration') IS NULL THEN
                 CREATE TABLE \"{name}\".migration (
                     version integer PRIMARY KEY, program text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                     oldest integer NOT NULL);
             END IF;
         END $$",
        schema.lock(b"migrate"),
        name = schema.as_str(),
    );
    client.batch_execute(&begin).await.map_err(|e| refused(pool, e))?;
    let found = version(pool, client).await?;
    if !check(found)? {
        if found.version > 0 {
            let (from, schema) = (found.version, schema.as_str());
            tracing::warn!(
                schema,
                from,
                to = VERSION,
                "upgrading the schema: it waits for open transactions on its tables, other transactions wait for it, and only a backup can undo it"
            );
        }
        client.batch_execute(&schema.in_sql(&upgrade_sql(found.version))).await.map_err(|e| refused(pool, e))?;
    }
    client.batch_execute("COMMIT").await.map_err(error::of)
}

/// Returns the SQL that upgrades a schema from that version, 0 for none, to that of this program.
fn upgrade_sql(version: i32) -> String {
    let mut files = Vec::new();
    let mut last = Vec::new();
    match usize::try_from(version - 1) {
        Err(_) => files.extend(TABLES),
        Ok(done) => {
            for (before, after) in &STEPS[done..] {
                files.extend(*before);
                last.push(*after);
            }
        }
    }
    files.extend(FUNCTIONS);
    files.extend(last);
    let mut sql: String = files.into_iter().map(expand).collect();
    let program = env!("CARGO_PKG_VERSION");
    sql.push_str(&format!(
        "INSERT INTO longshore.migration (version, program, oldest) VALUES ({VERSION}, '{program}', {OLDEST});\n"
    ));
    sql
}

/// The newest version that a schema was upgraded to, and the oldest version whose programs may still write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    version: i32,
    oldest: i32,
}

async fn version(pool: &Pool, client: &Client) -> Result<Version, Error> {
    // Columns that version 1 did not have are read with their defaults.
    let sql = "SELECT coalesce(max(m.version), 0), coalesce(max((to_jsonb(m) ->> 'oldest')::integer), 0),
                      to_regclass('longshore.waiting') IS NOT NULL, to_regclass('longshore.worker_note') IS NOT NULL,
                      to_regclass('longshore.payload') IS NOT NULL AND to_regclass('longshore.waiter') IS NOT NULL
                      AND to_regclass(format('%I.snapshot_v%s', 'SCHEMA', least(max(m.version), VERSION))) IS NOT NULL
                      AND EXISTS (SELECT 1 FROM pg_proc p
                                  WHERE p.proname = CASE WHEN max(m.version) < VERSION THEN 'claim_v' || max(m.version) ELSE 'claim_ready_vVERSION' END
                                    AND p.pronamespace = to_regnamespace('SCHEMA'))
               FROM longshore.migration m";
    let sql = sql.replace("VERSION", &VERSION.to_string()).replace("SCHEMA", pool.schema().as_str());
    let sql = pool.schema().in_sql(&sql);
    let row = client.query_typed_one(&sql, &[] as &[(&(dyn tokio_postgres::types::ToSql + Sync), Type)]).await;
    let read = row.and_then(|row| {
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get::<_, bool>(3)?, row.try_get::<_, bool>(4)?))
    });
    let (version, oldest, jobs, registry, payloads) = read.map_err(|e| refused(pool, e))?;
    let complete = match version {
        0 => true,
        1 => jobs && !registry, // a registry means a build between the versions
        _ => jobs && registry && payloads,
    };
    if (version <= VERSION || oldest <= VERSION) && !complete {
        let text = format!(
            "the schema `{}` lacks tables or functions: an unreleased build between versions 1 and 2 created it, or they were dropped; \
             use another schema with `schema=`, or drop this one",
            pool.schema().as_str()
        );
        return Err(Error::new(ErrorKind::Refused, text));
    }
    Ok(Version { version, oldest })
}

/// Returns whether the schema needs no upgrade.
fn check(Version { version, oldest }: Version) -> Result<bool, Error> {
    if oldest > VERSION {
        let text = format!(
            "the schema has version {version}, and only programs of version {oldest} or newer may write to it; this program \
             is one of version {VERSION}: update it"
        );
        return Err(Error::new(ErrorKind::Refused, text));
    }
    Ok(version >= VERSION)
}

fn refused(pool: &Pool, e: tokio_postgres::Error) -> Error {
    let name = pool.schema().as_str();
    use tokio_postgres::error::SqlState;
    let (lacks_rights, of_another) = match e.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::INVALID_SCHEMA_NAME) => (true, false),
        Some(
            &SqlState::DUPLICATE_TABLE
            | &SqlState::DUPLICATE_OBJECT
            | &SqlState::UNDEFINED_COLUMN
            | &SqlState::UNDEFINED_TABLE
            | &SqlState::WRONG_OBJECT_TYPE
            | &SqlState::DATATYPE_MISMATCH,
        ) => (false, true),
        _ => (false, false),
    };
    let ours = error::of(e);
    if of_another {
        let text = format!(
            "{ours}; the schema `{name}` contains tables of another program, or damaged tables of longshore: use another schema with `schema=`"
        );
        return Error::new(ErrorKind::Refused, text).caused_by(ours);
    }
    if !lacks_rights {
        return ours;
    }
    let hint = format!(
        "{ours}; to upgrade a schema, a role must own its tables; an administrator can create the schema with `CREATE SCHEMA {name} AUTHORIZATION <our role>`, or allow the use of \
         an existing one with `GRANT USAGE ON SCHEMA {name} TO <our role>; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} \
         TO <our role>; GRANT USAGE ON ALL SEQUENCES IN SCHEMA {name} TO <our role>`"
    );
    Error::new(ErrorKind::Refused, hint).caused_by(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_schema_is_refused_with_both_versions() {
        let of = |version, oldest| check(Version { version, oldest });
        let text = of(VERSION + 3, VERSION + 2).unwrap_err().to_string();
        for words in [format!("has version {}", VERSION + 3), format!("is one of version {VERSION}:")] {
            assert!(text.contains(&words), "{text}");
        }
        assert!(
            of(VERSION, OLDEST).unwrap() && of(VERSION + 1, VERSION).unwrap(),
            "the next version lets this one write"
        );
        assert!(!of(0, 0).unwrap() && !of(1, 0).unwrap());
    }

    #[test]
    fn function_for_steady_sessions_is_the_same_but_for_its_name_and_settings() {
        let sql = expand(include_str!("../sql/settle.sql"));
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
    fn what_a_version_makes_for_itself_carries_its_number() {
        let put = |sql| in_sql("own", sql);
        assert_eq!(
            put("SELECT longshore.step(1), longshore.claim_bare(2)"),
            format!("SELECT \"own\".step_v{VERSION}(1), \"own\".claim_bare_v{VERSION}(2)")
        );
        assert_eq!(put("SELECT longshore.push('a')"), "SELECT \"own\".push('a')");
        assert_eq!(put("FROM longshore.live j"), format!("FROM \"own\".live_v{VERSION} j"));
        assert_eq!(
            put("FROM longshore.waiting w WHERE 'longshore.running'"),
            "FROM \"own\".waiting w WHERE '\"own\".running'"
        );
    }

    #[test]
    fn sql_never_says_the_schema_but_where_it_can_be_replaced() {
        let steps = STEPS.iter().flat_map(|(before, after)| before.iter().chain([after]));
        for sql in TABLES.iter().chain(FUNCTIONS).chain(steps) {
            for (place, _) in sql.match_indices("longshore") {
                let comment = sql[..place].rfind('\n').is_some_and(|line| sql[line..place].contains("--"));
                let rest = &sql[place + "longshore".len()..];
                let named = rest.starts_with('.') || rest.starts_with(':') || rest.starts_with(',');
                assert!(comment || named || sql[..place].ends_with("of "), "{}", &sql[place..place + 40]);
            }
        }
    }
}
