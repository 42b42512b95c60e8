//! Bugs in who may settle and renew: tokens other than the newest are accepted.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use longshore_core::{BootTime, Claim, Claims, Error, Renewal, Renewed, Settled, Settlement, State, Token, millis};

use crate::bench::UnwrapEach;

use super::sick::{Bug, Inside};

#[derive(Default)]
pub(in super::super) struct SettlesById;

#[async_trait]
impl Bug for SettlesById {
    async fn settle(&self, inside: &Inside, mut settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        for settlement in &mut settlements {
            settlement.token = inside.newest(settlement.id).map_or(settlement.token, |(job, _)| job.token);
        }
        inside.store.settle(settlements).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct SettlesByState;

#[async_trait]
impl Bug for SettlesByState {
    async fn settle(&self, inside: &Inside, mut settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        for settlement in &mut settlements {
            if inside.state(settlement.id).await? == Some(State::Running) {
                settlement.token = inside.newest(settlement.id).map_or(settlement.token, |(job, _)| job.token);
            }
        }
        inside.store.settle(settlements).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct FencesByAttempt;

#[async_trait]
impl Bug for FencesByAttempt {
    async fn settle(&self, inside: &Inside, mut settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        for Settlement { id, token, .. } in &mut settlements {
            if let (Some((mine, _)), Some((newest, _))) = (inside.of(*id, *token), inside.newest(*id))
                && mine.attempt == newest.attempt
            {
                *token = newest.token;
            }
        }
        inside.store.settle(settlements).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct FencesByWorker;

#[async_trait]
impl Bug for FencesByWorker {
    async fn settle(&self, inside: &Inside, mut settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        for Settlement { id, token, .. } in &mut settlements {
            if let (Some((_, mine)), Some((newest, other))) = (inside.of(*id, *token), inside.newest(*id))
                && mine == other
            {
                *token = newest.token;
            }
        }
        inside.store.settle(settlements).await.whole()
    }
}

#[derive(Default)]
pub(in super::super) struct RenewsById;

#[async_trait]
impl Bug for RenewsById {
    async fn renew(&self, inside: &Inside, mut renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
        for renewal in &mut renewals {
            renewal.token = inside.newest(renewal.id).map_or(renewal.token, |(job, _)| job.token);
        }
        inside.store.renew(renewals).await.whole()
    }
}

/// Records when each lease ends.
#[derive(Default)]
pub(in super::super) struct RefusesLateSettles(Mutex<HashMap<Token, BootTime>>);

#[async_trait]
impl Bug for RefusesLateSettles {
    async fn claim(&self, inside: &Inside, claim: Claim) -> Result<Claims, Error> {
        let lease = millis(claim.lease);
        let claims = inside.store.claim(claim).await?;
        let boot = inside.clock.boot_time();
        let end = BootTime { ms: boot.ms + lease, ..boot };
        self.0.lock().unwrap().extend(claims.jobs.iter().map(|job| (job.token, end)));
        Ok(claims)
    }

    async fn renew(&self, inside: &Inside, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error> {
        let boot = inside.clock.boot_time();
        let ends = renewals.iter().map(|renewal| (renewal.token, millis(renewal.lease)));
        self.0.lock().unwrap().extend(ends.map(|(token, lease)| (token, BootTime { ms: boot.ms + lease, ..boot })));
        inside.store.renew(renewals).await.whole()
    }

    async fn settle(&self, inside: &Inside, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        let mut answers = Vec::new();
        for settlement in settlements {
            let now = inside.clock.boot_time();
            let end = self.0.lock().unwrap().get(&settlement.token).copied();
            if end.is_some_and(|end| end.boot != now.boot || end.ms <= now.ms) {
                answers.push(Settled::Lost);
            } else {
                answers.extend(inside.store.settle(vec![settlement]).await.whole()?);
            }
        }
        Ok(answers)
    }
}

/// Records what was settled, to answer `lost` to a repeat.
#[derive(Default)]
pub(in super::super) struct ForgetsSettles(Mutex<HashSet<Token>>);

#[async_trait]
impl Bug for ForgetsSettles {
    async fn settle(&self, inside: &Inside, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error> {
        let tokens: Vec<_> = settlements.iter().map(|settlement| settlement.token).collect();
        let mut answers = inside.store.settle(settlements).await.whole()?;
        for (token, answer) in tokens.into_iter().zip(&mut answers) {
            if *answer == Settled::Done && !self.0.lock().unwrap().insert(token) {
                *answer = Settled::Lost;
            }
        }
        Ok(answers)
    }
}
