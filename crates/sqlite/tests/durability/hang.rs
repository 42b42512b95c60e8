//! The disk hangs, or a process is suspended, for longer than a lease: no live worker loses a job, and the jobs of dead
//! workers are still rescued.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::{Claim, Claimed, Jobs, Kind, Renewal, Renewed, Settings, State, Upkeep, WorkerSecret, limits};
use longshore_lossy::{Lossy, Synced};
use longshore_sqlite::{Options, Sqlite};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Place, job};

/// The shortest lease that a worker may have.
const LEASE: Duration = Duration::from_secs(1);
/// Longer than a lease. Real time passes here, because hangs are judged by it.
const HANG: Duration = Duration::from_secs(2);

/// A machine, and two processes that share a database on it.
struct Bench {
    machine: Lossy,
    owner: Arc<Sqlite>,
    neighbour: Arc<Sqlite>,
    place: Place,
}

impl Bench {
    async fn new() -> Self {
        let (machine, place) = (Lossy::new(), Place::new());
        let open = || place.open(&machine, &Settings::default(), |options, testing| options.testing(testing)).unwrap();
        let (owner, neighbour) = (open(), open());
        assert_eq!(rescue(&neighbour).await, 0);
        Bench { machine, owner, neighbour, place }
    }

    /// Makes a commit of the owner hang for longer than a lease, and runs `during` while it hangs.
    async fn hang<T>(&self, during: impl AsyncFnOnce() -> T) -> T {
        let hang = self.machine.hang_next_sync(Synced::Log);
        let pushing = push(&self.owner, 1, 10);
        tokio::task::block_in_place(|| hang.wait());
        let done = during().await;
        tokio::time::sleep(HANG).await;
        hang.end();
        pushing.await.unwrap();
        done
    }
}

/// Pushes jobs of a kind that is never claimed here, in a separate task.
fn push(store: &Arc<Sqlite>, jobs: usize, bytes: usize) -> tokio::task::JoinHandle<()> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let other = || longshore_core::NewJob { kind: "other".parse().unwrap(), ..job(bytes) };
        let pushed = store.push((0..jobs).map(|_| other()).collect()).await;
        assert!(pushed.iter().all(Result::is_ok), "{pushed:?}");
    })
}

/// Pushes a job and claims it with a short lease.
async fn running(store: &Sqlite) -> Claimed {
    assert!(store.push(vec![job(10)]).await[0].is_ok());
    let kind: Kind = "work".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
    let claim = claim.lease(LEASE).idle(true);
    store.claim(claim).await.unwrap().jobs.pop().expect("it was pushed just now")
}

async fn renew(store: &Sqlite, job: &Claimed) -> Renewed {
    let renewal = Renewal::new(job.id, job.token, LEASE);
    store.renew(vec![renewal]).await.remove(0).unwrap()
}

