//! A producer's process is killed at any moment: a kill loses nothing, whatever the setting of `synchronous`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use longshore_conformance::seeds::seeds;
use longshore_core::Jobs;
use longshore_sqlite::{Options, Sqlite, Synchronous};

use crate::job;
use crate::ledger::inspect_file;

/// The variable that names the child's database and setting.
const DATABASE: &str = "LONGSHORE_TEST_DATABASE";
const LEVEL: &str = "LONGSHORE_TEST_SYNCHRONOUS";

/// Not a test by itself: the work of the killed process.
#[tokio::test]
async fn child() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let normal = std::env::var(LEVEL).is_ok_and(|level| level == "normal");
    let level = if normal { Synchronous::Normal } else { Synchronous::Full };
    let store = Sqlite::open(database, Options::default().synchronous(level)).unwrap();
    loop {
        let jobs: Vec<_> = (0..fastrand::usize(1..=3)).map(|_| job(fastrand::usize(..5_000))).collect();
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        assert!(store.push(jobs).await.iter().all(Result::is_ok));
        ids.iter().for_each(|id| println!("acknowledged {id}"));
    }
}

/// Starts a producer, and kills it after that many acknowledged jobs. Returns all acknowledged jobs.
fn killed_after(acknowledged: usize, database: &Path, level: &str) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture"])
        .env(DATABASE, database)
        .env(LEVEL, level)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let mut ids = Vec::new();
    for line in lines {
        // The last line may be incomplete because of the kill, and is then ignored.
        ids.extend(line.strip_prefix("acknowledged ").filter(|id| id.len() == 36).map(str::to_owned));
        if ids.len() == acknowledged {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    ids
}

fn kills(level: &str) {
    let mut acknowledged = 0;
    for seed in seeds(10) {
        let mut dice = fastrand::Rng::with_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("jobs.db");
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.extend(killed_after(dice.usize(1..300), &database, level));
        }
        let found = inspect_file(&database).unwrap();
        let lost: Vec<_> = ids.iter().filter(|id| !found.contains_key(&id.parse().unwrap())).collect();
        assert!(lost.is_empty(), "LONGSHORE_SEED={seed}: lost {lost:?} of {}", ids.len());
        acknowledged += ids.len();
    }
    println!("{level}: {acknowledged} acknowledged jobs of 30 killed processes are all there");
}

#[test]
fn full_keeps_every_acknowledged_push() {
    kills("full");
}

#[test]
fn normal_keeps_every_acknowledged_push() {
    kills("normal");
}
