//! The backend that users hold: a store and its artifacts, with bounds, context and patience written once.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::upkeep;
use crate::watch::Watcher;
use crate::{
    Acted, Action, ArtifactName, Artifacts, Capabilities, Claim, Claims, Death, Error, ErrorKind, Filter, JobId, Kept,
    Label, Listed, NewJob, NewPause, Output, Page, Pause, Pushed, QueueName, QueueStats, Renewal, Renewed, Settled,
    Settlement, Snapshot, Status, Store, Stored, Token, Upkeep, UpkeepFailure, Wakeups, Watch, WorkerSecret, limits,
};

/// The part of upkeep that deletes the artifacts of deleted jobs.
const DELETE_ARTIFACTS: &str = "delete artifacts";
/// A deletion that fails after so long was not answered.
const SLOW_FAILURE: Duration = Duration::from_secs(1);

/// A store and its artifacts, ready to use; cheap to clone.
///
/// Every call runs to its end even if the caller's future is dropped, so that nothing is left half done. Calls may be made
/// concurrently. Nothing is retried here: an [`Error`] says whether a repeat makes sense, and a repeat is always harmless.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    artifacts: Arc<dyn Artifacts>,
    watcher: Watcher,
    outage: Mutex<Outage>,
    upkeep: upkeep::Shared,
}

impl Backend {
    /// Puts a store and its artifacts together.
    pub fn new(store: Arc<dyn Store>, artifacts: Arc<dyn Artifacts>) -> Self {
        let watcher = Watcher::new(Arc::clone(&store));
        Backend {
            inner: Arc::new(Inner {
                store,
                artifacts,
                watcher,
                outage: Mutex::default(),
                upkeep: upkeep::Shared::default(),
            }),
        }
    }

    /// Takes jobs over; answers, in order, once they are durable.
    ///
    /// More than 1,000 jobs are pushed in several calls, each of which takes effect as a whole.
    ///
    /// # Errors
    ///
    /// Names the first job that is out of bounds, before anything is pushed; or says what the store said.
    pub async fn push(&self, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        for (index, job) in jobs.iter().enumerate() {
            job.check().map_err(|e| e.context(format!("job {} of {} ({})", index + 1, jobs.len(), job.kind)))?;
        }
        let Some(first) = jobs.first() else { return Ok(Vec::new()) };
        let tried = format!("push {} to queue `{}`", count(jobs.len(), "job"), first.queue);
        let pushed = self.unnoted(|store| async move {
            let mut answers = Vec::with_capacity(jobs.len());
            let mut jobs = jobs.into_iter().peekable();
            while jobs.peek().is_some() {
                let batch: Vec<_> = jobs.by_ref().take(limits::BATCH).collect();
                let pushed = store.push(batch).await;
                // What went before has taken effect, whatever this error says of itself.
                answers.extend(pushed.map_err(|e| if answers.is_empty() { e } else { e.perhaps_done() })?);
            }
            Ok(answers)
        });
        let pushed = pushed.await;
        // A push that is refused because the disk is full says nothing about renewals, for which room is kept.
        if !matches!(&pushed, Err(e) if e.kind() == ErrorKind::Full) {
            self.outage().note(&pushed, Duration::ZERO);
        }
        pushed.map_err(|e| e.context(tried))
    }

    /// Hands out ready jobs; see [`Queue::claim`](crate::Queue::claim).
    ///
    /// # Errors
    ///
    /// If the lease is shorter than 1 second or longer than 10 minutes ([`limits::LEASES`]), before the store is asked; or says what
    /// the store said.
    pub async fn claim(&self, mut claim: Claim) -> Result<Claims, Error> {
        limits::check_lease(claim.lease).map_err(|e| e.context("claim jobs"))?;
        claim.limit = claim.limit.min(limits::BATCH);
        self.run("claim jobs", |store| async move { store.claim(claim).await }).await
    }

    /// Extends leases and writes progress; see [`Queue::renew`](crate::Queue::renew).
    ///
    /// # Errors
    ///
    /// If one of the leases is shorter than 1 second or longer than 10 minutes ([`limits::LEASES`]), before anything is renewed; or says
    /// what the store said.
    pub async fn renew(&self, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
        for renewal in &renewals {
            limits::check_lease(renewal.lease)
                .map_err(|e| e.context(format!("renew the lease of job {}", renewal.id)))?;
        }
        self.run("renew leases", |store| async move { store.renew(renewals).await }).await
    }

