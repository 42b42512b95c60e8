//! A store that fails, hangs or loses jobs on request, and artifacts that panic.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::artifact::{Reader, Source};
use longshore_core::store::fail_all;
use longshore_core::*;

#[derive(Clone, Copy, Debug, Default)]
pub enum Mood {
    #[default]
    Fine,
    Fails(ErrorKind),
    /// Returns an error although the operation may have been done.
    LosesReplies,
    Hangs,
    /// Returns no status of any job, while everything else works.
    Forgets,
    /// Pushes no jobs to the queue `unreachable`, while everything else works.
    IsPartlyUnreachable,
    /// Refuses to write, while reads work: a newer program has upgraded the store.
    RefusesWrites,
}

#[derive(Default)]
pub struct Faulty {
    store: Memory,
    mood: Mutex<Mood>,
}

impl Faulty {
    pub fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    async fn fit(&self) -> Result<(), Error> {
        match self.mood() {
            Mood::Fine | Mood::Forgets | Mood::IsPartlyUnreachable | Mood::RefusesWrites => Ok(()),
            Mood::Fails(kind) => Err(Error::new(kind, "/secret/path: broken")),
            Mood::LosesReplies => Err(Error::new(ErrorKind::Unavailable, "/secret/path: broken").perhaps_done()),
            Mood::Hangs => std::future::pending().await,
        }
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Jobs for Faulty {
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed> {
        if let Err(e) = self.fit().await {
            return fail_all(jobs.len(), &e);
        }
        if jobs.iter().any(|job| job.kind.as_str() == "unwelcome") {
            return jobs.iter().map(|_| Ok(Pushed::Refused("that kind is not welcome".into()))).collect();
        }
        if matches!(self.mood(), Mood::IsPartlyUnreachable) {
            let mut answers = Vec::new();
            for job in jobs {
                answers.extend(match job.queue.as_str() {
                    "unreachable" => vec![Err(Error::new(ErrorKind::Unavailable, "/secret/path: broken"))],
                    _ => self.store.push(vec![job]).await,
                });
            }
            return answers;
        }
        self.store.push(jobs).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        self.fit().await?;
        self.store.claim(claim).await
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        match self.fit().await {
            Ok(()) if matches!(self.mood(), Mood::RefusesWrites) => {
                fail_all(renewals.len(), &Error::new(ErrorKind::Refused, "/secret/path: a newer program upgraded it"))
            }
            Ok(()) => self.store.renew(renewals).await,
            Err(e) => fail_all(renewals.len(), &e),
        }
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        match self.fit().await {
            Ok(()) => self.store.settle(settlements).await,
            Err(e) => fail_all(settlements.len(), &e),
        }
    }

    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        self.fit().await?;
        self.store.release(worker, gone).await
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        self.fit().await?;
        self.store.upkeep(upkeep).await
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        self.fit().await?;
        self.store.get(ids).await
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        self.fit().await?;
        if matches!(self.mood(), Mood::Forgets) {
            return Ok(vec![None; ids.len()]);
        }
        self.store.status(ids).await
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        self.fit().await?;
        self.store.find(alias).await
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        self.fit().await?;
        let listed = self.store.list(filter, page).await?;
        let is_partly_unreachable = matches!(self.mood(), Mood::IsPartlyUnreachable);
        Ok(listed.without(is_partly_unreachable.then(|| "unreachable".parse().unwrap())))
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        self.fit().await?;
        self.store.act(id, action).await
    }
}

#[async_trait]
impl Queues for Faulty {
    async fn now(&self) -> Result<Timestamp, Error> {
        self.fit().await?;
        self.store.now().await
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        self.fit().await?;
        let mut queues = self.store.queues(after, limit).await?;
        if matches!(self.mood(), Mood::IsPartlyUnreachable) {
            queues.push(QueueStats::unreachable("unreachable".parse().unwrap()));
        }
        Ok(queues)
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        self.fit().await?;
        self.store.queue(queue).await
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        self.fit().await?;
        self.store.rules(queue).await
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        self.fit().await?;
        self.store.change_rules(queue, expected, rules).await
    }
}

#[async_trait]
impl Logs for Faulty {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        self.fit().await?;
        self.store.write_log(id, token, text).await
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        self.fit().await?;
        self.store.log(id, claim).await
    }
}

#[async_trait]
impl Workers for Faulty {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        self.fit().await?;
        self.store.note_worker(id, note).await
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.fit().await?;
        self.store.forget_worker(id).await
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        self.fit().await?;
        self.store.workers(after, limit).await
    }
}

#[async_trait]
impl Repair for Faulty {
    async fn repair(&self, step: RepairStep) -> Result<RepairReport, Error> {
        self.fit().await?;
        self.store.repair(step).await
    }
}

impl Notifier for Faulty {
    fn notify(&self, work: Vec<Work>) {
        self.store.notify(work);
    }

    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.store.subscribe(queues, kinds)
    }
}

impl Store for Faulty {
    fn notifications(&self) -> &Notifications {
        self.store.notifications()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}

/// Artifacts whose `open` panics.
pub struct Buggy;

#[async_trait]
impl Artifacts for Buggy {
    async fn write(&self, _: ArtifactName, _: &mut dyn Source) -> Result<u64, Error> {
        Ok(0)
    }

    async fn open(&self, _: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
        panic!("a bug, on purpose")
    }

    async fn delete(&self, _: ArtifactName) -> Result<(), Error> {
        Ok(())
    }

    async fn older_than(&self, _: Duration, _: Option<ArtifactName>, _: usize) -> Result<Vec<ArtifactName>, Error> {
        Ok(Vec::new())
    }
}
