//! The interface of a store for users: a store and its artifacts, with checks of limits, error context and delayed
//! rescues.

mod call;
mod queues;
mod upkeep;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::artifact::Reader;
use crate::observer::{Event, Observer, Observers};
use crate::outage::Outage;
use crate::store::fail_all;
use crate::watch::Watcher;
use crate::{
    Acted, Action, Answers, ArtifactName, Artifacts, Capabilities, Claim, Claims, Error, ErrorKind, Filter, Gone,
    JobId, Kind, Label, Listed, Moved, NewJob, Notifications, Output, Page, Pushed, QueueName, Renewal, Renewed,
    Settled, Settlement, Snapshot, Status, Store, Stored, Timestamp, Token, Watch, Work, WorkSubscription, WorkerId,
    WorkerNote, WorkerSecret, WorkerSeen, limits,
};

/// A store and its artifacts. Cheap to clone.
///
/// Each call runs to its end even if the caller's future is dropped, so that nothing is left half done. Calls may be
/// made concurrently. The backend retries nothing: an [`Error`] says whether a repeat makes sense, and a repeat is
/// always harmless. A method without an `Errors` section returns only errors of the store: it cannot be reached, is
/// full, refuses to work, or holds corrupt data.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    artifacts: Arc<dyn Artifacts>,
    watcher: Watcher,
    outage: Mutex<Outage>,
    upkeep: crate::upkeep::Shared,
    observers: Observers,
}

impl Backend {
    /// Combines a store and its artifacts.
    pub fn new(store: Arc<dyn Store>, artifacts: Arc<dyn Artifacts>) -> Self {
        let watcher = Watcher::new(Arc::clone(&store));
        Backend {
            inner: Arc::new(Inner {
                store,
                artifacts,
                watcher,
                outage: Mutex::default(),
                upkeep: crate::upkeep::Shared::default(),
                observers: Observers::default(),
            }),
        }
    }

    /// Adds an observer. From now on it receives all events of this process that pass through this backend and its
    /// clones.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Memory, artifact::InMemory, observer::Event};
    /// # let backend = Backend::new(std::sync::Arc::new(Memory::default()), std::sync::Arc::new(InMemory::default()));
    /// backend.observe(|event: Event<'_>| {
    ///     if let Event::Finished { job, ran, .. } = event {
    ///         println!("{} took {ran:?}", job.kind);
    ///     }
    /// });
    /// ```
    pub fn observe(&self, observer: impl Observer) {
        self.inner.observers.add(Arc::new(observer));
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.inner.observers
    }

    /// Returns since when the store cannot be reached, as far as this process knows; `None` if it can.
    pub(crate) fn unreachable_since(&self) -> Option<Instant> {
        self.outage().began()
    }

    fn report_rescued(&self, moved: &[Moved]) {
        moved.iter().for_each(|job| self.observers().tell(Event::Rescued(job)));
    }

    fn report_buried(&self, moved: &[Moved]) {
        moved.iter().for_each(|job| self.observers().tell(Event::Buried(job)));
    }

