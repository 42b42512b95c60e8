//! Bugs in claims.

use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use longshore_core::{
    Claim, Claims, Error, ErrorKind, Filter, Kind, KnownKind, NewJob, Nonce, Pushed, Rules, Snapshot, State,
    WorkerSecret,
};

use crate::bench::UnwrapEach;

use crate::pause::pause;

use super::sick::{Bug, Inside};

#[derive(Default)]
pub(in super::super) struct ClaimsInTwoSteps;

#[async_trait]
impl Bug for ClaimsInTwoSteps {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        let ready = inside.all(Filter { state: Some(State::Ready), ..Filter::default() }).await?;
        let fits = |job: &Snapshot| {
            claim.queues.contains(&job.queue) && claim.kinds.iter().any(|known| known.kind == job.kind)
        };
        let candidates: Vec<_> = ready.into_iter().filter(fits).map(|job| job.id).collect();
        pause().await;
        let limit = claim.limit;
        let mut claims = inside.store.claim(claim).await?;
        // Jobs that another claim took in between are taken again: the second writer does not check.
        for id in candidates {
            let mine = claims.jobs.iter().any(|job| job.id == id);
            if claims.jobs.len() < limit && !mine && inside.state(id).await? == Some(State::Running) {
                claims.jobs.extend(inside.newest(id).map(|(job, _)| job));
            }
        }
        Ok(claims)
    }
}

#[derive(Default)]
pub(in super::super) struct ClaimsNewJobsWhenRepeated;

#[async_trait]
impl Bug for ClaimsNewJobsWhenRepeated {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        inside.store.claim(claim.nonce(Nonce::new())).await
    }
}

#[derive(Default)]
pub(in super::super) struct ClaimsOfTheReleased;

#[async_trait]
impl Bug for ClaimsOfTheReleased {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        match inside.store.claim(claim.clone()).await {
            Err(e) if e.kind() == ErrorKind::Refused => {
                inside.store.claim(claim.worker(WorkerSecret::new().id())).await
            }
            answer => answer,
        }
    }
}

/// Records every kind.
#[derive(Default)]
pub(in super::super) struct ClaimsEveryKind(Mutex<BTreeSet<Kind>>);

#[async_trait]
impl Bug for ClaimsEveryKind {
    async fn push(&self, inside: &Inside, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error> {
        self.0.lock().unwrap().extend(jobs.iter().map(|job| job.kind.clone()));
        inside.store.push(jobs).await.whole()
    }

    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        let kinds = self.0.lock().unwrap().iter().cloned().map(KnownKind::from).collect();
        inside.store.claim(claim.kinds(kinds)).await
    }
}

#[derive(Default)]
pub(in super::super) struct ClaimsIsolatedBesideOthers;

#[async_trait]
impl Bug for ClaimsIsolatedBesideOthers {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        inside.store.claim(claim.idle(true)).await
    }
}

#[derive(Default)]
pub(in super::super) struct ClaimsWithoutLimit;

#[async_trait]
impl Bug for ClaimsWithoutLimit {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        let limit = claim.limit.saturating_mul(2);
        inside.store.claim(claim.limit(limit)).await
    }
}

#[derive(Default)]
pub(in super::super) struct ClaimsOfThePaused;

#[async_trait]
impl Bug for ClaimsOfThePaused {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        for queue in &claim.queues {
            let rules = inside.store.rules(queue.clone()).await?;
            let _ = inside.store.change_rules(queue.clone(), rules.version, Rules::default()).await?;
        }
        inside.store.claim(claim).await
    }
}
