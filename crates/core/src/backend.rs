//! The backend that users hold: a store and its artifacts, with bounds, context and patience written once.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::artifact::Reader;
use crate::observer::{Event, Observer, Observers};
use crate::outage::{Outage, Reached};
use crate::store::fail_all;
use crate::upkeep;
use crate::watch::Watcher;
use crate::{
    Acted, Action, Answers, ArtifactName, Artifacts, Capabilities, Claim, Claims, Error, ErrorKind, Filter, Gone,
    JobId, Kept, Kind, Label, Listed, Moved, NewJob, NewPause, Notifications, Output, Page, Pause, Pushed, QueueName,
    QueueStats, Renewal, Renewed, Rules, RulesChange, Settled, Settlement, Snapshot, Status, Store, Stored, Timestamp,
    Token, Upkeep, UpkeepFailure, Watch, Work, WorkSubscription, WorkerId, WorkerNote, WorkerSecret, WorkerSeen,
    limits,
};

/// The part of upkeep that deletes the artifacts of deleted jobs.
const DELETE_ARTIFACTS: &str = "delete artifacts";
/// A deletion that fails after so long was not answered.
const SLOW_FAILURE: Duration = Duration::from_secs(1);

/// A store and its artifacts, ready to use; cheap to clone.
///
/// Every call runs to its end even if the caller's future is dropped, so that nothing is left half done. Calls may be made
/// concurrently. Nothing is retried here: an [`Error`] says whether a repeat makes sense, and a repeat is always harmless. Where a method says
/// nothing of errors, it fails only as its store does: when that cannot be reached, is full, refuses to work, or holds what makes no sense.
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
    observers: Observers,
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
                observers: Observers::default(),
            }),
        }
    }

    /// Tells the observer of everything that happens in this process through this backend and its clones, from now on.
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

    fn tell_rescued(&self, moved: &[Moved]) {
        moved.iter().for_each(|job| self.observers().tell(Event::Rescued(job)));
    }

    fn tell_buried(&self, moved: &[Moved]) {
        moved.iter().for_each(|job| self.observers().tell(Event::Buried(job)));
    }

    /// Takes jobs over; answers, one a job and in order, once they are durable.
    ///
    /// More than 1,000 jobs are pushed in several calls. Some jobs may fail while others are pushed; a repeat with the same jobs is
    /// answered as if it were the first.
    ///
    /// # Errors
    ///
    /// Names the first job that is out of bounds, before anything is pushed. What the store says stands in the answers.
    pub async fn push(&self, jobs: Vec<NewJob>) -> Result<Answers<Pushed>, Error> {
        for (index, job) in jobs.iter().enumerate() {
            job.check().map_err(|e| e.context(format!("job {} of {} ({})", index + 1, jobs.len(), job.kind)))?;
        }
        let (Some(first), n) = (jobs.first(), jobs.len()) else { return Ok(Vec::new()) };
        let tried = format!("push {} to queue `{}`", count(n, "job"), first.queue);
        let named: Vec<_> = jobs.iter().map(|job| (job.kind.clone(), job.queue.clone())).collect();
        let pushed = self.unnoted(|store| async move {
            let mut answers: Answers<Pushed> = Vec::with_capacity(n);
            let mut jobs = jobs.into_iter().peekable();
            while jobs.peek().is_some() {
                let batch: Vec<_> = jobs.by_ref().take(limits::BATCH).collect();
                answers.extend(store.push(batch).await);
                if let Some(Err(error)) = answers.last() {
                    let rest = Error::new(error.kind(), "not pushed, because the jobs before it could not be");
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
        // A push that is refused because the disk is full says nothing about renewals, for which room is kept.
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
    /// If it is out of bounds, or the store failed. A job that the store refused is an answer.
    pub async fn push_one(&self, job: NewJob) -> Result<Pushed, Error> {
        self.push(vec![job]).await?.pop().expect("one job has one answer")
    }

    /// Hands out ready jobs; see [`Jobs::claim`](crate::Jobs::claim).
    ///
    /// # Errors
    ///
    /// If the lease is shorter than 1 second or longer than 10 minutes ([`limits::LEASES`]), before the store is asked; or says what
    /// the store said.
    pub async fn claim(&self, mut claim: Claim) -> Result<Claims, Error> {
        limits::check_lease(claim.lease).map_err(|e| e.context("claim jobs"))?;
        claim.limit = claim.limit.min(limits::BATCH);
        let claims = self.run("claim jobs", |store| async move { store.claim(claim).await }).await;
        claims.inspect(|claims| self.tell_buried(&claims.buried))
    }

    /// Extends leases and writes progress; see [`Jobs::renew`](crate::Jobs::renew). If one of the leases is shorter than 1 second or longer than 10
    /// minutes ([`limits::LEASES`]), nothing is renewed.
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

    /// Settles jobs and claims the next, in one round trip where the store can; see [`Jobs::settle_and_claim`](crate::Jobs::settle_and_claim).
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
        let both = self.unnoted(|store| async move { Ok(store.settle_and_claim(settlements, claim).await) }).await;
        let (settled, claimed) = both.unwrap_or_else(|e| (fail_all(n, &e), Err(e)));
        let settled = self.note_each(n, settled, "settle jobs", began.elapsed());
        self.note(&claimed, began.elapsed());
        let claimed = claimed.inspect(|claims| self.tell_buried(&claims.buried));
        (settled, claimed.map_err(|e| e.context("claim jobs")))
    }

    /// Takes all jobs from a worker that is surely gone; see [`Jobs::release`](crate::Jobs::release).
    pub async fn release(&self, worker: WorkerSecret, gone: impl Into<Gone>) -> Result<Vec<Moved>, Error> {
        let gone = gone.into();
        let moved = self.run("release a worker's jobs", |store| async move { store.release(worker, gone).await }).await;
        moved.inspect(|moved| self.tell_rescued(moved))
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
        let upkeep = Upkeep::new(limits::UPKEEP_ROWS, rescue);
        let mut kept = self.run("do upkeep", |store| async move { store.upkeep(upkeep).await }).await?;
        self.tell_rescued(&kept.rescued);
        self.tell_buried(&kept.buried);
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

    /// Returns jobs by id, in order; `None` for one that is not found.
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

    /// Returns a page of the queues with their counts, in the order of their names, from the first one after `after`; at most 200 a page.
    ///
    /// A page of fewer than `limit` is the last.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Error, limits};
    /// # async fn all(backend: &Backend) -> Result<(), Error> {
    /// let mut after = None;
    /// loop {
    ///     let page = backend.queues(after, limits::PAGE).await?;
    ///     after = page.last().filter(|_| page.len() == limits::PAGE).map(|last| last.queue.clone());
    ///     page.iter().for_each(|stats| println!("{}", stats.queue));
    ///     if after.is_none() {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        let limit = limit.clamp(1, limits::PAGE);
        self.run("list queues", |store| async move { store.queues(after, limit).await }).await
    }

    /// Returns one queue with its counts; `None` where the store knows none of that name.
    pub async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        self.run(format!("look up queue `{queue}`"), |store| async move { store.queue(queue).await }).await
    }

    /// Replaces a running job's log; see [`Logs::write_log`](crate::Logs::write_log).
    pub async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        self.run("write a log", |store| async move { store.write_log(id, token, text).await }).await
    }

    /// Returns the log of a claim, or of the newest that has one; see [`Logs::log`](crate::Logs::log).
    pub async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        self.run(format!("read the log of job {id}"), |store| async move { store.log(id, claim).await }).await
    }

    /// Returns the rules of a queue.
    pub async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        self.run(format!("read the rules of queue `{queue}`"), |store| async move { store.rules(queue).await }).await
    }

    /// Replaces the rules of a queue if they still have that version; see [`Queues::change_rules`](crate::Queues::change_rules).
    ///
    /// # Errors
    ///
    /// As any call; or if the new rules are none that this program knows.
    pub async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        let tried = format!("change the rules of queue `{queue}`");
        rules.check_known().map_err(|e| e.context(&tried))?;
        self.run(tried, |store| async move { store.change_rules(queue, expected, rules).await }).await
    }

    /// Stops handing out jobs of a queue, until a time or until it is resumed; what runs goes on. Replaces an earlier pause. The queue need not
    /// have had jobs yet.
    ///
    /// # Errors
    ///
    /// As the store; or if the queue has rules that this program does not know.
    pub async fn pause(&self, queue: QueueName, pause: NewPause) -> Result<Pause, Error> {
        let now = self.now().await.map_err(|e| e.context(format!("pause queue `{queue}`")))?;
        let pause = Pause::begin(pause, now);
        self.update_rules(queue, |rules| rules.pause = Some(pause.clone())).await?;
        Ok(pause)
    }

    /// Hands out jobs of a queue again; answers whether it was paused.
    ///
    /// # Errors
    ///
    /// As [`Backend::pause`].
    pub async fn resume(&self, queue: QueueName) -> Result<bool, Error> {
        let now = self.now().await.map_err(|e| e.context(format!("resume queue `{queue}`")))?;
        let before = self.update_rules(queue, |rules| rules.pause = None).await?;
        Ok(before.pause.is_some_and(|pause| pause.holds(now)))
    }

    /// Changes the rules of a queue, whoever else changes them at the same time; returns what they were before.
    async fn update_rules(&self, queue: QueueName, change: impl Fn(&mut Rules)) -> Result<Rules, Error> {
        let mut before = self.rules(queue.clone()).await?;
        // Each turn but the last means that somebody else has changed them: a loop without end is a bug of the store.
        for _ in 0..100 {
            before.check_known().map_err(|e| e.context(format!("change the rules of queue `{queue}`")))?;
            let mut after = before.clone();
            change(&mut after);
            match self.change_rules(queue.clone(), before.version, after).await? {
                RulesChange::Changed(_) => return Ok(before),
                RulesChange::Conflict(now) => before = now,
            }
        }
        Err(Error::new(ErrorKind::Unavailable, format!("the rules of queue `{queue}` change all the time")))
    }

    /// Returns the store's time, by which everything of a job is written.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        self.run("ask for the time", |store| async move { store.now().await }).await
    }

    /// Notes that a worker is alive; see [`Workers::note_worker`](crate::Workers::note_worker).
    pub async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        self.run(format!("note worker {id}"), |store| async move { store.note_worker(id, note).await }).await
    }

    /// Forgets a worker that has ended.
    pub async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.run(format!("forget worker {id}"), |store| async move { store.forget_worker(id).await }).await
    }

    /// Returns a page of the workers that were seen lately, in the order of their ids; at most 200 a page.
    pub async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        let limit = limit.clamp(1, limits::PAGE);
        self.run("list workers", |store| async move { store.workers(after, limit).await }).await
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

    /// Returns a result's bytes, or `None` where the artifact is gone. They are all in memory: see [`Backend::open`] for large ones.
    pub async fn read(&self, stored: &Stored) -> Result<Option<Output>, Error> {
        match stored {
            Stored::Inline(output) => Ok(Some(output.clone())),
            Stored::Artifact { name, content_type, .. } => {
                let body = self.inner.artifacts.get(*name).await?;
                Ok(body.map(|body| Output::new(content_type.clone(), body)))
            }
        }
    }

    /// Opens a result to read it in chunks, from any place; `None` where the artifact is gone.
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

    /// Keeps a result where it belongs, for the settle that will point at it. A call that is dropped half-way is given up.
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

    /// Starts to receive notifications of jobs of these kinds in these queues, from other processes and from this one: see [`Notifier`](crate::Notifier).
    pub fn subscribe_work(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.inner.store.subscribe(queues, kinds)
    }

    /// Tells other processes of work that this one was told of and has no room for any more.
    pub(crate) fn pass_on(&self, work: Vec<Work>) {
        if !work.is_empty() {
            self.inner.store.notify(work);
        }
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
        self.note(&result, began.elapsed());
        result.map_err(|e| e.context(tried))
    }

    /// As [`Backend::run`], for a call that answers each of `n` items.
    async fn run_each<T, F>(&self, n: usize, tried: &str, call: impl FnOnce(Arc<dyn Store>) -> F) -> Answers<T>
    where
        T: Send + 'static,
        F: Future<Output = Answers<T>> + Send + 'static,
    {
        let began = Instant::now();
        let answers = self.unnoted(|store| {
            let call = call(store);
            async move { Ok(call.await) }
        });
        let answers = answers.await.unwrap_or_else(|e| fail_all(n, &e));
        self.note_each(n, answers, tried, began.elapsed())
    }

    /// As [`Backend::note`], for the answers of one call about `n` items; says of each that failed what was tried.
    fn note_each<T>(&self, n: usize, mut answers: Answers<T>, tried: &str, took: Duration) -> Answers<T> {
        if answers.len() != n {
            let text = format!("the store gave {} answers to a call about {n} items: a bug", answers.len());
            answers = fail_all(n, &Error::new(ErrorKind::Unavailable, text).perhaps_done());
        }
        self.note_all(answers.iter(), took);
        answers.into_iter().map(|answer| answer.map_err(|e| e.context(tried))).collect()
    }

    async fn unnoted<T, F>(&self, call: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task: JoinHandle<_> = tokio::spawn(call(Arc::clone(&self.inner.store)));
        task.await.unwrap_or_else(|e| Err(broken_off(&e)))
    }

    /// Notes what the answers of one call say of the store. One item that could not reach it is enough: others' renewals may have gone the same way.
    fn note_all<'a, T: 'a>(&self, mut answers: impl Iterator<Item = &'a Result<T, Error>>, took: Duration) {
        let failed = answers.find_map(|answer| answer.as_ref().err().filter(|e| e.is_retryable()));
        self.note(&failed.map_or(Ok(()), |e| Err(e.shared())), took);
    }

    /// Notes what a call says of the way to the store, and tells of it where that has changed.
    fn note<T>(&self, result: &Result<T, Error>, took: Duration) {
        let change = self.outage().note(result, took);
        match (change, result) {
            (Some(Reached::Away), Err(error)) => self.observers().tell(Event::StoreAway(error)),
            (Some(Reached::Back), _) => self.observers().tell(Event::StoreBack),
            _ => {}
        }
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
    use crate::{Kind, Memory, Outcome, Payload, Settings};

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

    #[tokio::test]
    async fn push_that_succeeds_ends_an_outage() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let told = Arc::new(Mutex::new(0));
        let observer = Arc::clone(&told);
        backend.observe(move |event: Event<'_>| {
            if matches!(event, Event::StoreBack) {
                *observer.lock().unwrap() += 1;
            }
        });
        backend.note(&Err::<(), _>(Error::new(ErrorKind::Unavailable, "gone")), Duration::ZERO);
        let new = NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("{}").unwrap());
        let _ = backend.push_one(new).await.unwrap();
        assert_eq!(*told.lock().unwrap(), 1, "a process that only pushes hears of it, too");
    }

    /// Artifacts in memory that cannot be deleted where their job's id is the first of two.
    struct Undeletable(InMemory, JobId);

    #[async_trait::async_trait]
    impl Artifacts for Undeletable {
        async fn write(&self, name: ArtifactName, source: &mut dyn crate::artifact::Source) -> Result<u64, Error> {
            self.0.write(name, source).await
        }

        async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
            self.0.open(name).await
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
        let settings = Settings { keep_finished: Duration::ZERO, ..Settings::default() };
        let jobs =
            [(); 2].map(|()| NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("1").unwrap()));
        let [stays, goes] = [jobs[0].id, jobs[1].id].map(|job| ArtifactName { job, claim: 1 });
        let artifacts = Arc::new(Undeletable(InMemory::default(), stays.job));
        let backend = Backend::new(Arc::new(Memory::new(settings)), artifacts.clone());
        assert_eq!(backend.push(jobs.to_vec()).await.unwrap().len(), 2);
        let work = "work".parse::<Kind>().unwrap();
        let claim = Claim::new(WorkerSecret::new().id(), vec![QueueName::default()], vec![work.into()]);
        let claim = claim.limit(2);
        for job in backend.claim(claim).await.unwrap().jobs {
            let name = ArtifactName { job: job.id, claim: 1 };
            let result = backend.keep(name, Output::new("image/png", vec![0xff; 10])).await.unwrap();
            let outcome = Outcome::Succeed { result: Some(result) };
            let settlement = Settlement::new(job.id, job.token, outcome);
            assert_eq!(*backend.settle(vec![settlement]).await[0].as_ref().unwrap(), Settled::Done);
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
