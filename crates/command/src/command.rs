use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::handler::{self, Ctx};
use longshore_core::{Output, Payload, limits};
use tracing::Instrument;

use crate::mark::{self, Mark};
use crate::pipes::{Captured, Exchange, OutputTooLarge, Pipes};
use crate::program::{self, NotRunnable};
use crate::roster::Roster;
use crate::spool::Spooled;
use crate::tree::Tree;
use crate::{answer, ending, shortage};

/// Environment variables that a command inherits from the worker by default.
pub const INHERITED: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Environment variables that the worker sets for every command, with the data of the attempt.
pub const ATTEMPT_VARIABLES: &[&str] = &[
    mark::JOB,
    "LONGSHORE_KIND",
    "LONGSHORE_QUEUE",
    "LONGSHORE_ATTEMPT",
    "LONGSHORE_MAX_ATTEMPTS",
    mark::FENCE,
    "LONGSHORE_IDEMPOTENCY_KEY",
    "LONGSHORE_WORKER",
    "LONGSHORE_PAYLOAD_BYTES",
];

/// The time between SIGTERM and SIGKILL. It is shorter than the time that the attempt has to stop, so that SIGKILL is
/// always sent.
pub const STOP_GRACE: Duration = limits::CANCEL_GRACE.saturating_sub(Duration::from_millis(500));

/// How long a command that was shut down by a signal waits for the shutdown of its worker, since a service manager may
/// send the signal to both.
const SHUTDOWN_NOTICE: Duration = Duration::from_secs(1);
/// How long pipes may stay open after the command has exited, before the processes that hold them are searched.
const PIPE_GRACE: Duration = Duration::from_millis(250);
/// How long pipes may stay open after all processes that were found are killed.
const FINAL_PIPE_GRACE: Duration = Duration::from_secs(5);

/// A program that runs jobs of one kind. It is never run through a shell.
///
/// # Examples
///
/// ```
/// use longshore_core::JobPolicy;
/// use longshore_core::worker::Worker;
/// use longshore_core::{Backend, Client, Memory, NewJob, Payload, Pushed, artifact::InMemory};
/// use longshore_command::Command;
/// use std::sync::Arc;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
/// let worker = Worker::new(backend.clone())
///     .handle_kind("echo".parse()?, JobPolicy::default(), Command::new(["cat"]).handler())
///     .start()?;
/// # let new = NewJob::new("default".parse()?, "echo".parse()?, Payload::parse("[1, 2]")?);
/// # let Pushed::Created(id) = backend.push_one(new).await? else { panic!() };
/// # let mut watch = backend.watch(id);
/// # while !watch.next().await.unwrap().state.is_final() {}
/// # let result = backend.job(id).await?.unwrap().result.expect("a result");
/// # assert_eq!(backend.read(&result).await?.unwrap().body, "[1, 2]");
/// # worker.drain().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The working directory. Defaults to that of the worker.
    pub directory: PathBuf,
    /// Variables of the worker's environment that the command inherits. Defaults to [`INHERITED`].
    pub inherit: Vec<String>,
    /// Returns a variable of the worker's environment. Defaults to [`std::env::var_os`].
    pub lookup: fn(&str) -> Option<OsString>,
    /// Additional variables. They override inherited ones.
    pub set: BTreeMap<String, String>,
    /// The media type of the output; `None` detects it.
    pub result: Option<String>,
    /// The soft limit of open files. Defaults to that of the worker. It has an effect on Linux only.
    pub open_files: Option<u64>,
    /// The roster that the attempts are entered in while they run. Defaults to one of its own.
    pub roster: Roster,
}

/// The reason why an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The command exited by itself.
    Exited,
    /// The command was stopped.
    Stopped,
    /// The command exited, but a process that cannot be found holds its pipes open, so the output may be incomplete.
    Unfinished,
    /// The command wrote more than the maximum size of a result.
    OutputTooLarge,
}

