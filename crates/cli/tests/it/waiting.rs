//! What a job waits for, and waiting for a job, a store and a server.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use longshore_testbed::{Proxy, Redis};

use crate::program::{Home, eventually, text};
use crate::stores::on_every_store;

on_every_store! { status_says_what_a_job_waits_for }

fn status_says_what_a_job_waits_for(home: Home) {
    home.create_store();
    let (_server, url) = home.serve(&["serve"]);
    let push = |args: &[&str]| home.ok(&[&["enqueue", "image", r#"{"text":"slow"}"#], args].concat()).trim().to_owned();
    let says = |id: &str, what: &str| {
        for server in [&[][..], &["--server", &url]] {
            let status = home.ok(&[&["status", id], server].concat());
            assert!(status.contains(what), "{what:?} is missing:\n{status}");
            let json = home.json(&[&["status", id, "--json"], server].concat());
            assert!(json["waits_for"].to_string().contains(what), "{what:?} is missing: {json}");
        }
    };
    let ready = push(&[]);
    says(&ready, "no worker is alive");
    let told = home.fails(3, &["wait", &ready, "--timeout", "50ms"]);
    assert!(told.contains("it waits: no worker is alive"), "{told}");
    says(&push(&["--delay", "1h"]), "until 20");
    home.ok(&["pause", "default", "--reason", "the printer is on fire"]);
    says(&ready, "queue `default` is paused until it is resumed");
    says(&ready, "the printer is on fire");
    home.ok(&["resume", "default"]);

    let worker = home.start(&["work", "--pace", "20s", "--concurrency", "1"]);
    eventually("the job runs", || (home.json(&["status", &ready, "--json"])["state"] == "running").then_some(()));
    says(&push(&["--queue", "other"]), "no live worker claims jobs from queue `other`");
    let unknown = home.ok(&["enqueue", "frobnicate", "{}"]);
    says(unknown.trim(), "no live worker has a handler for kind `frobnicate`");
    let running = home.json(&["status", &ready, "--json"]);
    assert_eq!(running["waits_for"], serde_json::json!([]), "its worker is alive");
    assert!(home.ok(&["status", &ready]).contains(running["worker"].as_str().unwrap()));
    drop(worker);
}

#[test]
fn waiting_says_what_the_job_waits_for() {
    let home = Home::new();
    let id = home.ok(&["enqueue", "frobnicate", "{}", "--queue", "other"]);
    let output = home.run(&["wait", id.trim(), "--timeout", "5s"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains(&format!("note: job {} waits: no worker is alive", id.trim())));
}

#[test]
fn attempts_of_outages_are_explained() {
    let home = Home::new();
    fs::write(home.path().join("longshore.toml"), "[[kind]]\nname = \"a\"\ncommand = [\"sh\", \"-c\", \"exit 69\"]\n")
        .unwrap();
    home.create_store();
    let _worker = home.start(&["work"]);
    let id = home.ok(&["enqueue", "a", "1"]);
    let status = eventually("an outage is noted", || {
        let status = home.ok(&["status", id.trim()]);
        status.contains("outage").then_some(status)
    });
    assert!(status.contains("0 of 20, besides 1 outage, which use no attempt"), "{status}");
    assert!(status.contains("tried again after an outage"), "{status}");
}

#[test]
fn waiting_survives_a_restart_of_the_server() {
    let home = Home::new();
    let (server, url) = home.serve(&["serve"]);
    let id = home.ok(&["enqueue", "image", r#"{"text":"hi"}"#]).trim().to_owned();
    let mut command = home.command(&["wait", &id, "--server", &url, "--out", "hi.gif", "--timeout", "100s"]);
    let mut waiter = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(waiter.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    // It asks the server for the reason only while it follows the job there.
    assert!(log.any(|line| line.contains("waits: no worker is alive")), "it says what the job waits for");

    server.kill();
    assert!(log.any(|line| line.contains("the server is lost; trying again")), "it notices that the server is gone");
    let mut server = home.start(&["serve", "--listen", url.strip_prefix("http://").unwrap()]);
    server.line();
    let _worker = home.start(&["work", "--pace", "0s"]);

    assert!(waiter.wait().unwrap().success(), "{:?}", log.collect::<Vec<_>>());
    assert!(fs::read(home.path().join("hi.gif")).unwrap().starts_with(b"GIF89a"));
}

#[test]
fn a_server_that_sends_nothing_any_more_is_noticed() {
    let home = Home::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let id = "0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e";
    let job = job_of(&home, id);
    // It answers everything, except that the first stream stays silent. The thread ends with the test's process.
    std::thread::spawn(move || {
        let mut streams = Vec::new();
        loop {
            let (mut stream, path) = accept(&listener);
            if !path.ends_with("/events") {
                answer(&mut stream, "200 OK", &job);
            } else if streams.is_empty() {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: hello\n\n";
                stream.write_all(head.as_bytes()).unwrap();
                streams.push(stream);
            } else {
                let gone = r#"{"type":"","title":"","status":404,"code":"unknown_job","detail":"this job is gone"}"#;
                answer(&mut stream, "404 Not Found", gone);
            }
        }
    });

    let told = home.fails(1, &["wait", id, "--server", &url]);

    assert!(told.contains("has sent nothing for 45 seconds") && told.contains("this job is gone"), "{told}");
}

/// Accepts a connection, reads the head of a request, and returns its path.
fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(|line| line.unwrap());
    let path = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)).unwrap_or_default();
    lines.find(String::is_empty);
    (stream, path)
}

fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
}

/// Returns a waiting job as a server would answer, with this id.
fn job_of(home: &Home, id: &str) -> String {
    let real = home.ok(&["enqueue", "work", "1"]);
    let mut job = home.json(&["status", real.trim(), "--json"]);
    job["id"] = id.into();
    job.to_string()
}

#[test]
fn a_worker_waits_for_a_store_that_is_not_reachable_yet() {
    let redis = Redis::start(&[]);
    let proxy = Proxy::start(redis.addr());
    proxy.down();
    let home = Home::on(format!("redis://{}", proxy.addr()));
    assert!(home.fails(69, &["serve", "--listen", "127.0.0.1:0"]).contains(&proxy.addr().to_string()));

    let mut command = home.command(&["work", "--pace", "0s", "--wait-for-store", "100s"]);
    let mut worker = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(worker.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let waits = log.find(|line| line.contains("the store is not reachable")).expect("it says that it waits");
    assert!(waits.contains("waiting up to 100s for it"), "{waits}");
    proxy.healthy();
    assert!(log.any(|line| line.contains("the store is reachable now")), "it says that the wait is over");

    let id = home.ok(&["enqueue", "image", r#"{"text":"hi"}"#]);
    home.ok(&["wait", id.trim(), "--out", "hi.gif", "--timeout", "60s"]);
    worker.kill().unwrap();
    worker.wait().unwrap();
}