    /// Writes how attempts ended; see [`Queue::settle`](crate::Queue::settle).
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        self.run("settle jobs", |store| async move { store.settle(settlements).await }).await
    }

    /// Takes all jobs from a worker that is surely gone; see [`Queue::release_worker`](crate::Queue::release_worker).
    pub async fn release_worker(&self, worker: WorkerSecret, death: Death) -> Result<usize, Error> {
        self.run("release a worker's jobs", |store| async move { store.release_worker(worker, death).await }).await
    }

    /// Does a bounded piece of upkeep, artifacts included; says whether there is more to do, and which parts failed.
    ///
    /// Nobody's job is rescued before the store has been reachable again for a whole lease. A part that failed is no outage of the
    /// store: rescues go on.
    ///
    /// # Errors
    ///
    /// If the store could do no part.
    pub async fn upkeep(&self) -> Result<Kept, Error> {
        let rescue = self.outage().may_rescue();
        let upkeep = Upkeep { limit: limits::UPKEEP_ROWS, rescue };
        let mut kept = self.run("do upkeep", |store| async move { store.upkeep(upkeep).await }).await?;
        if let Err(e) = self.delete_artifacts(&kept.artifacts).await {
            kept.failed.push(UpkeepFailure::new(DELETE_ARTIFACTS, e));
        }
        Ok(kept)
    }

    /// Deletes artifacts. One that cannot be deleted stops no other; the sweep for orphans comes back to it.
    async fn delete_artifacts(&self, names: &[ArtifactName]) -> Result<(), Error> {
        let (mut failed, mut first) = (0, None);
        for name in names {
            let began = Instant::now();
            let Err(e) = self.inner.artifacts.delete(*name).await else { continue };
            failed += 1;
            first.get_or_insert_with(|| e.context(format!("delete artifact {name}")));
            if began.elapsed() >= SLOW_FAILURE {
                break; // the others would fail as slowly, and hold up the next rescue
            }
        }
        match first {
            None => Ok(()),
            Some(e) if failed == 1 => Err(e),
            Some(e) => Err(e.context(format!("{failed} of {} artifacts cannot be deleted", names.len()))),
        }
    }

    /// Starts doing upkeep by itself for as long as the answer is held; workers and servers of a process share one task.
    pub fn keep_up(&self) -> Arc<upkeep::Running> {
        self.inner.upkeep.start(|| self.clone())
    }

    /// Rescues nobody for as long as live workers need to renew: at the start, when nothing is known of what went before, and
    /// after this process stood still.
    pub(crate) fn bear_with_others(&self) {
        self.outage().begin_anew();
    }

    /// Deletes artifacts that no job points at: those of attempts that died, or were settled by another. Looks at up to 500,
    /// going on after `after`; returns where to go on, `None` at the end.
    pub async fn sweep_artifacts(&self, after: Option<ArtifactName>) -> Result<Option<ArtifactName>, Error> {
        let names = self.inner.artifacts.older_than(limits::ORPHAN_AGE, after, limits::UPKEEP_ROWS).await?;
        let jobs = self.get(names.iter().map(|name| name.job).collect()).await?;
        let is_orphan = |name: &ArtifactName, job: Option<Snapshot>| {
            let running = job.as_ref().is_some_and(|job| !job.state.is_final());
            let result = job.and_then(|job| job.result);
            let used = matches!(&result, Some(Stored::Artifact { name: used, .. }) if used == name);
            !used && !running
        };
        let orphans: Vec<ArtifactName> =
            names.iter().zip(jobs).filter_map(|(name, job)| is_orphan(name, job).then_some(*name)).collect();
        if let Err(e) = self.delete_artifacts(&orphans).await {
            tracing::warn!(error = %e, "cannot delete orphaned artifacts; the next sweep tries again");
        }
        Ok(names.last().copied().filter(|_| names.len() == limits::UPKEEP_ROWS))
    }

    /// Returns jobs by id, in order; `None` for one nobody knows (any more).
    pub async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        self.run("look up jobs", |store| async move { store.get(ids).await }).await
    }

    /// Returns one job.
    pub async fn job(&self, id: JobId) -> Result<Option<Snapshot>, Error> {
        Ok(self.get(vec![id]).await?.pop().flatten())
    }

    /// Returns the small part of [`Backend::get`], cheap for many jobs at a time.
    pub async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        self.run("look up jobs", |store| async move { store.status(ids).await }).await
    }

    /// Returns the newest job with that alias.
    pub async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        self.run(format!("look up job `{alias}`"), |store| async move { store.find(alias).await }).await
    }

    /// Returns a page of jobs, the newest first; at most 200 a page.
    pub async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        let page = Page { limit: page.limit.clamp(1, limits::PAGE), ..page };
        self.run("list jobs", |store| async move { store.list(filter, page).await }).await
    }

    /// Returns every queue with its counts, by name.
    pub async fn queues(&self) -> Result<Vec<QueueStats>, Error> {
        self.run("list queues", |store| async move { store.queues().await }).await
    }

    /// Replaces a running job's log; see [`Store::write_log`].
    pub async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        self.run("write a log", |store| async move { store.write_log(id, token, text).await }).await
    }

    /// Returns a job's log; empty where it has none, `None` where nobody knows the job.
    pub async fn log(&self, id: JobId) -> Result<Option<String>, Error> {
        self.run(format!("read the log of job {id}"), |store| async move { store.log(id).await }).await
    }

    /// Stops handing out jobs of a queue; see [`Store::pause`].
    pub async fn pause(&self, queue: QueueName, pause: NewPause) -> Result<Pause, Error> {
        self.run(format!("pause queue `{queue}`"), |store| async move { store.pause(queue, pause).await }).await
    }

    /// Hands out jobs of a queue again; answers whether it was paused.
    pub async fn resume(&self, queue: QueueName) -> Result<bool, Error> {
        self.run(format!("resume queue `{queue}`"), |store| async move { store.resume(queue).await }).await
    }

    /// Does what a person asks to one job. A deleted job is gone, with its artifact, when this answers.
    pub async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        let acted = self.run(format!("change job {id}"), |store| async move { store.act(id, action).await }).await?;
        if action == Action::Delete && matches!(acted, Acted::Done(_)) {
            // Nobody but upkeep deletes; the job is at the end of a line of others whose time is over.
            loop {
                let kept = self.upkeep().await?;
                let is_gone = self.job(id).await?.is_none();
                let failure = kept.failed.into_iter().find(|failure| !is_gone || failure.part == DELETE_ARTIFACTS);
                if let Some(failure) = failure {
                    let error = Error::new(ErrorKind::Unavailable, failure.to_string()).perhaps_done();
                    return Err(error.context(format!("delete job {id}")));
                }
                if is_gone || !kept.more {
                    break;
                }
            }
        }
        Ok(acted)
    }

    /// Watches a job: the first status comes at once, then one with each change.
    pub fn watch(&self, id: JobId) -> Watch {
        self.inner.watcher.watch(id)
    }

    /// Returns a result's bytes, or `None` where the artifact is gone.
    pub async fn read(&self, stored: &Stored) -> Result<Option<Output>, Error> {
        match stored {
            Stored::Inline(output) => Ok(Some(output.clone())),
            Stored::Artifact { name, content_type, .. } => {
                let body = self.inner.artifacts.get(*name).await?;
                Ok(body.map(|body| Output::new(content_type.clone(), body)))
            }
        }
    }

    /// Keeps a result where it belongs, for the settle that will point at it.
    pub async fn keep(&self, name: ArtifactName, output: Output) -> Result<Stored, Error> {
        if output.fits_inline() {
            return Ok(Stored::Inline(output));
        }
        let bytes = output.body.len() as u64;
        self.inner.artifacts.put(name, output.body).await?;
        Ok(Stored::Artifact { name, content_type: output.content_type, bytes })
    }

    /// Returns the bells that ring when there may be work, or news.
    pub fn wakeups(&self) -> &Wakeups {
        self.inner.store.wakeups()
    }

    /// Returns what the store is and promises.
    pub fn capabilities(&self) -> Capabilities {
        self.inner.store.capabilities()
    }

    /// Runs a store call as a task of its own, so that it ends whatever happens to the caller.
    async fn run<T, F>(&self, tried: impl std::fmt::Display, call: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let began = Instant::now();
        let result = self.unnoted(call).await;
        self.outage().note(&result, began.elapsed());
        result.map_err(|e| e.context(tried))
    }

    async fn unnoted<T, F>(&self, call: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task: JoinHandle<_> = tokio::spawn(call(Arc::clone(&self.inner.store)));
        task.await.unwrap_or_else(|e| Err(broken_off(&e)))
    }

    fn outage(&self) -> std::sync::MutexGuard<'_, Outage> {
        self.inner.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Backend({})", self.capabilities().engine)
    }
}

