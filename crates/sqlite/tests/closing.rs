//! The last one that closes a database leaves everything in its one file.

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use longshore_core::{
    Claim, ErrorKind, JobId, Jobs, Kind, NewJob, Outcome, Payload, Settled, Settlement, State, Store, WorkerSecret,
};
use longshore_sqlite::{Options, Sqlite};

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Bench { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("jobs.db")
    }

    fn open(&self) -> Sqlite {
        open(&self.path())
    }

    /// Opens a copy of the database's file alone.
    fn copy(&self, name: &str) -> Sqlite {
        let copy = self.folder.path().join(name);
        std::fs::copy(self.path(), &copy).unwrap();
        open(&copy)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("jobs.db-wal")
    }
}

fn open(path: &Path) -> Sqlite {
    Sqlite::open(path, Options::default().reserve(0)).unwrap()
}

async fn push(store: &Sqlite, count: usize) -> Vec<JobId> {
    let new = || NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), Payload::parse("1").unwrap());
    let jobs: Vec<_> = (0..count).map(|_| new()).collect();
    let ids = jobs.iter().map(|job| job.id).collect();
    assert!(store.push(jobs).await.iter().all(Result::is_ok));
    ids
}

async fn states(store: &Sqlite, ids: &[JobId]) -> Vec<Option<State>> {
    let found = store.status(ids.to_vec()).await.unwrap();
    found.into_iter().map(|status| status.map(|status| status.state)).collect()
}

#[tokio::test]
async fn store_file_is_whole_after_the_store_was_closed() {
    let bench = Bench::new();
    let store = bench.open();
    let ids = push(&store, 3).await;
    let kind: Kind = "work".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
    let claimed = store.claim(claim.idle(true)).await.unwrap().jobs.remove(0);
    let settlement = Settlement::new(claimed.id, claimed.token, Outcome::Succeed { result: None });
    assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
    assert_eq!(states(&store, &ids[..1]).await, [Some(State::Succeeded)]); // a connection for reading is open as well

    store.close().await.unwrap();

    assert!(!bench.log().exists());
    let wanted = [Some(State::Succeeded), Some(State::Ready), Some(State::Ready)];
    assert_eq!(states(&bench.copy("copy.db"), &ids).await, wanted);
}

#[tokio::test]
async fn store_file_is_whole_after_the_store_was_dropped() {
    let bench = Bench::new();
    let store = bench.open();
    let ids = push(&store, 3).await;
    assert_eq!(states(&store, &ids[..1]).await, [Some(State::Ready)]);
    drop(store);
    assert!(!bench.log().exists());
    assert_eq!(states(&bench.copy("copy.db"), &ids).await, [Some(State::Ready); 3]);
}

#[tokio::test]
async fn store_file_is_whole_although_the_application_has_a_connection_of_its_own() {
    let bench = Bench::new();
    let store = bench.open();
    let ids = push(&store, 3).await;
    let app = rusqlite::Connection::open(bench.path()).unwrap();
    let _: i64 = app.query_row("SELECT count(*) FROM job", [], |row| row.get(0)).unwrap();
    store.close().await.unwrap();
    assert_eq!(states(&bench.copy("copy.db"), &ids).await, [Some(State::Ready); 3]);
}

/// Each of them finds the other one still there, so that SQLite itself copies nothing.
#[test]
fn stores_that_close_at_the_same_moment_leave_a_whole_file() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for round in 0..30 {
        let bench = Bench::new();
        let stores = [bench.open(), bench.open(), bench.open()];
        let ids: Vec<_> = stores.iter().flat_map(|store| runtime.block_on(push(store, 2))).collect();
        let together = Barrier::new(stores.len());
        thread::scope(|scope| {
            for store in stores {
                let together = &together;
                scope.spawn(move || {
                    together.wait();
                    drop(store);
                });
            }
        });
        let copy = bench.copy("copy.db");
        assert_eq!(runtime.block_on(states(&copy, &ids)), [Some(State::Ready); 6], "round {round}");
    }
}

#[tokio::test]
async fn closed_store_refuses_calls_and_may_be_closed_again() {
    let bench = Bench::new();
    let store = bench.open();
    let ids = push(&store, 1).await;
    store.close().await.unwrap();
    let new = NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), Payload::parse("1").unwrap());
    for error in [store.push(vec![new]).await.remove(0).unwrap_err(), store.get(ids).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("the store was closed"), "{error}");
    }
    store.close().await.unwrap();
}

#[tokio::test]
async fn writes_that_were_sent_before_the_store_was_closed_are_done() {
    let bench = Bench::new();
    let store = bench.open();
    let (ids, closed) = tokio::join!(push(&store, 100), store.close());
    closed.unwrap();
    assert_eq!(states(&bench.copy("copy.db"), &ids).await, [Some(State::Ready); 100]);
}
