//! What a worker asks for, and what it gets.

use std::fmt;
use std::time::Duration;

use super::Moved;
use crate::{JobId, Kind, KindLimits, Label, Nonce, Payload, QueueName, Rules, Token, WorkerId, state::is_isolated};

/// What a worker asks for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerId,
    /// Names this call: fresh for a new one, the same for a repeat of one whose answer was lost.
    pub nonce: Nonce,
    /// Queues in the order they are to be looked at.
    pub queues: Vec<QueueName>,
    /// Kinds the worker has handlers for, those of which it wants none now included.
    pub kinds: Vec<KnownKind>,
    /// Most jobs to hand out.
    pub limit: usize,
    /// How long the claim holds without being renewed: from 1 second to 10 minutes, see [`limits::LEASES`](crate::limits::LEASES).
    pub lease: Duration,
    /// Whether the worker runs nothing else, so that a job which must run isolated may be handed out, by itself.
    pub idle: bool,
    /// The newest level of [rules](Rules) that this program knows. Defaults to [`Rules::LEVEL`].
    pub rules_level: u16,
}

impl Claim {
    /// Asks for one job, under a fresh nonce and the default lease, for a worker that is not idle.
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

    /// Lets another worker ask.
    pub fn worker(self, worker: WorkerId) -> Self {
        Claim { worker, ..self }
    }

    /// Gives it the nonce of an earlier claim, which it repeats, or a fresh one.
    pub fn nonce(self, nonce: Nonce) -> Self {
        Claim { nonce, ..self }
    }

    /// Looks at other queues, in this order.
    pub fn queues(self, queues: Vec<QueueName>) -> Self {
        Claim { queues, ..self }
    }

    /// Knows other kinds.
    pub fn kinds(self, kinds: Vec<KnownKind>) -> Self {
        Claim { kinds, ..self }
    }

    /// Asks for up to so many jobs.
    pub fn limit(self, limit: usize) -> Self {
        Claim { limit, ..self }
    }

    /// Holds for so long without being renewed.
    pub fn lease(self, lease: Duration) -> Self {
        Claim { lease, ..self }
    }

    /// Says whether the worker runs nothing else.
    pub fn idle(self, idle: bool) -> Self {
        Claim { idle, ..self }
    }

    /// Knows rules up to another level.
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
    /// Most jobs of it to hand out. Zero where the worker runs as many as it may: the kind is still known.
    pub wanted: usize,
    /// The limits that the worker runs such jobs under.
    pub limits: KindLimits,
}

impl KnownKind {
    /// Says how many of it are wanted.
    pub fn wanted(self, wanted: usize) -> Self {
        KnownKind { wanted, ..self }
    }

    /// Says which limits such jobs run under.
    pub fn limits(self, limits: KindLimits) -> Self {
        KnownKind { limits, ..self }
    }
}

impl From<Kind> for KnownKind {
    /// Wants as many as the claim's limit allows, and leaves the limits to the jobs.
    fn from(kind: Kind) -> Self {
        KnownKind { kind, wanted: usize::MAX, limits: KindLimits::default() }
    }
}

/// What a worker gets.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Claims {
    /// The jobs, best first.
    pub jobs: Vec<Claimed>,
    /// The queues that were looked at in vain, or not at all, and why.
    pub held_back: Vec<HeldBack>,
    /// When to look again without having been notified: when the next job of these queues is due, or a pause ends. Zero means at once: the look
    /// stopped at a bound, and there may be more behind it.
    pub look_again: Option<Duration>,
    /// Jobs that were found unfit and are dead now: they missed their deadline, or what the store holds of them makes no sense.
    pub buried: Vec<Moved>,
    /// A job waits that must run isolated; a worker that is not idle should become so.
    pub isolated_waits: bool,
}

impl Claims {
    /// Notes a moment at which to look again; the soonest counts.
    pub fn look_in(&mut self, wait: Option<Duration>) {
        self.look_again = [self.look_again, wait].into_iter().flatten().min();
    }

    /// Notes a queue that is held back; `until` is how long until that ends by itself.
    pub fn hold_back(&mut self, queue: QueueName, why: HeldBackReason, until: Option<Duration>) {
        self.held_back.push(HeldBack { queue, why, until });
        self.look_in(until);
    }

    /// Returns whether a job was handed out that must run isolated: nothing else goes with it.
    pub fn is_isolated(&self) -> bool {
        self.jobs.first().is_some_and(|job| is_isolated(job.crashes))
    }
}

/// A queue whose jobs were not handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBack {
    /// The queue.
    pub queue: QueueName,
    /// What holds it back.
    pub why: HeldBackReason,
    /// How long until that ends by itself, where it does.
    pub until: Option<Duration>,
}

impl HeldBack {
    /// Says that a queue is held back, why, and for how long where that ends by itself.
    pub fn new(queue: QueueName, why: HeldBackReason, until: Option<Duration>) -> Self {
        HeldBack { queue, why, until }
    }
}

/// What holds a queue back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeldBackReason {
    /// It is paused.
    Paused,
    /// It has a rule that this program does not know, because a newer one wrote it.
    UnknownRule,
    /// Its server could not be reached, or did not answer. The claim may have been made there: repeat it under the same nonce, for these queues.
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
    /// Whom it belongs to within the queue.
    pub key: Option<Label>,
    /// What the handler gets.
    pub payload: Payload,
    /// Which attempt this is, from 1.
    pub attempt: u16,
    /// Attempts allowed: granted by the kind's limits.
    pub max_attempts: u16,
    /// How long the attempt may take: granted by the kind's limits.
    pub timeout: Duration,
    /// Worker processes that died with it before.
    pub crashes: u16,
    /// Attempts in a row that ended in an outage.
    pub outages: u16,
    /// How long ago the first of them ended; zero without any.
    pub outage_for: Duration,
    /// How long it was ready before it was claimed.
    pub waited: Duration,
}

#[cfg(test)]
impl Claimed {
    /// Returns the first attempt of three at a job of that kind.
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
