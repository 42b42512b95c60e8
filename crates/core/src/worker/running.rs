//! A worker at work, how it ends, and what it says of itself.

use tokio::sync::{mpsc, oneshot, watch};

use super::event::Command;
use crate::{JobId, WorkerId, WorkerSecret};

/// A worker at work. Dropping it lets the worker go on; ask it to end with [`Running::drain`] or [`Running::cancel`].
#[derive(Debug)]
pub struct Running {
    id: WorkerId,
    secret: WorkerSecret,
    commands: mpsc::UnboundedSender<Command>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Running {
    pub(super) fn new(
        id: WorkerId,
        secret: WorkerSecret,
        commands: mpsc::UnboundedSender<Command>,
        ended: watch::Receiver<Option<Ended>>,
    ) -> Self {
        Running { id, secret, commands, ended }
    }

    /// Returns the worker's id.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// Returns the secret with which a supervisor may release the worker's jobs once its process is gone.
    pub fn secret(&self) -> &WorkerSecret {
        &self.secret
    }

    /// Stops claiming, hands back what has not started, and waits for running jobs as long as the grace period; what runs on
    /// after that is cancelled and handed back. May be called again, and after [`Running::cancel`].
    pub async fn drain(&self) -> Ended {
        self.send(Command::Drain);
        self.ended().await
    }

    /// Stops claiming, cancels what runs, and hands it back.
    pub async fn cancel(&self) -> Ended {
        self.send(Command::Cancel);
        self.ended().await
    }

    /// Stops claiming until [`Running::resume`]; what runs goes on.
    pub fn quiet(&self) {
        self.send(Command::Quiet);
    }

    /// Claims again after [`Running::quiet`].
    pub fn resume(&self) {
        self.send(Command::Resume);
    }

    /// Returns what the worker does at this moment; `None` once it has ended.
    pub async fn report(&self) -> Option<Report> {
        let (answer, report) = oneshot::channel();
        self.send(Command::Report(answer));
        report.await.ok()
    }

    /// Waits until the worker has ended, for whatever reason.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.expect("waited for it"),
            Err(_) => Ended::Left, // the dispatcher's task was torn down with its runtime
        }
    }

    fn send(&self, command: Command) {
        let _ = self.commands.send(command); // a worker that has ended needs no more orders
    }
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything it had begun was finished and settled.
    Drained,
    /// Some jobs were cut short and handed back.
    Released,
    /// Some jobs could not be settled or handed back: they wait for their leases to end.
    Left,
    /// Every slot was held for [as long as was said](super::Worker::stuck_after) by handlers that do not return although their attempts are over. The process should end: nothing
    /// else stops them.
    Stuck,
}

impl Ended {
    /// Returns the exit code for a process that ended so: 0, 10, 11 or 12.
    pub fn exit_code(self) -> i32 {
        match self {
            Ended::Drained => 0,
            Ended::Released => 10,
            Ended::Left => 11,
            Ended::Stuck => 12,
        }
    }
}

/// What a worker does at one moment, and has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Jobs that run.
    pub running: Vec<JobId>,
    /// Slots taken: running jobs, and blocking handlers that run on after their time-out.
    pub slots_used: usize,
    /// Slots in all.
    pub slots: usize,
    /// Blocking handlers that run on although their attempt is over.
    pub stuck: usize,
    /// Finished jobs whose outcome is not written yet.
    pub unsettled: usize,
    /// Jobs started since the start.
    pub claimed: u64,
    /// Jobs settled since the start.
    pub settled: u64,
    /// Jobs lost to another worker since the start: their late outcomes changed nothing.
    pub lost: u64,
    /// Calls of `claim` since the start, empty ones included.
    pub claims: u64,
}
