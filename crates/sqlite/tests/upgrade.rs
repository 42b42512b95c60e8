//! Databases of older versions are upgraded when they are opened, and work goes on. `upgrade/make.py` makes them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use longshore_core::{
    Acted, Action, Claim, ErrorKind, FailureClass, Filter, Idempotency, Instead, JobId, Jobs, Kind, KnownKind, Label,
    Logs, NewJob, Outcome, Page, Payload, Pushed, QueueName, Queues, Reuse, Rules, RulesChange, Settings, Settled,
    Settlement, Snapshot, State, Stored, Timestamp, Token, Unique, UniqueScope, Upkeep, WorkerSecret, limits,
};
use longshore_sqlite::{Options, Sqlite};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

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
fn said() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade/v1.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is text")
}

fn id(job: &Value) -> JobId {
    text(&job["id"]).parse().unwrap()
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn queue(name: &str) -> QueueName {
    name.parse().unwrap()
}

async fn snapshot(store: &Sqlite, id: JobId) -> Snapshot {
    store.get(vec![id]).await.unwrap().remove(0).expect("the job is known")
}

/// Returns the only job of that kind in that state, as the older program saw it.
fn job_of(kind: &str, state: &str) -> JobId {
    let said = said();
    let mut jobs = said["jobs"].as_array().unwrap().iter();
    id(jobs.find(|job| job["kind"] == kind && job["state"] == state).expect("there is one"))
}

fn new_job(name: &str) -> NewJob {
    NewJob::new(queue(name), "fine".parse().unwrap(), Payload::parse("{}").unwrap())
}

async fn push(store: &Sqlite, job: NewJob) -> Pushed {
    store.push(vec![job]).await.remove(0).unwrap()
}

/// Asserts that a job reads as the older program wrote it.
fn assert_same(job: &Snapshot, old: &Value) {
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| at.to_string().into());
    let labels = |label: &Option<Label>| label.as_ref().map_or(Value::Null, |label| label.as_str().into());
    let tags: Vec<&str> = job.tags.iter().map(Label::as_str).collect();
    let payload: Value = serde_json::from_str(job.payload.as_str()).unwrap();
    let progress = job.progress.as_ref().map_or(Value::Null, |progress| serde_json::to_value(progress).unwrap());
    for (name, value) in [
        ("alias", labels(&job.alias)),
        ("queue", job.queue.as_str().into()),
        ("kind", job.kind.as_str().into()),
        ("payload", payload),
        ("state", job.state.as_str().into()),
        ("priority", job.priority.into()),
        ("key", labels(&job.key)),
        ("unique_key", labels(&job.unique_key)),
        ("tags", tags.into()),
        ("attempt", job.attempt.into()),
        ("max_attempts", job.max_attempts.into()),
        ("crashes", job.crashes.into()),
        ("interruptions", job.interruptions.into()),
        ("timeout_ms", (job.timeout.as_millis() as u64).into()),
        ("deadline", time(job.deadline)),
        ("created_at", time(Some(job.created_at))),
        ("run_at", time(Some(job.run_at))),
        ("started_at", time(job.started_at)),
        ("finished_at", time(job.finished_at)),
        ("worker", job.worker.map_or(Value::Null, |worker| worker.to_string().into())),
        ("cancel_asked", job.cancel_asked.into()),
        ("reason", job.reason.map_or(Value::Null, |reason| reason.as_str().into())),
        ("version", job.version.into()),
    ] {
        assert_eq!(value, old[name], "{name} of job {}", job.id);
    }
    for name in ["done", "total", "message"] {
        assert_eq!(progress.get(name), old["progress"].get(name), "progress of job {}", job.id);
    }
    match (&job.result, &old["result"]) {
        (None, result) => assert!(result.is_null(), "{result}"),
        (Some(stored), result) => {
            assert_eq!(stored.content_type(), text(&result["content_type"]));
            let bytes = match stored {
                Stored::Inline(output) => output.body.len() as u64,
                Stored::Artifact { bytes, .. } => *bytes,
                other => panic!("{other:?}"),
            };
            assert_eq!(Some(bytes), result["bytes"].as_u64());
        }
    }
    let failures = old["failures"].as_array().unwrap();
    assert_eq!(job.failures.len(), failures.len());
    for (failure, old) in job.failures.iter().zip(failures) {
        assert_eq!(failure.at.to_string(), text(&old["at"]));
        assert_eq!(Some(u64::from(failure.attempt)), old["attempt"].as_u64());
        assert_eq!(failure.message, text(&old["message"]));
        assert_eq!((failure.started_at, failure.claim), (None, None));
    }
}

