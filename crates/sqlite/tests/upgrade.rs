//! Databases of older versions are upgraded when they are opened, and work goes on. `upgrade/make.py` makes them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use longshore_conformance::Said;
use longshore_core::{
    Claim, ErrorKind, Idempotency, JobId, Jobs, Kind, NewJob, Outcome, Payload, Pushed, QueueName, Settings, Settled,
    Settlement, State, Token, WorkerSecret,
};
use longshore_sqlite::{Options, Sqlite};
use rusqlite::{Connection, OptionalExtension};

/// A copy of a database of version 1, on a clock a few minutes after it was made.
struct Old {
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Old {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade").join(name);
        std::fs::copy(original, folder.path().join("jobs.db")).unwrap();
        let old = Old { folder, settings: Settings::default() };
        let made: i64 = old
            .raw()
            .query_row("SELECT max(max(created_at), max(finished_at)) FROM job", [], |row| row.get(0))
            .unwrap();
        old.be_at(made + 240_000);
        old
    }

    /// Sets the wall clock.
    fn be_at(&self, ms: i64) {
        self.settings.clock.step_wall(ms - self.settings.clock.now().as_millis());
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("jobs.db")
    }

    fn raw(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }

    fn open(&self) -> Result<Arc<Sqlite>, longshore_core::Error> {
        Sqlite::open(self.path(), Options::with(self.settings.clone())).map(Arc::new)
    }

    fn one<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.raw().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn refused(&self, words: &str) {
        let error = self.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// What the older program said of its database.
fn said() -> Said {
    Said::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade/v1.json"))
}

fn queue(name: &str) -> QueueName {
    name.parse().unwrap()
}

fn new_job(name: &str) -> NewJob {
    NewJob::new(queue(name), "fine".parse().unwrap(), Payload::parse("{}").unwrap())
}

async fn push(store: &Sqlite, job: NewJob) -> Pushed {
    store.push(vec![job]).await.remove(0).unwrap()
}

/// Returns the job that ran when the older worker was killed, and its token.
fn held(old: &Old) -> (JobId, Token) {
    let sql = "SELECT id, token_number, token_bits FROM job WHERE state = 2";
    let read = |row: &rusqlite::Row<'_>| {
        let token = Token { number: row.get::<_, i64>(1)? as u64, bits: row.get::<_, i64>(2)? as u64 };
        Ok((JobId::from_bytes(row.get(0)?), token))
    };
    old.raw().query_row(sql, [], read).unwrap()
}

#[tokio::test]
async fn jobs_of_version_1_read_as_before() {
    let old = Old::new("v1.db");
    said().jobs_read_as_before(&*old.open().unwrap()).await;
}

#[tokio::test]
async fn counts_and_pauses_of_version_1_are_kept() {
    let old = Old::new("v1.db");
    said().counts_and_pauses_are_kept(&*old.open().unwrap()).await;
}

#[tokio::test]
async fn keys_of_version_1_hold() {
    let old = Old::new("v1.db");
    let store = old.open().unwrap();
    said().keys_hold(&*store).await;
    let answers: Vec<(String, String, [u8; 32], [u8; 16])> = old
        .raw()
        .prepare("SELECT queue.name, key, fingerprint, job FROM idempotency JOIN queue ON queue.id = queue")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(answers.len(), 2);
    for (name, key, fingerprint, job) in answers {
        let id = JobId::from_bytes(job);
        let ask = async |fingerprint| {
            let idempotency = Some(Idempotency { key: key.parse().unwrap(), fingerprint });
            push(&store, NewJob { idempotency, ..new_job(&name) }).await
        };
        assert_eq!(ask(fingerprint).await, Pushed::Created(id));
        assert_eq!(ask([7; 32]).await, Pushed::Conflict(id));
    }
}

#[tokio::test]
async fn work_goes_on_after_an_upgrade_from_version_1() {
    let old = Old::new("v1.db");
    let (_, token) = held(&old);
    let store = old.open().unwrap();
    said().work_goes_on(&*store, &old.settings.clock, token).await;
    drop(store);
    for table in ["job", "job_payload", "job_tag", "failure", "claim_log", "unique_key", "idempotency"] {
        assert_eq!(old.one::<i64>(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    // Queues that are not forgotten by then are empty.
    let counts: i64 =
        old.one("SELECT coalesce(sum(scheduled + ready + running + succeeded + dead + cancelled), 0) FROM queue");
    assert_eq!(counts, 0);
    assert_eq!(old.one::<i64>("SELECT coalesce(sum(jobs), 0) FROM kind"), 0);
}

#[tokio::test]
async fn claim_of_version_1_may_be_settled_after_the_upgrade() {
    let old = Old::new("v1.db");
    let (id, token) = held(&old);
    let store = old.open().unwrap();
    let settlement = Settlement::new(id, token, Outcome::Succeed { result: None });
    for _ in 0..2 {
        assert_eq!(store.settle(vec![settlement.clone()]).await.remove(0).unwrap(), Settled::Done);
    }
}

#[test]
fn upgraded_database_has_the_layout_of_a_new_one() {
    let old = Old::new("v1.db");
    drop(old.open().unwrap());
    let fresh = tempfile::tempdir().unwrap();
    let path = fresh.path().join("jobs.db");
    drop(Sqlite::open(&path, Options::default()).unwrap());
    let layout = |path: &Path| -> Vec<(String, String, Option<String>)> {
        let connection = Connection::open(path).unwrap();
        let mut statement = connection
            .prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name")
            .unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(layout(&old.path()), layout(&path));
    assert_eq!(old.one::<i64>("PRAGMA user_version"), 2);
    assert_eq!(old.one::<String>("PRAGMA integrity_check"), "ok");
}

#[test]
fn payloads_of_more_than_a_kibibyte_leave_their_rows() {
    let old = Old::new("v1.db");
    drop(old.open().unwrap());
    let large = old
        .one::<String>("SELECT group_concat(octet_length(text), ' ') FROM (SELECT text FROM job_payload ORDER BY seq)");
    assert_eq!(large, "20018 1025");
    assert_eq!(old.one::<i64>("SELECT max(octet_length(payload)) FROM job"), 1024);
}

#[test]
fn upgrade_is_refused_under_a_live_lease() {
    let old = Old::new("v1_live.db");
    let boot = old.settings.clock.boot_time();
    // The file was made on another machine: its lease is moved to this one.
    let lease = "UPDATE job SET lease_boot = ?1, lease_until = ?2 WHERE state = 2";
    assert_eq!(old.raw().execute(lease, (boot.boot.to_be_bytes(), boot.ms + 20_000)).unwrap(), 1);
    old.refused("1 job runs under a live lease: stop all processes of the older version");
    assert_eq!(old.one::<i64>("PRAGMA user_version"), 1);
    assert_eq!(old.one::<i64>("SELECT count(*) FROM job WHERE max_attempts = 7"), 1, "nothing was changed");
    old.settings.clock.advance(Duration::from_secs(21));
    old.open().expect("a lease that has ended is no reason to wait");
}

#[test]
fn upgrade_is_refused_until_workers_were_gone_for_three_minutes() {
    let old = Old::new("v1_live.db");
    let seen: i64 = old.one("SELECT max((SELECT max(workers_seen) FROM queue), (SELECT max(seen) FROM worker))");
    old.be_at(seen + 100_000);
    old.refused("a worker of it looked for jobs 100 s ago: stop all processes of the older version");
    old.be_at(seen + 180_000);
    old.open().expect("three minutes are enough");
}

#[test]
fn many_may_upgrade_the_same_database_at_once() {
    let old = Old::new("v1.db");
    let together = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                together.wait();
                old.open().unwrap_or_else(|e| panic!("{e}"));
            });
        }
    });
}

