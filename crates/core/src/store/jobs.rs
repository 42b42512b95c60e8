//! Calls for jobs.

use async_trait::async_trait;

use crate::{Effect, Error, Gone, JobId, Label, NewJob, Snapshot, Status, WorkerSecret};

use super::{
    Acted, Action, Claim, Claims, Filter, Listed, Moved, Page, Pushed, Renewal, Renewed, Settled, Settlement, Upkeep,
    UpkeepReport,
};

/// The answers to a batch: one per item, in order. Some may have failed while others took effect.
pub type Answers<T> = Vec<Result<T, Error>>;

/// Converts the answer to a batch of `n` items that took effect as a whole, or not at all.
pub fn each<T>(n: usize, answers: Result<Vec<T>, Error>) -> Answers<T> {
    match answers {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) => fail_all(n, &error),
    }
}

/// Returns the same error for each of `n` items.
pub fn fail_all<T>(n: usize, error: &Error) -> Answers<T> {
    (0..n).map(|_| Err(error.shared())).collect()
}

/// Returns the answers to a batch if all succeeded, or else the first error. The error is marked as perhaps done if
/// other items may have taken effect.
///
/// # Errors
///
/// Returns an error if an item failed.
///
/// # Examples
///
/// ```
/// use longshore_core::{Effect, Error, ErrorKind, store::whole};
///
/// assert_eq!(whole(vec![Ok(1), Ok(2)]).unwrap(), [1, 2]);
/// let full = || Error::new(ErrorKind::Full, "no room");
/// assert_eq!(whole(vec![Err::<u8, _>(full()), Err(full())]).unwrap_err().effect(), Effect::NotDone);
/// assert_eq!(whole(vec![Ok(1), Err(full())]).unwrap_err().effect(), Effect::PerhapsDone);
/// ```
pub fn whole<T>(answers: Answers<T>) -> Result<Vec<T>, Error> {
    let none_done = |answer: &Result<T, Error>| matches!(answer, Err(e) if e.effect() == Effect::NotDone);
    let none_done = answers.iter().all(none_done);
    let all: Result<Vec<T>, Error> = answers.into_iter().collect();
    all.map_err(|e| if none_done { e } else { e.perhaps_done() })
}

/// The calls for jobs: push, claim, settle, read, act.
///
/// All methods may be called concurrently. None retries: [`Backend`](crate::Backend) and the worker do. A repeat of any
/// call is harmless. A call may block for as long as the store needs to make its changes durable.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Stores jobs. Answers, in order, once they are durable at the documented level of the store.
    ///
    /// A job whose id is known was pushed before and gets the same answer again. The error of a failed item says
    /// whether it may have taken effect. A repeat with the same ids is answered like the first call.
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed>;

    /// Claims ready jobs under new tokens, in one atomic step. Never waits for jobs.
    ///
    /// Queues are searched in the given order. Within a queue, higher priority comes first, and then the job that has
    /// been due longest. A repeated call with the same worker and nonce returns the same jobs, as far as they are still
    /// held. If queues are on several servers and one cannot be reached, the answer has the jobs of the others and
    /// names the queues that were held back.
    ///
    /// # Errors
    ///
    /// Returns an error only if no queue could be searched. [`ErrorKind::Refused`](crate::ErrorKind::Refused) means
    /// that the worker was released.
    async fn claim(&self, claim: Claim) -> Result<Claims, Error>;

    /// Extends leases and writes progress, each only if the token is the job's newest.
    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed>;

    /// Writes how attempts ended, each only if the token is the job's newest. The lease may have ended.
    ///
    /// A repeat of an accepted settle answers [`Settled::Done`].
    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled>;

    /// Settles jobs and then claims, in one round trip if the store can. The claim sees the effects of the settles.
    ///
    /// Both answers are the same as for two calls, one after the other.
    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        let settled = self.settle(settlements).await;
        (settled, self.claim(claim).await)
    }

    /// Takes all jobs from a worker that is certainly gone, and refuses its later claims. Returns these jobs. A repeat
    /// returns the remaining ones, normally none.
    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error>;

    /// Does a limited amount of upkeep: rescue, expire, prune.
    ///
    /// A part that fails does not stop the others and is reported in [`UpkeepReport::failed`]. The whole call fails
    /// only if the store cannot be reached or has no room, so that no part can be done.
    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error>;

    /// Returns jobs by id, in order; `None` for a job that is not found, for example because it was deleted.
    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error>;

    /// Returns the small part of [`Jobs::get`], which is cheap for many jobs at a time.
    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error>;

    /// Returns the newest job with that alias, or `None` if there is none.
    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error>;

    /// Returns a page of jobs, the newest first.
    ///
    /// A page may be short or even empty and still have a `next`, because a filtered list reads a limited number of
    /// rows per call.
    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error>;

    /// Performs an action on one job.
    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error>;
}
