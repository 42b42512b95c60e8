//! The answer to a push.

use crate::{Error, ErrorKind, JobId};

/// The answer to one pushed job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// The job is taken over, durably.
    Created(JobId),
    /// Another job stands for it.
    Existing {
        /// That job.
        id: JobId,
        /// Why it stands for this one.
        by: DuplicateReason,
    },
    /// The job is not taken over: its idempotency key was used with another request, which made this job.
    Conflict(JobId),
    /// The job is not taken over.
    Refused(String),
}

impl Pushed {
    /// Returns the job that stands for the pushed one, and why where that is another.
    ///
    /// # Errors
    ///
    /// If the job was not taken over.
    pub fn into_job(self) -> Result<(JobId, Option<DuplicateReason>), Error> {
        let refused = |why| Err(Error::new(ErrorKind::Refused, why));
        match self {
            Pushed::Created(id) => Ok((id, None)),
            Pushed::Existing { id, by } => Ok((id, Some(by))),
            Pushed::Conflict(id) => {
                refused(format!("the idempotency key was used with another request, which made job {id}"))
            }
            Pushed::Refused(why) => refused(why),
        }
    }
}

/// Why another job stands for a pushed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateReason {
    /// It holds the unique key.
    Unique,
    /// It succeeded a short while ago under the same reuse key.
    Reuse,
}