    /// Pushes jobs. Returns one answer per job, in order, once they are durable.
    ///
    /// More than 1,000 jobs are pushed in several calls. Some jobs may fail while others are pushed. A repeat with the
    /// same jobs gets the same answers as the first call.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first invalid job, before anything is pushed. Errors of the store are in the
    /// answers.
    pub async fn push(&self, jobs: Vec<NewJob>) -> Result<Answers<Pushed>, Error> {
        for (index, job) in jobs.iter().enumerate() {
            job.check().map_err(|e| e.context(format!("job {} of {} ({})", index + 1, jobs.len(), job.kind)))?;
        }
        let (Some(first), n) = (jobs.first(), jobs.len()) else { return Ok(Vec::new()) };
        let tried = format!("push {} to queue `{}`", count(n, "job"), first.queue);
        let named: Vec<_> = jobs.iter().map(|job| (job.kind.clone(), job.queue.clone())).collect();
        let pushed = self.run_unrecorded(|store| async move {
            let mut answers: Answers<Pushed> = Vec::with_capacity(n);
            let mut jobs = jobs.into_iter().peekable();
            while jobs.peek().is_some() {
                let batch: Vec<_> = jobs.by_ref().take(limits::BATCH).collect();
                answers.extend(store.push(batch).await);
                if let Some(Err(error)) = answers.last() {
                    let rest = Error::new(error.kind(), "not pushed, because an earlier batch of the same call failed");
                    answers.extend(fail_all(n - answers.len(), &rest));
                    break;
                }
            }
            Ok(answers)
        });
        let pushed = pushed.await.unwrap_or_else(|e| fail_all(n, &e));
        for ((kind, queue), answer) in named.iter().zip(&pushed) {
            if let Ok(answer) = answer {
                self.observers().tell(Event::Pushed { kind, queue, answer });
            }
        }
        // A push that is refused because the disk is full says nothing about renewals: room is reserved for them.
        let is_full = |answer: &&Result<Pushed, Error>| matches!(answer, Err(e) if e.kind() == ErrorKind::Full);
        if !pushed.iter().all(|answer| is_full(&answer)) {
            self.note_all(pushed.iter().filter(|answer| !is_full(answer)), Duration::ZERO);
        }
        Ok(pushed.into_iter().map(|answer| answer.map_err(|e| e.context(&tried))).collect())
    }

    /// Pushes one job; see [`Backend::push`].
    ///
    /// # Errors
    ///
    /// Returns an error if the job is invalid or the store fails. A job that the store refuses is an answer, not an
    /// error.
    pub async fn push_one(&self, job: NewJob) -> Result<Pushed, Error> {
        self.push(vec![job]).await?.pop().expect("one job has one answer")
    }

    /// Claims ready jobs; see [`Jobs::claim`](crate::Jobs::claim).
    ///
    /// # Errors
    ///
    /// Returns an error before the store is called if the lease is shorter than 1 second or longer than 10 minutes
    /// ([`limits::LEASES`]); otherwise returns the errors of the store.
    pub async fn claim(&self, mut claim: Claim) -> Result<Claims, Error> {
        limits::check_lease(claim.lease).map_err(|e| e.context("claim jobs"))?;
        claim.limit = claim.limit.min(limits::BATCH);
        let claims = self.run("claim jobs", |store| async move { store.claim(claim).await }).await;
        claims.inspect(|claims| self.report_buried(&claims.buried))
    }

