//! The configuration, and errors of the environment.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::program::{Home, get, text};

#[test]
fn all_problems_are_reported_together_and_a_typo_gets_a_suggestion() {
    let home = Home::new();
    fs::write(
        home.path().join("longshore.toml"),
        "stor = \"memory:\"\n[worker]\nqueuez = [\"a\"]\nconcurrency = 0\n[retention]\ndead = \"soon\"\n",
    )
    .unwrap();
    let complaint = home.fails(4, &["check", "--listen", "127.0.0.1:0"]);
    for part in [
        "4 problems",
        "unknown key `stor`, did you mean `store`?",
        "unknown key `worker.queuez`, did you mean `worker.queues`?",
        "worker.concurrency = `0` (from longshore.toml) must be a number from 1 to 1000",
        "retention.dead = `soon` (from longshore.toml) must be a duration",
    ] {
        assert!(complaint.contains(part), "{part:?} is missing:\n{complaint}");
    }
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let home = Home::new();
    fs::write(home.path().join("longshore.toml"), "store = \"sqlite:file.db\"\n").unwrap();
    let store = |env: Option<&str>, flag: Option<&str>| {
        let mut command = home.command(&["check", "--listen", "127.0.0.1:0"]);
        env.map(|url| command.env("LONGSHORE_STORE", url));
        flag.map(|url| command.args(["--store", url]));
        text(&command.output().unwrap().stdout)
    };
    assert!(store(None, None).contains("sqlite:file.db"));
    assert!(store(Some("sqlite:env.db"), None).contains("sqlite:env.db"));
    assert!(store(Some("sqlite:env.db"), Some("sqlite:flag.db")).contains("sqlite:flag.db"));
}

#[test]
fn a_worker_without_a_kind_is_refused_unless_the_demo_is_configured() {
    let home = Home::new();
    let complaint = home.fails(2, &["work"]);
    assert!(complaint.contains("`[[kind]]`") && complaint.contains("`--pace`"), "{complaint}");

    fs::write(home.path().join("longshore.toml"), "[image]\npace = \"0s\"\n").unwrap();
    let _worker = home.start(&["work"]);
    let id = home.ok(&["enqueue", "image", r#"{"text":"hi"}"#]);
    home.ok(&["wait", id.trim(), "--out", "hi.gif"]);
}

#[test]
fn an_unknown_store_is_refused_with_a_list_of_known_ones() {
    let complaint = Home::new().fails(2, &["queues", "--store", "mysql://localhost"]);
    assert!(complaint.contains("`mysql`") && complaint.contains("`sqlite:longshore.db`"), "{complaint}");
}

#[test]
fn a_database_of_another_program_and_other_files_are_not_changed() {
    let home = Home::new();
    let path = home.path().join("foreign.db");
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE mine (a); INSERT INTO mine VALUES (1)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(home.fails(69, &["queues", "--store", "sqlite:foreign.db"]).contains("another program"));
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::write(
        home.path().join("text.db"),
        "This is not a database, but it is long enough to look like one. ".repeat(20),
    )
    .unwrap();
    assert!(home.fails(69, &["queues", "--store", "sqlite:text.db"]).contains("not a SQLite database"));
}

#[test]
fn a_layout_that_this_program_may_not_write_is_refused() {
    let home = Home::new();
    home.ok(&["enqueue", "work", "1", "--store", "sqlite:new.db"]);
    let database = rusqlite::Connection::open(home.path().join("new.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    home.ok(&["queues", "--store", "sqlite:new.db"]); // a newer layout alone is accepted
    database.execute_batch("UPDATE store SET oldest_program = 99").unwrap();
    drop(database);
    assert!(home.fails(69, &["queues", "--store", "sqlite:new.db"]).contains("use a newer longshore"));
}

#[test]
fn a_missing_or_read_only_folder_is_named() {
    let home = Home::new();
    assert!(
        home.fails(69, &["queues", "--store", "sqlite:missing/jobs.db"]).contains("folder `missing` does not exist")
    );
    let folder = home.path().join("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        return; // root can write everywhere, so the next check is useless
    }
    let complaint = home.fails(69, &["enqueue", "work", "1", "--store", "sqlite:closed/jobs.db"]);
    assert!(complaint.contains("read-only"), "{complaint}");
}

#[test]
fn a_port_in_use_is_reported_with_a_hint() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let complaint = home.fails(2, &["serve", "--listen", &address]);
    assert!(complaint.contains(&address) && complaint.contains("choose another port"), "{complaint}");
    assert!(home.fails(4, &["check", "--listen", &address]).contains(&address));
}

#[test]
fn a_reachable_address_without_a_token_is_refused() {
    let home = Home::new();
    let complaint = home.fails(2, &["serve", "--listen", "0.0.0.0:0"]);
    assert!(complaint.contains("token"), "{complaint}");
}

#[test]
fn with_a_token_only_callers_with_it_are_answered() {
    let home = Home::new();
    fs::write(home.path().join("token"), "correct horse battery".replace(' ', "-")).unwrap();
    fs::write(home.path().join("longshore.toml"), "token_file = \"token\"\n").unwrap();
    let (_server, url) = home.serve(&["serve"]);
    assert_eq!(get(&format!("{url}/v1/queues")).0, 401);
    home.ok(&["queues", "--server", &url]);
    fs::write(home.path().join("longshore.toml"), "").unwrap();
    assert!(home.run(&["queues", "--server", &url]).status.code() == Some(1));
}

#[test]
fn a_new_database_is_for_its_owner_alone() {
    let home = Home::new();
    home.ok(&["enqueue", "work", "1"]);
    for file in ["longshore.db", "longshore.db-wake"] {
        let mode = fs::metadata(home.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} has mode {mode:o}");
    }
}

#[test]
fn a_spoiled_counter_is_found_by_check_and_repaired_by_repair() {
    let home = Home::new();
    home.ok(&["enqueue", "work", "1"]);
    let database = rusqlite::Connection::open(home.path().join("longshore.db")).unwrap();
    database.execute("UPDATE queue SET ready = 7", []).unwrap();
    let check = |args: &[&str]| home.run(&[&["check", "--listen", "127.0.0.1:0"], args].concat());

    assert!(check(&[]).status.success(), "without --data the jobs are not read");
    let found = check(&["--data"]);
    assert_eq!(found.status.code(), Some(4));
    let said = text(&found.stdout);
    assert!(said.contains("wrong    queue `default`: it counts 7 ready jobs and has 1"), "{said}");
    let complaint = text(&found.stderr);
    assert!(complaint.contains("1 thing is wrong") && complaint.contains("longshore check --repair"), "{complaint}");

    let repaired = check(&["--repair"]);
    let said = text(&repaired.stdout);
    assert!(repaired.status.success(), "{said}\n{}", text(&repaired.stderr));
    assert!(said.contains("repaired queue `default`: it counts 7 ready jobs and has 1"), "{said}");
    assert!(said.contains("1 found, 1 repaired") && said.contains("all is well"), "{said}");
    let again = text(&check(&["--data"]).stdout);
    assert!(again.contains("0 found") && again.contains("all is well"), "{again}");
    let queues = home.ok(&["queues"]);
    let ready = queues.lines().nth(1).and_then(|line| line.split_whitespace().nth(2));
    assert_eq!(ready, Some("1"), "{queues}");
}
