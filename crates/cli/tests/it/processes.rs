//! The processes of a worker and of its commands: signals to all of them, what survives whom, descriptors, terminals,
//! environments, and the first process of a container.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::commands_as_workers::{
    FAMILY, MEMBERS, all_gone, failure, finished, job, lives, pids, push, result, setup, until,
};
use crate::program::{Home, Running, eventually, get};

/// A kind whose jobs have one attempt, and run until they are stopped.
const STAYS: (&str, &str, &str) = ("stays", "max_attempts = 1", "echo $$ >> pids; exec sleep 1000");

fn signal(pid: &str, signal: Signal) {
    kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), signal).expect("it can be signalled");
}

/// Returns the ids of a process's children.
fn children(parent: Pid) -> Vec<String> {
    // The kernel lists children by the thread that started them.
    let threads = fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero())).unwrap();
    let lists = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Returns the id of the worker's sweeper, once it handles signals.
fn sweeper(worker: &Running) -> String {
    let handles_term = |pid: &str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap_or_default().trim(), 16).unwrap_or_default();
        caught & (1 << (Signal::TERM.as_raw() - 1)) != 0
    };
    // A process that has just been forked has the command line of its parent until it runs its own program.
    let is_sweeper = |pid: &String| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line == b"longshore\0sweep\0" && lives(pid) && handles_term(pid)
    };
    eventually("there is a sweeper", || children(worker.pid()).into_iter().find(&is_sweeper))
}

/// Starts `longshore work` through a shell that first runs these lines.
fn work_after(home: &Home, lines: &str) -> Running {
    let work = home.command(&["work"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{lines}; exec '{}' work", work.get_program().to_str().unwrap())]);
    shell.current_dir(home.path()).stdin(Stdio::null());
    Home::start_as(shell)
}

#[test]
fn a_signal_to_a_worker_and_its_commands_costs_no_attempt() {
    let traps = "trap 'exit 143' TERM; echo $$ >> pids; while :; do sleep 0.02; done";
    for (script, command_first) in [(STAYS.2, true), (STAYS.2, false), (traps, true)] {
        let home = setup(&[("stays", STAYS.1, script)]);
        let worker = home.start(&["work"]);
        let id = push(&home, "stays", "{}");
        let command = pids(&home, 1).remove(0);
        signal(&sweeper(&worker), Signal::TERM);
        match command_first {
            true => {
                signal(&command, Signal::TERM);
                worker.signal(Signal::TERM);
            }
            false => {
                worker.signal(Signal::TERM);
                signal(&command, Signal::TERM);
            }
        }
        let (status, log) = worker.ended();
        assert_eq!(status.code(), Some(10), "a job was handed back: {log}");
        assert!(!log.contains("the sweeper has ended"), "{log}");
        let job = job(&home, &id);
        assert_eq!((&job["state"], &job["attempt"], &job["interruptions"]), (&"ready".into(), &0.into(), &1.into()));
    }
}

#[test]
fn a_signal_to_a_command_alone_is_a_failed_attempt() {
    let home = setup(&[STAYS]);
    let _worker = home.start(&["work"]);
    let id = push(&home, "stays", "{}");
    signal(&pids(&home, 1)[0], Signal::TERM);
    let job = finished(&home, &id);
    assert_eq!((&job["state"], failure(&job)), (&"dead".into(), "killed by SIGTERM"));
}

#[test]
fn a_sweeper_that_is_killed_is_replaced_and_logged() {
    let home = setup(&[("family", "", FAMILY), STAYS]);
    let worker = home.start(&["work", "--grace", "0s"]);
    push(&home, "family", "{}");
    pids(&home, MEMBERS);
    let first = sweeper(&worker);
    signal(&first, Signal::KILL);
    eventually("it is reaped", || (!fs::exists(format!("/proc/{first}")).unwrap()).then_some(()));
    let second = sweeper(&worker);
    push(&home, "stays", "{}");
    let members = pids(&home, MEMBERS + 1);
    worker.kill();
    all_gone(&members); // the new sweeper knows of the commands that were started before it and after it
    all_gone(&[second]);

    let worker = home.start(&["work", "--grace", "0s"]);
    signal(&sweeper(&worker), Signal::KILL);
    sweeper(&worker);
    worker.signal(Signal::TERM);
    let (_, log) = worker.ended();
    assert!(log.contains("the sweeper has ended; starting another one") && log.contains("signal: 9"), "{log}");
}

#[test]
fn a_process_that_has_left_a_finished_command_outlives_the_worker() {
    let home = setup(&[(
        "leaves",
        "",
        "setsid sh -c 'echo $$ >> pids; exec sleep 1000' </dev/null >/dev/null 2>&1 & while ! [ -s pids ]; do sleep 0.02; done",
    )]);
    let left = |worker: &Running| {
        let _ = fs::remove_file(home.path().join("pids"));
        let id = push(&home, "leaves", "{}");
        assert_eq!(finished(&home, &id)["state"], "succeeded");
        (pids(&home, 1).remove(0), sweeper(worker))
    };
    let worker = home.start(&["work"]);
    let (before, _) = left(&worker);
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().0.code(), Some(0));
    assert!(lives(&before), "the worker has ended");

    let worker = home.start(&["work"]);
    let (after, sweeper) = left(&worker);
    worker.kill();
    all_gone(&[sweeper]);
    assert!(lives(&after), "the worker was killed");
    [before, after].iter().for_each(|pid| signal(pid, Signal::KILL));
}

#[test]
fn a_process_that_has_left_only_the_group_is_killed_with_the_command() {
    let home = setup(&[(
        "moves",
        "timeout = '3s'\nmax_attempts = 1",
        r#"(env -i "$(command -v python3)" -c "import os, time; os.setpgid(0, 0); open('pids', 'w').write(str(os.getpid())); time.sleep(1000)" \
            </dev/null >/dev/null 2>&1 &); sleep 1000"#,
    )]);
    let _worker = home.start(&["work"]);
    let id = push(&home, "moves", "{}");
    let pids = pids(&home, 1);
    assert_eq!(finished(&home, &id)["state"], "dead");
    all_gone(&pids);
}