async fn rescue(store: &Sqlite) -> usize {
    store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap().rescued.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_that_waited_behind_a_commit_that_hung_takes_nothing() {
    let bench = Bench::new().await;
    let job = running(&bench.owner).await;
    let owner = Arc::clone(&bench.owner);
    let upkeep = bench.hang(async || tokio::spawn(async move { rescue(&owner).await })).await;
    assert_eq!(upkeep.await.unwrap(), 0);
    assert_eq!(renew(&bench.owner, &job).await, Renewed::Held);
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbour_that_was_idle_while_a_commit_hung_takes_nothing() {
    let bench = Bench::new().await;
    let job = running(&bench.owner).await;
    bench.hang(async || ()).await;
    assert_eq!(rescue(&bench.neighbour).await, 0);
    assert_eq!(renew(&bench.owner, &job).await, Renewed::Held);
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbour_that_wrote_until_a_commit_hung_takes_nothing() {
    let bench = Bench::new().await;
    let job = running(&bench.owner).await;
    push(&bench.neighbour, 1, 10).await.unwrap();
    let neighbour = Arc::clone(&bench.neighbour);
    let upkeep = bench.hang(async || tokio::spawn(async move { rescue(&neighbour).await })).await;
    assert_eq!(upkeep.await.unwrap(), 0);
    assert_eq!(renew(&bench.owner, &job).await, Renewed::Held);
}

#[tokio::test(flavor = "multi_thread")]
async fn process_that_opens_the_database_after_a_hang_takes_nothing() {
    let bench = Bench::new().await;
    let job = running(&bench.owner).await;
    bench.hang(async || ()).await;
    let testing = longshore_sqlite::Testing { vfs: Some(bench.machine.name().to_owned()), ..Default::default() };
    let newcomer = Sqlite::open(bench.place.path(), Options::default().testing(testing)).unwrap();
    assert_eq!(rescue(&newcomer).await, 0);
    assert_eq!(renew(&bench.owner, &job).await, Renewed::Held);
}

/// A checkpoint holds no lock for writing: other processes continue to write, and must not treat its process as dead.
#[tokio::test(flavor = "multi_thread")]
async fn owner_whose_checkpoint_hangs_keeps_its_jobs() {
    let bench = Bench::new().await;
    let job = running(&bench.owner).await;
    let hang = bench.machine.hang_next_sync(Synced::Database);
    let pushing = push(&bench.owner, 40, 200_000); // more than the WAL holds before a checkpoint
    tokio::task::block_in_place(|| hang.wait());
    let renewing = tokio::spawn({
        let (owner, job) = (Arc::clone(&bench.owner), job.clone());
        async move { renew(&owner, &job).await }
    });
    let until = Instant::now() + HANG;
    while Instant::now() < until {
        push(&bench.neighbour, 1, 10).await.unwrap();
        assert_eq!(rescue(&bench.neighbour).await, 0);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    hang.end();
    assert_eq!(rescue(&bench.neighbour).await, 0);
    pushing.await.unwrap();
    assert_eq!(renewing.await.unwrap(), Renewed::Held);
}

#[tokio::test(flavor = "multi_thread")]
async fn job_of_a_dead_worker_comes_back_soon_after_a_hang() {
    let bench = Bench::new().await;
    let dead = running(&bench.owner).await;
    let live = running(&bench.owner).await;
    bench.hang(async || ()).await;
    let freed = Instant::now();
    while rescue(&bench.neighbour).await == 0 {
        assert_eq!(renew(&bench.owner, &live).await, Renewed::Held);
        assert!(freed.elapsed() < Duration::from_secs(20), "the dead worker's job does not come back");
        tokio::time::sleep(LEASE / 10).await;
    }
    assert_eq!(renew(&bench.owner, &live).await, Renewed::Held);
    assert_eq!(renew(&bench.owner, &dead).await, Renewed::Lost);
}

/// The variable that names the child's database.
const DATABASE: &str = "LONGSHORE_TEST_STOPPED_DATABASE";

/// Not a test by itself: a process that holds a job, renews its lease in time, and does upkeep.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let store = Arc::new(Sqlite::open(database, Options::default()).unwrap());
    let job = running(&store).await;
    let keeping_up = Arc::clone(&store);
    tokio::spawn(async move {
        loop {
            rescue(&keeping_up).await;
            tokio::time::sleep(LEASE / 20).await;
        }
    });
    println!("holds {}", job.id);
    while renew(&store, &job).await == Renewed::Held {
        tokio::time::sleep(LEASE / 3).await;
    }
    println!("lost {}", job.id);
}

/// A process that holds a job.
struct Stoppable {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Stoppable {
    fn start(database: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["hang::child", "--exact", "--nocapture"])
            .env(DATABASE, database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        while !lines.next().expect("it says that it holds a job").unwrap().contains("holds ") {}
        Stoppable { child, lines }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let lost: Vec<_> = self.lines.by_ref().map_while(Result::ok).filter(|line| line.starts_with("lost ")).collect();
        if !std::thread::panicking() {
            assert!(lost.is_empty(), "{lost:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_were_stopped_and_continued_take_neither_their_own_jobs_nor_each_others() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("jobs.db");
    let processes = [Stoppable::start(&database), Stoppable::start(&database)];
    for signal in [Signal::STOP, Signal::CONT] {
        processes.iter().for_each(|process| process.signal(signal));
        tokio::time::sleep(HANG).await; // longer than a lease, so that others could take jobs
    }
    let store = Sqlite::open(&database, Options::default()).unwrap();
    let page = longshore_core::Page::first(10);
    let jobs = store.list(longshore_core::Filter::default(), page).await.unwrap().jobs;
    let states: Vec<_> = jobs.iter().map(|job| (job.state, job.crashes)).collect();
    assert_eq!(states, [(State::Running, 0); 2]);
}
