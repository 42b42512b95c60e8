//! The disk becomes full: pushes are refused, running jobs are settled, and pushes are accepted again when there is
//! room.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::{
    Claimed, Effect, Error, ErrorKind, JobId, Jobs, Outcome, Progress, Pushed, Renewal, Renewed, Settings, Settled,
    Settlement, State, Upkeep, WorkerId, WorkerSecret, limits,
};
use longshore_lossy::Lossy;
use longshore_sqlite::reserve::Disk;
use longshore_sqlite::{Options, Sqlite, Testing};

use crate::ledger::{inspect, inspect_file};
use crate::workload::claim;
use crate::{Place, job};

const MIB: u64 = 1 << 20;

/// The reserve on the simulated disk.
#[derive(Debug)]
struct OnMachine(Arc<Lossy>);

impl Disk for OnMachine {
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        self.0.allocate(&path.to_string_lossy(), bytes)
    }

    fn delete(&self, path: &Path) -> io::Result<()> {
        if self.0.free(&path.to_string_lossy()) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn length(&self, path: &Path) -> Option<u64> {
        self.0.allocated(&path.to_string_lossy())
    }
}

/// A machine with a small disk, and processes that share a database on it.
struct Bench {
    place: Place,
    settings: Settings,
    machine: Arc<Lossy>,
    reserve: u64,
    worker: WorkerId,
}

impl Bench {
    fn new(disk: u64, reserve: u64) -> Self {
        let machine = Arc::new(Lossy::new());
        machine.set_size(Some(disk));
        let worker = WorkerSecret::new().id();
        Bench { place: Place::new(), settings: Settings::default(), machine, reserve, worker }
    }

    fn open(&self) -> Result<Arc<Sqlite>, Error> {
        let disk = Arc::new(OnMachine(Arc::clone(&self.machine)));
        self.place.open(&self.machine, &self.settings, |options, testing| {
            options.reserve(self.reserve).testing(Testing { disk: Some(disk), ..testing })
        })
    }

    fn reserve(&self) -> Option<u64> {
        self.machine.allocated(&format!("{}-reserve", self.place.path().display()))
    }

    /// Pushes until the disk is full. Returns the acknowledged jobs.
    async fn fill(&self, store: &Sqlite) -> Vec<JobId> {
        let mut ids = Vec::new();
        loop {
            match push(store, 5, 20_000).await {
                Ok(pushed) => ids.extend(pushed),
                Err(e) => {
                    assert_full(&e);
                    return ids;
                }
            }
        }
    }

    async fn claim(&self, store: &Sqlite, limit: usize) -> Vec<Claimed> {
        claim(store, self.worker, limit).await.expect("a claim goes through")
    }

    /// Waits until a push is accepted again: the reserve is checked once a second.
    async fn accepted(&self, store: &Sqlite) -> Vec<JobId> {
        let retried = async {
            loop {
                match push(store, 1, 10).await {
                    Ok(ids) => return ids,
                    Err(e) => assert_full(&e),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), retried).await.expect("there is room again")
    }
}

async fn push(store: &Sqlite, jobs: usize, bytes: usize) -> Result<Vec<JobId>, Error> {
    let jobs: Vec<_> = (0..jobs).map(|_| job(bytes)).collect();
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let answers = store.push(jobs).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    assert_eq!(answers, ids.iter().copied().map(Pushed::Created).collect::<Vec<_>>());
    Ok(ids)
}

fn assert_full(error: &Error) {
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Full, Effect::NotDone), "{error}");
    assert!(error.to_string().starts_with("the disk is full: "), "{error}");
    assert!(error.is_retryable());
}

async fn renew(store: &Sqlite, jobs: &[Claimed]) {
    let progress = Some(Progress::of(1, 2));
    let renewal = |job: &Claimed| Renewal::new(job.id, job.token, limits::LEASE).progress(progress.clone());
    for answer in store.renew(jobs.iter().map(renewal).collect()).await {
        assert_eq!(answer.expect("a renewal goes through"), Renewed::Held);
    }
}

