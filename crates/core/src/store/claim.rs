//! Claims: what a worker requests and what it gets.

use std::fmt;
use std::time::Duration;

use super::Moved;
use crate::{JobId, Kind, KindLimits, Label, Nonce, Payload, QueueName, Rules, Token, WorkerId, state::is_isolated};

/// A worker's request for jobs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// The worker.
    pub worker: WorkerId,
    /// Identifies this call. It is new for a new call, and the same for a repeat of a call whose answer was lost.
    pub nonce: Nonce,
    /// The queues, in the order in which the store looks for jobs.
    pub queues: Vec<QueueName>,
    /// All kinds that the worker has handlers for, including those of which it wants no job now.
    pub kinds: Vec<KnownKind>,
    /// Most jobs to return.
    pub limit: usize,
    /// How long the claim lasts without renewal: from 1 second to 10 minutes, see
    /// [`limits::LEASES`](crate::limits::LEASES).
    pub lease: Duration,
    /// Whether the worker runs nothing else, so that it may get a job that must run isolated.
    pub idle: bool,
    /// The newest level of [rules](Rules) that this program knows. Defaults to [`Rules::LEVEL`].
    pub rules_level: u16,
}

impl Claim {
    /// Creates a claim for one job, with a new nonce and the default lease, of a worker that is not idle.
    pub fn new(worker: WorkerId, queues: Vec<QueueName>, kinds: Vec<KnownKind>) -> Self {
        Claim {
            worker,
            nonce: Nonce::new(),
            queues,
            kinds,
            limit: 1,
            lease: crate::limits::LEASE,
            idle: false,
            rules_level: Rules::LEVEL,
        }
    }

    /// Sets the worker.
    pub fn worker(self, worker: WorkerId) -> Self {
        Claim { worker, ..self }
    }

    /// Sets the nonce: that of an earlier claim for a repeat, or a new one.
    pub fn nonce(self, nonce: Nonce) -> Self {
        Claim { nonce, ..self }
    }

    /// Sets the queues, in this order.
    pub fn queues(self, queues: Vec<QueueName>) -> Self {
        Claim { queues, ..self }
    }

    /// Sets the kinds.
    pub fn kinds(self, kinds: Vec<KnownKind>) -> Self {
        Claim { kinds, ..self }
    }

    /// Sets the most jobs to return.
    pub fn limit(self, limit: usize) -> Self {
        Claim { limit, ..self }
    }

    /// Sets how long the claim lasts without renewal.
    pub fn lease(self, lease: Duration) -> Self {
        Claim { lease, ..self }
    }

    /// Sets whether the worker runs nothing else.
    pub fn idle(self, idle: bool) -> Self {
        Claim { idle, ..self }
    }

    /// Sets the newest level of rules that the program knows.
    pub fn rules_level(self, rules_level: u16) -> Self {
        Claim { rules_level, ..self }
    }
}

/// A kind that a worker has a handler for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownKind {
    /// The kind.
    pub kind: Kind,
    /// Most jobs of this kind to return. Zero if the worker has no room for more; the kind still counts as known.
    pub wanted: usize,
    /// The limits under which the worker runs such jobs.
    pub limits: KindLimits,
}

impl KnownKind {
    /// Sets the most jobs of this kind to return.
    pub fn wanted(self, wanted: usize) -> Self {
        KnownKind { wanted, ..self }
    }

    /// Sets the limits of this kind.
    pub fn limits(self, limits: KindLimits) -> Self {
        KnownKind { limits, ..self }
    }
}

impl From<Kind> for KnownKind {
    /// Asks for as many jobs as the claim's limit allows, without limits of the kind.
    fn from(kind: Kind) -> Self {
        KnownKind { kind, wanted: usize::MAX, limits: KindLimits::default() }
    }
}

