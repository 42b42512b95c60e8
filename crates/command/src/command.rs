use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::handler::{self, Ctx};
use longshore_core::{Output, Payload, limits};
use tracing::Instrument;

use crate::processes::Marks;
use crate::program::{self, NotRunnable};
use crate::talk::{Flood, Heard, Pipes, Talk};
use crate::tree::Tree;
use crate::{answer, ending};

/// Variables of the worker's environment that a command gets unless told otherwise.
pub const INHERITED: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Variables that every command gets from its attempt.
pub const GIVEN: &[&str] = &[
    "LONGSHORE_JOB_ID",
    "LONGSHORE_KIND",
    "LONGSHORE_QUEUE",
    "LONGSHORE_ATTEMPT",
    "LONGSHORE_MAX_ATTEMPTS",
    "LONGSHORE_FENCE",
    "LONGSHORE_IDEMPOTENCY_KEY",
];

/// Those of them that no other attempt has: where they are found, a process belongs to it.
const MARKS: [usize; 2] = [0, 5];

/// How long a command has between SIGTERM and SIGKILL: less than its attempt has, so that SIGKILL is certain to come.
pub const STOP_GRACE: Duration = limits::CANCEL_GRACE.saturating_sub(Duration::from_millis(500));

/// How long pipes may stay open once nobody should hold them any more, until we look who does.
const LINGER: Duration = Duration::from_millis(250);
/// How long they may stay open once nobody is left whom we can find.
const LAST_LINGER: Duration = Duration::from_secs(5);

/// A program that runs jobs of one kind; never through a shell.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The folder it runs in. Defaults to that of the worker.
    pub directory: PathBuf,
    /// Variables of the worker's environment that it gets. Defaults to [`INHERITED`].
    pub inherit: Vec<String>,
    /// Further variables, which go before inherited ones.
    pub set: BTreeMap<String, String>,
    /// The media type of its output; `None` looks at the output.
    pub result: Option<String>,
}

/// Why an attempt is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The command has exited by itself.
    Exited,
    /// It was told to stop.
    Stopped,
    /// It has, but somebody we cannot find holds its pipes open, so that its output may be incomplete.
    Unfinished,
    /// It wrote more than a result may have.
    Flooded,
}

impl Command {
    /// Makes a command of a program and its arguments, with all defaults.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Command {
            argv: argv.into_iter().map(Into::into).collect(),
            directory: PathBuf::from("."),
            inherit: INHERITED.iter().map(|name| (*name).to_owned()).collect(),
            set: BTreeMap::new(),
            result: None,
        }
    }

    /// Finds the program, as each attempt does.
    ///
    /// # Errors
    ///
    /// If there is none, or it may not be executed.
    pub fn find(&self) -> Result<PathBuf, NotRunnable> {
        let environment = self.environment();
        let path = environment.get("PATH").map(OsString::as_os_str);
        program::find(self.argv.first().map_or("", String::as_str), &self.directory, path)
    }

    /// Returns it as a handler for [`Worker::handle_kind`](longshore_core::worker::Worker::handle_kind).
    pub fn handler(self) -> impl Fn(Payload, Ctx) -> Attempt + Send + Sync + 'static {
        let command = Arc::new(self);
        move |payload, ctx| {
            let command = Arc::clone(&command);
            let span = tracing::debug_span!("command", job = %ctx.id(), kind = %ctx.kind(), attempt = ctx.attempt());
            Box::pin(async move { command.run(&payload, &ctx).await }.instrument(span))
        }
    }

    /// Runs one attempt. Whenever this future is dropped, the command and its offspring are killed.
    ///
    /// # Errors
    ///
    /// What the exit code means; or, to be tried again, that the command could not be started.
    pub async fn run(&self, payload: &Payload, ctx: &Ctx) -> handler::Result<Output> {
        let (mut tree, pipes) = self.start(ctx)?;
        let mut heard = Heard::default();
        let mut talk: Talk<'_> = Box::pin(pipes.talk(payload.as_str(), ctx, &mut heard));
        let end = watch(&mut tree, &mut talk, ctx).await;
        drop(talk);
        let status = tree.reap().await?;
        heard.log.end(&mut |said| said.tell(ctx));
        match end {
            End::Exited => ending::judge(status, &heard.log)?,
            End::Unfinished => {
                let head = "it exited, but left a process behind that holds its pipes open and cannot be found";
                return Err(handler::Error::retry(heard.log.below(head)));
            }
            End::Stopped => return Err(handler::Error::retry(heard.log.below("stopped"))),
            End::Flooded => {
                let most = limits::RESULT_BYTES;
                let head = format!("wrote more than {most} bytes, the most a result may have, to its standard output");
                return Err(handler::Error::fatal(heard.log.below(&head)));
            }
        }
        let declared = self.result.clone();
        let read = move || answer::of(heard.output.finish()?, declared.as_deref());
        let answer = tokio::task::spawn_blocking(read).await?;
        let answer = answer.map_err(|e| handler::Error::retry(format!("cannot keep its standard output: {e}")))?;
        answer.map_err(handler::Error::fatal)
    }

    fn start(&self, ctx: &Ctx) -> handler::Result<(Tree, Pipes)> {
        let name = self.argv.first().map_or("", String::as_str);
        let program = self.find().map_err(|e| handler::Error::retry(format!("cannot start `{name}`: {e}")))?;
        let given = given(ctx);
        let mut command = tokio::process::Command::new(program);
        command
            .arg0(name)
            .args(self.argv.iter().skip(1))
            .current_dir(&self.directory)
            .env_clear()
            .envs(self.environment())
            .envs(given.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Tree::spawn(command, Marks::of(&MARKS.map(|index| given[index].clone()))).map_err(|e| {
            let hint = if e.raw_os_error() == Some(NO_EXECUTABLE) {
                "; does it lack a first line like `#!/bin/sh`?"
            } else {
                ""
            };
            handler::Error::retry(format!("cannot start `{name}`: {e}{hint}"))
        })
    }

    /// Returns what the child sees of our environment, and what was set for it.
    fn environment(&self) -> BTreeMap<String, OsString> {
        let inherited = self.inherit.iter().filter_map(|name| Some((name.clone(), std::env::var_os(name)?)));
        inherited.chain(self.set.iter().map(|(name, value)| (name.clone(), value.into()))).collect()
    }
}

