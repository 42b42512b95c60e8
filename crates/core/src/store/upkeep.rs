//! Upkeep: the regular maintenance that every worker and server process does.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::{ArtifactName, QueueName, Rules, State};

use super::Moved;

/// How much upkeep to do in one call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Upkeep {
    /// Most rows that each part may change; at most 500.
    pub limit: usize,
    /// Whether jobs with expired leases may be taken from their workers. It is false until one lease after an outage of
    /// the store.
    pub rescue: bool,
    /// The newest level of [rules](Rules) that this program knows. Jobs of queues with newer rules are not rescued.
    pub rules_level: u16,
    /// How long the caller is elected to do upkeep for all processes, if the store supports elections. Meanwhile the
    /// calls of other processes do nothing. A caller that may not rescue is elected only until one that may calls. Zero,
    /// the default, requests no election: each caller does upkeep.
    pub elected_for: Duration,
}

impl Upkeep {
    /// Creates a call of a program that knows every rule of this version, without an election.
    pub fn new(limit: usize, rescue: bool) -> Self {
        Upkeep { limit, rescue, rules_level: Rules::LEVEL, elected_for: Duration::ZERO }
    }

    /// Sets which level of rules the program knows.
    pub fn rules_level(self, rules_level: u16) -> Self {
        Upkeep { rules_level, ..self }
    }

    /// Sets how long the caller is elected.
    pub fn elected_for(self, elected_for: Duration) -> Self {
        Upkeep { elected_for, ..self }
    }
}

/// What an upkeep call did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpkeepReport {
    /// Jobs that were taken from workers that are gone.
    pub rescued: Vec<Moved>,
    /// Jobs whose deadline passed or whose kind no worker knows.
    pub buried: Vec<Moved>,
    /// The number of finished jobs that were deleted because their retention period ended.
    pub pruned: usize,
    /// Artifacts of deleted jobs, which must be deleted now.
    pub artifacts: Vec<ArtifactName>,
    /// Whether some part stopped at its limit. Call again soon.
    pub more: bool,
    /// When to call again, if some expired leases do not prove yet that their workers are gone.
    pub again: Option<Duration>,
    /// Parts that failed, completely or for some rows. All other parts were done.
    pub failed: Vec<UpkeepFailure>,
}

impl UpkeepReport {
    /// Returns the queues of rescued jobs that wait again.
    pub fn woke(&self) -> BTreeSet<&QueueName> {
        let waits = |moved: &&Moved| matches!(moved.state, State::Ready | State::Scheduled);
        self.rescued.iter().filter(waits).map(|moved| &moved.queue).collect()
    }
}

/// A part of upkeep that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpkeepFailure {
    /// The name of the part, for example `rescue` or `prune`.
    pub part: &'static str,
    /// Why it failed, and for how many rows if that is known.
    pub message: String,
}

impl UpkeepFailure {
    /// Creates the report of a part that failed.
    pub fn new(part: &'static str, error: impl fmt::Display) -> Self {
        UpkeepFailure { part, message: error.to_string() }
    }
}

impl fmt::Display for UpkeepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.message)
    }
}