fn settlement(job: &Claimed) -> Settlement {
    Settlement::new(job.id, job.token, Outcome::Succeed { result: None })
}

async fn settle(store: &Sqlite, jobs: &[Claimed]) {
    for answer in store.settle(jobs.iter().map(settlement).collect()).await {
        assert_eq!(answer.expect("a settle goes through"), Settled::Done);
    }
}

#[tokio::test]
async fn pushes_are_refused_and_everything_that_waits_is_worked_off() {
    let bench = Bench::new(48 * MIB, 16 * MIB);
    let store = bench.open().unwrap();
    let ids = bench.fill(&store).await;
    let mut settled = 0;
    loop {
        let jobs = bench.claim(&store, 7).await;
        if jobs.is_empty() {
            break;
        }
        renew(&store, &jobs).await;
        settle(&store, &jobs).await;
        store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.expect("upkeep goes through");
        settled += jobs.len();
    }
    assert_eq!(settled, ids.len(), "every acknowledged job was run and settled");
    println!("{} jobs of 20 kB filled 32 MiB and were worked off on a reserve of 16 MiB", ids.len());
    let machine = bench.machine.power_loss(1);
    let found = inspect(&bench.place, &machine).unwrap();
    assert!(ids.iter().all(|id| found[id] == State::Succeeded), "a power loss on top takes none");
    assert_eq!(found.len(), ids.len(), "nothing of what was refused is there");
}