#[tokio::test]
async fn tables_of_the_application_outlive_an_upgrade() {
    let old = Old::new("v1.db");
    old.raw()
        .execute_batch(
            "CREATE TABLE tag (name TEXT);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, job INTEGER REFERENCES job (seq));
             CREATE VIEW waiting AS SELECT id FROM job WHERE state = 1;
             CREATE TABLE noted (id BLOB);
             CREATE TRIGGER note AFTER INSERT ON job BEGIN INSERT INTO noted VALUES (new.id); END;
             INSERT INTO orders (job) SELECT seq FROM job",
        )
        .unwrap();
    let orders: i64 = old.one("SELECT count(*) FROM orders");
    let waiting: i64 = old.one("SELECT count(*) FROM waiting");
    let store = old.open().unwrap();
    assert_eq!(old.one::<i64>("SELECT count(*) FROM orders JOIN job ON job.seq = orders.job"), orders);
    assert_eq!(old.one::<i64>("SELECT count(*) FROM waiting"), waiting);
    assert!(matches!(push(&store, new_job("default")).await, Pushed::Created(_)));
}

#[test]
fn triggers_and_indexes_of_the_application_on_our_tables_are_kept_or_named() {
    let old = Old::new("v1.db");
    old.raw()
        .execute_batch(
            "CREATE TABLE audit (id BLOB);
             CREATE TRIGGER my_trigger AFTER UPDATE OF state ON job BEGIN INSERT INTO audit VALUES (new.id); END;
             CREATE INDEX my_index ON job (kind, state);",
        )
        .unwrap();
    old.open().unwrap();
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('my_trigger', 'my_index') AND tbl_name = 'job'";
    assert_eq!(old.one::<i64>(sql), 2);
    old.raw().execute("UPDATE job SET state = state WHERE seq = (SELECT min(seq) FROM job)", []).unwrap();
    assert_eq!(old.one::<i64>("SELECT count(*) FROM audit"), 1);

    let old = Old::new("v1.db");
    old.raw().execute_batch("CREATE INDEX on_what_goes ON job (max_attempts)").unwrap();
    old.refused("`on_what_goes` of your own");
    assert_eq!(old.one::<i64>("PRAGMA user_version"), 1);
}