#[tokio::test]
async fn jobs_of_version_1_read_as_before() {
    let old = Old::new("v1.db");
    let store = old.open().unwrap();
    let said = said();
    let jobs = said["jobs"].as_array().unwrap();
    for job in jobs {
        assert_same(&snapshot(&store, id(job)).await, job);
        let log = store.log(id(job), None).await.unwrap().expect("the job is known");
        assert_eq!(log, text(&said["logs"][text(&job["id"])]));
    }
    let states: HashSet<&str> = jobs.iter().map(|job| text(&job["state"])).collect();
    assert_eq!(states.len(), State::ALL.len(), "the file has jobs in all states");
    let listed = store.list(Filter::default(), Page { after: None, limit: 100 }).await.unwrap().jobs;
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), jobs.iter().map(id).collect::<Vec<_>>());
    assert_eq!(store.find(label("an alias")).await.unwrap(), Some(job_of_alias()));
    for tag in ["one", "two", "ü", "crashed", "none"] {
        let has = |job: &&Value| job["tags"].as_array().unwrap().iter().any(|one| one == tag);
        let filter = Filter { tag: Some(label(tag)), ..Filter::default() };
        let listed = store.list(filter, Page { after: None, limit: 100 }).await.unwrap().jobs;
        let listed: Vec<_> = listed.iter().map(|job| job.id).collect();
        assert_eq!(listed, jobs.iter().filter(has).map(id).collect::<Vec<_>>(), "{tag}");
    }
    let class = async |id| snapshot(&store, id).await.failures.last().expect("it failed").class;
    assert_eq!(class(job_of("fatal", "dead")).await, FailureClass::Fatal);
    assert_eq!(class(job_of("fails", "dead")).await, FailureClass::Retry);
    assert_eq!(class(job_of("sleeps", "cancelled")).await, FailureClass::Crash);
}

fn job_of_alias() -> JobId {
    let said = said();
    id(said["jobs"].as_array().unwrap().iter().find(|job| job["alias"] == "an alias").unwrap())
}

#[tokio::test]
async fn counts_and_pauses_of_version_1_are_kept() {
    let old = Old::new("v1.db");
    let store = old.open().unwrap();
    let said = said();
    let queues = store.queues().await.unwrap();
    let olds = said["queues"]["queues"].as_array().unwrap();
    assert_eq!(queues.len(), olds.len());
    for (stats, old) in queues.iter().zip(olds) {
        assert_eq!(stats.queue.as_str(), text(&old["queue"]));
        for state in State::ALL {
            assert_eq!(Some(stats.count(state)), old["counts"][state.as_str()].as_u64(), "{state} of {}", stats.queue);
        }
        let pause = stats.paused();
        assert_eq!(pause.is_some(), !old["paused"].is_null());
        let Some(pause) = pause else { continue };
        assert_eq!((stats.rules.version, stats.rules.level()), (1, 1));
        let old = &old["paused"];
        assert_eq!(pause.since.to_string(), text(&old["since"]));
        assert_eq!(pause.until.map(|until| until.to_string()).as_deref(), old["until"].as_str());
        assert_eq!(pause.reason.as_ref().map(Label::as_str), old["reason"].as_str());
        assert_eq!(pause.by.as_ref().map(Label::as_str), old["by"].as_str());
    }
    assert_eq!(queues.iter().filter(|stats| stats.paused().is_some()).count(), 2);
}

#[tokio::test]
async fn keys_of_version_1_hold() {
    let old = Old::new("v1.db");
    let store = old.open().unwrap();
    let unique = async |name: &str, key: &str| {
        let unique = Some(Unique { key: label(key), scope: UniqueScope::UntilFinished });
        push(&store, NewJob { unique, ..new_job(name) }).await
    };
    let said = said();
    for (name, key) in [("default", "held"), ("default", "for a while"), ("mail", "waits")] {
        let jobs = said["jobs"].as_array().unwrap();
        let id = id(jobs.iter().find(|job| job["unique_key"] == key).unwrap());
        assert_eq!(unique(name, key).await, Pushed::Existing { id, by: Instead::Unique }, "{key}");
    }
    assert!(matches!(unique("default", "given back").await, Pushed::Created(_)));
    let reuse = Some(Reuse { key: label("made before"), within: Duration::from_secs(3600) });
    let id = job_of("large", "succeeded");
    let reused = push(&store, NewJob { reuse, ..new_job("default") }).await;
    assert_eq!(reused, Pushed::Existing { id, by: Instead::Reuse });

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
            let idempotency = Some(Idempotency { key: label(&key), fingerprint });
            push(&store, NewJob { idempotency, ..new_job(&name) }).await
        };
        assert_eq!(ask(fingerprint).await, Pushed::Created(id));
        assert_eq!(ask([7; 32]).await, Pushed::Conflict(id));
    }
}

