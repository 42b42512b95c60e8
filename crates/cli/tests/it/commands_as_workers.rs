//! Commands as workers: tests of each statement in docs/commands.md, with real processes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Home, eventually, text};

/// A folder with a configuration file whose kinds are shell scripts.
pub fn setup(kinds: &[(&str, &str, &str)]) -> Home {
    let home = new();
    let mut config = String::new();
    for (name, more, script) in kinds {
        config += &format!("[[kind]]\nname = '{name}'\ncommand = ['sh', '-c', '''{script}''']\n{more}\n");
    }
    fs::write(home.path().join("longshore.toml"), config).unwrap();
    home
}

pub fn push(home: &Home, kind: &str, payload: &str) -> String {
    home.ok(&["enqueue", kind, payload]).trim().to_owned()
}

pub fn job(home: &Home, id: &str) -> Value {
    home.json(&["status", id, "--json"])
}

/// A folder with an existing store, so that a worker and a tool do not create it at the same time.
fn new() -> Home {
    let home = Home::new();
    home.ok(&["queues"]);
    home
}

/// Waits until the job is in one of these states.
pub fn until(home: &Home, id: &str, states: &[&str]) -> Value {
    let is_there = |job: &Value| states.contains(&job["state"].as_str().expect("a state"));
    eventually(&format!("the job is {states:?}"), || Some(job(home, id)).filter(is_there))
}

pub fn finished(home: &Home, id: &str) -> Value {
    until(home, id, &["succeeded", "dead", "cancelled"])
}

pub fn result(home: &Home, id: &str) -> String {
    home.ok(&["wait", id, "--timeout", "60s"])
}

/// Returns the newest failure's message.
pub fn failure(job: &Value) -> &str {
    job["failures"].as_array().and_then(|all| all.last()).and_then(|last| last["message"].as_str()).unwrap_or_default()
}

/// A script that starts child processes of all sorts, writes all process ids to `pids`, and keeps running.
pub const FAMILY: &str = r#"
    trap "" TERM
    sleep 1000 & echo $! >> pids                                             # in the group
    setsid sh -c 'echo $$ >> pids; exec sleep 1000' &                        # a session of its own
    (setsid sh -c 'echo $$ >> pids; exec sleep 1000' </dev/null >/dev/null 2>&1 &)   # a daemon without a parent
    env -i "$(command -v setsid)" sh -c 'echo $$ >> pids; exec sleep 1000' & # without our environment
    echo $$ >> pids
    while :; do wait; done
"#;
pub const MEMBERS: usize = 5;

pub fn pids(home: &Home, count: usize) -> Vec<String> {
    eventually("all processes have started", || {
        let pids = fs::read_to_string(home.path().join("pids")).unwrap_or_default();
        let pids: Vec<_> = pids.lines().map(str::to_owned).collect();
        (pids.len() == count).then_some(pids)
    })
}

pub fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

pub fn all_gone(pids: &[String]) {
    for pid in pids {
        eventually(&format!("process {pid} is gone"), || (!lives(pid)).then_some(()));
    }
}

#[test]
fn exit_codes_are_outcomes() {
    let home = setup(&[
        ("done", "", "echo '{\"a\": 1}'"),
        ("nothing", "", "exit 0"),
        ("fatal", "", "echo the payload is no good >&2; exit 65"),
        ("other", "max_attempts = 1", "echo one >&2; echo two >&2; exit 3"),
        ("signalled", "max_attempts = 1", "kill -KILL $$"),
        (
            "thrice",
            "max_attempts = 3\nretry = { base = '0s' }",
            "echo $LONGSHORE_ATTEMPT of $LONGSHORE_MAX_ATTEMPTS >&2; exit 1",
        ),
    ]);
    let _worker = home.start(&["work"]);
    let run = |kind: &str| finished(&home, &push(&home, kind, "{}"));

    let done = run("done");
    assert_eq!((&done["state"], &done["result"]["content_type"]), (&"succeeded".into(), &"application/json".into()));
    let nothing = run("nothing");
    assert_eq!((&nothing["state"], &nothing["result"]), (&"succeeded".into(), &Value::Null));
    let fatal = run("fatal");
    assert_eq!((&fatal["reason"], failure(&fatal)), (&"fatal".into(), "exit code 65 (fatal): the payload is no good"));
    let other = run("other");
    assert_eq!((&other["reason"], failure(&other)), (&"exhausted".into(), "exit code 3:\none\ntwo"));
    assert!(failure(&run("signalled")).starts_with("killed by SIGKILL"));
    let thrice = run("thrice");
    assert_eq!((&thrice["attempt"], failure(&thrice)), (&3.into(), "exit code 1: 3 of 3"));
}