#[test]
fn a_command_has_no_terminal() {
    let home =
        setup(&[("asks", "max_attempts = 1", "if (: </dev/tty) 2>/dev/null; then echo terminal; else echo none; fi")]);
    let work = home.command(&["work"]);
    let mut command = Command::new("script");
    let line = format!("'{}' work", work.get_program().to_str().unwrap());
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.current_dir(home.path()).stdin(Stdio::null());
    let _worker = Home::start_as(command);
    assert_eq!(result(&home, &push(&home, "asks", "{}")), "none\n");
}

#[test]
fn a_worker_without_descriptors_costs_no_attempt() {
    let home = setup(&[("done", "max_attempts = 1", "echo done")]);
    let worker = home.start(&["work"]);
    assert_eq!(result(&home, &push(&home, "done", "{}")), "done\n");
    let limit = limit_to_open_files(&worker);
    let id = push(&home, "done", "{}");
    let waiting = until(&home, &id, &["scheduled"]);
    assert_eq!((&waiting["attempt"], &waiting["interruptions"]), (&0.into(), &1.into()));
    let log = home.ok(&["log", &id]);
    assert!(log.contains("cannot start `sh`: Too many open files (os error 24)"), "{log}");
    prlimit(Some(worker.pid()), Resource::Nofile, limit).unwrap();
    assert_eq!(result(&home, &id), "done\n");
}

#[test]
fn a_command_is_killed_although_no_descriptor_is_left() {
    let home = setup(&[("family", "", FAMILY)]);
    let worker = home.start(&["work"]);
    let id = push(&home, "family", "{}");
    let members = pids(&home, MEMBERS);
    let limit = limit_to_open_files(&worker);
    home.ok(&["cancel", &id]);
    assert_eq!(finished(&home, &id)["state"], "cancelled");
    all_gone(&members);
    prlimit(Some(worker.pid()), Resource::Nofile, limit).unwrap();
}

