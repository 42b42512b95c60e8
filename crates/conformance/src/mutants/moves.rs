//! Bugs in the effects of settles, upkeep, releases and actions on a job.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::{
    Acted, Action, Claim, Claims, Death, Error, Filter, Gone, JobId, Moved, Outcome, QueueStats, Renewal, Settings,
    Settled, Settlement, Snapshot, State, Upkeep, UpkeepReport, WorkerSecret, limits,
};

use crate::bench::UnwrapEach;

use crate::pause::pause;

use super::sick::{Bug, Inside};

#[derive(Default)]
pub(in super::super) struct RescuesNobody;

#[async_trait]
impl Bug for RescuesNobody {
    async fn upkeep(&self, inside: &Inside, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        inside.store.upkeep(Upkeep::new(upkeep.limit, false).rules_level(upkeep.rules_level)).await
    }
}

#[derive(Default)]
pub(in super::super) struct RescuesTheLiving;

#[async_trait]
impl Bug for RescuesTheLiving {
    async fn upkeep(&self, inside: &Inside, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        if upkeep.rescue {
            let running = inside.all(Filter { state: Some(State::Running), ..Filter::default() }).await?;
            let held = running.into_iter().filter_map(|job| inside.newest(job.id));
            let end = |id, token| Renewal::new(id, token, Duration::ZERO);
            let _all_held = inside.store.renew(held.map(|(job, _)| end(job.id, job.token)).collect()).await.whole()?;
        }
        inside.store.upkeep(upkeep).await
    }
}

/// Records the cost of crashes.
#[derive(Default)]
pub(in super::super) struct RescueCostsAnAttempt(Mutex<HashMap<JobId, u16>>);

#[async_trait]
impl Bug for RescueCostsAnAttempt {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        let mut claims = inside.store.claim(claim).await?;
        for job in &mut claims.jobs {
            job.attempt += self.0.lock().unwrap().get(&job.id).copied().unwrap_or(0);
        }
        Ok(claims)
    }

    async fn upkeep(&self, inside: &Inside, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        let running = inside.all(Filter { state: Some(State::Running), ..Filter::default() }).await?;
        let kept = inside.store.upkeep(upkeep).await?;
        for job in running {
            if inside.state(job.id).await? != Some(State::Running) {
                *self.0.lock().unwrap().entry(job.id).or_default() += 1;
            }
        }
        Ok(kept)
    }

    fn show(&self, mut job: Snapshot) -> Option<Snapshot> {
        job.attempt += self.0.lock().unwrap().get(&job.id).copied().unwrap_or(0);
        Some(job)
    }
}

#[derive(Default)]
pub(in super::super) struct ReleaseCostsAnAttempt;

#[async_trait]
impl Bug for ReleaseCostsAnAttempt {
    async fn settle(&self, inside: &Inside, mut settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        for Settlement { outcome, .. } in &mut settlements {
            if *outcome == Outcome::Release {
                *outcome = Outcome::Retry { delay: Duration::ZERO, message: "handed back".into() };
            }
        }
        inside.store.settle(settlements).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct CrashesAreInterruptions;

#[async_trait]
impl Bug for CrashesAreInterruptions {
    async fn release(&self, inside: &Inside, worker: WorkerSecret, _: Gone) -> Result<Vec<Moved>, Error> {
        inside.store.release(worker, Death::Interrupted.into()).await
    }
}

/// Records which jobs are in no table.
#[derive(Default)]
pub(in super::super) struct RetriesInTwoTransactions(Mutex<HashSet<JobId>>);

#[async_trait]
impl Bug for RetriesInTwoTransactions {
    async fn settle(&self, inside: &Inside, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        let retries = |settlement: &&Settlement| matches!(settlement.outcome, Outcome::Retry { .. });
        let held = |settlement: &&Settlement| {
            inside.newest(settlement.id).is_some_and(|(job, _)| job.token == settlement.token)
        };
        let moved: Vec<_> = settlements.iter().filter(retries).filter(held).map(|settlement| settlement.id).collect();
        if !moved.is_empty() {
            self.0.lock().unwrap().extend(&moved);
            pause().await; // a call dropped here loses the job
        }
        let answers = inside.store.settle(settlements).await.whole()?;
        self.0.lock().unwrap().retain(|id| !moved.contains(id));
        Ok(answers)
    }

    fn show(&self, job: Snapshot) -> Option<Snapshot> {
        (!self.0.lock().unwrap().contains(&job.id)).then_some(job)
    }
}

#[derive(Default)]
pub(in super::super) struct ForgetsRetryDelays;

#[async_trait]
impl Bug for ForgetsRetryDelays {
    async fn settle(&self, inside: &Inside, mut settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        for Settlement { outcome, .. } in &mut settlements {
            if let Outcome::Retry { delay, .. } = outcome {
                *delay = Duration::ZERO;
            }
        }
        inside.store.settle(settlements).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct IgnoresRetention;

impl Bug for IgnoresRetention {
    fn settings(mut settings: Settings) -> Settings {
        (settings.keep_finished, settings.keep_dead) = (Duration::ZERO, Duration::ZERO);
        settings
    }
}

#[derive(Default)]
pub(in super::super) struct KeepsForEver;

impl Bug for KeepsForEver {
    fn settings(mut settings: Settings) -> Settings {
        (settings.keep_finished, settings.keep_dead) = (limits::AHEAD, limits::AHEAD);
        settings
    }
}

#[derive(Default)]
pub(in super::super) struct UpkeepWithoutBounds;

#[async_trait]
impl Bug for UpkeepWithoutBounds {
    async fn upkeep(&self, inside: &Inside, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        let mut sum = UpkeepReport::default();
        loop {
            let kept = inside.store.upkeep(upkeep).await?;
            sum.rescued.extend(kept.rescued);
            sum.buried.extend(kept.buried);
            sum.pruned += kept.pruned;
            sum.artifacts.extend(kept.artifacts);
            if !kept.more {
                return Ok(sum);
            }
        }
    }
}

#[derive(Default)]
pub(in super::super) struct IgnoresCancels;

#[async_trait]
impl Bug for IgnoresCancels {
    async fn act(&self, inside: &Inside, id: JobId, action: Action) -> Result<Acted, Error> {
        if action == Action::Cancel && inside.state(id).await? == Some(State::Running) {
            return Ok(Acted::Done(State::Running));
        }
        inside.store.act(id, action).await
    }
}

#[derive(Default)]
pub(in super::super) struct CountsDrift;

impl Bug for CountsDrift {
    fn count(&self, mut stats: QueueStats) -> QueueStats {
        stats.counts[State::Cancelled as usize] = 0;
        stats
    }
}