/// What the system calls a file that is executable by its mode, but neither a program nor a script.
const NO_EXECUTABLE: i32 = rustix::io::Errno::NOEXEC.raw_os_error();

/// One attempt under way.
pub type Attempt = Pin<Box<dyn Future<Output = handler::Result<Output>> + Send>>;

/// Returns the variables of [`GIVEN`], with their values for this attempt.
fn given(ctx: &Ctx) -> Vec<(&'static str, String)> {
    let values = [
        ctx.id().to_string(),
        ctx.kind().to_string(),
        ctx.queue().to_string(),
        ctx.attempt().to_string(),
        ctx.max_attempts().to_string(),
        ctx.fence().to_string(),
        ctx.idempotency_key(),
    ];
    GIVEN.iter().copied().zip(values).collect()
}

/// Waits until the command has exited, or ends it when it must; then nothing of it runs any more, and its pipes are read as far
/// as they go.
async fn watch(tree: &mut Tree, talk: &mut Talk<'_>, ctx: &Ctx) -> End {
    let mut talked = None;
    let end = loop {
        tokio::select! {
            biased;
            () = ctx.stopping() => break End::Stopped,
            () = tree.exited() => break End::Exited,
            said = &mut *talk, if talked.is_none() => match said {
                Ok(()) => talked = Some(Ok(())),
                Err(Flood) => break End::Flooded,
            },
        }
    };
    match end {
        End::Exited => {
            // What it left behind in its group is over with it; only then do its pipes end.
            tree.kill_group();
            if talked.is_none() {
                talked = tokio::time::timeout(LINGER, &mut *talk).await.ok();
            }
            if talked.is_none() {
                tree.kill();
                talked = tokio::time::timeout(LAST_LINGER, &mut *talk).await.ok();
            }
            // A flood may also be seen at the end, in what the pipe still held.
            match talked {
                Some(Ok(())) => End::Exited,
                Some(Err(Flood)) => End::Flooded,
                None => End::Unfinished,
            }
        }
        End::Stopped => {
            tree.terminate();
            let over = async {
                if talked.is_none() {
                    talked = Some((&mut *talk).await);
                }
                tree.exited().await;
            };
            let _ = tokio::time::timeout(STOP_GRACE, over).await; // what is not over by then is killed
            tree.kill();
            if talked.is_none() {
                let _ = tokio::time::timeout(LINGER, &mut *talk).await; // its last words, as far as they are there
            }
            end
        }
        End::Flooded | End::Unfinished => {
            tree.kill();
            end
        }
    }
}
