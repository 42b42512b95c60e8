//! Another process holds the database locked for longer than a lease: handlers continue, no live worker loses a job,
//! and jobs that finished meanwhile are settled once.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longshore_core::handler::{self, Shared};
use longshore_core::worker::{Ended, Running, Worker};
use longshore_core::{Backend, Client, Clock, Handle, Job, JobId, Jobs, State, Upkeep, artifact::InMemory, limits};
use longshore_sqlite::{Options, Sqlite, Testing};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

#[derive(Serialize, Deserialize)]
struct Long {}

impl Job for Long {
    const KIND: &'static str = "long";
    type Output = usize;
}

/// Signals between the test and the handler.
#[derive(Clone)]
struct Signals {
    started: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
    ended: Arc<Semaphore>,
    runs: Arc<AtomicUsize>,
}

async fn long(_: Long, Shared(signals): Shared<Signals>) -> handler::Result<usize> {
    let run = signals.runs.fetch_add(1, Ordering::SeqCst) + 1;
    signals.started.add_permits(1);
    signals.may_end.acquire().await.expect("it is never closed").forget();
    signals.ended.add_permits(1);
    Ok(run)
}

/// A worker with a short lease on a separate database, other processes that do upkeep, and one running job.
struct Bench {
    folder: tempfile::TempDir,
    others: Vec<Arc<Sqlite>>,
    backend: Backend,
    signals: Signals,
    worker: Running,
    handle: Handle<Long>,
}

impl Bench {
    async fn new(patience: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let options = Options::default().testing(Testing { patience, ..Testing::default() });
            Arc::new(Sqlite::open(folder.path().join("jobs.db"), options).unwrap())
        };
        let others = (0..3).map(|_| open()).collect();
        let backend = Backend::new(open(), Arc::new(InMemory::default()));
        let none = || Arc::new(Semaphore::new(0));
        let signals = Signals { started: none(), may_end: none(), ended: none(), runs: Arc::default() };
        let worker = Worker::new(backend.clone()).handle(long).share(signals.clone()).lease(Duration::from_secs(1));
        let worker = worker.start().unwrap();
        let handle = Client::new(backend.clone()).enqueue(Long {}).await.unwrap();
        signals.started.acquire().await.unwrap().forget();
        Bench { folder, others, backend, signals, worker, handle }
    }

    /// Makes the other processes search for jobs to rescue while the lock is held. The calls end after it.
    fn look_for_the_lost(&self) -> Vec<tokio::task::JoinHandle<usize>> {
        let look = |store: &Arc<Sqlite>| {
            let store = Arc::clone(store);
            let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true);
            tokio::spawn(async move { store.upkeep(upkeep).await.map_or(0, |kept| kept.rescued.len()) })
        };
        self.others.iter().map(look).collect()
    }

    /// Lets the handler end, and checks that the job was run and settled once.
    async fn ends_well(self) {
        self.signals.may_end.add_permits(1);
        assert_eq!(self.handle.wait().await.unwrap(), 1);
        assert_eq!(self.worker.drain().await, Ended::Drained);
        assert_eq!(self.signals.runs.load(Ordering::SeqCst), 1);
        let job = self.backend.job(self.handle.id()).await.unwrap().unwrap();
        assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Succeeded, 1, 0, 0));
    }
}

/// Another process that holds the lock.
struct Lock(Connection);

impl Lock {
    fn take(folder: &Path) -> Self {
        let connection = Connection::open(folder.join("jobs.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Lock(connection)
    }

    fn lease_until(&self, id: JobId) -> i64 {
        let sql = "SELECT lease_until FROM job WHERE id = ?1";
        self.0.query_row(sql, [id.as_bytes()], |row| row.get(0)).unwrap()
    }

    fn give_back(self) {
        self.0.execute_batch("COMMIT").unwrap();
    }
}

/// Waits until that much time has passed since the machine started.
async fn until(boot_ms: i64) {
    let left = boot_ms - Clock::default().boot_time().ms;
    tokio::time::sleep(Duration::from_millis(left.max(0).unsigned_abs())).await;
}

/// The worker's calls wait as long as the lock is held.
const WAITS: Option<Duration> = None;
/// The worker's calls fail repeatedly while the lock is held.
const FAILS: Option<Duration> = Some(Duration::from_millis(50));

#[tokio::test(flavor = "multi_thread")]
async fn handler_outlasts_a_lock_that_calls_wait_for() {
    handler_outlasts_a_lock(WAITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_outlasts_a_lock_that_calls_fail_at() {
    handler_outlasts_a_lock(FAILS).await;
}

async fn handler_outlasts_a_lock(patience: Option<Duration>) {
    let bench = Bench::new(patience).await;
    let lock = Lock::take(bench.folder.path());
    let looks = bench.look_for_the_lost();
    let ends = lock.lease_until(bench.handle.id());
    until(ends + 1_000).await;
    assert_eq!(lock.lease_until(bench.handle.id()), ends, "the lease is over and cannot be renewed");
    assert_eq!(bench.signals.ended.available_permits(), 0);
    lock.give_back();
    for look in looks {
        assert_eq!(look.await.unwrap(), 0, "a job was taken from a worker that could not renew");
    }
    // Over the next lease the worker renews, and the job is still not taken.
    while bench.others[0].upkeep(Upkeep::new(limits::UPKEEP_ROWS, false)).await.is_err() {}
    let look = Lock::take(bench.folder.path());
    let ends = look.lease_until(bench.handle.id());
    look.give_back();
    until(ends).await;
    for look in bench.look_for_the_lost() {
        assert_eq!(look.await.unwrap(), 0, "a job was taken from a worker that renews");
    }
    bench.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outcome_waits_for_a_lock_that_calls_wait_for() {
    outcome_waits_for_a_lock(WAITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outcome_waits_for_a_lock_that_calls_fail_at() {
    outcome_waits_for_a_lock(FAILS).await;
}

async fn outcome_waits_for_a_lock(patience: Option<Duration>) {
    let bench = Bench::new(patience).await;
    let lock = Lock::take(bench.folder.path());
    let ends = lock.lease_until(bench.handle.id());
    bench.signals.may_end.add_permits(1);
    bench.signals.ended.acquire().await.unwrap().forget();
    let looks = bench.look_for_the_lost();
    until(ends + 500).await;
    lock.give_back();
    for look in looks {
        assert_eq!(look.await.unwrap(), 0, "a job was taken from a worker that could not settle");
    }
    bench.ends_well().await;
}

/// A process that was idle cannot know that others could not write meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn process_that_was_idle_while_another_held_the_lock_takes_nothing() {
    let bench = Bench::new(WAITS).await;
    let lock = Lock::take(bench.folder.path());
    until(lock.lease_until(bench.handle.id()) + 1_000).await;
    lock.give_back();
    for _ in 0..3 {
        for look in bench.look_for_the_lost() {
            assert_eq!(look.await.unwrap(), 0, "a job was taken from a worker that could not renew");
        }
    }
    bench.ends_well().await;
}