#[test]
fn a_temporary_failure_is_retried_after_the_delay_of_the_command() {
    let home = setup(&[
        ("later", "", "echo ::retry-in 1h >&2; exit 75"),
        ("soon", "retry = { base = '0s' }", "if [ $LONGSHORE_ATTEMPT = 1 ]; then exit 75; fi; echo made it"),
        ("deaf", "retry = { base = '0s' }", "echo ::retry-in 1h >&2; if [ $LONGSHORE_ATTEMPT = 1 ]; then exit 1; fi"),
    ]);
    let _worker = home.start(&["work"]);

    let later = until(&home, &push(&home, "later", "{}"), &["scheduled"]);
    let time = |name: &str| later[name].as_str().unwrap().parse::<longshore::Timestamp>().unwrap();
    let wait = time("run_at").since(time("created_at"));
    assert!((3_590..3_720).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(failure(&later), "exit code 75 (try again)");
    assert_eq!(result(&home, &push(&home, "soon", "{}")), "made it\n");
    assert_eq!(finished(&home, &push(&home, "deaf", "{}"))["state"], "succeeded", "::retry-in counts with 75 alone");
}

#[test]
fn progress_is_visible_while_the_command_runs() {
    let home = setup(&[(
        "slow",
        "",
        "echo ::progress 3/20 drawing >&2; while ! [ -e go ]; do sleep 0.02; done; echo ::progress nearly there >&2; echo ::what 1 >&2",
    )]);
    let _worker = home.start(&["work"]);
    let id = push(&home, "slow", "{}");
    eventually("progress is seen", || {
        let progress = job(&home, &id)["progress"].clone();
        (progress["done"] == 3 && progress["total"] == 20 && progress["message"] == "drawing").then_some(())
    });
    fs::write(home.path().join("go"), "").unwrap();
    let job = finished(&home, &id);
    assert_eq!((&job["state"], &job["progress"]["message"]), (&"succeeded".into(), &"nearly there".into()));
}

#[test]
fn the_log_is_readable_while_the_command_runs_and_afterwards() {
    let home = setup(&[(
        "talk",
        "",
        "echo one >&2; echo ::progress 1/2 >&2; until [ -e go ]; do sleep 0.05; done; echo two >&2",
    )]);
    let (_up, url) = home.serve(&["up"]);
    let id = push(&home, "talk", "{}");
    eventually("the first line is there while the job runs", || (home.ok(&["log", &id]) == "one\n").then_some(()));
    assert_eq!(job(&home, &id)["state"], "running");
    fs::write(home.path().join("go"), "").unwrap();
    assert_eq!(finished(&home, &id)["state"], "succeeded");
    assert_eq!(home.ok(&["log", &id, "--server", &url]), "one\ntwo\n");
    home.fails(1, &["log", "nobody"]);
}

#[test]
fn a_large_payload_need_not_be_read_and_can_be() {
    let home = setup(&[
        ("unread", "", "exit 0"),
        ("closed", "", "exec <&-; echo ignored it"),
        ("late", "", "head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' y >&2; wc -c >&2"),
        ("counted", "", "wc -c"),
    ]);
    fs::write(home.path().join("payload"), format!("\"{}\"", "x".repeat(256 * 1024 - 2))).unwrap();
    let _worker = home.start(&["work"]);
    let run = |kind: &str| {
        let payload = fs::File::open(home.path().join("payload")).unwrap();
        let pushed = home.command(&["enqueue", kind]).stdin(payload).output().unwrap();
        assert!(pushed.status.success(), "{}", text(&pushed.stderr));
        let id = text(&pushed.stdout).trim().to_owned();
        assert_eq!(finished(&home, &id)["state"], "succeeded", "{kind}");
        result(&home, &id)
    };
    assert_eq!(run("unread"), "");
    assert_eq!(run("closed"), "ignored it\n");
    assert_eq!(run("late").len(), 300_000);
    assert_eq!(run("counted").trim(), (256 * 1024 + 1).to_string(), "the payload and a line feed");
}

#[test]
fn a_flood_is_bounded_and_closed_pipes_do_no_harm() {
    let home = setup(&[
        ("stdout", "", "echo $$ >> pids; cat /dev/zero"),
        (
            "stderr",
            "",
            "yes flood | head -c 20000000 >&2; head -c 3000000 /dev/zero >&2; echo >&2; echo last words >&2; exit 65",
        ),
        ("early", "", "exec >&- 2>&-; exit 0"),
        ("rubbish", "", "printf '\\377\\376' >&2; printf 'GIF\\377'"),
    ]);
    let _worker = home.start(&["work"]);
    let run = |kind: &str| finished(&home, &push(&home, kind, "{}"));

    let flood = run("stdout");
    assert_eq!(flood["reason"], "fatal");
    assert!(failure(&flood).contains("more than 67108864 bytes"), "{flood}");
    all_gone(&pids(&home, 1));
    let stderr = run("stderr");
    let message = failure(&stderr);
    assert!(message.starts_with("exit code 65 (fatal):\n…") && message.ends_with("\nlast words"), "{message}");
    assert!(message.len() <= 4096, "{}", message.len());
    assert_eq!(run("early")["state"], "succeeded");
    assert_eq!(run("rubbish")["result"]["content_type"], "application/octet-stream");
}

#[test]
fn a_large_output_is_returned_completely_with_its_type() {
    let home = setup(&[("text", "", "seq 500000"), ("json", "", "echo \"[\"; seq -s, 500000; echo \"]\"; echo")]);
    let (_up, url) = home.serve(&["up"]);
    for (kind, media) in [("text", "text/plain; charset=utf-8"), ("json", "application/json")] {
        let id = push(&home, kind, "{}");
        home.ok(&["wait", &id, "--out", "store"]);
        home.ok(&["wait", &id, "--server", &url, "--out", "server"]);
        let [out, over_http] = ["store", "server"].map(|name| fs::read_to_string(home.path().join(name)).unwrap());
        assert!(out == over_http && out == home.ok(&["wait", &id]), "{kind}");
        let numbers: Vec<usize> = match kind {
            "text" => out.lines().map(|line| line.parse().unwrap()).collect(),
            _ => serde_json::from_str(&out).unwrap(),
        };
        assert!(numbers.into_iter().eq(1..=500_000), "{kind}");
        assert_eq!(job(&home, &id)["result"]["content_type"], media);
    }
}

#[test]
fn a_time_out_kills_all_descendants_and_keeps_the_log() {
    let family = format!("echo so far so good >&2\n{FAMILY}");
    let home = setup(&[("family", "timeout = '3s'\nmax_attempts = 1", &family)]);
    let _worker = home.start(&["work"]);
    let id = push(&home, "family", "{}");
    let pids = pids(&home, MEMBERS);
    let job = finished(&home, &id);
    assert_eq!(failure(&job), "timed out after 3s: stopped: so far so good");
    all_gone(&pids);
}

#[test]
fn a_cancel_kills_all_descendants() {
    let home = setup(&[("family", "", FAMILY)]);
    let _worker = home.start(&["work"]);
    let id = push(&home, "family", "{}");
    let pids = pids(&home, MEMBERS);
    home.ok(&["cancel", &id]);
    assert_eq!(finished(&home, &id)["state"], "cancelled");
    all_gone(&pids);
}

#[test]
fn a_command_may_clean_up_after_sigterm() {
    let home = setup(&[(
        "tidy",
        "",
        "trap 'echo tidied > tidied; exit 0' TERM; echo $$ >> pids; while :; do sleep 0.02; done",
    )]);
    let _worker = home.start(&["work"]);
    let id = push(&home, "tidy", "{}");
    let pids = pids(&home, 1);
    home.ok(&["cancel", &id]);
    assert_eq!(finished(&home, &id)["state"], "cancelled", "an exit code after SIGTERM means nothing");
    all_gone(&pids);
    assert_eq!(fs::read_to_string(home.path().join("tidied")).unwrap(), "tidied\n");
}

#[test]
fn a_drain_past_its_grace_kills_all_descendants_and_releases_the_job() {
    let home = setup(&[("family", "", FAMILY)]);
    let worker = home.start(&["work", "--grace", "0s"]);
    let id = push(&home, "family", "{}");
    let pids = pids(&home, MEMBERS);
    worker.signal(Signal::TERM);
    let (status, log) = worker.ended();
    assert_eq!(status.code(), Some(10), "{log}");
    all_gone(&pids);
    let job = job(&home, &id);
    assert_eq!((&job["state"], &job["attempt"], &job["interruptions"]), (&"ready".into(), &0.into(), &1.into()));
}

#[test]
fn the_commands_of_a_killed_worker_are_killed() {
    let home = setup(&[("family", "", FAMILY)]);
    let worker = home.start(&["work"]);
    push(&home, "family", "{}");
    let pids = pids(&home, MEMBERS);
    worker.kill();
    all_gone(&pids);
}

#[test]
fn a_lost_lease_kills_the_command() {
    let home = setup(&[("stays", "", "echo $$ >> pids; exec sleep 1000")]);
    let frozen = home.start(&["work", "--lease", "4s"]);
    push(&home, "stays", "{}");
    pids(&home, 1);
    frozen.signal(Signal::STOP);
    let _heir = home.start(&["work", "--lease", "4s"]);
    let pids = pids(&home, 2);
    assert!(lives(&pids[0]), "a stopped worker cannot kill it");
    frozen.signal(Signal::CONT);
    all_gone(&pids[..1]);
    assert!(lives(&pids[1]));
}

#[test]
fn processes_that_a_finished_command_left_are_killed() {
    let home = setup(&[(
        "careless",
        "",
        "sleep 1000 & echo $! >> pids; setsid sh -c 'echo $$ >> pids; exec sleep 1000' & \
         while [ $(wc -l < pids) -lt 2 ]; do sleep 0.02; done; echo finished",
    )]);
    let _worker = home.start(&["work"]);
    let id = push(&home, "careless", "{}");
    assert_eq!(result(&home, &id), "finished\n");
    all_gone(&pids(&home, 2));
}

#[test]
fn a_command_gets_only_the_allowed_environment() {
    let home = setup(&[
        ("default", "set = { MODE = 'fast', TZ = 'UTC' }", "env"),
        ("narrow", "env = ['SECRET']", "/usr/bin/env"),
    ]);
    let mut work = home.command(&["work"]);
    work.env("SECRET", "hunter2").env("LONGSHORE_TOKEN", "a-token-that-nobody-sees").env("TZ", "Europe/Berlin");
    let _worker = Home::start_as(work);
    let environment = |kind: &str| -> BTreeMap<String, String> {
        let id = push(&home, kind, "{}");
        let output = result(&home, &id);
        let shell = ["PWD", "OLDPWD", "SHLVL", "_"]; // a shell sets these by itself
        let lines = output.lines().filter_map(|line| line.split_once('='));
        lines
            .filter(|(name, _)| !shell.contains(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };

    let seen = environment("default");
    let allowed = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "MODE"];
    for name in seen.keys().filter(|name| !name.starts_with("LONGSHORE_")) {
        assert!(allowed.contains(&name.as_str()), "{name} has reached the command");
    }
    assert_eq!(
        (seen["MODE"].as_str(), seen["TZ"].as_str(), seen["LONGSHORE_KIND"].as_str()),
        ("fast", "UTC", "default")
    );
    assert_eq!((seen["LONGSHORE_QUEUE"].as_str(), seen["LONGSHORE_ATTEMPT"].as_str()), ("default", "1"));
    assert_eq!(seen["LONGSHORE_MAX_ATTEMPTS"], "20");
    assert_eq!(seen["LONGSHORE_JOB_ID"], seen["LONGSHORE_IDEMPOTENCY_KEY"]);
    assert!(seen["LONGSHORE_FENCE"].parse::<u64>().is_ok() && seen.contains_key("LONGSHORE_WORKER"));
    assert!(!seen.contains_key("LONGSHORE_TOKEN"));
    let narrow = environment("narrow");
    assert_eq!(narrow["SECRET"], "hunter2");
    assert_eq!(narrow.keys().filter(|name| !name.starts_with("LONGSHORE_")).count(), 1, "{narrow:?}");
}

#[test]
fn commands_that_cannot_run_are_refused_at_start() {
    let home = Home::new();
    fs::write(home.path().join("data"), "no program").unwrap();
    let kind = |name: &str, command: &str| format!("[[kind]]\nname = '{name}'\ncommand = ['{command}']\n");
    let write = |text: &str| fs::write(home.path().join("longshore.toml"), text).unwrap();
    write(&(kind("absent", "no-such-program") + &kind("dull", "./data") + &kind("lost", "./none")));
    for args in [&["check", "--listen", "127.0.0.1:0"][..], &["work"], &["up", "--listen", "127.0.0.1:0"]] {
        let complaint = home.fails(2, args);
        for part in [
            "3 problems",
            "kind `absent`: cannot run `no-such-program`: program not found in PATH",
            "kind `dull`: cannot run `./data`:",
            "is not executable; run `chmod +x` on it",
            "kind `lost`: cannot run `./none`: file `",
        ] {
            assert!(complaint.contains(part), "{args:?}: {part:?} is missing:\n{complaint}");
        }
    }
    home.ok(&["queues"]); // a producer does not need the programs

    write(
        &(kind("twice", "sh")
            + &kind("twice", "sh")
            + &kind("image", "sh")
            + "comand = 3\n[worker]\nconcurrency = 0\n"),
    );
    for args in [&["check"][..], &["work"], &["queues"]] {
        let complaint = home.fails(2, args);
        for part in [
            "4 problems",
            "kind `twice`: another kind has the same name",
            "kind `image`: `name` = `image` is the demo's kind",
            "kind `image`: unknown key `comand`, did you mean `command`?",
            "worker.concurrency",
        ] {
            assert!(complaint.contains(part), "{args:?}: {part:?} is missing:\n{complaint}");
        }
    }
}

#[test]
fn a_program_that_disappears_is_a_failed_attempt() {
    let home = new();
    let program = home.path().join("tool");
    fs::write(&program, "#!/bin/sh\necho here\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(home.path().join("longshore.toml"), "[[kind]]\nname = 'tool'\ncommand = ['./tool']\nmax_attempts = 1\n")
        .unwrap();
    let _worker = home.start(&["work"]);
    assert_eq!(result(&home, &push(&home, "tool", "{}")), "here\n");

    fs::write(&program, "no program, and no script").unwrap();
    let dull = finished(&home, &push(&home, "tool", "{}"));
    assert!(failure(&dull).contains("perhaps it lacks a first line such as `#!/bin/sh`"), "{dull}");
    fs::remove_file(&program).unwrap();
    let gone = finished(&home, &push(&home, "tool", "{}"));
    assert_eq!(gone["reason"], "exhausted");
    assert!(failure(&gone).starts_with("cannot start `./tool`: file `"), "{gone}");
}

#[test]
fn init_writes_a_job_that_works_and_overwrites_nothing() {
    let home = new();
    let told = home.ok(&["init"]);
    assert!(told.contains("longshore enqueue hello"), "{told}");
    home.ok(&["check", "--listen", "127.0.0.1:0"]);
    let _worker = home.start(&["work"]);
    assert_eq!(result(&home, &push(&home, "hello", r#"{"name":"Ada"}"#)), "Hello, Ada!\n");
    let nameless = finished(&home, &push(&home, "hello", "{}"));
    assert_eq!(failure(&nameless), "exit code 65 (fatal): the payload has no name");

    fs::write(home.path().join("longshore.toml"), "# mine\n").unwrap();
    assert!(home.fails(1, &["init"]).contains("longshore.toml and jobs/hello.sh"));
    assert_eq!(fs::read_to_string(home.path().join("longshore.toml")).unwrap(), "# mine\n");
    home.ok(&["init", "--force"]);
    assert!(fs::read_to_string(home.path().join("longshore.toml")).unwrap().contains("[[kind]]"));
}

#[test]
fn the_examples_count_words_in_four_languages() {
    for (program, package) in [("php", "php-cli"), ("python3", "python3"), ("node", "nodejs")] {
        let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        assert!(found.is_ok(), "there is no {program}: apt-get install -y --no-install-recommends {package}");
    }
    let home = new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/commands");
    for file in fs::read_dir(examples).unwrap().map(|entry| entry.unwrap()) {
        fs::copy(file.path(), home.path().join(file.file_name())).unwrap();
    }
    let _worker = home.start(&["work"]);
    for kind in ["count-php", "count-python", "count-node", "count-shell"] {
        let id = push(&home, kind, r#"{"text":"to be or\nnot to be"}"#);
        let counted: Value = serde_json::from_str(&result(&home, &id)).unwrap();
        assert_eq!(counted["words"], 6, "{kind}");
        let job = finished(&home, &id);
        let progress = &job["progress"];
        assert_eq!((&progress["done"], &progress["total"]), (&2.into(), &2.into()), "{kind}: {job}");

        let fatal = finished(&home, &push(&home, kind, "{}"));
        assert_eq!((&fatal["reason"], &fatal["attempt"]), (&"fatal".into(), &1.into()), "{kind}");
        assert_eq!(failure(&fatal), "exit code 65 (fatal): the payload has no text", "{kind}");
        let busy = finished(&home, &push(&home, kind, r#"{"text":"a","busy_until_attempt":2}"#));
        assert_eq!((&busy["state"], &busy["attempt"]), (&"succeeded".into(), &2.into()), "{kind}");
        assert_eq!(failure(&busy), "exit code 75 (try again): the counter is busy", "{kind}");
    }
}
