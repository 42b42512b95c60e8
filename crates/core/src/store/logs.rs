//! The logs of jobs: one per attempt.

use async_trait::async_trait;

use crate::{Error, JobId, Token};

/// Text that handlers write for people, besides the result.
///
/// Each claim has its own log, of at most [`LOG_BYTES`](crate::limits::LOG_BYTES). The store keeps the log of the
/// newest claim and the logs of claims whose failures are [kept](crate::Snapshot::failures). All others are deleted
/// when the next claim writes a log.
#[async_trait]
pub trait Logs: Send + Sync + 'static {
    /// Replaces the log of the claim with that token, but only if it is the job's newest claim. Returns whether it was.
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error>;

    /// Returns the log of the claim with that number, or of the newest claim that has a log. Returns an empty text if
    /// there is no log, and `None` if the job is not found.
    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error>;
}
