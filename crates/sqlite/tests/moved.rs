//! The database's files are deleted, moved or replaced while they are open: nothing is acknowledged that exists only in
//! files which no process will open again.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::worker::{Ended, Worker};
use longshore_core::{
    Backend, Claim, Error, ErrorKind, JobId, JobPolicy, Jobs, Kind, NewJob, Outcome, Payload, Settled, Settlement,
    State, WorkerSecret, artifact::InMemory, limits,
};
use longshore_sqlite::rusqlite::{Connection, TransactionBehavior};
use longshore_sqlite::{Options, Sqlite};

/// An open database with a running job.
struct Bench {
    folder: tempfile::TempDir,
    store: Sqlite,
    settlement: Settlement,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let store = Sqlite::open(folder.path().join("data/jobs.db"), Options::default()).unwrap();
        assert!(store.push(vec![job()]).await[0].is_ok());
        let kind: Kind = "work".parse().unwrap();
        let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
        let claim = claim.lease(limits::LEASE).idle(true);
        let claimed = store.claim(claim).await.unwrap().jobs.pop().unwrap();
        let outcome = Outcome::Succeed { result: None };
        let settlement = Settlement::new(claimed.id, claimed.token, outcome);
        let bench = Bench { folder, store, settlement };
        bench.works().await;
        bench
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("data").join(name)
    }

    /// The check of /readyz.
    async fn ready(&self) -> Result<(), Error> {
        self.store.status(vec![JobId::from_bytes([0; 16])]).await.map(|_| ())
    }

    async fn works(&self) {
        self.ready().await.unwrap();
        assert!(self.store.push(vec![job()]).await[0].is_ok());
    }

    /// Checks that nothing is accepted, and that the error says why and what to do.
    async fn is_refused(&self, why: &str) {
        for round in 0..2 {
            let errors = [
                self.store.push(vec![job()]).await.remove(0).unwrap_err(),
                self.ready().await.unwrap_err(),
                self.store.settle(vec![self.settlement.clone()]).await.remove(0).unwrap_err(),
            ];
            for error in errors {
                let text = error.to_string();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{text}");
                assert!(text.contains(why) && text.contains("start"), "round {round}: {text}");
            }
        }
    }

    /// Checks that a job that finished meanwhile is settled, and that work continues.
    async fn goes_on(&self) {
        self.works().await;
        let settled = self.store.settle(vec![self.settlement.clone()]).await.remove(0);
        assert_eq!(settled.unwrap(), Settled::Done);
    }
}

fn job() -> NewJob {
    NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), Payload::parse("{}").unwrap())
}

#[tokio::test]
async fn nothing_is_accepted_once_the_file_is_deleted() {
    let bench = Bench::new().await;
    fs::remove_file(bench.file("jobs.db")).unwrap();
    bench.is_refused("deleted or moved").await;
}

#[tokio::test]
async fn nothing_is_accepted_once_all_files_are_deleted() {
    let bench = Bench::new().await;
    fs::remove_dir_all(bench.file("")).unwrap();
    bench.is_refused("deleted or moved").await;
}

#[tokio::test]
async fn work_goes_on_when_the_file_is_put_back() {
    let bench = Bench::new().await;
    fs::rename(bench.file("jobs.db"), bench.file("away.db")).unwrap();
    bench.is_refused("deleted or moved").await;
    fs::rename(bench.file("away.db"), bench.file("jobs.db")).unwrap();
    bench.goes_on().await;
}

#[tokio::test]
async fn work_goes_on_when_the_folder_has_its_name_back() {
    let bench = Bench::new().await;
    let away = bench.folder.path().join("away");
    fs::rename(bench.file(""), &away).unwrap();
    bench.is_refused("deleted or moved").await;
    fs::rename(&away, bench.file("")).unwrap();
    bench.goes_on().await;
}

#[tokio::test]
async fn nothing_is_accepted_once_a_copy_has_taken_the_files_place() {
    let bench = Bench::new().await;
    let copy = bench.file("copy.db");
    let connection = Connection::open(bench.file("jobs.db")).unwrap();
    connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    fs::rename(copy, bench.file("jobs.db")).unwrap();
    bench.is_refused("was replaced by another file").await;
}

#[tokio::test]
async fn nothing_is_accepted_once_the_log_or_its_index_is_deleted() {
    for name in ["jobs.db-wal", "jobs.db-shm"] {
        let bench = Bench::new().await;
        fs::remove_file(bench.file(name)).unwrap();
        bench.is_refused(name).await;
    }
}

#[tokio::test]
async fn push_in_a_transaction_of_the_applications_own_is_refused_as_well() {
    let bench = Bench::new().await;
    let mut app = Connection::open(bench.file("jobs.db")).unwrap();
    app.query_row("SELECT count(*) FROM job", [], |_| Ok(())).unwrap(); // opens the WAL
    fs::remove_file(bench.file("jobs.db")).unwrap();
    let transaction = app.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let error = bench.store.push_in(&transaction, &[job()]).unwrap_err();
    assert!(error.to_string().contains("deleted or moved"), "{error}");
}

#[tokio::test]
async fn other_programs_that_come_and_go_are_no_reason_to_refuse() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        let other = Sqlite::open(bench.file("jobs.db"), Options::default()).unwrap();
        assert!(other.push(vec![job()]).await[0].is_ok());
        drop(other);
        let connection = Connection::open(bench.file("jobs.db")).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(connection);
        bench.works().await;
    }
}

/// Without this rule, the last tries to write what can no longer be written would begin when the grace period ends.
#[tokio::test(flavor = "multi_thread")]
async fn drain_ends_at_its_grace_although_the_file_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let store = Arc::new(Sqlite::open(&file, Options::default()).unwrap());
    let backend = Backend::new(store, Arc::new(InMemory::default()));
    let grace = Duration::from_secs(12);
    let worker = Worker::new(backend.clone())
        .handle_kind("work".parse().unwrap(), JobPolicy::default(), |_, _| std::future::pending());
    let worker = worker.grace(grace).start().unwrap();
    let new = job();
    let id = new.id;
    let _ = backend.push_one(new).await.unwrap();
    while backend.job(id).await.unwrap().unwrap().state != State::Running {
        tokio::task::yield_now().await;
    }
    fs::rename(&file, folder.path().join("away.db")).unwrap();
    assert!(backend.job(id).await.is_err());
    let began = Instant::now();
    assert_eq!(worker.drain().await, Ended::Abandoned);
    let took = began.elapsed();
    assert!(took >= grace && took < grace + Duration::from_secs(8), "{took:?}");
}
