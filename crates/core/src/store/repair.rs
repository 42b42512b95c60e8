//! Finding and mending what other programs have changed behind longshore's back.

use std::fmt;

use async_trait::async_trait;

use crate::{Error, JobId, QueueName, limits};

/// Looks through a store for what contradicts itself: counters that do not fit the jobs, jobs that are not where their state says, things
/// whose job is gone.
///
/// A sound store holds nothing of the kind, whatever happens to its workers and servers. It comes from a person with the database's
/// shell, from another program, or from a database that lost part of what it had written.
#[async_trait]
pub trait Repair: Send + Sync + 'static {
    /// Looks at a bounded piece of the store, and repairs what it finds there if the step [may write](RepairStep::write).
    ///
    /// A walk begins without a cursor and goes on with [`Repaired::next`] until there is none. Each call is one transaction or one script;
    /// a recount of counters reads all jobs, and locks none. It may be called concurrently, while workers run: it changes no job whose
    /// record makes sense, and no job is lost to it. One that was changed beyond reading is dead, with reason
    /// [`Corrupt`](crate::Reason::Corrupt). A repeat is harmless. A piece may be empty although there are more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a cursor that this store did not give out; else as the store fails. What
    /// cannot be repaired is a finding, and no error.
    async fn repair(&self, step: RepairStep) -> Result<Repaired, Error>;
}

/// Which piece of the store to look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RepairStep {
    /// Where to go on; `None` is the beginning.
    pub after: Option<RepairCursor>,
    /// How many rows to look at. Defaults to [`UPKEEP_ROWS`](limits::UPKEEP_ROWS), which is the most. A store may look at fewer, and reads a small
    /// set of its own at once, whatever the limit.
    pub limit: usize,
    /// Whether to repair what is found. Defaults to no.
    pub write: bool,
}

impl RepairStep {
    /// Looks at the first piece, without a change.
    pub fn first() -> Self {
        RepairStep { after: None, limit: limits::UPKEEP_ROWS, write: false }
    }

    /// Goes on from there.
    pub fn after(self, after: Option<RepairCursor>) -> Self {
        RepairStep { after, ..self }
    }

    /// Looks at no more rows than that.
    pub fn limit(self, limit: usize) -> Self {
        RepairStep { limit, ..self }
    }

    /// Says whether to repair what is found.
    pub fn write(self, write: bool) -> Self {
        RepairStep { write, ..self }
    }
}

/// A place in the walk through a store. Its text means nothing to anybody but the store that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairCursor(pub String);

impl RepairCursor {
    /// Returns the error of a store that did not give this cursor out.
    pub fn unknown(&self) -> Error {
        Error::invalid(format!("`{}` is no place that a repair of this store goes on from", self.0))
    }
}

/// What a piece of the store held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// What is wrong there.
    pub findings: Vec<Finding>,
    /// How many rows, records and members were looked at.
    pub looked_at: usize,
    /// Where to go on; `None` at the end.
    pub next: Option<RepairCursor>,
}

impl Repaired {
    /// Makes an answer: what is wrong, how much was looked at, where to go on.
    pub fn new(findings: Vec<Finding>, looked_at: usize, next: Option<RepairCursor>) -> Self {
        Repaired { findings, looked_at, next }
    }
}

/// One thing that is wrong.
///
/// # Examples
///
/// ```
/// use longshore_core::Finding;
///
/// let finding = Finding::new("it counts 5 ready jobs and has 3").queue("mail".parse().ok()).repaired(true);
/// assert_eq!(finding.to_string(), "queue `mail`: it counts 5 ready jobs and has 3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The queue that it concerns, where it concerns one.
    pub queue: Option<QueueName>,
    /// The job that it concerns, where it concerns one.
    pub job: Option<JobId>,
    /// What is wrong, in one sentence.
    pub what: String,
    /// Whether it is repaired by now.
    pub repaired: bool,
}

impl Finding {
    /// Says what is wrong. It concerns no queue and no job, and is not repaired, unless that is said, too.
    pub fn new(what: impl Into<String>) -> Self {
        Finding { queue: None, job: None, what: what.into(), repaired: false }
    }

    /// Says which queue it concerns.
    pub fn queue(self, queue: Option<QueueName>) -> Self {
        Finding { queue, ..self }
    }

    /// Says which job it concerns.
    pub fn job(self, job: Option<JobId>) -> Self {
        Finding { job, ..self }
    }

    /// Says whether it is repaired.
    pub fn repaired(self, repaired: bool) -> Self {
        Finding { repaired, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(queue) = &self.queue {
            write!(f, "queue `{queue}`: ")?;
        }
        if let Some(job) = &self.job {
            write!(f, "job {job}: ")?;
        }
        f.write_str(&self.what)
    }
}