/// Whether the store could be reached lately: after an outage its workers need time to renew.
#[derive(Debug, Default)]
enum Outage {
    /// It has been fine all along, as far as this process knows.
    #[default]
    None,
    /// The newest call did not reach it, or it had no room left.
    Now,
    /// It is back; nobody is rescued before then.
    Over(Instant),
}

impl Outage {
    /// Live workers renew at least this often.
    const RENEWAL: Duration = limits::RENEW;

    fn note<T>(&mut self, result: &Result<T, Error>, took: Duration) {
        let now = Instant::now();
        let unreachable = matches!(result, Err(e) if e.is_retryable());
        *self = match *self {
            _ if unreachable => Outage::Now,
            Outage::Now => Outage::Over(now + limits::LEASE),
            // A call that took so long has kept renewals waiting as well.
            _ if took >= Outage::RENEWAL => Outage::Over(now + limits::LEASE),
            Outage::Over(until) if now >= until => Outage::None,
            Outage::Over(until) => Outage::Over(until),
            Outage::None => Outage::None,
        };
    }

    fn begin_anew(&mut self) {
        if matches!(self, Outage::None) {
            *self = Outage::Over(Instant::now() + Outage::RENEWAL);
        }
    }

    fn may_rescue(&self) -> bool {
        match self {
            Outage::None => true,
            Outage::Now => false,
            Outage::Over(until) => Instant::now() >= *until,
        }
    }
}

