//! A server process with its folder and port. It ends with the program that started it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the server, prints its process id, and stops it after the next line or at the end of standard input. The
/// input ends when the program that holds the other end has ended in any way; then the folder is deleted too. A
/// suspended server is resumed first, so that it receives the signal.
const GUARD: &str = r#"
trap '' INT TERM HUP QUIT
folder=$1; signal=$2; shift 2
"$@" </dev/null >>"$folder/log" 2>&1 &
pid=$!
echo "$pid"
read -r _ && gone= || gone=1
children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
kill -CONT $pid $children 2>/dev/null
kill -"$signal" $pid 2>/dev/null
wait "$pid"
if [ "$gone" ]; then cd / && rm -rf "$folder"; fi
"#;

/// Returns the words of a command for a place.
pub(crate) type Words = dyn Fn(&Place) -> Vec<String> + Send + Sync;

/// The description of a server, and how to check whether it has started.
pub(crate) struct Recipe {
    /// The name of the program, for messages.
    pub(crate) program: &'static str,
    /// The command that installs it.
    pub(crate) install: String,
    /// The command to run, with port and folder.
    pub(crate) command: Box<Words>,
    /// The signal that stops it.
    pub(crate) signal: &'static str,
    /// Whether it answers.
    pub(crate) is_up: Box<dyn Fn(&Place) -> bool + Send + Sync>,
}

/// The folder and the port of a server.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
}

impl Place {
    pub(crate) fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

/// A server that runs until it is dropped or its program ends.
pub struct Server {
    recipe: Recipe,
    place: Place,
    running: Mutex<Option<Running>>,
    _folder: TempDir,
}

struct Running {
    guard: Child,
    pid: Pid,
}

impl Server {
    /// Starts a server in that folder.
    ///
    /// # Panics
    ///
    /// Panics if the program is missing, with the command that installs it; or if the server does not start, with the
    /// end of its log.
    pub(crate) fn start(folder: TempDir, recipe: Recipe) -> Server {
        let mut why = String::new();
        // Another program may take a free port before the server does.
        for _ in 0..5 {
            let place = Place { folder: folder.path().to_owned(), port: free_port() };
            match Running::start(&recipe, &place) {
                Ok(running) => return Server { recipe, place, running: Mutex::new(Some(running)), _folder: folder },
                Err(e) => why = e,
            }
        }
        panic!("{} does not come up:\n{why}", recipe.program);
    }

    /// Returns the address on which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.place.addr()
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Kills it with all its children by SIGKILL, like the out-of-memory killer.
    pub fn kill(&self) {
        let Some(mut running) = self.running().take() else { return };
        running.signal(Signal::KILL);
        running.end();
    }

    /// Starts it again after [`Server::kill`], on the same port with the same data.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub fn restart(&self) {
        self.kill();
        let until = Instant::now() + PATIENCE;
        loop {
            match Running::start(&self.recipe, &self.place) {
                Ok(running) => break *self.running() = Some(running),
                Err(why) => assert!(Instant::now() < until, "{} does not come up again:\n{why}", self.recipe.program),
            }
        }
    }

    /// Suspends it with all its children, as if its machine hung: SIGSTOP.
    pub fn stop(&self) {
        if let Some(running) = &*self.running() {
            running.signal(Signal::STOP);
        }
    }

    /// Resumes it after [`Server::stop`].
    pub fn go_on(&self) {
        if let Some(running) = &*self.running() {
            running.signal(Signal::CONT);
        }
    }

    /// Returns its process id if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(|running| running.pid.as_raw_nonzero().get().unsigned_abs())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut running) = self.running().take() {
            running.signal(Signal::CONT);
            running.end();
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on port {}", self.recipe.program, self.place.port)
    }
}

impl Running {
    fn start(recipe: &Recipe, place: &Place) -> Result<Running, String> {
        let log = place.folder.join("log");
        let command = (recipe.command)(place);
        demand(&command, recipe);
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&place.folder)
            .arg(recipe.signal)
            .args(&command)
            .current_dir(&place.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()) // the shell reports every process that was killed
            .spawn()
            .expect("there is a shell");
        let mut line = String::new();
        let out = guard.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("the guard tells a process id");
        let pid = line.trim().parse().ok().and_then(Pid::from_raw).expect("the guard tells a process id");
        let mut running = Running { guard, pid };
        let until = Instant::now() + PATIENCE;
        while !(recipe.is_up)(place) {
            let gone = !Path::new(&format!("/proc/{}/stat", pid.as_raw_nonzero())).exists() || running.is_zombie();
            if gone || Instant::now() > until {
                running.signal(Signal::KILL);
                running.end();
                return Err(tail(&log));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// Makes the guard stop the server, and waits for the end.
    fn end(&mut self) {
        if let Some(mut stdin) = self.guard.stdin.take() {
            let _ = stdin.write_all(b"end\n"); // a guard that has ended has already stopped the server
        }
        let _ = self.guard.wait(); // as above
    }

    fn is_zombie(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    }

    /// Sends a signal to the server and its children.
    fn signal(&self, signal: Signal) {
        let pid = self.pid.as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok().and_then(Pid::from_raw));
        for pid in std::iter::once(self.pid).chain(children) {
            let _ = kill_process(pid, signal); // it may have ended
        }
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// Panics if the program is missing.
fn demand(command: &[String], recipe: &Recipe) {
    let found = |name: &str| {
        name.contains('/') && Path::new(name).exists()
            || std::env::var_os("PATH").is_some_and(|path| {
                std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|folder| folder.join(name).exists())
            })
    };
    let is_it = |word: &&String| word.rsplit('/').next() == Some(recipe.program);
    let wanted = command.iter().find(is_it).map_or(recipe.program, String::as_str);
    assert!(found(wanted), "this test needs `{}`: {}", recipe.program, recipe.install);
}

/// Returns the command that installs a package of Debian.
pub(crate) fn from_debian(package: &str) -> String {
    format!("on Debian, apt-get install -y --no-install-recommends {package}")
}

/// Returns a loopback port that is not in use now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Creates a folder that a server of another user can enter.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("longshore-").tempdir().expect("there is room for a temporary folder")
}
