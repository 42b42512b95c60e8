//! Bugs in pushes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use longshore_core::{
    Claim, Claims, DuplicateReason, Error, Filter, JobId, NewJob, Pushed, Snapshot, State, UniqueScope, When,
};

use crate::bench::UnwrapEach;

use crate::pause::pause;

use super::sick::{Bug, Inside};

/// Keeps pushed jobs for a while before it writes them.
#[derive(Default)]
pub(in super::super) struct AnswersBeforeInsert(Mutex<Vec<NewJob>>);

#[async_trait]
impl Bug for AnswersBeforeInsert {
    async fn push(&self, _: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        let answers = jobs.iter().map(|job| Pushed::Created(job.id)).collect();
        self.0.lock().unwrap().extend(jobs);
        Ok(answers)
    }

    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap());
        pause().await; // a call dropped here loses the waiting jobs
        let _too_late_to_tell = inside.store.push(waiting).await.whole()?;
        inside.store.claim(claim).await
    }
}

/// Counts the answered claims.
#[derive(Default)]
pub(in super::super) struct NotifiesBeforeInsert(AtomicU64);

#[async_trait]
impl Bug for NotifiesBeforeInsert {
    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        let looks = self.0.load(Ordering::SeqCst);
        inside.store.notifications().notify_all_work();
        // Until a worker has claimed. A worker that only waits for notifications never claims.
        let listened_to = Instant::now() + Duration::from_millis(500);
        while self.0.load(Ordering::SeqCst) == looks && Instant::now() < listened_to {
            pause().await;
        }
        inside.store.push(jobs).await.whole()
    }

    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        let claims = inside.store.claim(claim).await;
        self.0.fetch_add(1, Ordering::SeqCst);
        claims
    }
}

#[derive(Default)]
pub(in super::super) struct DuplicatesRepeats;

#[async_trait]
impl Bug for DuplicatesRepeats {
    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        let mut answers = Vec::new();
        for job in jobs {
            let id = if inside.state(job.id).await?.is_some() { JobId::new(&job.queue) } else { job.id };
            let _another = inside.store.push(vec![NewJob { id, ..job.clone() }]).await.whole()?;
            answers.push(Pushed::Created(job.id));
        }
        Ok(answers)
    }
}

#[derive(Default)]
pub(in super::super) struct ReadsThenInserts;

#[async_trait]
impl Bug for ReadsThenInserts {
    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        let mut answers = Vec::new();
        for job in jobs {
            let key = job.unique.as_ref().filter(|unique| unique.scope == UniqueScope::UntilFinished);
            let mut free = key.is_some() && inside.state(job.id).await?.is_none();
            for other in inside.all(Filter { queue: Some(job.queue.clone()), ..Filter::default() }).await? {
                free &= other.unique_key.as_ref() != key.map(|unique| &unique.key) || other.state.is_final();
            }
            if job.unique.is_some() {
                pause().await;
            }
            let pushed = inside.store.push(vec![job.clone()]).await.whole()?;
            let another_came = matches!(pushed[..], [Pushed::Existing { by: DuplicateReason::Unique, .. }]);
            // No job had the key at the check, so this one gets it, too.
            answers.extend(if free && another_came {
                inside.store.push(vec![NewJob { unique: None, ..job }]).await.whole()?
            } else {
                pushed
            });
        }
        Ok(answers)
    }
}

#[derive(Default)]
pub(in super::super) struct IgnoresRunAt;

#[async_trait]
impl Bug for IgnoresRunAt {
    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        inside.store.push(jobs.into_iter().map(|job| NewJob { when: When::NOW, ..job }).collect()).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct IgnoresDeadlines;

#[async_trait]
impl Bug for IgnoresDeadlines {
    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        inside.store.push(jobs.into_iter().map(|job| NewJob { deadline: None, ..job }).collect()).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct LosesKeysOfTheDead;

#[async_trait]
impl Bug for LosesKeysOfTheDead {
    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        let dead = inside.all(Filter { state: Some(State::Dead), ..Filter::default() }).await?;
        let mut answers = Vec::new();
        for job in jobs {
            let key = job.unique.as_ref().map(|unique| unique.key.clone());
            let holds = |other: &&Snapshot| key.is_some() && other.unique_key == key && other.queue == job.queue;
            match dead.iter().find(holds).filter(|other| other.id != job.id) {
                Some(other) => answers.push(Pushed::Existing { id: other.id, by: DuplicateReason::Unique }),
                None => answers.extend(inside.store.push(vec![job]).await.whole()?),
            }
        }
        Ok(answers)
    }
}
