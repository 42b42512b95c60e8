//! What a new user and a packager ask for first: version, manual pages, completions, errors that a program can read.

use serde_json::Value;

use crate::program::{Home, text};

#[test]
fn the_version_names_commit_features_and_target() {
    let home = Home::new();
    let build = home.json(&["version", "--json"]);
    assert_eq!(build["version"], env!("CARGO_PKG_VERSION"));
    let features: Vec<_> = build["features"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(features, ["sqlite", "redis", "postgres", "memory"]);
    let commit = build["commit"].as_str().unwrap();
    assert!(commit == "unknown" || commit.len() >= 12, "{commit}");
    let said = home.ok(&["version"]);
    assert!(said.contains(commit) && said.contains(build["target"].as_str().unwrap()), "{said}");
    assert!(home.ok(&["--version"]).contains(commit));
}

#[test]
fn every_shell_gets_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(&["completions", shell]);
        assert!(script.contains("enqueue") && script.contains("wait-for-store"), "{shell}: {script}");
    }
    assert!(home.fails(2, &["completions", "tcsh"]).contains("tcsh"));
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new();
    let page = home.ok(&["man"]);
    assert!(page.contains(".TH") && page.contains("Exit codes:"), "{page}");
    let page = home.ok(&["man", "enqueue"]);
    assert!(page.contains("longshore") && page.contains("max\\-attempts"), "{page}");
    assert!(home.fails(2, &["man", "frobnicate"]).contains("`frobnicate`"));

    home.ok(&["man", "--dir", "man1"]);
    let names = std::fs::read_dir(home.path().join("man1")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in ["longshore.1", "longshore-enqueue.1", "longshore-check.1"] {
        assert!(names.iter().any(|found| found == name), "{name} is missing: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("sweep")), "{names:?}");
}

#[test]
fn with_json_every_error_is_one_object() {
    let home = Home::new();
    home.ok(&["enqueue", "work", "1", "--alias", "mine", "--delay", "1h"]);
    home.ok(&["init"]);
    let gone = "0199c0de-0000-8000-8000-000000000000";
    for (exit_code, code, args) in [
        (1, "unknown_job", &["status", gone][..]),
        (1, "unknown_job", &["wait", gone]),
        (1, "unknown_job", &["log", gone]),
        (1, "unknown_job", &["cancel", gone]),
        (1, "unknown_job", &["retry", gone]),
        (3, "not_finished", &["wait", "mine", "--timeout", "50ms"]),
        (1, "failed", &["init"]),
        (2, "usage", &["frobnicate"]),
        (2, "usage", &["wait"]),
        (2, "usage", &["enqueue", "work"]),
        (2, "usage", &["man", "frobnicate"]),
        (2, "usage", &["completions", "tcsh"]),
        (2, "usage", &["pause", "default", "--for", "0s"]),
        (2, "invalid", &["pause", "a b"]),
        (2, "invalid", &["resume", "a b"]),
        (2, "invalid_job", &["enqueue", "a b", "1"]),
        (2, "configuration", &["work", "--grace", "300000000000years"]),
        (2, "configuration", &["up", "--listen", "nowhere"]),
        (2, "configuration", &["serve", "--listen", "nowhere"]),
        (2, "configuration", &["demo", "--listen", "nowhere"]),
        (4, "findings", &["check", "--listen", "nowhere"]),
        (69, "no_store", &["jobs", "--store", "sqlite:none.db"]),
        (69, "unreachable", &["queues", "--server", "http://127.0.0.1:1"]),
        (69, "unreachable", &["workers", "--store", "redis://127.0.0.1:1"]),
        (69, "store_refused", &["jobs", "--store", "sqlite:none/none.db"]),
    ] {
        let mut all = args.to_vec();
        all.push("--json");
        let told = home.fails(exit_code, &all);
        let error: Value = serde_json::from_str(&told).unwrap_or_else(|e| panic!("{args:?} ({e}): {told}"));
        assert_eq!((&error["exit_code"], &error["code"]), (&exit_code.into(), &code.into()), "{args:?}: {error}");
        assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{args:?}: {error}");
    }
}

#[test]
fn with_json_an_error_has_the_fields_of_the_http_api() {
    let home = Home::new();
    let id = home.ok(&["enqueue", "work", "1", "--alias", "mine"]);
    let (_server, url) = home.serve(&["serve"]);
    home.ok(&["cancel", "mine"]);
    for server in [&[][..], &["--server", &url]] {
        let error = |args: &[&str]| -> Value {
            let args: Vec<_> = args.iter().chain(server).copied().chain(["--json"]).collect();
            serde_json::from_slice(&home.run(&args).stderr).unwrap()
        };
        let wrong_state = error(&["cancel", "mine"]);
        assert_eq!((&wrong_state["code"], &wrong_state["state"]), (&"wrong_state".into(), &"cancelled".into()));
        assert!(wrong_state["detail"].as_str().unwrap().contains(id.trim()), "{wrong_state}");
        let wrong_field = error(&["enqueue", "work", "1", "--queue", "a b"]);
        assert_eq!((&wrong_field["code"], &wrong_field["field"]), (&"invalid_job".into(), &"queue".into()));
        let cancelled = error(&["wait", "mine"]);
        assert_eq!((&cancelled["code"], &cancelled["state"]), (&"job_cancelled".into(), &"cancelled".into()));
    }
}

#[test]
fn with_json_results_are_json() {
    let home = Home::new();
    assert_eq!(home.json(&["init", "--json"])["written"][0], "longshore.toml");
    assert!(home.json(&["check", "--keys", "--json"])["keys"].as_array().unwrap().len() > 10);
    let report = home.json(&["check", "--listen", "127.0.0.1:0", "--json"]);
    assert_eq!(report["problems"], serde_json::json!([]));
    assert!(report["parts"].as_array().unwrap().iter().any(|part| part["part"] == "kind"), "{report}");
    let mut server = home.start(&["--json", "serve", "--listen", "127.0.0.1:0"]);
    let line: Value = serde_json::from_str(&server.line()).unwrap();
    assert!(line["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let drawn = home.json(&["demo", "hi", "--json", "--store", "memory:"]);
    assert_eq!((&drawn["out"], &drawn["job"]["state"]), (&"hi.gif".into(), &"succeeded".into()));
}

#[test]
fn a_refused_token_names_the_variable() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("LONGSHORE_TOKEN", "correct-horse-battery");
    let mut server = Home::start_as(command);
    let line = server.line();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let without = home.fails(1, &["queues", "--server", url]);
    assert!(without.contains("requires a token") && without.contains("LONGSHORE_TOKEN"), "{without}");
    let mut wrong = home.command(&["queues", "--server", url]);
    let wrong = text(&wrong.env("LONGSHORE_TOKEN", "wrong-horse-battery").output().unwrap().stderr);
    assert!(wrong.contains("does not accept the token") && wrong.contains("LONGSHORE_TOKEN"), "{wrong}");
}

#[test]
fn a_misspelt_log_level_is_refused() {
    let home = Home::new();
    for (level, meant) in [("warning", "`warn`"), ("inof", "`info`")] {
        let mut command = home.command(&["jobs"]);
        let output = command.env("LONGSHORE_LOG", level).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(&format!("did you mean {meant}")), "{told}");
    }
}

#[test]
fn times_that_are_far_away_or_over_are_refused() {
    let home = Home::new();
    home.ok(&["enqueue", "work", "1"]);
    let (_server, url) = home.serve(&["serve"]);
    for server in [&[][..], &["--server", &url]] {
        let fails = |args: &[&str], why: &str| {
            let args: Vec<_> = args.iter().chain(server).copied().collect();
            let told = home.fails(2, &args);
            assert!(told.contains(why), "{args:?}: {told}");
        };
        fails(&["enqueue", "work", "1", "--run-at", "9000-01-01T00:00:00Z"], "more than five years ahead");
        fails(&["pause", "default", "--until", "2001-01-01T00:00:00Z"], "would end at once");
        fails(&["pause", "default", "--until", "9000-01-01T00:00:00Z"], "more than five years ahead");
        fails(&["pause", "default", "--for", "0s"], "`longshore resume`");
        fails(&["enqueue", "work", "1", "--delay", "300000000000years"], "at most five years");
        fails(&["enqueue", "work", "1", "--priority", "99999"], "must be a number from -100 to 100");
        fails(&["enqueue", "work", "1", "--max-attempts", "0"], "must be a number from 1 to 1000");
        fails(&["wait", "x", "--timeout", "300000000000years"], "at most five years");
    }
    assert_eq!(home.json(&["queues", "--json"])["queues"][0]["paused"], Value::Null);
}

#[test]
fn a_job_without_a_payload_is_refused_at_once_on_a_terminal_and_with_an_empty_input() {
    let home = Home::new();
    let told = home.fails(2, &["enqueue", "work"]); // its standard input is empty
    assert!(told.contains("PAYLOAD is missing") && told.contains("`-`"), "{told}");
    let (controller, terminal) = crate::output::terminal(80);
    let output = home.command(&["enqueue", "work"]).stdin(terminal).output().unwrap();
    drop(controller);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("PAYLOAD is missing"));
}

#[test]
fn an_id_of_an_existing_job_is_marked_as_such() {
    let home = Home::new();
    let first = home.run(&["enqueue", "work", "1", "--unique", "key"]);
    let again = home.run(&["enqueue", "work", "1", "--unique", "key"]);
    assert_eq!(first.stdout, again.stdout);
    assert!(!text(&first.stderr).contains("exists already"));
    assert!(text(&again.stderr).contains("no new job was pushed"), "{}", text(&again.stderr));
}

#[test]
fn the_last_page_of_queues_has_no_hint_about_more() {
    let home = Home::new();
    for queue in ["a", "b", "c"] {
        home.ok(&["enqueue", "work", "1", "--queue", queue]);
    }
    assert!(home.ok(&["queues", "--limit", "2"]).contains("more queues: --after b"));
    assert!(!home.ok(&["queues", "--limit", "1", "--after", "b"]).contains("more queues"));
    assert!(!home.ok(&["queues", "--limit", "3"]).contains("more queues"));
    assert_eq!(home.json(&["queues", "--limit", "3", "--json"])["next"], Value::Null);
}
