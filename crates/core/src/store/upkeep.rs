//! Upkeep: what every process that works or serves does now and then.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::{ArtifactName, QueueName, Rules, State};

use super::Moved;

/// How much upkeep to do.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Upkeep {
    /// Most rows each part may touch; at most 500.
    pub limit: usize,
    /// Whether jobs with expired leases may be taken from their workers; not within a lease after an outage of the store.
    pub rescue: bool,
    /// The newest level of [rules](Rules) that this program knows: jobs of queues with newer ones are not rescued.
    pub rules_level: u16,
    /// For how long the process that calls is elected to do upkeep for all others, where a store elects one: calls of others do nothing
    /// meanwhile. Zero, the default, asks for no election: whoever calls does upkeep.
    pub elected_for: Duration,
}

impl Upkeep {
    /// Asks for as much as one call may do, by a program that knows every rule of this version.
    pub fn new(limit: usize, rescue: bool) -> Self {
        Upkeep { limit, rescue, rules_level: Rules::LEVEL, elected_for: Duration::ZERO }
    }

    /// Says which level of rules the program knows.
    pub fn rules_level(self, rules_level: u16) -> Self {
        Upkeep { rules_level, ..self }
    }

    /// Leaves upkeep to one process, elected for so long.
    pub fn elected_for(self, elected_for: Duration) -> Self {
        Upkeep { elected_for, ..self }
    }
}

/// What a piece of upkeep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpkeepReport {
    /// Jobs taken from workers that are gone.
    pub rescued: Vec<Moved>,
    /// Jobs whose deadline passed, or whose kind nobody knows.
    pub buried: Vec<Moved>,
    /// Finished jobs deleted because their time was over.
    pub pruned: usize,
    /// Artifacts of deleted jobs, to be deleted now.
    pub artifacts: Vec<ArtifactName>,
    /// Some part stopped at its limit: call again soon.
    pub more: bool,
    /// Leases have ended that do not prove yet that their workers are gone: how soon to call again, to see whether they do by then.
    pub again: Option<Duration>,
    /// Parts that failed, wholly or for some rows. The others were done all the same.
    pub failed: Vec<UpkeepFailure>,
}

impl UpkeepReport {
    /// Returns the queues that woke: rescued jobs wait there again, or will be due.
    pub fn woke(&self) -> BTreeSet<&QueueName> {
        let waits = |moved: &&Moved| matches!(moved.state, State::Ready | State::Scheduled);
        self.rescued.iter().filter(waits).map(|moved| &moved.queue).collect()
    }
}

/// A part of upkeep that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpkeepFailure {
    /// What the part does, for example `rescue` or `prune`.
    pub part: &'static str,
    /// Why it failed, and for how many rows where that is known.
    pub message: String,
}

impl UpkeepFailure {
    /// Makes the report of a part that failed.
    pub fn new(part: &'static str, error: impl fmt::Display) -> Self {
        UpkeepFailure { part, message: error.to_string() }
    }
}

impl fmt::Display for UpkeepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.message)
    }
}