#[tokio::test]
async fn in_one_commit_settles_pass_and_pushes_are_refused() {
    let bench = Bench::new(24 * MIB, 8 * MIB);
    let store = bench.open().unwrap();
    push(&store, 100, 10).await.unwrap();
    let jobs = bench.claim(&store, 100).await;
    assert_eq!(jobs.len(), 100);
    bench.fill(&store).await;
    assert_eq!(bench.reserve(), Some(8 * MIB));
    let mut tasks = Vec::new();
    for job in jobs {
        let (pushing, settling) = (Arc::clone(&store), Arc::clone(&store));
        tasks.push(tokio::spawn(async move { assert_full(&push(&pushing, 5, 50_000).await.unwrap_err()) }));
        tasks.push(tokio::spawn(async move { settle(&settling, &[job]).await }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn goes_on_by_itself_when_there_is_room() {
    let bench = Bench::new(24 * MIB, 8 * MIB);
    let store = bench.open().unwrap();
    assert_eq!(bench.reserve(), Some(8 * MIB));
    bench.machine.allocate("foreign", 24 * MIB - bench.machine.used()).unwrap();
    assert_full(&push(&store, 5, 20_000).await.unwrap_err());
    assert_eq!(bench.reserve(), Some(8 * MIB), "a push alone gets nothing of it");
    bench.machine.free("foreign");
    push(&store, 1, 10).await.expect("the reserve was never touched, so that nothing has to be waited for");

    bench.machine.allocate("foreign", 24 * MIB - bench.machine.used()).unwrap();
    // Grows until the WAL has no room left for it.
    while bench.reserve().is_some() {
        let jobs = bench.claim(&store, 1).await;
        renew(&store, &jobs).await;
    }
    assert_full(&push(&store, 1, 10).await.unwrap_err());
    bench.machine.free("foreign");
    bench.accepted(&store).await;
    assert_eq!(bench.reserve(), Some(8 * MIB));
}

#[tokio::test]
async fn reserve_given_up_by_one_process_holds_for_all() {
    let bench = Bench::new(24 * MIB, 8 * MIB);
    let (ours, theirs) = (bench.open().unwrap(), bench.open().unwrap());
    bench.fill(&ours).await;
    while bench.reserve().is_some() {
        let jobs = bench.claim(&ours, 10).await;
        assert!(!jobs.is_empty(), "the reserve is needed before everything is settled");
        settle(&ours, &jobs).await;
    }
    assert_full(&push(&theirs, 1, 10).await.unwrap_err());
    let jobs = bench.claim(&theirs, 10).await;
    renew(&theirs, &jobs).await;
    settle(&theirs, &jobs).await;
    bench.machine.set_size(None);
    bench.accepted(&theirs).await;
    assert_eq!(bench.reserve(), Some(8 * MIB));
    push(&ours, 1, 10).await.expect("what one process has made again is there for all");
}

#[tokio::test]
async fn deleted_jobs_make_room_inside_the_file() {
    let mut bench = Bench::new(32 * MIB, 8 * MIB);
    bench.settings.keep_finished = Duration::ZERO;
    let store = bench.open().unwrap();
    bench.fill(&store).await;
    loop {
        let jobs = bench.claim(&store, 50).await;
        if jobs.is_empty() {
            break;
        }
        settle(&store, &jobs).await;
    }
    while store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap().more {}
    bench.accepted(&store).await;
}

#[tokio::test]
async fn process_that_starts_on_a_full_disk_settles() {
    let bench = Bench::new(24 * MIB, 8 * MIB);
    let store = bench.open().unwrap();
    push(&store, 10, 10).await.unwrap();
    let jobs = bench.claim(&store, 10).await;
    bench.fill(&store).await;
    drop(store);
    bench.machine.allocate("foreign", 24 * MIB - bench.machine.used()).unwrap();
    assert_eq!(bench.reserve(), Some(8 * MIB));
    let store = bench.open().expect("a full disk keeps nobody from opening");
    assert_full(&push(&store, 5, 20_000).await.unwrap_err());
    settle(&store, &jobs).await;
    let status = store.status(vec![jobs[0].id]).await.unwrap();
    assert_eq!(status[0].as_ref().unwrap().state, State::Succeeded);
}

#[tokio::test]
async fn without_a_reserve_nothing_is_lost_either() {
    let bench = Bench::new(8 * MIB, 0);
    let store = bench.open().unwrap();
    let ids = bench.fill(&store).await;
    assert_eq!(bench.reserve(), None);
    bench.machine.set_size(None);
    bench.accepted(&store).await;
    let found = inspect(&bench.place, &bench.machine).unwrap();
    assert!(ids.iter().all(|id| found[id] == State::Ready));
}

/// A small file system in memory, mounted for one test.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// Mounts one of that many bytes; `None` if this user may not.
    fn new(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(folder.path())
            .output()
            .ok()?;
        mount.status.success().then_some(Mounted(folder))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, because the writer thread may not have closed its files yet.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn on_a_real_file_system() {
    let bench = Bench::new(0, 0);
    let Some(mounted) = Mounted::new(48 * MIB) else {
        return println!("SKIPPED: mounting a small file system takes root; the other tests pretend one");
    };
    let path = mounted.0.path().join("jobs.db");
    let open = || Arc::new(Sqlite::open(&path, Options::default()).unwrap());
    let store = open();
    let ids = bench.fill(&store).await;
    assert!(mounted.0.path().join("jobs.db-reserve").exists());
    let jobs = bench.claim(&store, 50).await;
    let another = open();
    settle(&another, &jobs).await;
    loop {
        let jobs = bench.claim(&store, 50).await;
        if jobs.is_empty() {
            break;
        }
        renew(&store, &jobs).await;
        settle(&store, &jobs).await;
    }
    assert!(!mounted.0.path().join("jobs.db-reserve").exists(), "it was needed");
    assert_full(&push(&another, 1, 10).await.unwrap_err());
    let found = inspect_file(&path).unwrap();
    assert_eq!(found.len(), ids.len());
    assert!(ids.iter().all(|id| found[id] == State::Succeeded));
    let grow = ["-o", &format!("remount,size={}", 96 * MIB)];
    assert!(Command::new("mount").args(grow).arg(mounted.0.path()).status().unwrap().success());
    bench.accepted(&another).await;
    push(&store, 1, 10).await.expect("what one process has made again is there for all");
}
