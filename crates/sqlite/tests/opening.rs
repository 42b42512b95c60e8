//! Opening a database that others open at the same moment.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use longshore_core::{ErrorKind, JobId, Jobs, NewJob, Payload};
use longshore_sqlite::{Options, Sqlite, Testing};

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

/// A folder with a database as a killed process leaves it: all jobs are in the log.
async fn killed() -> (tempfile::TempDir, JobId) {
    let (live, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Sqlite::open(live.path().join("jobs.db"), Options::default()).unwrap();
    let new = job();
    let id = new.id;
    assert!(store.push(vec![new]).await[0].is_ok());
    for name in ["jobs.db", "jobs.db-wal"] {
        std::fs::copy(live.path().join(name), left.path().join(name)).unwrap();
    }
    (left, id)
}

async fn has(path: &Path, id: JobId) -> bool {
    let store = Sqlite::open(path, Options::default()).unwrap();
    store.get(vec![id]).await.unwrap().remove(0).is_some()
}

/// Asserts that opening is refused, that the message names these files, and that the log is kept.
fn assert_refused(path: &Path, log: &Path, named: &[&Path]) {
    let before = std::fs::read(log).unwrap();
    let error = Sqlite::open(path, Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    for file in named {
        assert!(error.to_string().contains(&format!("`{}`", file.display())), "{error}");
    }
    assert_eq!(std::fs::read(log).unwrap(), before);
}

#[tokio::test]
async fn missing_file_whose_log_has_jobs_is_refused_until_it_is_put_back() {
    let (folder, id) = killed().await;
    let file = |name: &str| folder.path().join(name);
    std::fs::rename(file("jobs.db"), file("away.db")).unwrap();
    assert_refused(&file("jobs.db"), &file("jobs.db-wal"), &[&file("jobs.db"), &file("jobs.db-wal")]);
    assert!(!file("jobs.db").exists(), "no new file is made");
    std::fs::rename(file("away.db"), file("jobs.db")).unwrap();
    assert!(has(&file("jobs.db"), id).await);
}

#[tokio::test]
async fn empty_file_beside_a_log_with_jobs_is_refused() {
    let (folder, _) = killed().await;
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("jobs.db"), "").unwrap();
    assert_refused(&file("jobs.db"), &file("jobs.db-wal"), &[&file("jobs.db"), &file("jobs.db-wal")]);
}

#[tokio::test]
async fn link_to_a_missing_file_whose_log_has_jobs_is_refused() {
    let (folder, _) = killed().await;
    let file = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("jobs.db", file("link.db")).unwrap();
    std::fs::remove_file(file("jobs.db")).unwrap();
    assert_refused(&file("link.db"), &file("jobs.db-wal"), &[&file("jobs.db"), &file("jobs.db-wal")]);
}

#[tokio::test]
async fn file_that_was_replaced_by_a_link_and_left_its_log_behind_is_refused() {
    let (folder, id) = killed().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("jobs.db"), elsewhere.path().join("jobs.db"));
    let (log, moved_log) = (folder.path().join("jobs.db-wal"), elsewhere.path().join("jobs.db-wal"));
    std::fs::copy(&file, &moved).unwrap();
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&moved, &file).unwrap();
    assert_refused(&file, &log, &[&file, &log, &moved_log]);
    std::fs::copy(&log, &moved_log).unwrap();
    std::fs::remove_file(&log).unwrap();
    assert!(has(&file, id).await);
}

#[test]
fn link_into_a_folder_that_does_not_exist_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink("missing/jobs.db", &link).unwrap();
    let error = Sqlite::open(&link, Options::default()).unwrap_err();
    assert!(error.to_string().contains("missing/jobs.db`, whose folder does not exist"), "{error}");
}

/// Containers share the kernel, but one of them may have a boot id of its own.
#[tokio::test]
async fn process_with_another_boot_id_is_refused_while_others_use_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let open = |boot| {
        let testing = Testing { boot: Some(boot), ..Testing::default() };
        Sqlite::open(&path, Options::default().testing(testing))
    };
    let first = open(1).unwrap();
    let neighbour = open(1).unwrap();
    let error = open(2).unwrap_err();
    assert!(error.to_string().contains("under another boot id"), "{error}");
    drop(first);
    assert!(open(2).is_err(), "the neighbour still uses it");
    drop(neighbour);
    let _after_a_reboot = open(2).unwrap();
    assert!(open(1).is_err());
}

/// The variable that names the database of a process without inotify.
const WITHOUT_INOTIFY: &str = "LONGSHORE_TEST_WITHOUT_INOTIFY";

/// Not a test by itself: a process that may create no inotify instance.
#[tokio::test]
async fn child_without_inotify() {
    let Ok(path) = std::env::var(WITHOUT_INOTIFY) else { return };
    let store = Sqlite::open(&path, Options::default()).unwrap();
    assert!(store.push(vec![job()]).await[0].is_ok());
}

#[test]
#[cfg(target_os = "linux")]
fn store_opens_without_inotify() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    // A user namespace has its own limit.
    let none = |then: &str| {
        let script = format!("echo 0 > /proc/sys/user/max_inotify_instances && {then}");
        Command::new("unshare")
            .args(["--user", "--map-root-user", "sh", "-c", &script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .env(WITHOUT_INOTIFY, &path)
            .output()
    };
    if !none("true").is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: this system does not permit user namespaces");
        return;
    }
    let out = none("exec \"$1\" child_without_inotify --exact --nocapture").unwrap();
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(path.exists(), "the child has opened it");
}
