//! Shutdown: the effect of each signal on a worker process and its jobs.

use rustix::process::Signal;

use crate::program::{Home, eventually};

/// Starts a worker and a job that takes twenty-one times the pace.
fn busy(home: &Home, pace: &str, args: &[&str]) -> (crate::program::Running, String) {
    let id = home.ok(&["enqueue", "image", r#"{"text":"slow"}"#]).trim().to_owned();
    let mut all = vec!["work", "--pace", pace];
    all.extend(args);
    let worker = home.start(&all);
    eventually("the job runs", || (state(home, &id) == "running").then_some(()));
    (worker, id)
}

fn state(home: &Home, id: &str) -> String {
    home.json(&["status", id, "--json"])["state"].as_str().unwrap().to_owned()
}

#[test]
fn each_of_five_signals_lets_the_running_job_finish() {
    let home = Home::new();
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP, Signal::USR1] {
        let (worker, id) = busy(&home, "100ms", &[]);
        worker.signal(signal);
        let (status, log) = worker.ended();
        assert_eq!(status.code(), Some(0), "{signal:?}: {log}");
        assert_eq!(state(&home, &id), "succeeded", "{signal:?}");
    }
}

#[test]
fn after_the_grace_period_a_job_is_released_and_keeps_its_attempts() {
    let home = Home::new();
    let (worker, id) = busy(&home, "100ms", &["--grace", "0s"]);
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().0.code(), Some(10));
    let job = home.json(&["status", &id, "--json"]);
    assert_eq!((&job["state"], &job["attempt"], &job["interruptions"]), (&"ready".into(), &0.into(), &1.into()));
}

#[test]
fn a_second_signal_ends_the_grace_period() {
    let home = Home::new();
    let (worker, id) = busy(&home, "10s", &["--grace", "1h"]);
    worker.signal(Signal::TERM);
    worker.signal(Signal::INT);
    assert_eq!(worker.ended().0.code(), Some(10));
    assert_eq!(state(&home, &id), "ready");
}

#[test]
fn a_quiet_worker_claims_nothing_until_it_is_resumed() {
    let home = Home::new();
    let (worker, id) = busy(&home, "100ms", &["--concurrency", "2"]);
    worker.signal(Signal::TSTP);
    worker.signal(Signal::USR2);
    let next = home.ok(&["enqueue", "image", r#"{"text":"next"}"#]).trim().to_owned();
    eventually("the running job finishes", || (state(&home, &id) == "succeeded").then_some(()));
    assert_eq!(state(&home, &next), "ready");
    worker.signal(Signal::CONT);
    eventually("the next job finishes", || (state(&home, &next) == "succeeded").then_some(()));
    worker.signal(Signal::TERM);
    let (_, log) = worker.ended();
    assert!(log.contains("worker report"), "{log}");
}

#[test]
fn a_server_shuts_down_immediately() {
    let home = Home::new();
    let (server, _) = home.serve(&["serve"]);
    server.signal(Signal::TERM);
    assert_eq!(server.ended().0.code(), Some(0));
}

#[test]
fn one_signal_ends_server_and_worker_together() {
    let home = Home::new();
    let (up, url) = home.serve(&["up", "--pace", "50ms"]);
    let id = home.ok(&["enqueue", "image", r#"{"text":"slow"}"#, "--server", &url]).trim().to_owned();
    eventually("the job runs", || (state(&home, &id) == "running").then_some(()));
    up.signal(Signal::INT);
    assert_eq!(up.ended().0.code(), Some(0));
    assert_eq!(state(&home, &id), "succeeded");
}
