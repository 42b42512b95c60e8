//! The answer to a push.

use crate::{Error, ErrorKind, JobId};

/// The answer to one pushed job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// The job is stored durably.
    Created(JobId),
    /// An existing job is used instead.
    Existing {
        /// The existing job.
        id: JobId,
        /// Why it is used instead of the pushed one.
        by: DuplicateReason,
    },
    /// The job was not stored: its idempotency key was used with a different request, which created this job.
    Conflict(JobId),
    /// The job was not stored, with the reason.
    Refused(String),
}

impl Pushed {
    /// Returns the id of the pushed or existing job, and why an existing job is used.
    ///
    /// # Errors
    ///
    /// Returns an error if the job was not stored.
    pub fn into_job(self) -> Result<(JobId, Option<DuplicateReason>), Error> {
        let refused = |why| Err(Error::new(ErrorKind::Refused, why));
        match self {
            Pushed::Created(id) => Ok((id, None)),
            Pushed::Existing { id, by } => Ok((id, Some(by))),
            Pushed::Conflict(id) => {
                refused(format!("the idempotency key was used with a different request, which created job {id}"))
            }
            Pushed::Refused(why) => refused(why),
        }
    }
}

/// Why an existing job is used instead of the pushed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateReason {
    /// The existing job holds the unique key.
    Unique,
    /// The existing job succeeded recently with the same reuse key.
    Reuse,
}