impl Command {
    /// Creates a command from a program and its arguments, with all defaults.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Command {
            argv: argv.into_iter().map(Into::into).collect(),
            directory: PathBuf::from("."),
            inherit: INHERITED.iter().map(|name| (*name).to_owned()).collect(),
            lookup: |name| std::env::var_os(name),
            set: BTreeMap::new(),
            result: None,
            open_files: None,
            roster: Roster::default(),
        }
    }

    /// Finds the program's file, as each attempt does.
    ///
    /// # Errors
    ///
    /// If the file or the working directory does not exist, or the file is not executable.
    pub fn find(&self) -> Result<PathBuf, NotRunnable> {
        let environment = self.environment();
        let path = environment.get("PATH").map(OsString::as_os_str);
        program::find(self.argv.first().map_or("", String::as_str), &self.directory, path)
    }

    /// Returns the command as a handler for [`Worker::handle_kind`](longshore_core::worker::Worker::handle_kind).
    pub fn handler(self) -> impl Fn(Payload, Ctx) -> Attempt + Send + Sync + 'static {
        let command = Arc::new(self);
        move |payload, ctx| {
            let command = Arc::clone(&command);
            let span = tracing::debug_span!("command", job = %ctx.id(), kind = %ctx.kind(), attempt = ctx.attempt());
            Box::pin(async move { command.run(&payload, &ctx).await }.instrument(span))
        }
    }

    /// Runs one attempt. If this future is dropped, the command and all its descendants are killed.
    ///
    /// # Errors
    ///
    /// The error that the exit code stands for, or a retryable error if the command could not be started.
    pub async fn run(&self, payload: &Payload, ctx: &Ctx) -> handler::Result<Output> {
        let (mut tree, pipes) = self.start(payload, ctx).await?;
        let mut captured = Captured::default();
        let mut exchange: Exchange<'_> = Box::pin(pipes.exchange(payload.as_str(), ctx, &mut captured));
        let end = watch(&mut tree, &mut exchange, ctx).await;
        drop(exchange);
        let status = tree.reap().await?;
        captured.log.end(&mut |written| written.report(ctx));
        match end {
            End::Exited if ending::is_shutdown(status) && shuts_down(ctx).await => {
                tracing::info!(job = %ctx.id(), "{}", captured.log.below("the shutdown of the worker reached its command"));
                return Err(handler::Error::interrupted());
            }
            End::Exited => ending::judge(status, &captured.log)?,
            End::Unfinished => {
                let head = "exited, but a process that it started holds its pipes open and cannot be found";
                return Err(handler::Error::retry(captured.log.below(head)));
            }
            End::Stopped => return Err(handler::Error::retry(captured.log.below("stopped"))),
            End::OutputTooLarge => {
                let most = limits::RESULT_BYTES;
                let head = format!("standard output has more than {most} bytes, the maximum size of a result");
                return Err(handler::Error::fatal(captured.log.below(&head)));
            }
        }
        // Storing it may fail because the machine has no space or too few descriptors. The command is not at fault.
        let stored = |e: std::io::Error| handler::Error::outage(format!("cannot store standard output: {e}"));
        let declared = self.result.clone();
        let answer = match captured.output.finish().await.map_err(stored)? {
            held @ Spooled::Held(_) => answer::of(held, declared.as_deref()),
            file => tokio::task::spawn_blocking(move || answer::of(file, declared.as_deref())).await?,
        };
        answer.map_err(stored)?.map_err(handler::Error::fatal)
    }

    /// Starts the command. While the machine lacks descriptors, processes or memory, it waits for some seconds, and then
    /// gives the job back.
    async fn start(&self, payload: &Payload, ctx: &Ctx) -> handler::Result<(Tree, Pipes)> {
        let name = self.argv.first().map_or("", String::as_str);
        let until = Instant::now() + shortage::PATIENCE.min(ctx.timeout() / 2);
        let mut pause = shortage::FIRST_PAUSE;
        loop {
            let program = self.find().map_err(|e| handler::Error::retry(format!("cannot start `{name}`: {e}")))?;
            let error = match self.spawn(program, payload, ctx) {
                Ok(started) => return Ok(started),
                Err(e) => e,
            };
            if !shortage::is_shortage(&error) {
                let hint = match error.raw_os_error() == Some(NO_EXECUTABLE) {
                    true => "; perhaps it lacks a first line such as `#!/bin/sh`",
                    false => "",
                };
                return Err(handler::Error::retry(format!("cannot start `{name}`: {error}{hint}")));
            }
            if Instant::now() + pause > until {
                tracing::warn!(job = %ctx.id(), %error, "cannot start `{name}`; the job waits, which costs no attempt");
                ctx.log(&format!("cannot start `{name}`: {error}; the job waits, which costs no attempt"));
                return Err(handler::Error::snooze(shortage::DELAY));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause *= 2,
                () = ctx.stopping() => return Err(handler::Error::interrupted()),
            }
        }
    }

    fn spawn(&self, program: PathBuf, payload: &Payload, ctx: &Ctx) -> std::io::Result<(Tree, Pipes)> {
        if !program::has_format(&program) {
            return Err(std::io::Error::from_raw_os_error(NO_EXECUTABLE));
        }
        let mut command = std::process::Command::new(program);
        command
            .arg0(self.argv.first().map_or("", String::as_str))
            .args(self.argv.iter().skip(1))
            .current_dir(&self.directory)
            .env_clear()
            .envs(self.environment())
            .envs(attempt_variables(payload, ctx))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Tree::spawn(command, Mark::of(ctx), &self.roster, self.open_files)
    }

    /// Returns the inherited variables and those of `set`.
    fn environment(&self) -> BTreeMap<String, OsString> {
        let inherited = self.inherit.iter().filter_map(|name| Some((name.clone(), (self.lookup)(name)?)));
        inherited.chain(self.set.iter().map(|(name, value)| (name.clone(), value.into()))).collect()
    }
}

