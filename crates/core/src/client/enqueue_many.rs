//! The push of many jobs of one kind.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use super::{Enqueue, Handle};
use crate::store::whole;
use crate::{Answers, Backend, Error, Job, NewJob};

/// A push of many jobs that is being prepared. Awaiting it pushes them and returns their handles, in order.
///
/// More than 1,000 jobs are pushed in several calls. If one of them fails, jobs of the others may be stored: see
/// [`EnqueueMany::push`] to repeat the push, and [`EnqueueMany::push_each`] for an answer per job.
///
/// # Examples
///
/// ```
/// # use longshore_core::{Backend, Client, Error, Job, Memory, artifact::InMemory};
/// # use serde::{Deserialize, Serialize};
/// # use std::{sync::Arc, time::Duration};
/// # #[derive(Serialize, Deserialize)] struct Remind { user: u64 }
/// # impl Job for Remind { const KIND: &'static str = "remind"; type Output = (); }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # let client = Client::new(Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default())));
/// let handles = client
///     .enqueue_many((1..=3).map(|user| Remind { user }))
///     .each(|job, push| push.queue("bulk").after(Duration::from_secs(60)).unique(&format!("remind:{}", job.user)))
///     .await?;
/// assert_eq!(handles.len(), 3);
/// # Ok(()) }
/// ```
#[must_use = "nothing is pushed until this is awaited"]
pub struct EnqueueMany<J> {
    backend: Backend,
    jobs: Vec<(J, Enqueue<J>)>,
}

impl<J: Job> EnqueueMany<J> {
    pub(super) fn new(backend: &Backend, jobs: impl IntoIterator<Item = J>) -> Self {
        let enqueue = |job| {
            let push = Enqueue::new(backend.clone(), &job);
            (job, push)
        };
        EnqueueMany { backend: backend.clone(), jobs: jobs.into_iter().map(enqueue).collect() }
    }

    /// Sets values of each job: all that [`Enqueue`] can set.
    pub fn each(mut self, options: impl Fn(&J, Enqueue<J>) -> Enqueue<J>) -> Self {
        let set = |(job, push)| {
            let push = options(&job, push);
            (job, push)
        };
        self.jobs = self.jobs.into_iter().map(set).collect();
        self
    }

    /// Pushes the jobs, as awaiting does. It may be called again, for example after an error: each job keeps its id, so
    /// a repeat stores no job twice, and answers for those that were stored before as well.
    ///
    /// # Errors
    ///
    /// Returns an error if a value is invalid, before anything is pushed; or the first error of the store or the first
    /// refusal, with the number of jobs that are stored.
    pub async fn push(&self) -> Result<Vec<Handle<J>>, Error> {
        let answers = self.push_each().await?;
        let (stored, all) = (answers.iter().filter(|answer| answer.is_ok()).count(), answers.len());
        whole(answers)
            .map_err(|e| if stored == 0 { e } else { e.context(format!("{stored} of {all} jobs are stored")) })
    }

    /// Does the same as [`EnqueueMany::push`], and returns an answer per job, in order.
    ///
    /// # Errors
    ///
    /// Returns an error if a value is invalid, before anything is pushed. Errors of the store and refusals are in the
    /// answers.
    pub async fn push_each(&self) -> Result<Answers<Handle<J>>, Error> {
        let new = |(_, push): &(J, Enqueue<J>)| push.new.as_ref().map(NewJob::clone).map_err(Error::shared);
        let pushed = self.backend.push(self.jobs.iter().map(new).collect::<Result<_, _>>()?).await?;
        let handle = |answer: Result<_, Error>| answer.and_then(|pushed| Handle::of(&self.backend, pushed));
        Ok(pushed.into_iter().map(handle).collect())
    }

    /// Returns the jobs without pushing them, for a push inside the caller's own transaction.
    ///
    /// # Errors
    ///
    /// Returns an error if a name, a label or a payload is invalid.
    pub fn into_new(self) -> Result<Vec<NewJob>, Error> {
        self.jobs.into_iter().map(|(_, push)| push.into_new()).collect()
    }
}

impl<J: Job> IntoFuture for EnqueueMany<J> {
    type Output = Result<Vec<Handle<J>>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.push().await })
    }
}

impl<J> fmt::Debug for EnqueueMany<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.jobs.iter().map(|(_, push)| push)).finish()
    }
}
