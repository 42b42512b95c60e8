//! The last process that ends leaves all jobs in the one file of the database, and no command deletes a log with jobs.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::program::{Home, Running, eventually, post};

fn file(home: &Home, name: &str) -> PathBuf {
    home.path().join(name)
}

fn push(home: &Home) -> String {
    home.ok(&["enqueue", "image", r#"{"text":"hi"}"#]).trim().to_owned()
}

/// Asserts that the file alone contains this number of jobs.
fn assert_whole(home: &Home, jobs: usize) {
    assert!(!file(home, "longshore.db-wal").exists());
    let copy = Home::new();
    std::fs::copy(file(home, "longshore.db"), file(&copy, "longshore.db")).unwrap();
    assert_eq!(copy.json(&["jobs", "--json"])["jobs"].as_array().unwrap().len(), jobs);
}

fn ends_well(running: Running, signal: Signal) {
    running.signal(signal);
    let (status, log) = running.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("not closed"), "{log}");
}

#[test]
fn store_file_is_whole_after_a_clean_stop() {
    for signal in [Signal::TERM, Signal::INT] {
        for args in [&["serve"][..], &["up", "--pace", "0s"]] {
            let home = Home::new();
            let (running, url) = home.serve(args);
            for _ in 0..3 {
                let body = r#"{"kind":"image","payload":{"text":"hi"}}"#;
                assert_eq!(post(&format!("{url}/v1/jobs"), "application/json", body).unwrap().0, 202);
            }
            ends_well(running, signal);
            assert_whole(&home, 3);
        }
    }
}

#[test]
fn store_file_is_whole_after_a_server_and_workers_end_at_the_same_moment() {
    let home = Home::new();
    let (server, _) = home.serve(&["serve"]);
    let workers = [(); 2].map(|()| home.start(&["work", "--pace", "0s"]));
    let ids = [(); 3].map(|()| push(&home));
    for id in &ids {
        home.ok(&["wait", id, "--out", "out.gif"]);
    }
    let all: Vec<_> = workers.into_iter().chain([server]).collect();
    all.iter().for_each(|running| running.signal(Signal::TERM));
    for running in all {
        let (status, log) = running.ended();
        assert_eq!(status.code(), Some(0), "{log}");
    }
    let copy = Home::new();
    std::fs::copy(file(&home, "longshore.db"), file(&copy, "longshore.db")).unwrap();
    for id in &ids {
        assert_eq!(copy.json(&["status", id, "--json"])["state"], "succeeded");
    }
}

#[test]
fn store_file_is_whole_after_a_tool() {
    let home = Home::new();
    let id = push(&home);
    assert_whole(&home, 1);
    home.ok(&["cancel", &id]);
    home.fails(1, &["wait", &id]);
    home.fails(1, &["status", "nobody"]);
    assert_whole(&home, 1);
}

#[test]
fn tool_that_is_interrupted_leaves_a_whole_file() {
    let home = Home::new();
    let id = push(&home);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let waiting = home.start(&["wait", &id]);
        eventually("it opens the store", || file(&home, "longshore.db-wal").exists().then_some(()));
        waiting.signal(signal);
        let (status, log) = waiting.ended();
        assert_eq!(status.code(), Some(code), "{log}");
        assert_whole(&home, 1);
    }
}

/// A shell without job control ignores INT for commands in the background, and `nohup` ignores HUP.
#[test]
fn signal_that_was_ignored_at_the_start_of_a_tool_stays_ignored() {
    let home = Home::new();
    let id = push(&home);
    let waiting = home.start_by(&["env", "--ignore-signal=INT,HUP"], &["wait", &id]);
    eventually("it opens the store", || file(&home, "longshore.db-wal").exists().then_some(()));
    waiting.signal(Signal::INT);
    waiting.signal(Signal::HUP);
    waiting.signal(Signal::TERM);
    assert_eq!(waiting.ended().0.code(), Some(143), "the first two changed nothing");
}

#[test]
fn command_that_finds_the_file_gone_deletes_no_job() {
    let home = Home::new();
    let (server, url) = home.serve(&["serve"]);
    let body = r#"{"kind":"image","payload":{"text":"hi"}}"#;
    assert_eq!(post(&format!("{url}/v1/jobs"), "application/json", body).unwrap().0, 202);
    std::fs::rename(file(&home, "longshore.db"), file(&home, "away.db")).unwrap();
    for command in [&["jobs"][..], &["enqueue", "image", "{}"], &["check", "--listen", "127.0.0.1:0"]] {
        let output = home.run(command);
        assert!(!output.status.success(), "{command:?}");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            complaint.contains("longshore.db` is missing") && complaint.contains("longshore.db-wal`"),
            "{complaint}"
        );
    }
    std::fs::rename(file(&home, "away.db"), file(&home, "longshore.db")).unwrap();
    assert_eq!(home.json(&["jobs", "--json"])["jobs"].as_array().unwrap().len(), 1);
    ends_well(server, Signal::TERM);
    assert_whole(&home, 1);
}
