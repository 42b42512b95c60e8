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

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let home = Home::new();
    let shell = |ignored: &str| {
        let mut command = std::process::Command::new("sh");
        let program = env!("CARGO_BIN_EXE_longshore");
        let script = format!("trap '' {ignored}; exec {program} serve --listen 127.0.0.1:0");
        command.args(["-c", &script]).current_dir(home.path());
        let mut server = Home::start_as(command);
        server.line();
        server
    };
    for (name, ignored) in [("HUP", Signal::HUP), ("INT", Signal::INT)] {
        let server = shell(name);
        server.signal(ignored);
        server.signal(ignored);
        server.signal(Signal::TERM); // the first signal that counts, so the end is clean
        let (status, log) = server.ended();
        assert_eq!(status.code(), Some(0), "{name}: {log}");
        assert_eq!(log.matches("shutdown requested").count(), 1, "{name}: {log}");
    }
}

#[test]
fn a_second_signal_ends_a_server_at_once() {
    let home = Home::new();
    let (server, url) = home.serve(&["serve"]);
    // A request whose body does not arrive is open for the whole grace period.
    let mut slow = std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let head = "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    std::io::Write::write_all(&mut slow, head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut slow, &mut answer).unwrap(); // the server asks for the body, so the request is open
    assert_eq!(&answer, b"HTTP/1.1 100");
    server.signal(Signal::TERM);
    server.signal(Signal::INT);
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(10), "{log}");
    assert!(log.contains("a second signal ends them at once") && log.contains("open requests are cut off"), "{log}");
}

#[test]
fn the_log_says_how_many_jobs_run_and_how_long_they_have() {
    let home = Home::new();
    let (worker, _) = busy(&home, "10s", &["--grace", "1h"]);
    worker.signal(Signal::INT);
    worker.signal(Signal::TERM);
    let (status, log) = worker.ended();
    assert_eq!(status.code(), Some(10), "{log}");
    assert!(log.contains("1 job is running, with 1h to finish; a second signal cuts this short"), "{log}");
    assert!(log.contains("second signal: 1 job is running and will be stopped"), "{log}");
}
