//! `longshore check`: all problems of all parts together.

use std::fs;
use std::net::TcpListener;

use crate::program::{Home, text};

#[test]
fn all_problems_of_all_parts_are_reported_together() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fs::write(
        home.path().join("longshore.toml"),
        format!(
            "store = \"sqlite:missing/jobs.db\"\nlisten = \"{address}\"\nserver = \"http://127.0.0.1:1\"\n\
             [worker]\nqueues = [\"a b\", \"c=0\"]\ngrace = \"300000000000years\"\n\
             [[kind]]\nname = \"a\"\ncommand = [\"no-such-program\"]\nretry.base = 2\n\
             [[kind]]\nname = \"b\"\ncommand = [\"no-such-program\"]\n"
        ),
    )
    .unwrap();

    let complaint = home.fails(4, &["check"]);

    for part in [
        "folder `missing` does not exist",
        address.as_str(),
        "cannot reach server `http://127.0.0.1:1`",
        "\"a b\"",
        "unlike `c=0`",
        "worker.grace = `300000000000years` (from longshore.toml) must be from 0s to 1day",
        "kind `a`: `retry.base` must have a unit: write \"2s\"",
        "kind `b`: cannot run `no-such-program`",
    ] {
        assert!(complaint.contains(part), "{part:?} is missing:\n{complaint}");
    }
    assert!(!complaint.contains("WARN"), "{complaint}");

    let output = home.run(&["check", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&error["code"], &error["exit_code"]), (&"findings".into(), &4.into()), "{error}");
    assert_eq!(error["problems"], report["problems"]);
    assert_eq!(error["problems"].as_array().unwrap().len(), 7, "{error}");
}

#[test]
fn a_configuration_file_that_cannot_be_read_is_reported_and_never_ignored() {
    let home = Home::new();
    let file = home.path().join("longshore.toml");
    for (bytes, why) in [(&b"log = \"\xff\"\n"[..], "not UTF-8"), (b"log = \n", "line 1, column")] {
        fs::write(&file, bytes).unwrap();
        for command in [&["queues"][..], &["work"], &["enqueue", "a", "1"]] {
            let complaint = home.fails(2, command);
            assert!(complaint.contains("longshore.toml") && complaint.contains(why), "{complaint}");
        }
        let complaint = home.fails(4, &["check"]);
        assert!(complaint.contains(why), "{complaint}");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(home.fails(2, &["queues"]).contains("longshore.toml"));
    fs::remove_dir(&file).unwrap();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing was created");
}

#[test]
fn a_variable_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;

    let home = Home::new();
    let mut command = home.command(&["queues"]);
    command.env("LONGSHORE_STORE", std::ffi::OsStr::from_bytes(b"sqlite:\xff.db"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("store (from LONGSHORE_STORE) is not UTF-8 text"));
}

#[test]
fn check_is_content_with_a_longshore_that_runs_on_the_address() {
    let home = Home::new();
    let (_server, url) = home.serve(&["serve"]);
    let address = url.strip_prefix("http://").unwrap();
    let said = home.ok(&["check", "--listen", address]);
    assert!(said.contains("longshore is running there") && said.contains("all is well"), "{said}");
    let said = home.ok(&["check", "--listen", "127.0.0.1:0", "--server", &url]);
    assert!(said.contains(&format!("{url}: answers")), "{said}");
}

#[test]
fn reading_commands_create_neither_a_store_nor_a_reserve() {
    let home = Home::new();
    let id = "0199c0de-0000-8000-8000-000000000000";
    for command in [
        &["jobs"][..],
        &["queues"],
        &["workers"],
        &["status", id],
        &["wait", id],
        &["log", id],
        &["cancel", id],
        &["retry", id],
        &["pause", "default"],
        &["resume", "default"],
    ] {
        let complaint = home.fails(69, command);
        assert!(complaint.contains("store `sqlite:longshore.db` does not exist"), "{command:?}: {complaint}");
    }
    let said = home.ok(&["check", "--listen", "127.0.0.1:0"]);
    assert!(said.contains("does not exist yet") && said.contains("all is well"), "{said}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing was created");

    home.ok(&["enqueue", "work", "1"]);
    fs::remove_file(home.path().join("longshore.db-reserve")).unwrap();
    home.ok(&["jobs"]);
    home.ok(&["check", "--listen", "127.0.0.1:0"]);
    assert!(!home.path().join("longshore.db-reserve").exists(), "the reserve was created");
}

#[test]
fn the_file_is_found_in_a_parent_folder_and_its_paths_are_seen_from_there() {
    let home = Home::new();
    let inner = home.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    fs::write(home.path().join("token"), "correct-horse-battery").unwrap();
    let (_server, url) = {
        fs::write(home.path().join("longshore.toml"), "store = \"sqlite:jobs.db\"\ntoken_file = \"token\"\n").unwrap();
        home.serve(&["serve"])
    };
    let run = |args: &[&str]| {
        let output = home.command(args).current_dir(&inner).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let id = run(&["enqueue", "work", "1"]);
    assert!(home.path().join("jobs.db").exists() && fs::read_dir(&inner).unwrap().next().is_none());
    assert!(run(&["jobs"]).contains(id.trim()), "the same store from another folder");
    assert!(run(&["jobs", "--server", &url]).contains(id.trim()), "the same token from another folder");
    assert!(home.ok(&["jobs"]).contains(id.trim()));
    let file = home.path().join("longshore.toml");
    let named = home.command(&["jobs", "--config", file.to_str().unwrap()]).current_dir("/").output().unwrap();
    assert!(text(&named.stdout).contains(id.trim()), "{}", text(&named.stderr));
}
