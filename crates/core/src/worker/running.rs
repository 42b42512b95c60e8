//! A running worker: its controls, its report, and how it ends.

use tokio::sync::{mpsc, oneshot, watch};

use super::event::Command;
use crate::{JobId, Kind, QueueName, WorkerId, WorkerSecret};

/// Controls a running worker. Dropping it does not end the worker; call [`Running::drain`] or [`Running::cancel`].
#[derive(Debug)]
pub struct Running {
    id: WorkerId,
    secret: WorkerSecret,
    queues: Vec<QueueName>,
    kinds: Vec<Kind>,
    commands: mpsc::UnboundedSender<Command>,
    ended: watch::Receiver<Option<(Ended, Report)>>,
}

impl Running {
    pub(super) fn new(
        id: WorkerId,
        secret: WorkerSecret,
        (queues, kinds): (Vec<QueueName>, Vec<Kind>),
        commands: mpsc::UnboundedSender<Command>,
        ended: watch::Receiver<Option<(Ended, Report)>>,
    ) -> Self {
        Running { id, secret, queues, kinds, commands, ended }
    }

    /// Returns the worker's id.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// Returns the secret with which a supervisor may release the worker's jobs after its process has ended.
    pub fn secret(&self) -> &WorkerSecret {
        &self.secret
    }

    /// Returns whether the worker claims jobs of that kind from that queue.
    pub fn takes(&self, queue: &QueueName, kind: &Kind) -> bool {
        self.queues.contains(queue) && self.kinds.contains(kind)
    }

    /// Stops claiming, returns jobs that have not started, and waits up to the grace period for running jobs. After
    /// that, the remaining jobs are cancelled and released. It may be called repeatedly, and after [`Running::cancel`].
    pub async fn drain(&self) -> Ended {
        self.send(Command::Drain);
        self.ended().await
    }

    /// Stops claiming, stops running jobs, and releases them.
    pub async fn cancel(&self) -> Ended {
        self.send(Command::Cancel);
        self.ended().await
    }

    /// Stops claiming until [`Running::resume`] is called. Running jobs continue.
    pub fn quiet(&self) {
        self.send(Command::Quiet);
    }

    /// Starts claiming again after [`Running::quiet`].
    pub fn resume(&self) {
        self.send(Command::Resume);
    }

    /// Returns what the worker does now. After it has ended, returns its last report, or `None` if it ended together
    /// with its runtime.
    pub async fn report(&self) -> Option<Report> {
        let (answer, report) = oneshot::channel();
        self.send(Command::Report(answer));
        match report.await {
            Ok(report) => Some(report),
            Err(_) => self.end().await.map(|(_, report)| report),
        }
    }

    /// Waits until the worker has ended, for any reason.
    pub async fn ended(&self) -> Ended {
        self.end().await.map_or(Ended::Abandoned, |(ended, _)| ended)
    }

    /// Waits until the worker has ended. Returns `None` if the dispatcher's task ended with its runtime.
    async fn end(&self) -> Option<(Ended, Report)> {
        self.ended.clone().wait_for(Option::is_some).await.ok().and_then(|end| end.clone())
    }

    fn send(&self, command: Command) {
        let _ = self.commands.send(command); // a worker that has ended needs no commands
    }
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All started jobs were finished and settled.
    Drained,
    /// Some jobs were stopped and released.
    Released,
    /// Some jobs could not be settled or released. They wait for their leases to end.
    Abandoned,
    /// All slots were held for [the configured time](super::Worker::stuck_after) by handlers that do not return after
    /// their attempts have ended. The process should end, because nothing else stops them.
    Stuck,
}

impl Ended {
    /// Returns the exit code for a process whose worker ended like this: 0, 10, 11 or 12.
    pub fn exit_code(self) -> i32 {
        match self {
            Ended::Drained => 0,
            Ended::Released => 10,
            Ended::Abandoned => 11,
            Ended::Stuck => 12,
        }
    }
}

/// A worker's present activity and its totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Running jobs.
    pub running: Vec<JobId>,
    /// Used slots: running jobs, and blocking handlers that have not returned after their time-out.
    pub slots_used: usize,
    /// The number of slots.
    pub slots: usize,
    /// Blocking handlers that have not returned although their attempts have ended.
    pub stuck: usize,
    /// Finished jobs whose outcome is not written yet.
    pub unsettled: usize,
    /// Jobs claimed since the start.
    pub claimed: u64,
    /// Jobs settled since the start.
    pub settled: u64,
    /// Jobs lost to another worker since the start. Their late outcomes were discarded.
    pub lost: u64,
    /// Calls of `claim` since the start, including empty ones.
    pub claims: u64,
}
