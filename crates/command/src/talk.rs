//! The three pipes of a command, served at the same time, so that neither side ever waits for the other for good.

use std::pin::Pin;

use longshore_core::handler::Ctx;
use longshore_core::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use crate::log::Log;
use crate::spool::Spool;

/// Our ends of the pipes.
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

/// What a command has written.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) output: Spool,
    pub(crate) log: Log,
}

/// The command writes more than a result may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flood;

/// A talk under way; over when nobody holds the other ends of the output pipes any more.
pub(crate) type Talk<'a> = Pin<Box<dyn Future<Output = Result<(), Flood>> + Send + 'a>>;

impl Pipes {
    /// Hands the payload over, and hears what is said meanwhile.
    pub(crate) async fn talk(self, payload: &str, ctx: &Ctx, heard: &mut Heard) -> Result<(), Flood> {
        let Pipes { stdin, stdout, stderr } = self;
        let Heard { output, log } = heard;
        let hand_over = async {
            hand_over(stdin, payload).await;
            Ok(())
        };
        let listen = async {
            listen(stderr, log, ctx).await;
            Ok(())
        };
        tokio::try_join!(hand_over, collect(stdout, output), listen).map(|_| ())
    }
}

/// Writes the payload and a line feed, so that a shell's `read` takes it too. A command need not read it.
async fn hand_over(mut stdin: ChildStdin, payload: &str) {
    let _ = stdin.write_all(payload.as_bytes()).await; // whoever has closed it does not want it
    let _ = stdin.write_all(b"\n").await;
}

async fn collect(mut stdout: ChildStdout, output: &mut Spool) -> Result<(), Flood> {
    let mut piece = vec![0; 32 * 1024];
    while let Ok(read @ 1..) = stdout.read(&mut piece).await {
        if output.size() + read as u64 > limits::RESULT_BYTES as u64 {
            return Err(Flood);
        }
        output.take(&piece[..read]).await;
    }
    Ok(())
}

async fn listen(mut stderr: ChildStderr, log: &mut Log, ctx: &Ctx) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        log.take(&piece[..read], &mut |said| said.tell(ctx));
    }
}