#[test]
fn column_of_the_application_is_not_lost() {
    let old = Old::new("v1.db");
    old.raw().execute_batch("ALTER TABLE job ADD COLUMN mine TEXT; UPDATE job SET mine = 'kept'").unwrap();
    old.refused("table `job` has a column `mine`");
    assert_eq!(old.one::<i64>("SELECT count(*) FROM job WHERE mine IS NULL"), 0);
    assert_eq!(old.one::<i64>("PRAGMA user_version"), 1);
}

#[test]
fn statements_of_a_program_of_version_1_that_went_on_change_nothing() {
    let old = Old::new("v1.db");
    drop(old.open().unwrap());
    for sql in [
        // push, claim, settle, prune, log, pause
        "INSERT INTO job (id, queue, kind, state, rank, run_at, created_at, max_attempts, timeout_ms, payload)
         VALUES (randomblob(16), 1, 1, 1, 0, 0, 0, 20, 0, '{}')",
        "SELECT id, payload, attempt, max_attempts, crashes, timeout_ms, seq, unique_scope, deadline FROM job",
        "SELECT seq, queue, state, attempt, max_attempts FROM job WHERE seq = 1",
        "DELETE FROM log WHERE seq = 1",
        "INSERT OR REPLACE INTO log (seq, text) VALUES (1, '')",
        "UPDATE queue SET paused_since = 1",
    ] {
        assert!(old.raw().prepare(sql).is_err(), "{sql}");
    }
}

#[test]
fn database_that_is_too_old_or_too_new_is_refused_with_words() {
    let old = Old::new("v1.db");
    old.raw().pragma_update(None, "user_version", 0).unwrap();
    old.refused("older than any that this program can upgrade");
    old.raw().pragma_update(None, "user_version", 3).unwrap();
    old.refused("its schema has version 3, and this program knows 2: use a newer longshore");
}

#[tokio::test]
async fn newer_layout_that_lets_older_programs_write_is_worked_on() {
    let old = Old::new("v1.db");
    drop(old.open().unwrap());
    old.raw().pragma_update(None, "user_version", 3).unwrap();
    let store = old.open().unwrap();
    assert!(matches!(push(&store, new_job("default")).await, Pushed::Created(_)));
    drop(store);
    old.raw().execute_batch("UPDATE store SET oldest_program = 3").unwrap();
    old.refused("use a newer longshore");
}

#[tokio::test]
async fn program_that_became_too_old_writes_no_more_and_drops_nothing() {
    let old = Old::new("v1.db");
    let store = old.open().unwrap();
    let fine: Kind = "fine".parse().unwrap();
    assert!(matches!(push(&store, new_job("default")).await, Pushed::Created(_)));
    let claim = Claim::new(WorkerSecret::new().id(), vec![queue("default")], vec![fine.into()]);
    let job = store.claim(claim.clone()).await.unwrap().jobs.remove(0);
    // A newer program upgrades the database meanwhile.
    old.raw().execute_batch("UPDATE store SET oldest_program = 3").unwrap();
    let outcome = Outcome::Succeed { result: None };
    let settlement = Settlement::new(job.id, job.token, outcome);
    let refused = store.settle(vec![settlement.clone()]).await.remove(0).unwrap_err();
    // The worker tries again what is unavailable, and drops what is refused.
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("upgraded by a newer longshore"), "{refused}");
    assert!(store.push(vec![new_job("default")]).await.remove(0).is_err());
    assert_eq!(store.claim(claim).await.unwrap_err().kind(), ErrorKind::Unavailable);
    {
        let mut app = old.raw();
        let transaction = app.transaction().unwrap();
        let refused = store.push_in(&transaction, &[new_job("default")]).unwrap_err();
        assert!(refused.to_string().contains("upgraded by a newer longshore"), "{refused}");
    }
    let read = store.get(vec![job.id]).await.unwrap().remove(0).expect("it may still be read");
    assert_eq!(read.state, State::Running);
    old.raw().execute_batch("UPDATE store SET oldest_program = 2").unwrap();
    assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
    let left: Option<i64> = old
        .raw()
        .query_row("SELECT 1 FROM job WHERE state = 2 AND id = ?1", [job.id.as_bytes()], |row| row.get(0))
        .optional()
        .unwrap();
    assert_eq!(left, None);
}
