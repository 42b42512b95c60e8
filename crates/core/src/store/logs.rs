//! The logs of jobs: one an attempt.

use async_trait::async_trait;

use crate::{Error, JobId, Token};

/// What handlers write for people to read, beside a job's result.
///
/// Each claim has a log of its own, of at most [`LOG_BYTES`](crate::limits::LOG_BYTES). The log of the newest claim is kept, and those of claims
/// whose failures are [kept](crate::Snapshot::failures); all others go when the next claim writes.
#[async_trait]
pub trait Logs: Send + Sync + 'static {
    /// Replaces the log of the claim with that token, only where it is the job's newest; answers whether it was.
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error>;

    /// Returns the log of the claim with that number, or of the newest claim that has one; empty where there is none, `None` where the job is not
    /// found.
    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error>;
}