/// A store's call that panicked is a bug of the store, and no outage.
fn broken_off(error: &tokio::task::JoinError) -> Error {
    let kind = if error.is_panic() { ErrorKind::Corrupt } else { ErrorKind::Unavailable };
    Error::new(kind, format!("the call broke off: {error}")).perhaps_done()
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("a {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::InMemory;
    use crate::{Kind, Memory, Nonce, Payload};

    #[test]
    fn after_an_outage_nobody_is_rescued_for_a_lease() {
        for kind in [ErrorKind::Unavailable, ErrorKind::Full] {
            let down: Result<(), _> = Err(Error::new(kind, "gone"));
            let mut outage = Outage::default();
            assert!(outage.may_rescue());
            outage.note(&down, Duration::ZERO);
            assert!(!outage.may_rescue());
            outage.note(&Ok(()), Duration::ZERO);
            assert!(!outage.may_rescue(), "the store is back, but its workers have not had a lease to renew in");
            outage = Outage::Over(Instant::now());
            assert!(outage.may_rescue());
        }
    }

    #[tokio::test]
    async fn a_lease_out_of_bounds_is_refused_before_the_store_is_asked() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let queue = QueueName::default();
        let kind: Kind = "work".parse().unwrap();
        let new = NewJob::new(queue.clone(), kind.clone(), Payload::parse("{}").unwrap());
        let _ = backend.push(vec![new]).await.unwrap();
        let worker = WorkerSecret::new().id();
        let ask = |lease| {
            let (queues, kinds) = (vec![queue.clone()], vec![kind.clone()]);
            Claim { worker, nonce: Nonce::new(), queues, kinds, limit: 1, lease, idle: true }
        };
        let wrong = [Duration::ZERO, Duration::from_millis(999), Duration::from_millis(600_001), limits::LONGEST_LEASE];

        for lease in wrong {
            assert_eq!(backend.claim(ask(lease)).await.unwrap_err().kind(), ErrorKind::Invalid, "{lease:?}");
        }
        let claimed = backend.claim(ask(*limits::LEASES.start())).await.unwrap().jobs.remove(0);

        let renewal = |lease| Renewal { id: claimed.id, token: claimed.token, lease, progress: None };
        for lease in wrong {
            let error = backend.renew(vec![renewal(limits::LEASE), renewal(lease)]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{lease:?}");
        }
        assert_eq!(backend.renew(vec![renewal(*limits::LEASES.end())]).await.unwrap(), [Renewed::Held]);
    }

    #[test]
    fn a_call_that_took_long_and_a_start_give_others_time_to_renew() {
        let mut outage = Outage::default();
        outage.note(&Ok(()), limits::RENEW);
        assert!(!outage.may_rescue());
        let mut outage = Outage::default();
        outage.begin_anew();
        assert!(!outage.may_rescue());
    }

    /// Artifacts in memory that cannot be deleted where their job's id is the first of two.
    struct Undeletable(crate::artifact::InMemory, JobId);

    #[async_trait::async_trait]
    impl Artifacts for Undeletable {
        async fn put(&self, name: ArtifactName, body: bytes::Bytes) -> Result<(), Error> {
            self.0.put(name, body).await
        }

        async fn get(&self, name: ArtifactName) -> Result<Option<bytes::Bytes>, Error> {
            self.0.get(name).await
        }

        async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
            if name.job == self.1 {
                return Err(Error::new(ErrorKind::Unavailable, "permission denied"));
            }
            self.0.delete(name).await
        }

        async fn older_than(
            &self,
            _age: Duration,
            after: Option<ArtifactName>,
            limit: usize,
        ) -> Result<Vec<ArtifactName>, Error> {
            self.0.older_than(Duration::ZERO, after, limit).await
        }
    }

    #[tokio::test]
    async fn artifact_that_cannot_be_deleted_stops_no_other_and_no_rescue() {
        let mut settings = crate::Settings::default();
        settings.keep_finished = Duration::ZERO;
        let jobs = [(); 2]
            .map(|()| NewJob::new(QueueName::default(), "work".parse().unwrap(), crate::Payload::parse("1").unwrap()));
        let [stays, goes] = [jobs[0].id, jobs[1].id].map(|job| ArtifactName { job, claim: 1 });
        let artifacts = Arc::new(Undeletable(crate::artifact::InMemory::default(), stays.job));
        let backend = Backend::new(Arc::new(crate::Memory::new(settings)), artifacts.clone());
        assert_eq!(backend.push(jobs.to_vec()).await.unwrap().len(), 2);
        let claim = Claim {
            worker: WorkerSecret::new().id(),
            nonce: crate::Nonce::new(),
            queues: vec![QueueName::default()],
            kinds: vec!["work".parse().unwrap()],
            limit: 2,
            lease: limits::LEASE,
            idle: true,
        };
        for job in backend.claim(claim).await.unwrap().jobs {
            let name = ArtifactName { job: job.id, claim: 1 };
            let result = backend.keep(name, Output::new("image/png", vec![0xff; 10])).await.unwrap();
            let outcome = crate::Outcome::Succeed { result: Some(result) };
            let settlement = Settlement { id: job.id, token: job.token, outcome, progress: None };
            assert_eq!(backend.settle(vec![settlement]).await.unwrap(), [Settled::Done]);
        }
        let kept = backend.upkeep().await.unwrap();
        assert_eq!((kept.pruned, kept.artifacts.len()), (2, 2));
        assert_eq!(kept.failed.iter().map(|failure| failure.part).collect::<Vec<_>>(), [DELETE_ARTIFACTS]);
        assert!(kept.failed[0].message.contains("permission denied"), "{}", kept.failed[0]);
        assert!(artifacts.get(goes).await.unwrap().is_none() && artifacts.get(stays).await.unwrap().is_some());
        assert!(backend.outage().may_rescue(), "a part that fails is no outage");

        artifacts.put(goes, bytes::Bytes::new()).await.unwrap();
        assert_eq!(backend.sweep_artifacts(None).await.unwrap(), None);
        assert!(artifacts.get(goes).await.unwrap().is_none(), "the sweep deletes the others, too");
    }
}
