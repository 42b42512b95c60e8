//! Opening a database that others open at the same moment.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use longshore_core::{Jobs, NewJob, Payload};
use longshore_sqlite::{Options, Sqlite};

#[test]
fn many_may_make_the_same_new_database_at_once() {
    for round in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.db");
        let together = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    let opened = Sqlite::open(&path, Options::default());
                    assert!(opened.is_ok(), "round {round}: {}", opened.unwrap_err());
                });
            }
        });
    }
}

/// Lets Python's SQLite, a program that does not know longshore, change the database and close it properly.
fn python(path: &Path, script: &str) -> String {
    let script = format!("import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=0)\n{script}\ndb.close()");
    let out = Command::new("python3").args(["-c", &script]).arg(path).output().expect("python3 is installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

fn job() -> NewJob {
    NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), Payload::parse("{}").unwrap())
}

/// POSIX releases all locks of a process on a file when the process closes any handle of it.
#[tokio::test]
async fn second_store_in_a_process_keeps_the_locks_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let first = Sqlite::open(&path, Options::default()).unwrap();
    assert!(first.push(vec![job()]).await[0].is_ok());
    let second = Sqlite::open(&path, Options::default()).unwrap();
    python(&path, "db.execute('SELECT count(*) FROM job').fetchall()");
    for store in [&first, &second] {
        let pushed = store.push(vec![job()]).await.remove(0);
        let _ = pushed.expect("a push is accepted while another program comes and goes");
    }
    assert_eq!(python(&path, "print(db.execute('SELECT count(*) FROM job').fetchone()[0])"), "3");
}

#[tokio::test]
async fn store_keeps_the_locks_of_the_applications_own_connection() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    drop(Sqlite::open(&path, Options::default()).unwrap());
    let app = rusqlite::Connection::open(&path).unwrap();
    app.execute_batch("CREATE TABLE orders (item TEXT)").unwrap();
    let store = Sqlite::open(&path, Options::default()).unwrap();
    drop(store);
    python(&path, "db.execute('SELECT count(*) FROM orders').fetchall()");
    app.execute_batch("INSERT INTO orders VALUES ('tea')").unwrap();
    assert_eq!(python(&path, "print(db.execute('SELECT count(*) FROM orders').fetchone()[0])"), "1");
}

#[test]
fn new_database_is_readable_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.db"), folder.path().join("link.db"));
    std::os::unix::fs::symlink("real.db", &link).unwrap();
    for path in [folder.path().join("jobs.db"), link] {
        let _store = Sqlite::open(&path, Options::default()).unwrap();
        let real = path.canonicalize().unwrap();
        for end in ["", "-wal", "-shm"] {
            let file = format!("{}{end}", real.display());
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    }
    assert!(real.exists());
}

#[test]
fn path_that_is_a_folder_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let error = Sqlite::open(folder.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("the path is a folder"), "{error}");
}
