//! The sweeper: a process that survives a killed worker and kills the commands that the worker left running.
//!
//! It is told of each command (see [`Roster`]), and reads until its standard input ends, which happens when the worker
//! ends for any reason. A thread of the worker starts another sweeper if one ends too early.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Args;
use longshore_command::{Roster, in_own_session, sweep};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::signal::unix::{SignalKind, signal};

use crate::Exit;
use crate::config::Config;

/// The pause before a sweeper is started again. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A sweeper for this process, which is replaced when it ends.
#[derive(Debug)]
pub struct Sweeper {
    roster: Roster,
    /// Dropped first at the end, so that no other sweeper is started.
    keeps: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Sweeper {
    /// Ends the sweeper and waits for it, so that a normal shutdown leaves no process running.
    fn drop(&mut self) {
        drop(self.keeps.take());
        self.roster.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic in it has no effect on the end
        }
    }
}

impl Sweeper {
    /// Starts a sweeper and tells it of all commands. Without commands no sweeper is needed.
    pub fn start(config: &mut Config) -> Option<Self> {
        if config.kinds.is_empty() || cfg!(not(target_os = "linux")) {
            return None;
        }
        let roster = Roster::default();
        config.kinds.iter_mut().for_each(|kind| kind.command.roster = roster.clone());
        let (keeps, ends) = channel();
        let first = start(&roster);
        let its = roster.clone();
        let thread = std::thread::Builder::new().name("longshore-sweeper".into());
        let thread = thread.spawn(move || keep(&its, first, &ends)).map_err(|e| complain(&e)).ok();
        Some(Sweeper { roster, keeps: Some(keeps), thread })
    }
}

/// Waits for the end of the sweeper and starts another one, until this process no longer needs one.
fn keep(roster: &Roster, mut started: io::Result<Pid>, ends: &Receiver<()>) {
    let is_over = || ends.try_recv() == Err(TryRecvError::Disconnected);
    let mut pause = FIRST_PAUSE;
    loop {
        let since = Instant::now();
        match started {
            Ok(sweeper) => {
                if is_over() {
                    roster.close();
                }
                // It is not reaped here, so that its id is not reused while the roster can kill it.
                let _ = waitid(WaitId::Pid(sweeper), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
                let status = roster.disconnect().map(|mut sweeper| sweeper.wait());
                if is_over() {
                    return;
                }
                let status = match status {
                    Some(Ok(status)) => status.to_string(),
                    Some(Err(e)) => e.to_string(),
                    None => "unknown".into(),
                };
                tracing::warn!(status, "the sweeper has ended; starting another one");
            }
            Err(e) => complain(&e),
        }
        pause = if since.elapsed() < LONGEST_PAUSE { pause } else { FIRST_PAUSE };
        if ends.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
        started = start(roster);
    }
}

fn complain(error: &io::Error) {
    tracing::warn!(%error, "cannot start the sweeper; if this worker is killed, its commands will continue to run");
}

/// Starts a sweeper without a terminal and without environment variables, and connects it to the roster.
fn start(roster: &Roster) -> io::Result<Pid> {
    // Not the file that the program was started from: it may have been replaced by another version since.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("longshore")
        .arg("sweep")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    in_own_session(&mut command)?;
    let sweeper = command.spawn()?;
    let pid = Pid::from_child(&sweeper);
    roster.connect(sweeper)?;
    Ok(pid)
}

/// Wait until standard input ends, then kill the commands that it says are running
#[derive(Debug, Args)]
pub struct Sweep {}

impl Sweep {
    pub fn run(self) -> Result<(), Exit> {
        ignore_signals().map_err(Exit::failed)?;
        sweep(io::stdin().lock());
        Ok(())
    }
}

/// Ignores the signals that ask a process to end: a service manager may send them to all processes of a service, and
/// the worker may still run commands.
fn ignore_signals() -> io::Result<()> {
    let hangup = SignalKind::hangup();
    for kind in
        [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit(), hangup, SignalKind::user_defined1()]
    {
        let _ = signal(kind)?; // from now on the signal has no effect, also without this value
    }
    Ok(())
}
