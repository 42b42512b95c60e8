//! Every command, on each store and over a server.

use serde_json::Value;

use crate::program::Home;
use crate::stores::on_every_store;

on_every_store! {
    a_job_goes_from_enqueue_to_its_result,
    the_tools_print_the_same_over_a_server,
    waiting_over_a_server_writes_the_image,
    workers_of_other_processes_start_no_job_of_a_paused_queue,
    a_pause_over_a_server_ends_by_itself,
    a_dead_job_shows_its_reason_and_can_be_retried,
    each_error_has_its_exit_code,
}

fn a_job_goes_from_enqueue_to_its_result(home: Home) {
    let id = home.ok(&["enqueue", "image", r#"{"text":"hi"}"#, "--tag", "red", "--alias", "mine"]);
    let id = id.trim();
    assert_eq!(home.json(&["status", id, "--json"])["state"], "ready");

    let _worker = home.start(&["work", "--pace", "0s"]);
    home.ok(&["wait", "mine", "--out", "hi.gif", "--timeout", "60s"]);

    assert!(std::fs::read(home.path().join("hi.gif")).unwrap().starts_with(b"GIF89a"));
    let job = home.json(&["status", "mine", "--json"]);
    assert_eq!((&job["id"], &job["state"], &job["status"]), (&id.into(), &"succeeded".into(), &"complete".into()));
    assert_eq!(job["result"]["content_type"], "image/gif");
    let jobs = home.json(&["jobs", "--tag", "red", "--json"]);
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
    let queues = home.json(&["queues", "--json"]);
    assert_eq!(queues["queues"][0]["counts"]["succeeded"], 1);
}

fn the_tools_print_the_same_over_a_server(home: Home) {
    let (_server, url) = home.serve(&["serve"]);
    let on = |args: &[&'static str]| -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).chain(["--server".into(), url.clone(), "--json".into()]).collect()
    };
    let json = |args: &[&'static str]| -> Value {
        let args = on(args);
        home.json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };

    let pushed =
        json(&["enqueue", "image", r#"{"text":"hi"}"#, "--alias", "mine", "--delay", "1h", "--priority", "-5"]);
    assert_eq!(pushed["state"], "scheduled");
    let mut remote = json(&["status", "mine"]);
    let mut local = home.json(&["status", "mine", "--json"]);
    assert_eq!(remote, local);
    assert_eq!(remote["priority"], -5);
    remote = json(&["jobs", "--state", "scheduled"]);
    local = home.json(&["jobs", "--state", "scheduled", "--json"]);
    assert_eq!(remote, local);
    for queue in ["c", "a", "b"] {
        home.ok(&["enqueue", "image", r#"{"text":"hi"}"#, "--queue", queue, "--delay", "1h"]);
    }
    assert_eq!(json(&["queues"]), home.json(&["queues", "--json"]));
    let page = json(&["queues", "--limit", "2"]);
    assert_eq!((&page["queues"][1]["queue"], &page["next"]), (&"b".into(), &"b".into()));
    let rest = json(&["queues", "--after", "b"]);
    assert_eq!((&rest["queues"][0]["queue"], &rest["next"]), (&"c".into(), &Value::Null));
    assert!(home.ok(&["queues", "--limit", "1"]).contains("more queues: --after a"));

    assert_eq!(json(&["retry", "mine"])["state"], "ready");
    assert_eq!(json(&["cancel", "mine"])["state"], "cancelled");
    let args = on(&["cancel", "mine"]);
    let complaint = home.fails(1, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(complaint.contains("cancelled"), "{complaint}");
}

fn waiting_over_a_server_writes_the_image(home: Home) {
    let (_up, url) = home.serve(&["up"]);
    let id = home.ok(&["enqueue", "image", r#"{"text":"over_there"}"#, "--server", &url]);
    home.ok(&["wait", id.trim(), "--server", &url, "--out", "over.gif"]);
    assert!(std::fs::read(home.path().join("over.gif")).unwrap().starts_with(b"GIF89a"));
    let names = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("over.gif")).collect::<Vec<_>>(), ["over.gif"]);
}

fn workers_of_other_processes_start_no_job_of_a_paused_queue(home: Home) {
    home.create_store();
    let _worker = home.start(&["work", "--pace", "0s", "--queue", "default", "--queue", "other"]);
    assert_eq!(
        home.ok(&["pause", "default", "--by", "ada", "--reason", "the printer is on fire"]),
        "queue default is paused until it is resumed, by ada: the printer is on fire\n"
    );
    let waits = home.ok(&["enqueue", "image", r#"{"text":"waits"}"#]);
    let other = home.ok(&["enqueue", "image", r#"{"text":"other"}"#, "--queue", "other"]);
    home.ok(&["wait", other.trim(), "--out", "other.gif", "--timeout", "60s"]);
    assert_eq!(
        home.json(&["status", waits.trim(), "--json"])["state"],
        "ready",
        "the worker had time to claim it, but did not"
    );
    assert!(home.ok(&["queues"]).contains("by ada: the printer is on fire"));

    assert_eq!(home.ok(&["resume", "default"]), "queue default is not paused\n");
    home.ok(&["wait", waits.trim(), "--out", "waits.gif", "--timeout", "60s"]);
    assert_eq!(home.json(&["queues", "--json"])["queues"][0]["paused"], Value::Null);
}

fn a_pause_over_a_server_ends_by_itself(home: Home) {
    let (_up, url) = home.serve(&["up"]);
    let queue = home.json(&["pause", "default", "--for", "1s", "--server", &url, "--json"]);
    let until = queue["paused"]["until"].as_str().unwrap().to_owned();
    let id = home.ok(&["enqueue", "image", r#"{"text":"later"}"#, "--server", &url]);
    home.ok(&["wait", id.trim(), "--server", &url, "--out", "later.gif", "--timeout", "60s"]);
    let job = home.json(&["status", id.trim(), "--server", &url, "--json"]);
    assert!(job["started_at"].as_str().unwrap() >= until.as_str(), "{job}");
    assert_eq!(home.json(&["resume", "default", "--server", &url, "--json"])["paused"], Value::Null);
    assert!(home.fails(2, &["pause", "a b"]).contains("queue"));
    assert!(home.fails(2, &["pause", "q", "--until", "soon"]).contains("until"));
    assert!(home.fails(2, &["pause", "q", "--until", "soon", "--server", &url]).contains("until"));
}

fn a_dead_job_shows_its_reason_and_can_be_retried(home: Home) {
    let worker = home.start(&["work", "--pace", "0s"]);
    let id = home.ok(&["enqueue", "image", r#"{"text":""}"#]);
    let complaint = home.fails(1, &["wait", id.trim()]);
    assert!(complaint.contains("is dead"), "{complaint}");
    let status = home.ok(&["status", id.trim()]);
    assert!(status.contains("dead because  fatal"), "{status}");
    worker.kill(); // so that it does not run the job again before the check
    assert!(home.ok(&["retry", id.trim()]).contains("is ready"));
}

fn each_error_has_its_exit_code(home: Home) {
    let id = home.ok(&["enqueue", "image", "{}", "--delay", "1h"]);
    assert!(home.fails(1, &["status", "0199c0de-0000-8000-8000-000000000000"]).contains("not found"));
    assert!(home.fails(1, &["status", "some-alias"]).contains("job `some-alias` not found"));
    assert!(home.fails(2, &["enqueue", "image", "{"]).contains("no JSON"));
    assert!(home.fails(2, &["enqueue", "a b", "{}"]).contains("kind"));
    assert!(home.fails(2, &["enqueue", "image", "{}", "--priority", "500"]).contains("priority"));
    assert!(home.fails(2, &["frobnicate"]).contains("frobnicate"));
    assert!(home.fails(69, &["queues", "--server", "http://127.0.0.1:1"]).contains("cannot reach server"));
    assert!(home.fails(3, &["wait", id.trim(), "--timeout", "50ms"]).contains("not finished"));
}

#[test]
fn every_command_has_help_with_examples_and_exit_codes() {
    let home = Home::new();
    let all = home.ok(&["--help"]);
    assert!(all.contains("69  the store or the server is unreachable") && all.contains(" 4  `check` found a problem"));
    let commands = [
        "demo",
        "init",
        "up",
        "serve",
        "work",
        "enqueue",
        "status",
        "wait",
        "jobs",
        "cancel",
        "retry",
        "queues",
        "workers",
        "log",
        "pause",
        "resume",
        "check",
        "completions",
        "man",
        "version",
    ];
    for command in commands {
        assert!(all.contains(&format!("\n  {command} ")), "{command} is missing:\n{all}");
        let help = home.ok(&[command, "--help"]);
        assert!(help.contains(&format!("Examples:\n  longshore {command}")) || help.contains("Examples:"), "{help}");
    }
}
