//! Runs the program in its own folder, and kills what it has started.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with a store, in which the program runs.
pub struct Home {
    folder: TempDir,
    store: Option<String>,
}

/// Runs a program with no signal ignored. The tests themselves may run in the background or under `nohup`, where some are.
const DEFAULT_SIGNALS: [&str; 2] = ["env", "--default-signal=HUP,INT,QUIT,USR1,USR2,TERM,TSTP,CONT"];

impl Home {
    /// Creates a folder with the default store.
    pub fn new() -> Self {
        Home { folder: tempfile::tempdir().expect("there is room for a temporary folder"), store: None }
    }

    /// Creates a folder that uses the store with this URL.
    pub fn on(store: String) -> Self {
        Home { store: Some(store), ..Home::new() }
    }

    /// Creates the store, if it does not exist. Commands that read, or change existing jobs, do not.
    pub fn create_store(&self) {
        drop(self.serve(&["serve"]));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a command of the program, without any configuration from outside.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LONGSHORE_")) {
            command.env_remove(name);
        }
        if let Some(store) = &self.store {
            command.env("LONGSHORE_STORE", store);
        }
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program runs")
    }

    /// Runs a command that must succeed, and returns its output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args:?} ended with {}:\n{stdout}\n{stderr}", output.status);
        stdout
    }

    /// Runs a command that must fail with this exit code, and returns its error message.
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}\n{stderr}", text(&output.stdout));
        stderr
    }

    /// Runs a command that prints JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let stdout = self.ok(args);
        serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{args:?} answered no JSON ({e}):\n{stdout}"))
    }

    /// Starts a command that keeps running.
    pub fn start(&self, args: &[&str]) -> Running {
        self.start_by(&DEFAULT_SIGNALS, args)
    }

    /// Starts a command through another program, which takes it as its last arguments.
    pub fn start_by(&self, by: &[&str], args: &[&str]) -> Running {
        let command = self.command(args);
        let mut through = Command::new(by[0]);
        through.args(&by[1..]).arg(command.get_program()).args(command.get_args()).current_dir(self.path());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => through.env(name, value),
                None => through.env_remove(name),
            };
        }
        through.stdin(Stdio::null());
        Home::start_as(through)
    }

    /// Starts a command as it is.
    pub fn start_as(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut stderr = child.stderr.take().expect("it is piped");
        // Read in the background, so that the program never blocks on a full pipe.
        let log = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes); // an error leaves what was read so far
            text(&bytes)
        });
        Running { child, stdout, log: Some(log) }
    }

    /// Starts a server on a free port, and returns it with its URL.
    pub fn serve(&self, args: &[&str]) -> (Running, String) {
        let mut all = vec![args[0], "--listen", "127.0.0.1:0"];
        all.extend(&args[1..]);
        let mut running = self.start(&all);
        let line = running.line();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("no URL in {line:?}")).to_owned();
        (running, url)
    }
}

/// A running program. It is killed when the test ends.
pub struct Running {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Running {
    /// Returns the next line it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line).expect("its output is text");
        if read == 0 {
            let status = self.child.wait();
            panic!("the program ended ({status:?}) without a word:\n{}", self.log.take().unwrap().join().unwrap());
        }
        line.trim_end().to_owned()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it can be signalled");
    }

    /// Kills the program, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Waits until the program has ended by itself; returns its exit status and its log.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = eventually("the program ends", || self.child.try_wait().expect("it can be waited for"));
        (status, self.log.take().expect("taken once").join().expect("the log was read"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended already
        let _ = self.child.wait();
    }
}

/// Repeats a check until it returns a value.
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sends GET and returns the status and the JSON answer.
pub fn get(url: &str) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(url).call().unwrap_or_else(|e| panic!("GET {url}: {e}"));
    let body = answer.body_mut().read_to_string().expect("the answer is text");
    (answer.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

/// Sends a form with POST and returns the status and the answer; an error if the server is unreachable.
pub fn post_form(url: &str, form: &str) -> Result<(u16, Value), ureq::Error> {
    post(url, "application/x-www-form-urlencoded", form)
}

/// Sends POST and returns the status and the answer; an error if the server is unreachable.
pub fn post(url: &str, content_type: &str, body: &str) -> Result<(u16, Value), ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(url).header("content-type", content_type).send(body)?;
    let body = answer.body_mut().read_to_string()?;
    Ok((answer.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::String(body))))
}
