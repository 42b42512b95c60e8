//! SIGKILL during a job loses nothing, and no job is settled twice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Home, Running, eventually, get, post};
use crate::stores::on_every_store;

on_every_store! {
    a_killed_workers_job_runs_again_and_costs_no_attempt,
    two_workers_and_a_server_survive_the_kill_of_any_of_them_under_load,
}

const LEASE: [&str; 2] = ["--lease", "1s"];

fn worker(home: &Home) -> Running {
    home.start(&["work", "--concurrency", "4", "--pace", "5ms", LEASE[0], LEASE[1]])
}

fn a_killed_workers_job_runs_again_and_costs_no_attempt(home: Home) {
    let id = home.ok(&["enqueue", "image", r#"{"text":"again"}"#]).trim().to_owned();
    let status = || home.json(&["status", &id, "--json"]);
    let doomed = home.start(&["work", "--pace", "10s", LEASE[0], LEASE[1]]);
    eventually("the job runs", || (status()["state"] == "running").then_some(()));
    doomed.kill();

    let _heir = worker(&home);

    let job = eventually("the job succeeds", || Some(status()).filter(|job| job["state"] == "succeeded"));
    assert_eq!((&job["attempt"], &job["crashes"]), (&1.into(), &1.into()));
    assert_eq!(job["failures"].as_array().unwrap().len(), 1);
}

fn two_workers_and_a_server_survive_the_kill_of_any_of_them_under_load(home: Home) {
    let (server, url) = home.serve(&["serve"]);
    let url = Arc::new(Mutex::new(url));
    let mut server = Some(server);
    let mut workers = vec![worker(&home), worker(&home)];
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let producers: Vec<_> = (0..3)
        .map(|producer| {
            let (url, acknowledged, stop) = (Arc::clone(&url), Arc::clone(&acknowledged), Arc::clone(&stop));
            thread::spawn(move || push_until(&stop, producer, &url, &acknowledged))
        })
        .collect();
    let count = || acknowledged.lock().unwrap().len();

    // Each kill happens while new jobs are running. No job can be interrupted by three kills of workers, because that would
    // bury it.
    let mut seen_final: HashMap<String, Value> = HashMap::new();
    for round in 0..4 {
        let before = count();
        eventually("more jobs are acknowledged", || (count() >= before + 40).then_some(()));
        if round % 2 == 0 {
            workers.remove(0).kill();
            workers.push(worker(&home));
        } else {
            server.take().expect("it runs").kill();
            let (again, at) = home.serve(&["serve"]);
            *url.lock().unwrap() = at;
            server = Some(again);
        }
        note_finals(&url.lock().unwrap(), &mut seen_final);
    }
    stop.store(true, Ordering::Relaxed);
    producers.into_iter().for_each(|producer| producer.join().expect("producers do not panic"));

    let url = url.lock().unwrap().clone();
    let acknowledged = acknowledged.lock().unwrap().clone();
    let job = |id: &str| get(&format!("{url}/v1/jobs/{id}")).1;
    let mut jobs = HashMap::new();
    for id in &acknowledged {
        let job = eventually("every acknowledged job succeeds", || {
            let job = job(id);
            assert_ne!(job["state"], "dead", "{job}");
            Some(job).filter(|job| job["state"] == "succeeded")
        });
        jobs.insert(id.clone(), job);
    }
    assert!(acknowledged.len() >= 160);
    // A finished job does not change: it is not settled again.
    for (id, job) in seen_final {
        let now = jobs.get(&id).cloned().unwrap_or_else(|| get(&format!("{url}/v1/jobs/{id}")).1);
        assert_eq!((&now["version"], &now["finished_at"]), (&job["version"], &job["finished_at"]), "job {id} changed");
    }
    let integrity: String = rusqlite::Connection::open(home.path().join("longshore.db"))
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok");
}

/// Pushes jobs and records those that were acknowledged. It retries if the server is unreachable for a moment.
fn push_until(stop: &AtomicBool, producer: usize, url: &Mutex<String>, acknowledged: &Mutex<Vec<String>>) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let url = url.lock().unwrap().clone();
        let body = format!(r#"{{"kind":"image","payload":{{"text":"{producer}-{number}"}}}}"#);
        if let Ok((202, pushed)) = post(&format!("{url}/v1/jobs"), "application/json", &body) {
            acknowledged.lock().unwrap().push(pushed["id"].as_str().expect("an id").to_owned());
        }
        thread::park_timeout(std::time::Duration::from_millis(15)); // a steady load, not a flood
    }
}

/// Records jobs that are finished now, to compare them at the end.
fn note_finals(url: &str, seen: &mut HashMap<String, Value>) {
    let (_, page) = get(&format!("{url}/v1/jobs?state=succeeded&limit=200"));
    for job in page["jobs"].as_array().into_iter().flatten() {
        seen.insert(job["id"].as_str().expect("an id").to_owned(), job.clone());
    }
}

#[test]
fn a_server_without_its_database_file_is_not_ready_and_accepts_no_job() {
    let home = Home::new();
    let (server, url) = home.serve(&["up"]);
    let ready = || get(&format!("{url}/readyz"));
    let push = || post(&format!("{url}/v1/jobs"), "application/json", r#"{"kind":"image","payload":{"text":"hi"}}"#);
    assert_eq!((ready().0, push().unwrap().0), (200, 202));
    let (file, away) = (home.path().join("longshore.db"), home.path().join("away.db"));
    std::fs::rename(&file, &away).unwrap();
    for answer in [ready(), push().unwrap()] {
        assert_eq!((answer.0, &answer.1["code"]), (503, &"unavailable".into()), "{}", answer.1);
    }
    assert_eq!(get(&format!("{url}/healthz")).0, 200, "a restart would not help");
    std::fs::rename(&away, &file).unwrap();
    assert_eq!((ready().0, push().unwrap().0), (200, 202));
    server.signal(Signal::TERM);
    let (_, log) = server.ended();
    assert!(log.contains("longshore.db` was deleted or moved") && log.contains("put the same file back"), "{log}");
}
