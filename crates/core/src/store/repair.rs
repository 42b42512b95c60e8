//! Finds and repairs data that other programs have changed.

use std::fmt;

use async_trait::async_trait;

use crate::{Error, JobId, QueueName, limits};

/// Checks the data of a store: counters that do not match the jobs, jobs that are missing where their state belongs, data of jobs that are
/// gone.
///
/// Crashes of workers and servers cause none of this. A person with the database's shell, another program, or a database that lost a part
/// of its data does.
#[async_trait]
pub trait Repair: Send + Sync + 'static {
    /// Checks a part of the store, and repairs what is wrong there if the step [may write](RepairStep::write).
    ///
    /// A walk begins without a cursor, and continues with [`RepairReport::next`] until there is none. A part may have no findings although
    /// more follow. Each change is one transaction or one script. A step is bounded by its limit, except that a recount of counters reads
    /// all jobs, without a lock on them.
    ///
    /// It may be called concurrently and while workers run. It never takes a running job from its worker, and it loses no job: it
    /// restores what is kept beside a job from the job's own record. A job whose record or payload cannot be read is dead afterwards,
    /// with reason [`Corrupt`](crate::Reason::Corrupt). A repeat is harmless. A walk that ends early has repaired what it reported.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a cursor that this store did not return; otherwise errors of the store. The
    /// caller may retry a retryable one.
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error>;
}

/// Which part of the store to check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RepairStep {
    /// Where to continue; `None` is the beginning.
    pub after: Option<RepairCursor>,
    /// How many rows to check. Defaults to [`UPKEEP_ROWS`](limits::UPKEEP_ROWS), which is also the maximum. A store may check fewer.
    pub limit: usize,
    /// Whether to repair what is wrong. Defaults to `false`.
    pub write: bool,
}

impl RepairStep {
    /// Creates a step that checks the first part and changes nothing.
    pub fn first() -> Self {
        RepairStep { after: None, limit: limits::UPKEEP_ROWS, write: false }
    }

    /// Sets where to continue.
    pub fn after(self, after: Option<RepairCursor>) -> Self {
        RepairStep { after, ..self }
    }

    /// Sets how many rows to check.
    pub fn limit(self, limit: usize) -> Self {
        RepairStep { limit, ..self }
    }

    /// Sets whether to repair what is wrong.
    pub fn write(self, write: bool) -> Self {
        RepairStep { write, ..self }
    }
}

/// A position in the walk through a store. Only the store that returned it can read its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairCursor(pub String);

impl RepairCursor {
    /// Returns the error for a cursor that this store did not return.
    pub fn unknown(&self) -> Error {
        let text: String = self.0.chars().take(40).collect();
        Error::invalid(format!("invalid repair cursor `{text}`: use one that this store has returned"))
    }
}

/// The result of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// What is wrong in this part.
    pub findings: Vec<Finding>,
    /// How many rows, records and set members were checked, at most the limit of the step.
    pub checked: usize,
    /// Where to continue; `None` at the end of the walk.
    pub next: Option<RepairCursor>,
}

impl RepairReport {
    /// Creates the result of a step.
    pub fn new(findings: Vec<Finding>, checked: usize, next: Option<RepairCursor>) -> Self {
        RepairReport { findings, checked, next }
    }
}

/// Something that is wrong in a store.
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
    /// The queue that it concerns, if any.
    pub queue: Option<QueueName>,
    /// The job that it concerns, if any.
    pub job: Option<JobId>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Whether it has been repaired.
    pub repaired: bool,
}

impl Finding {
    /// Creates a finding that concerns no queue and no job, and is not repaired.
    pub fn new(message: impl Into<String>) -> Self {
        Finding { queue: None, job: None, message: message.into(), repaired: false }
    }

    /// Sets the queue that it concerns.
    pub fn queue(self, queue: Option<QueueName>) -> Self {
        Finding { queue, ..self }
    }

    /// Sets the job that it concerns.
    pub fn job(self, job: Option<JobId>) -> Self {
        Finding { job, ..self }
    }

    /// Sets whether it has been repaired.
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
        f.write_str(&self.message)
    }
}
