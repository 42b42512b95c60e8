//! Opening a database that others open at the same moment.

use std::sync::Barrier;

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