    /// Extends leases and writes progress; see [`Jobs::renew`](crate::Jobs::renew).
    ///
    /// If a lease is shorter than 1 second or longer than 10 minutes ([`limits::LEASES`]), nothing is renewed.
    pub async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        let n = renewals.len();
        let check = |renewal: &Renewal| {
            limits::check_lease(renewal.lease).map_err(|e| e.context(format!("renew the lease of job {}", renewal.id)))
        };
        if let Err(wrong) = renewals.iter().try_for_each(check) {
            return fail_all(n, &wrong);
        }
        self.run_each(n, "renew leases", |store| async move { store.renew(renewals).await }).await
    }

    /// Writes how attempts ended; see [`Jobs::settle`](crate::Jobs::settle).
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        let n = settlements.len();
        self.run_each(n, "settle jobs", |store| async move { store.settle(settlements).await }).await
    }

    /// Settles jobs and then claims, in one round trip if the store can; see
    /// [`Jobs::settle_and_claim`](crate::Jobs::settle_and_claim).
    pub async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        mut claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        if let Err(wrong) = limits::check_lease(claim.lease) {
            return (self.settle(settlements).await, Err(wrong.context("claim jobs")));
        }
        claim.limit = claim.limit.min(limits::BATCH);
        let (n, began) = (settlements.len(), Instant::now());
        let both =
            self.run_unrecorded(|store| async move { Ok(store.settle_and_claim(settlements, claim).await) }).await;
        let (settled, claimed) = both.unwrap_or_else(|e| (fail_all(n, &e), Err(e)));
        let settled = self.note_each(n, settled, "settle jobs", began.elapsed());
        self.note(&claimed, began.elapsed());
        let claimed = claimed.inspect(|claims| self.report_buried(&claims.buried));
        (settled, claimed.map_err(|e| e.context("claim jobs")))
    }

    /// Takes all jobs from a worker that is certainly gone; see [`Jobs::release`](crate::Jobs::release).
    pub async fn release(&self, worker: WorkerSecret, gone: impl Into<Gone>) -> Result<Vec<Moved>, Error> {
        let gone = gone.into();
        let moved = self.run("release a worker's jobs", |store| async move { store.release(worker, gone).await }).await;
        moved.inspect(|moved| self.report_rescued(moved))
    }

    /// Returns jobs by id, in order; `None` for a job that is not found.
    pub async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        self.run("look up jobs", |store| async move { store.get(ids).await }).await
    }

    /// Returns one job, or `None` if it is not found.
    pub async fn job(&self, id: JobId) -> Result<Option<Snapshot>, Error> {
        Ok(self.get(vec![id]).await?.pop().flatten())
    }

    /// Returns the small part of [`Backend::get`], which is cheap for many jobs at a time.
    pub async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        self.run("look up jobs", |store| async move { store.status(ids).await }).await
    }

    /// Returns the newest job with that alias, or `None` if there is none.
    pub async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        self.run(format!("look up job `{alias}`"), |store| async move { store.find(alias).await }).await
    }

    /// Returns a page of jobs, newest first; at most 200 per page.
    pub async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        let page = Page { limit: page.limit.clamp(1, limits::PAGE), ..page };
        self.run("list jobs", |store| async move { store.list(filter, page).await }).await
    }

    /// Replaces the log of a running job; see [`Logs::write_log`](crate::Logs::write_log).
    pub async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        self.run("write a log", |store| async move { store.write_log(id, token, text).await }).await
    }

    /// Returns the log of a claim, or of the newest claim that has one; see [`Logs::log`](crate::Logs::log).
    pub async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        self.run(format!("read the log of job {id}"), |store| async move { store.log(id, claim).await }).await
    }

    /// Returns the store's time, which all timestamps of jobs use.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        self.run("read the store's time", |store| async move { store.now().await }).await
    }

    /// Writes a worker's entry in the registry; see [`Workers::note_worker`](crate::Workers::note_worker).
    pub async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        self.run(
            format!("update worker {id} in the registry"),
            |store| async move { store.note_worker(id, note).await },
        )
        .await
    }

    /// Removes a worker that has ended from the registry.
    pub async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.run(format!("remove worker {id} from the registry"), |store| async move { store.forget_worker(id).await })
            .await
    }

    /// Returns a page of the workers in the registry, sorted by id; at most 200 per page.
    pub async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        let limit = limit.clamp(1, limits::PAGE);
        self.run("list workers", |store| async move { store.workers(after, limit).await }).await
    }

    /// Performs an action on one job. When the deletion of a job is answered, the job and its artifact are deleted.
    pub async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        let acted = self.run(format!("change job {id}"), |store| async move { store.act(id, action).await }).await?;
        if action == Action::Delete && matches!(acted, Acted::Done(_)) {
            self.delete_now(id).await?;
        }
        Ok(acted)
    }

    /// Watches a job: returns the present status first, and then each change.
    pub fn watch(&self, id: JobId) -> Watch {
        self.inner.watcher.watch(id)
    }

    /// Returns the bytes of a result, or `None` if its artifact was deleted. All bytes are in memory; use
    /// [`Backend::open`] for large results.
    pub async fn read(&self, stored: &Stored) -> Result<Option<Output>, Error> {
        match stored {
            Stored::Inline(output) => Ok(Some(output.clone())),
            Stored::Artifact { name, content_type, .. } => {
                let body = self.inner.artifacts.get(*name).await?;
                Ok(body.map(|body| Output::new(content_type.clone(), body)))
            }
        }
    }

    /// Opens a result for reading in chunks, from any position. Returns `None` if its artifact was deleted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Error, Stored};
    /// async fn last_bytes(backend: &Backend, result: &Stored) -> Result<Option<bytes::Bytes>, Error> {
    ///     let Some(reader) = backend.open(result).await? else { return Ok(None) };
    ///     reader.read(reader.size().saturating_sub(100)).await.map(Some)
    /// }
    /// ```
    pub async fn open(&self, stored: &Stored) -> Result<Option<Box<dyn Reader>>, Error> {
        match stored {
            Stored::Inline(output) => Ok(Some(Box::new(output.body.clone()))),
            Stored::Artifact { name, .. } => self.inner.artifacts.open(*name).await,
        }
    }

    /// Stores a result, inline or as an artifact, before the settle that will refer to it. A call whose future is
    /// dropped is abandoned.
    pub async fn keep(&self, name: ArtifactName, output: Output) -> Result<Stored, Error> {
        if output.fits_inline() {
            return output.into_memory().await.map(Stored::Inline);
        }
        let bytes = self.inner.artifacts.write(name, &mut *output.source()).await?;
        Ok(Stored::Artifact { name, content_type: output.content_type, bytes })
    }

    /// Returns the notifications of this process.
    pub fn notifications(&self) -> &Notifications {
        self.inner.store.notifications()
    }

    /// Subscribes to notifications of jobs of these kinds in these queues, from other processes and from this one: see
    /// [`Notifier`](crate::Notifier).
    pub fn subscribe_work(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.inner.store.subscribe(queues, kinds)
    }

    /// Passes notifications on to other processes, because this process has no room for the work.
    pub(crate) fn pass_on(&self, work: Vec<Work>) {
        if !work.is_empty() {
            self.inner.store.notify(work);
        }
    }

    /// Closes the store: finishes the calls that have begun, and leaves the data as complete as the store can. Call it
    /// at the end of a program, after its workers and servers have ended. Later calls may fail.
    ///
    /// With SQLite, the last process that closes a database leaves everything in its one file; see
    /// `docs/durability.md`. The call returns after a few seconds, also if the store does not answer.
    ///
    /// # Errors
    ///
    /// Returns an error if the store could not be closed completely in that time. What was acknowledged before is as
    /// durable as ever.
    pub async fn close(&self) -> Result<(), Error> {
        self.run("close the store", |store| async move { store.close().await }).await
    }

    /// Returns what the store is and guarantees.
    pub fn capabilities(&self) -> Capabilities {
        self.inner.store.capabilities()
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Backend({})", self.capabilities().engine)
    }
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("a {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::artifact::InMemory;
    use crate::{Kind, Memory, Payload};

    #[tokio::test]
    async fn a_lease_out_of_bounds_is_refused_before_the_store_is_asked() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let queue = QueueName::default();
        let kind: Kind = "work".parse().unwrap();
        let new = NewJob::new(queue.clone(), kind.clone(), Payload::parse("{}").unwrap());
        let _ = backend.push(vec![new]).await.unwrap();
        let worker = WorkerSecret::new().id();
        let ask = |lease| {
            let (queues, kinds) = (vec![queue.clone()], vec![kind.clone().into()]);
            Claim::new(worker, queues, kinds).lease(lease)
        };
        let wrong = [Duration::ZERO, Duration::from_millis(999), Duration::from_millis(600_001), limits::LONGEST_LEASE];

        for lease in wrong {
            assert_eq!(backend.claim(ask(lease)).await.unwrap_err().kind(), ErrorKind::Invalid, "{lease:?}");
        }
        let claimed = backend.claim(ask(*limits::LEASES.start())).await.unwrap().jobs.remove(0);

        let renewal = |lease| Renewal::new(claimed.id, claimed.token, lease);
        for lease in wrong {
            let error = backend.renew(vec![renewal(limits::LEASE), renewal(lease)]).await.remove(0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{lease:?}");
        }
        assert_eq!(*backend.renew(vec![renewal(*limits::LEASES.end())]).await[0].as_ref().unwrap(), Renewed::Held);
    }
}