#[tokio::test]
async fn work_goes_on_after_an_upgrade_from_version_1() {
    let old = Old::new("v1.db");
    let (sleeper, number, bits): ([u8; 16], i64, i64) = old
        .raw()
        .query_row("SELECT id, token_number, token_bits FROM job WHERE state = 2", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let store = old.open().unwrap();
    // What a worker of version 1 had claimed it could still settle; here upkeep is faster.
    old.settings.clock.advance(limits::LEASE);
    let kept = store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    let sleeper = JobId::from_bytes(sleeper);
    assert_eq!(kept.rescued.iter().map(|moved| (moved.id, moved.state)).collect::<Vec<_>>(), [(sleeper, State::Ready)]);
    let late = Settlement {
        id: sleeper,
        token: Token { number: number as u64, bits: bits as u64 },
        outcome: Outcome::Succeed { result: None },
        progress: None,
    };
    assert_eq!(store.settle(vec![late]).await.remove(0).unwrap(), Settled::Lost);
    for name in ["mail", "bulk"] {
        let changed = store.change_rules(queue(name), 1, Rules::default()).await.unwrap();
        assert_eq!(changed, RulesChange::Changed(2));
    }
    assert_eq!(store.act(job_of("fatal", "dead"), Action::Retry).await.unwrap(), Acted::Done(State::Ready));

    old.settings.clock.advance(Duration::from_secs(25 * 3600));
    let kinds =
        ["fine", "sleeps", "later", "fatal"].map(|kind| KnownKind::from(kind.parse::<Kind>().unwrap())).to_vec();
    let worker = WorkerSecret::new().id();
    let mut done = HashSet::new();
    loop {
        let queues = ["default", "mail", "bulk"].map(queue).to_vec();
        let claim = Claim { limit: 3, ..Claim::new(worker, queues, kinds.clone()) };
        let jobs = store.claim(claim).await.unwrap().jobs;
        if jobs.is_empty() {
            break;
        }
        for job in jobs {
            let was = snapshot(&store, job.id).await;
            assert_eq!((&was.payload, was.max_attempts, was.timeout), (&job.payload, job.max_attempts, job.timeout));
            assert!(job.token.number > number as u64, "claim numbers grow over an upgrade");
            assert!(store.write_log(job.id, job.token, "new words".into()).await.unwrap());
            assert_eq!(store.log(job.id, None).await.unwrap().as_deref(), Some("new words"));
            done.insert(job.id);
            let outcome = Outcome::Succeed { result: None };
            let settlement = Settlement { id: job.id, token: job.token, outcome, progress: None };
            assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
        }
    }
    assert_eq!(done.len(), 8, "all that waited, the retried and the rescued one");
    for _ in 0..2 {
        old.settings.clock.advance(Duration::from_secs(8 * 24 * 3600));
        while store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap().more {}
    }
    drop(store);
    for table in ["job", "job_payload", "job_tag", "failure", "claim_log", "unique_key", "idempotency"] {
        assert_eq!(old.one::<i64>(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    let counts: i64 = old.one("SELECT sum(scheduled + ready + running + succeeded + dead + cancelled) FROM queue");
    assert_eq!(counts, 0);
}

#[tokio::test]
async fn claim_of_version_1_may_be_settled_after_the_upgrade() {
    let old = Old::new("v1.db");
    let (id, number, bits): ([u8; 16], i64, i64) = old
        .raw()
        .query_row("SELECT id, token_number, token_bits FROM job WHERE state = 2", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    let store = old.open().unwrap();
    let settlement = Settlement {
        id: JobId::from_bytes(id),
        token: Token { number: number as u64, bits: bits as u64 },
        outcome: Outcome::Succeed { result: None },
        progress: None,
    };
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
    let settlement = Settlement { id: job.id, token: job.token, outcome, progress: None };
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
    assert_eq!(snapshot(&store, job.id).await.state, State::Running, "it may still be read");
    old.raw().execute_batch("UPDATE store SET oldest_program = 2").unwrap();
    assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
    let left: Option<i64> = old
        .raw()
        .query_row("SELECT 1 FROM job WHERE state = 2 AND id = ?1", [job.id.as_bytes()], |row| row.get(0))
        .optional()
        .unwrap();
    assert_eq!(left, None);
}
