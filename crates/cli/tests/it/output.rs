//! The output: readers that go away, terminals of any width, and texts that would command a terminal.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::program::{Home, text};

/// Returns a terminal of this width: the side that reads what a program writes, and the side for the program.
pub fn terminal(columns: u16) -> (OwnedFd, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there is a free terminal");
    grantpt(&controller).expect("the terminal is ours");
    unlockpt(&controller).expect("the terminal is ours");
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).expect("a terminal has a size");
    let name = ptsname(&controller, Vec::new()).expect("it has a name").into_string().expect("the name is ASCII");
    let terminal = File::options().read(true).write(true).open(name).expect("it can be opened");
    (controller, terminal)
}

/// Runs a command with its output on a terminal of this width, and returns what was written there.
fn on_terminal(mut command: Command, columns: u16) -> String {
    let (controller, terminal) = terminal(columns);
    let mut child = command.stdout(terminal).spawn().expect("the program starts");
    drop(command); // it holds the terminal open
    let mut bytes = Vec::new();
    let _ = File::from(controller).read_to_end(&mut bytes); // ends with an error when the last writer is gone
    child.wait().expect("it can be waited for");
    text(&bytes).replace("\r\n", "\n")
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let home = Home::new();
    for number in 0..3 {
        home.ok(&["enqueue", "work", "1", "--alias", &format!("alias-{number}"), "--queue", &format!("q{number}")]);
    }
    for args in [
        &["jobs"][..],
        &["jobs", "--json"],
        &["queues"],
        &["workers"],
        &["status", "alias-1"],
        &["check", "--listen", "127.0.0.1:0"],
        &["check", "--keys"],
        &["cancel", "alias-2"],
        &["pause", "q1"],
        &["version"],
        &["man"],
        &["completions", "bash"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = home.command(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let told = text(&output.stderr);
        assert!(output.status.success() && told.is_empty(), "{args:?} ended with {}: {told}", output.status);
    }
}

#[test]
fn a_server_goes_on_when_nobody_reads_its_output_and_its_log() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = home.command(&["up", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(writer.try_clone().unwrap()).stderr(writer).spawn().unwrap();
    drop((command, reader));
    let id = home.ok(&["enqueue", "image", r#"{"text":"hi"}"#]);
    home.ok(&["wait", id.trim(), "--out", "hi.gif", "--timeout", "60s"]);
    assert!(child.try_wait().unwrap().is_none(), "it still runs");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn tables_fit_a_terminal_of_80_columns_and_use_a_wider_one() {
    let home = Home::new();
    let queue = "a-queue-whose-name-is-long-but-still-allowed";
    let id = home.ok(&["enqueue", "a-kind-that-has-a-rather-long-name", "1", "--queue", queue]);
    let reason = "a reason that is so long that it does not fit on one line of a terminal with 80 columns";
    home.ok(&["pause", queue, "--reason", reason]);
    for args in [&["jobs"][..], &["queues"], &["workers"]] {
        let narrow = on_terminal(home.command(args), 80);
        assert!(!narrow.is_empty() && narrow.lines().all(|line| line.chars().count() <= 80), "{args:?}:\n{narrow}");
        assert!(
            narrow.lines().all(|line| line.is_empty() || !line.starts_with(' ') || args[0] == "queues"),
            "{narrow}"
        );
    }
    let narrow = on_terminal(home.command(&["jobs"]), 80);
    assert_eq!(narrow.lines().count(), 2, "one line for each job:\n{narrow}");
    let beginning = narrow.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    assert!(id.starts_with(beginning) && home.ok(&["status", beginning]).contains(id.trim()), "{narrow}");
    for args in [&["jobs"][..], &["queues"]] {
        assert!(on_terminal(home.command(args), 200).contains(queue), "{args:?}");
        assert!(home.ok(args).contains(queue), "nothing is cut in a pipe: {args:?}");
    }
    assert!(on_terminal(home.command(&["jobs"]), 200).contains(id.trim()));
    let mut command = home.command(&["jobs"]);
    command.env("COLUMNS", "80");
    assert!(text(&command.output().unwrap().stdout).lines().all(|line| line.chars().count() <= 80));
}

/// Text that would colour the terminal, and write what follows from right to left.
const EVIL: &str = "\u{202e}evil\u{2066}";

#[test]
fn no_text_of_others_commands_the_terminal() {
    let home = Home::new();
    std::fs::write(
        home.path().join("longshore.toml"),
        "[[kind]]\nname = \"evil\"\nmax_attempts = 1\n\
         command = [\"sh\", \"-c\", \"printf '::progress 1/2 \\\\033[31mRED\\\\n\\\\033[31mlog\\\\n' >&2; exit 1\"]\n\
         [[kind]]\nname = \"text\"\ncommand = [\"printf\", '\\033[31mresult\\342\\200\\256\\n']\n",
    )
    .unwrap();
    home.create_store();
    let _worker = home.start(&["work"]);
    let id = home.ok(&["enqueue", "evil", "1", "--alias", EVIL, "--key", EVIL, "--tag", EVIL]);
    let id = id.trim();
    let dead = home.fails(1, &["wait", id]);
    let text_id = home.ok(&["enqueue", "text", "1"]);
    home.ok(&["wait", text_id.trim()]);
    home.ok(&["pause", "default", "--reason", EVIL, "--by", EVIL]);

    let mut all = vec![dead, on_terminal(home.command(&["wait", text_id.trim()]), 80)];
    for args in [
        &["status", id][..],
        &["status", id, "--json"],
        &["status", "no-such\u{202e}job"],
        &["jobs"],
        &["jobs", "--json"],
        &["queues"],
        &["log", id],
        &["pause", "default", "--reason", EVIL],
        &["jobs", "--store", "x\u{1b}[31my"],
        &["jobs", "--server", "http://127.0.0.1:1/\u{202e}"],
        &["wait", "\u{1b}[31m"],
        &["enqueue", "\u{202e}", "1"],
    ] {
        let output = home.run(args);
        all.push(text(&output.stdout));
        all.push(text(&output.stderr));
    }
    let commands =
        |c: char| (c.is_control() && !matches!(c, '\n' | '\t' | '\r')) || ('\u{202a}'..='\u{2069}').contains(&c);
    for said in all {
        assert!(!said.contains(commands), "{said:?}");
    }
    let job = home.json(&["status", id, "--json"]);
    assert_eq!(job["alias"], EVIL, "JSON keeps the text");
    let raw = home.run(&["wait", text_id.trim()]).stdout;
    assert_eq!(raw, b"\x1b[31mresult\xe2\x80\xae\n", "a pipe gets the bytes of the result");
}
