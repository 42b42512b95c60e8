//! The three pipes of a command. They are served at the same time, so that neither side can block the other forever.

use std::pin::Pin;

use longshore_core::handler::Ctx;
use longshore_core::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use crate::log::Log;
use crate::spool::Spool;

/// The worker's ends of the pipes.
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// The captured output of a command.
#[derive(Default)]
pub(crate) struct Captured {
    pub(crate) output: Spool,
    pub(crate) log: Log,
}

/// The command wrote more than the maximum size of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutputTooLarge;

/// A running exchange. It ends when no process holds the other ends of the output pipes any more.
pub(crate) type Exchange<'a> = Pin<Box<dyn Future<Output = Result<(), OutputTooLarge>> + Send + 'a>>;

impl Pipes {
    /// Writes the payload, and reads output and log at the same time.
    pub(crate) async fn exchange(
        self,
        payload: &str,
        ctx: &Ctx,
        captured: &mut Captured,
    ) -> Result<(), OutputTooLarge> {
        let Pipes { stdin, stdout, stderr } = self;
        let Captured { output, log } = captured;
        let write_payload = async {
            write_payload(stdin, payload).await;
            Ok(())
        };
        let read_log = async {
            read_log(stderr, log, ctx).await;
            Ok(())
        };
        tokio::try_join!(write_payload, collect(stdout, output), read_log).map(|_| ())
    }
}

/// Writes the payload and a line feed, so that a shell's `read` accepts it. A command need not read it.
async fn write_payload(mut stdin: ChildStdin, payload: &str) {
    let _ = stdin.write_all(payload.as_bytes()).await; // the command may have closed its standard input
    let _ = stdin.write_all(b"\n").await;
}

async fn collect(mut stdout: ChildStdout, output: &mut Spool) -> Result<(), OutputTooLarge> {
    let mut chunk = vec![0; 32 * 1024];
    while let Ok(read @ 1..) = stdout.read(&mut chunk).await {
        if output.size() + read as u64 > limits::RESULT_BYTES as u64 {
            return Err(OutputTooLarge);
        }
        output.take(&chunk[..read]).await;
    }
    Ok(())
}

async fn read_log(mut stderr: ChildStderr, log: &mut Log, ctx: &Ctx) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        log.take(&chunk[..read], &mut |written| written.report(ctx));
    }
}