/// The answer to a claim.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Claims {
    /// The claimed jobs, in the order in which they should run.
    pub jobs: Vec<Claimed>,
    /// Queues without jobs in this answer because something held them back, and why.
    pub held_back: Vec<HeldBack>,
    /// When to claim again without a notification: when the next job of these queues is due, or when a pause ends. Zero
    /// means at once: the search stopped at a limit, and there may be more jobs.
    pub look_again: Option<Duration>,
    /// Jobs that became dead in this call: their deadline passed, or their data is corrupt.
    pub buried: Vec<Moved>,
    /// Whether a job waits that must run isolated. A worker that is not idle should become idle.
    pub isolated_waits: bool,
}

impl Claims {
    /// Adds a time after which to claim again. The soonest one counts.
    pub fn look_in(&mut self, wait: Option<Duration>) {
        self.look_again = [self.look_again, wait].into_iter().flatten().min();
    }

    /// Adds a queue that is held back. `until` is how long this lasts, if it ends by itself.
    pub fn hold_back(&mut self, queue: QueueName, why: HeldBackReason, until: Option<Duration>) {
        self.held_back.push(HeldBack { queue, why, until });
        self.look_in(until);
    }

    /// Returns whether the claim returned a job that must run isolated. Such a job is always the only one.
    pub fn is_isolated(&self) -> bool {
        self.jobs.first().is_some_and(|job| is_isolated(job.crashes))
    }
}

/// A queue whose jobs were not returned by a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBack {
    /// The queue.
    pub queue: QueueName,
    /// What holds it back.
    pub why: HeldBackReason,
    /// How long this lasts, if it ends by itself.
    pub until: Option<Duration>,
}

impl HeldBack {
    /// Creates an entry for a queue that is held back.
    pub fn new(queue: QueueName, why: HeldBackReason, until: Option<Duration>) -> Self {
        HeldBack { queue, why, until }
    }
}

/// What holds a queue back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeldBackReason {
    /// The queue is paused.
    Paused,
    /// The queue has a rule that this program does not know, because a newer version wrote it.
    UnknownRule,
    /// The server of the queue could not be reached or did not answer. The claim may have taken effect there: repeat it
    /// with the same nonce for these queues.
    Unreachable,
}

impl HeldBackReason {
    /// Returns the reason's name.
    pub fn as_str(self) -> &'static str {
        match self {
            HeldBackReason::Paused => "paused",
            HeldBackReason::UnknownRule => "unknown_rule",
            HeldBackReason::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for HeldBackReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A job that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The id.
    pub id: JobId,
    /// Proves the claim.
    pub token: Token,
    /// The queue.
    pub queue: QueueName,
    /// The kind.
    pub kind: Kind,
    /// The group within the queue that the job belongs to.
    pub key: Option<Label>,
    /// The input of the handler.
    pub payload: Payload,
    /// The number of this attempt, from 1.
    pub attempt: u16,
    /// Attempts allowed, as granted by the limits of the kind.
    pub max_attempts: u16,
    /// How long the attempt may take, as granted by the limits of the kind.
    pub timeout: Duration,
    /// Worker processes that died earlier while they ran this job.
    pub crashes: u16,
    /// Attempts in a row that ended in an outage.
    pub outages: u16,
    /// How long ago the first of these attempts ended; zero if there is none.
    pub outage_for: Duration,
    /// How long the job was ready before it was claimed.
    pub waited: Duration,
}

#[cfg(test)]
impl Claimed {
    /// Returns a job of that kind in its first of three attempts.
    pub(crate) fn example(kind: &str) -> Self {
        Claimed {
            id: JobId::new(&QueueName::default()),
            token: Token::new(1),
            queue: QueueName::default(),
            kind: kind.parse().unwrap(),
            key: None,
            payload: Payload::parse("{}").unwrap(),
            attempt: 1,
            max_attempts: 3,
            timeout: Duration::from_secs(1),
            crashes: 0,
            outages: 0,
            outage_for: Duration::ZERO,
            waited: Duration::ZERO,
        }
    }
}