/// The error of the operating system for an executable file that is neither a program nor a script.
const NO_EXECUTABLE: i32 = rustix::io::Errno::NOEXEC.raw_os_error();

/// A running attempt.
pub type Attempt = Pin<Box<dyn Future<Output = handler::Result<Output>> + Send>>;

/// Returns the variables of [`ATTEMPT_VARIABLES`] with their values for this attempt.
fn attempt_variables(payload: &Payload, ctx: &Ctx) -> impl Iterator<Item = (&'static str, String)> {
    let values = [
        ctx.id().to_string(),
        ctx.kind().to_string(),
        ctx.queue().to_string(),
        ctx.attempt().to_string(),
        ctx.max_attempts().to_string(),
        ctx.fence().to_string(),
        ctx.idempotency_key(),
        ctx.worker().to_string(),
        payload.as_str().len().to_string(),
    ];
    ATTEMPT_VARIABLES.iter().copied().zip(values)
}

/// Returns whether the worker shuts down, now or within a moment.
async fn shuts_down(ctx: &Ctx) -> bool {
    tokio::time::timeout(SHUTDOWN_NOTICE, ctx.draining()).await.is_ok()
}

/// Waits until the command has exited, or stops it. When this returns, none of its processes runs any more, and its
/// pipes are read as far as possible.
async fn watch(tree: &mut Tree, exchange: &mut Exchange<'_>, ctx: &Ctx) -> End {
    let mut exchanged = None;
    let end = loop {
        tokio::select! {
            biased;
            () = ctx.stopping() => break End::Stopped,
            () = tree.exited() => break End::Exited,
            written = &mut *exchange, if exchanged.is_none() => match written {
                Ok(()) => exchanged = Some(Ok(())),
                Err(OutputTooLarge) => break End::OutputTooLarge,
            },
        }
    };
    match end {
        End::Exited => {
            // The pipes close only when the processes that the command left in its group are killed.
            tree.kill_group();
            if exchanged.is_none() {
                exchanged = tokio::time::timeout(PIPE_GRACE, &mut *exchange).await.ok();
            }
            if exchanged.is_none() {
                tree.kill();
                exchanged = tokio::time::timeout(FINAL_PIPE_GRACE, &mut *exchange).await.ok();
            }
            // The limit may also be exceeded by what the pipes still contained at the end.
            match exchanged {
                Some(Ok(())) => End::Exited,
                Some(Err(OutputTooLarge)) => End::OutputTooLarge,
                None => End::Unfinished,
            }
        }
        End::Stopped => {
            tree.terminate();
            let over = async {
                if exchanged.is_none() {
                    exchanged = Some((&mut *exchange).await);
                }
                tree.exited().await;
            };
            let _ = tokio::time::timeout(STOP_GRACE, over).await; // processes that still run are killed next
            tree.kill();
            if exchanged.is_none() {
                let _ = tokio::time::timeout(PIPE_GRACE, &mut *exchange).await; // read what the pipes still contain
            }
            end
        }
        End::OutputTooLarge | End::Unfinished => {
            tree.kill();
            end
        }
    }
}
