//! Databases of older versions are upgraded when they are opened, and work continues. `upgrade/make.py` creates them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use longshore_conformance::Said;
use longshore_core::{
    Claim, ErrorKind, Idempotency, JobId, Jobs, Kind, NewJob, Outcome, Payload, Pushed, QueueName, Settings, Settled,
    Settlement, State, Token, Upkeep, WorkerSecret, limits,
};
use longshore_sqlite::{Options, Sqlite};
use rusqlite::{Connection, OptionalExtension};

/// The older versions with a stored database.
const VERSIONS: [i64; 2] = [1, 2];
/// Creates the layout of version 2.
const LAYOUT_OF_2: &str = concat!(include_str!("../sql/upgrade/002_names.sql"), include_str!("../sql/schema.sql"));

/// A copy of a database of an older version, on a clock a few minutes after it was made.
struct Old {
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Old {
    fn of(version: i64) -> Self {
        println!("version {version}");
        Old::new(&format!("v{version}.db"))
    }

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

/// The output of the program of an older version about its database.
fn said_by(version: i64) -> Said {
    Said::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/upgrade/v{version}.json")))
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
async fn jobs_of_older_versions_read_as_before() {
    for version in VERSIONS {
        said_by(version).jobs_read_as_before(&*Old::of(version).open().unwrap()).await;
    }
}

#[tokio::test]
async fn counts_and_pauses_of_older_versions_are_kept() {
    for version in VERSIONS {
        said_by(version).counts_and_pauses_are_kept(&*Old::of(version).open().unwrap()).await;
    }
}

#[tokio::test]
async fn keys_of_older_versions_hold() {
    for version in VERSIONS {
        let old = Old::of(version);
        let store = old.open().unwrap();
        said_by(version).keys_hold(&*store).await;
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
}

#[tokio::test]
async fn work_goes_on_after_an_upgrade() {
    for version in VERSIONS {
        let old = Old::of(version);
        let (_, token) = held(&old);
        let store = old.open().unwrap();
        said_by(version).work_goes_on(&*store, &old.settings.clock, token).await;
        drop(store);
        for table in ["job", "job_payload", "job_tag", "failure", "claim_log", "unique_key", "idempotency"] {
            assert_eq!(old.one::<i64>(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
        }
        // Queues that still exist then are empty.
        let counts: i64 =
            old.one("SELECT coalesce(sum(scheduled + ready + running + succeeded + dead + cancelled), 0) FROM queue");
        assert_eq!(counts, 0);
        assert_eq!(old.one::<i64>("SELECT coalesce(sum(jobs), 0) FROM kind"), 0);
    }
}

#[tokio::test]
async fn claim_of_an_older_version_may_be_settled_after_the_upgrade() {
    for version in VERSIONS {
        let old = Old::of(version);
        let (id, token) = held(&old);
        let store = old.open().unwrap();
        let settlement = Settlement::new(id, token, Outcome::Succeed { result: None });
        for _ in 0..2 {
            assert_eq!(store.settle(vec![settlement.clone()]).await.remove(0).unwrap(), Settled::Done);
        }
    }
}

/// Returns the tables, indexes, triggers and views of a database, each with its statement.
fn layout(connection: &Connection) -> Vec<(String, String, Option<String>)> {
    let sql = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn upgraded_database_has_the_layout_of_a_new_one() {
    let fresh = tempfile::tempdir().unwrap();
    let path = fresh.path().join("jobs.db");
    drop(Sqlite::open(&path, Options::default()).unwrap());
    for version in VERSIONS {
        let old = Old::of(version);
        drop(old.open().unwrap());
        assert_eq!(layout(&old.raw()), layout(&Connection::open(&path).unwrap()));
        assert_eq!((old.one::<i64>("PRAGMA user_version"), old.one::<i64>("SELECT oldest_program FROM store")), (3, 3));
        assert_eq!(old.one::<String>("PRAGMA integrity_check"), "ok");
    }
}

#[test]
fn step_from_version_1_leads_to_what_programs_of_version_2_made() {
    let made = Connection::open_in_memory().unwrap();
    made.execute_batch(LAYOUT_OF_2).unwrap();
    assert_eq!(layout(&made), layout(&Old::of(2).raw()));
}

/// Returns the names in a table with their numbers, and how many jobs have each.
fn names(old: &Old, table: &str) -> Vec<(String, i64, i64)> {
    let sql =
        format!("SELECT name, id, (SELECT count(*) FROM job WHERE job.{table} = {table}.id) FROM {table} ORDER BY id");
    let connection = old.raw();
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn names_keep_their_numbers_and_the_jobs_of_kinds_are_counted() {
    for version in VERSIONS {
        let old = Old::of(version);
        let before = ["queue", "kind"].map(|table| names(&old, table));
        let last_claim: i64 = old.one("SELECT last_claim FROM store");
        drop(old.open().unwrap());
        assert_eq!(["queue", "kind"].map(|table| names(&old, table)), before);
        let jobs = "SELECT count(*) FROM kind WHERE jobs = (SELECT count(*) FROM job WHERE job.kind = kind.id)";
        assert_eq!(old.one::<i64>(jobs), before[1].len() as i64);
        assert_eq!(old.one::<i64>("SELECT last_claim FROM store"), last_claim);
        let now = old.settings.clock.now().as_millis();
        let used: i64 = old.one("SELECT max(used_at) - min(used_at) + max(used_at) FROM queue");
        assert!((now - 60_000..=now).contains(&used), "all queues count as used at the upgrade: {used}, {now}");
    }
}

#[tokio::test]
async fn unused_names_of_version_2_are_forgotten_and_their_numbers_used_by_nobody() {
    let old = Old::of(2);
    let unused = "INSERT INTO queue (id, name) VALUES (900, 'unused'); INSERT INTO kind (id, name, seen) VALUES (900, 'unused', 0)";
    old.raw().execute_batch(unused).unwrap();
    let store = old.open().unwrap();
    let start_upkeep =
        async || assert_eq!(store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap().failed, []);
    start_upkeep().await;
    assert_eq!(old.one::<i64>("SELECT count(*) FROM queue WHERE id = 900"), 1, "nobody knows since when it is unused");
    old.settings.clock.advance(limits::UNUSED_KEPT + Duration::from_secs(3600));
    start_upkeep().await;
    for table in ["queue", "kind"] {
        assert_eq!(old.one::<i64>(&format!("SELECT count(*) FROM {table} WHERE id = 900")), 0, "{table}");
    }
    let new = NewJob { kind: "unused".parse().unwrap(), ..new_job("unused") };
    assert!(matches!(push(&store, new).await, Pushed::Created(_)));
    assert_eq!(
        old.one::<i64>("SELECT min(queue.id, kind.id) FROM queue, kind WHERE queue.id > 900 AND kind.id > 900"),
        901
    );
}

#[tokio::test]
async fn job_that_a_program_of_version_2_holds_is_not_lost() {
    let old = Old::of(2);
    let (id, _) = held(&old);
    let boot = old.settings.clock.boot_time();
    let lease = "UPDATE job SET lease_boot = ?1, lease_until = ?2, lease_ms = 30000 WHERE state = 2";
    assert_eq!(old.raw().execute(lease, (boot.boot.to_be_bytes(), boot.ms + 20_000)).unwrap(), 1);
    let store = old.open().expect("nobody has to wait for programs of version 2");
    let rescued = async || {
        let kept = store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
        kept.rescued.iter().map(|moved| (moved.id, moved.state)).collect::<Vec<_>>()
    };
    assert_eq!(rescued().await, []);
    // From now on that program's renewals and outcomes are refused.
    assert!(old.one::<i64>("SELECT oldest_program FROM store") > 2);
    old.settings.clock.advance(limits::LEASE);
    assert_eq!(rescued().await, [(id, State::Ready)]);
    let job = store.get(vec![id]).await.unwrap().remove(0).expect("it is known");
    assert_eq!(job.crashes, 1);
}

#[test]
fn program_of_version_2_may_still_read() {
    let old = Old::of(2);
    let columns = |connection: &Connection| -> Vec<String> {
        let sql =
            "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'";
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let before = columns(&old.raw());
    drop(old.open().unwrap());
    let after = columns(&old.raw());
    assert_eq!(before.iter().filter(|column| !after.contains(column)).collect::<Vec<_>>(), [] as [&String; 0]);
}

#[test]
fn payloads_of_more_than_a_kibibyte_leave_their_rows() {
    let old = Old::of(1);
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
    // The file was created on another machine: its lease is moved to this one.
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
    old.refused("one of its workers claimed 100 s ago: stop all processes of the older version");
    old.be_at(seen + 180_000);
    old.open().expect("three minutes are enough");
}

#[test]
fn many_may_upgrade_the_same_database_at_once() {
    for version in VERSIONS {
        let old = Old::of(version);
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
}

#[tokio::test]
async fn tables_of_the_application_outlive_an_upgrade() {
    for version in VERSIONS {
        let old = Old::of(version);
        old.raw()
            .execute_batch(
                "CREATE TABLE tag (name TEXT);
                 CREATE TABLE orders (id INTEGER PRIMARY KEY, job INTEGER REFERENCES job (seq), queue INTEGER REFERENCES queue (id));
                 CREATE VIEW waiting AS SELECT job.id FROM job JOIN queue ON queue.id = job.queue WHERE state = 1;
                 CREATE TABLE noted (id BLOB, queue TEXT);
                 CREATE TRIGGER note AFTER INSERT ON job
                 BEGIN INSERT INTO noted SELECT new.id, name FROM queue WHERE queue.id = new.queue; END;
                 INSERT INTO orders (job, queue) SELECT seq, queue FROM job",
            )
            .unwrap();
        let orders: i64 = old.one("SELECT count(*) FROM orders");
        let waiting: i64 = old.one("SELECT count(*) FROM waiting");
        let store = old.open().unwrap();
        let joined =
            "SELECT count(*) FROM orders JOIN job ON job.seq = orders.job JOIN queue ON queue.id = orders.queue";
        assert_eq!(old.one::<i64>(joined), orders);
        assert_eq!(old.one::<i64>("SELECT count(*) FROM waiting"), waiting);
        assert_eq!(old.one::<i64>("SELECT count(*) FROM pragma_foreign_key_check"), 0);
        assert!(matches!(push(&store, new_job("default")).await, Pushed::Created(_)));
        assert_eq!(old.one::<String>("SELECT queue FROM noted ORDER BY rowid DESC LIMIT 1"), "default");
    }
}

#[test]
fn triggers_and_indexes_of_the_application_on_our_tables_are_kept_or_named() {
    for version in VERSIONS {
        let old = Old::of(version);
        old.raw()
            .execute_batch(
                "CREATE TABLE audit (id BLOB);
                 CREATE TRIGGER my_trigger AFTER UPDATE OF state ON job BEGIN INSERT INTO audit VALUES (new.id); END;
                 CREATE INDEX my_index ON job (kind, state);
                 CREATE TRIGGER my_other_trigger AFTER UPDATE OF name ON kind BEGIN INSERT INTO audit VALUES (new.id); END;
                 CREATE INDEX my_other_index ON queue (ready, dead);",
            )
            .unwrap();
        old.open().unwrap();
        let sql = "SELECT group_concat(name || ' ' || tbl_name, ', ') FROM (SELECT * FROM sqlite_schema WHERE name LIKE 'my_%' ORDER BY name)";
        assert_eq!(old.one::<String>(sql), "my_index job, my_other_index queue, my_other_trigger kind, my_trigger job");
        for update in
            ["job SET state = state WHERE seq = (SELECT min(seq) FROM job)", "kind SET name = name WHERE id = 1"]
        {
            old.raw().execute(&format!("UPDATE {update}"), []).unwrap();
        }
        assert_eq!(old.one::<i64>("SELECT count(*) FROM audit"), 2);
    }

    let old = Old::of(1);
    old.raw().execute_batch("CREATE INDEX on_what_goes ON job (max_attempts)").unwrap();
    old.refused("your own `on_what_goes`");
    assert_eq!(old.one::<i64>("PRAGMA user_version"), 1);
}

#[test]
fn column_of_the_application_is_not_lost() {
    for (version, table) in [(1, "job"), (1, "queue"), (2, "queue"), (2, "kind")] {
        let old = Old::of(version);
        old.raw()
            .execute_batch(&format!("ALTER TABLE {table} ADD COLUMN mine TEXT; UPDATE {table} SET mine = 'kept'"))
            .unwrap();
        old.refused(&format!("table `{table}` has a column `mine`"));
        assert_eq!(old.one::<i64>(&format!("SELECT count(*) FROM {table} WHERE mine IS NULL")), 0);
        assert_eq!(old.one::<i64>("PRAGMA user_version"), version);
    }
    // A table that is not replaced may have one.
    let old = Old::of(2);
    old.raw().execute_batch("ALTER TABLE job ADD COLUMN mine TEXT; UPDATE job SET mine = 'kept'").unwrap();
    old.open().unwrap();
    assert_eq!(old.one::<i64>("SELECT count(*) FROM job WHERE mine IS NULL"), 0);
}

#[test]
fn statements_of_a_program_of_version_1_that_went_on_change_nothing() {
    let old = Old::of(1);
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
    let old = Old::of(1);
    old.raw().pragma_update(None, "user_version", 0).unwrap();
    old.refused("is too old for this program");
    old.raw().pragma_update(None, "user_version", 4).unwrap();
    old.refused("schema version 4 is newer than version 3 of this program: use a newer longshore");
}

#[tokio::test]
async fn newer_layout_that_lets_older_programs_write_is_worked_on() {
    let old = Old::of(1);
    drop(old.open().unwrap());
    old.raw().pragma_update(None, "user_version", 4).unwrap();
    let store = old.open().unwrap();
    assert!(matches!(push(&store, new_job("default")).await, Pushed::Created(_)));
    drop(store);
    old.raw().execute_batch("UPDATE store SET oldest_program = 4").unwrap();
    old.refused("use a newer longshore");
}

#[tokio::test]
async fn program_that_became_too_old_writes_no_more_and_drops_nothing() {
    let old = Old::of(1);
    let store = old.open().unwrap();
    let fine: Kind = "fine".parse().unwrap();
    assert!(matches!(push(&store, new_job("default")).await, Pushed::Created(_)));
    let claim = Claim::new(WorkerSecret::new().id(), vec![queue("default")], vec![fine.into()]);
    let job = store.claim(claim.clone()).await.unwrap().jobs.remove(0);
    // A newer program upgrades the database meanwhile.
    old.raw().execute_batch("UPDATE store SET oldest_program = 4").unwrap();
    let outcome = Outcome::Succeed { result: None };
    let settlement = Settlement::new(job.id, job.token, outcome);
    let refused = store.settle(vec![settlement.clone()]).await.remove(0).unwrap_err();
    // The worker retries unavailable calls, and drops refused ones.
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("a newer longshore version upgraded the database"), "{refused}");
    assert!(store.push(vec![new_job("default")]).await.remove(0).is_err());
    assert_eq!(store.claim(claim).await.unwrap_err().kind(), ErrorKind::Unavailable);
    {
        let mut app = old.raw();
        let transaction = app.transaction().unwrap();
        let refused = store.push_in(&transaction, &[new_job("default")]).unwrap_err();
        assert!(refused.to_string().contains("a newer longshore version upgraded the database"), "{refused}");
    }
    let read = store.get(vec![job.id]).await.unwrap().remove(0).expect("it may still be read");
    assert_eq!(read.state, State::Running);
    old.raw().execute_batch("UPDATE store SET oldest_program = 3").unwrap();
    assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
    let left: Option<i64> = old
        .raw()
        .query_row("SELECT 1 FROM job WHERE state = 2 AND id = ?1", [job.id.as_bytes()], |row| row.get(0))
        .optional()
        .unwrap();
    assert_eq!(left, None);
}
