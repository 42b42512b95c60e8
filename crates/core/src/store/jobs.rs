//! What producers, workers and people do with jobs.

use async_trait::async_trait;

use crate::{Effect, Error, Gone, JobId, Label, NewJob, Snapshot, Status, WorkerSecret};

use super::{
    Acted, Action, Claim, Claims, Filter, Listed, Moved, Page, Pushed, Renewal, Renewed, Settled, Settlement, Upkeep,
    UpkeepReport,
};

/// The answers to a batch: one an item, in order. Some may have failed while others took effect.
pub type Answers<T> = Vec<Result<T, Error>>;

/// Returns the answers to a batch of `n` items that took effect as a whole, or not at all.
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

/// Returns the answers to a batch where all are good, or the first error; which says so where other items may have taken effect.
///
/// # Errors
///
/// If an item failed.
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

/// Jobs: pushed, claimed, settled, looked at, acted on.
///
/// All methods may be called concurrently. None retries: [`Backend`](crate::Backend) and the worker do. A repeat of any call
/// is harmless. A call may block for as long as the store needs to be durable.
#[async_trait]
pub trait Jobs: Send + Sync + 'static {
    /// Takes jobs over; answers, in order, once they are durable by the store's documented level.
    ///
    /// A job whose id is known was pushed before, and is answered as it was then. An item that failed says whether it may have
    /// taken effect; a repeat with the same ids is answered as if it were the first.
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed>;

    /// Hands out ready jobs under fresh tokens, in one atomic step; never waits for jobs to come.
    ///
    /// Takes queues in the order given; within one, higher priority first, then who has been due longest. A repeated call
    /// with the same worker and nonce returns the same jobs, as far as they are still held. Where queues lie on several
    /// servers and one of them cannot be reached, the answer has the jobs of the others, and names the queues that were held back.
    ///
    /// # Errors
    ///
    /// Only if no queue could be looked at. [`ErrorKind::Refused`](crate::ErrorKind::Refused) means that the worker was released.
    async fn claim(&self, claim: Claim) -> Result<Claims, Error>;

    /// Extends leases and writes progress, each only where the token is the job's newest.
    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed>;

    /// Writes how attempts ended, each only where the token is the job's newest; even past the lease's end.
    ///
    /// A repeat of a settle that was accepted answers [`Settled::Done`].
    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled>;

    /// Settles jobs and claims the next, in one round trip where the store can; the claim sees what the settles have freed.
    ///
    /// Both answers are as if the calls had been made one after the other.
    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        let settled = self.settle(settlements).await;
        (settled, self.claim(claim).await)
    }

    /// Takes all jobs from a worker that is surely gone, and refuses its later claims. Returns them; a repeat returns what is left, which is none.
    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error>;

    /// Does a bounded piece of upkeep: rescue, expire, prune.
    ///
    /// A part that fails stops no other part, and is reported in [`UpkeepReport::failed`]. The call fails as a whole only where the store
    /// cannot be reached or has no room: then no part can be done.
    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error>;

    /// Returns jobs by id, in order; `None` for one that is not found, perhaps deleted.
    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error>;

    /// Returns the small part of [`Jobs::get`], cheap for many jobs at a time.
    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error>;

    /// Returns the newest job with that alias.
    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error>;

    /// Returns a page of jobs, the newest first.
    ///
    /// The page may be short, even empty, and still have a `next`: a filter looks at a bounded number of rows a call.
    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error>;

    /// Does what a person asks to one job.
    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error>;
}
