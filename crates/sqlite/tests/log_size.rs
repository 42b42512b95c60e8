//! The log stays small although somebody always reads.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use longshore_core::{Jobs, NewJob, Payload};
use longshore_sqlite::{Options, Sqlite, Testing};
use rusqlite::Connection;

const MIB: u64 = 1 << 20;

/// Reads until `stop`. Each read ends after the next one of the other thread has begun.
fn read(path: &Path, stop: &AtomicBool, is_first: bool, begun: &mpsc::Sender<()>, others: &mpsc::Receiver<()>) {
    let connection = Connection::open(path).unwrap();
    if !is_first {
        let _ = others.recv();
    }
    while !stop.load(Ordering::Relaxed) {
        connection.execute_batch("BEGIN").unwrap();
        let _: i64 = connection.query_row("SELECT count(*) FROM queue", [], |row| row.get(0)).unwrap();
        let _ = begun.send(());
        let _ = others.recv(); // an error means that the other one has ended
        connection.execute_batch("COMMIT").unwrap();
    }
}

#[test]
fn log_stays_bounded_under_overlapping_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let testing = Testing { largest_log: Some(8 * MIB), ..Testing::default() };
    let store = Sqlite::open(&path, Options::default().testing(testing)).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (one, from_one) = mpsc::channel();
    let (other, from_other) = mpsc::channel();
    let readers = [(true, one, from_other), (false, other, from_one)].map(|(is_first, begun, others)| {
        let (path, stop) = (path.clone(), Arc::clone(&stop));
        thread::spawn(move || read(&path, &stop, is_first, &begun, &others))
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut largest = 0;
    for _ in 0..100 {
        let payload = Payload::parse(&format!("\"{}\"", "x".repeat(100_000))).unwrap();
        let new = || NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), payload.clone());
        let jobs = (0..10).map(|_| new()).collect();
        assert!(runtime.block_on(store.push(jobs)).iter().all(Result::is_ok));
        largest = largest.max(std::fs::metadata(folder.path().join("jobs.db-wal")).unwrap().len());
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(largest < 60 * MIB, "the log had {} MiB after pushes of 100 MB", largest / MIB);
}

/// A read of minutes, such as a backup, keeps the log. Writers are not held up by it each time.
#[test]
fn long_read_delays_few_commits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let testing = Testing { largest_log: Some(64 * 1024), ..Testing::default() };
    let store = Sqlite::open(&path, Options::default().testing(testing)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let push = || {
        let payload = Payload::parse(&format!("\"{}\"", "x".repeat(100_000))).unwrap();
        let new = NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), payload);
        assert!(runtime.block_on(store.push(vec![new]))[0].is_ok());
    };
    push();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM job", [], |row| row.get(0)).unwrap();
    let began = std::time::Instant::now();
    (0..100).for_each(|_| push());
    assert!(began.elapsed().as_secs() < 20, "100 pushes took {:?}", began.elapsed());
    reader.execute_batch("COMMIT").unwrap();
}