/// Sets the limit of open files to what a process has open. Returns its limit before.
fn limit_to_open_files(process: &Running) -> Rlimit {
    let open = fs::read_dir(format!("/proc/{}/fd", process.pid().as_raw_nonzero())).unwrap();
    let mut numbers: Vec<u64> = open.map(|it| it.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    numbers.sort();
    // A number far above the others was inherited.
    let highest =
        numbers.windows(2).find(|pair| pair[1] > pair[0] + 20).map_or(numbers[numbers.len() - 1], |pair| pair[0]);
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = Rlimit { current: Some(highest + 1), maximum };
    prlimit(Some(process.pid()), Resource::Nofile, limit).unwrap()
}

#[test]
fn the_limit_of_open_files_is_raised_for_the_worker_and_not_for_commands() {
    let home = setup(&[
        (
            "limits",
            "",
            "until [ $(ulimit -Sn) = 200 ]; do sleep 0.02; done; ulimit -Hn; grep 'Max open files' /proc/$PPID/limits",
        ),
        ("low", "", "ulimit -Sn"),
    ]);
    let worker = work_after(&home, "ulimit -Sn 200; ulimit -Hn 400");
    let all = result(&home, &push(&home, "limits", "{}"));
    let numbers: Vec<_> = all.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert_eq!(numbers, ["400", "400", "400"]);
    drop(worker);

    let worker = work_after(&home, "ulimit -n 100");
    assert_eq!(result(&home, &push(&home, "low", "{}")), "100");
    worker.signal(Signal::TERM);
    let (_, log) = worker.ended();
    assert!(log.contains("10 commands at a time need up to 224 open files, but the limit is 100"), "{log}");
}

#[test]
fn output_that_cannot_be_stored_uses_no_attempt() {
    let home = setup(&[("large", "max_attempts = 1", "seq 100000")]);
    let mut work = home.command(&["work"]);
    work.env("TMPDIR", home.path().join("nowhere"));
    let _worker = Home::start_as(work);
    let job = until(&home, &push(&home, "large", "{}"), &["scheduled"]);
    assert_eq!(job["attempt"], 0);
    assert!(failure(&job).starts_with("cannot store standard output: "), "{job}");
}

#[test]
fn a_command_is_told_its_worker_and_the_size_of_its_payload() {
    let home = setup(&[("told", "", "echo $LONGSHORE_WORKER $LONGSHORE_PAYLOAD_BYTES $(cat | wc -c)")]);
    let worker = home.start(&["work"]);
    let told = result(&home, &push(&home, "told", "{\"name\":\"J\u{f6}rg\"}"));
    let told: Vec<_> = told.split_whitespace().collect();
    let workers = home.json(&["workers", "--json"]);
    assert_eq!(told, [workers["workers"][0]["id"].as_str().unwrap(), "16", "17"], "{workers}");
    let id = told[0].to_owned();
    worker.signal(Signal::TERM);
    assert!(worker.ended().1.contains(&id), "the log has the same id");
}

#[test]
fn a_command_can_read_no_token_in_the_environment_of_its_worker() {
    const TOKEN: &str = "a-token-that-nobody-sees";
    let home = setup(&[
        ("spies", "", "cat /proc/$PPID/environ /proc/$PPID/fd/0 | tr '\\0' '\\n'"),
        ("trusted", "env = ['SECRET']", "echo $SECRET"),
    ]);
    let mut up = home.command(&["up", "--listen", "127.0.0.1:0"]);
    up.env("SECRET", "hunter2").env("LONGSHORE_TOKEN", TOKEN).env("LONGSHORE_STORE", "sqlite:longshore.db");
    let mut up = Home::start_as(up);
    let line = up.line();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();

    let seen = result(&home, &push(&home, "spies", "{}"));
    assert!(seen.contains("PATH="), "{seen}");
    for hidden in [TOKEN, "hunter2", "LONGSHORE_TOKEN", "LONGSHORE_STORE", "SECRET"] {
        assert!(!seen.contains(hidden), "{hidden} is in\n{seen}");
    }
    assert_eq!(result(&home, &push(&home, "trusted", "{}")), "hunter2\n");
    assert_eq!(get(&format!("{url}/v1/jobs")).0, 401, "the server knows its token");
}

#[test]
fn the_first_process_of_a_container_reaps_what_jobs_leave_behind() {
    let home = setup(&[
        ("leaves", "", "(sleep 0.1 &) >/dev/null 2>&1 </dev/null; (setsid true &) >/dev/null 2>&1 </dev/null"),
        ("zombies", "", "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | grep -c ^Z || true"),
    ]);
    let work = home.command(&["work"]);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(work.get_program()).arg("work").current_dir(home.path()).stdin(Stdio::null());
    let container = Home::start_as(command);
    let jobs: Vec<_> = (0..100).map(|_| push(&home, "leaves", "{}")).collect();
    for id in jobs {
        assert_eq!(finished(&home, &id)["state"], "succeeded");
    }
    eventually("no process is left behind", || (result(&home, &push(&home, "zombies", "{}")) == "0").then_some(()));

    signal(&children(container.pid())[0], Signal::TERM);
    assert_eq!(container.ended().0.code(), Some(0), "the signal is passed on, and so is the exit code");
}
