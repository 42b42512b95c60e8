//! The reference store: it keeps everything in the memory of one process, for examples, tests and the simulator.
//!
//! It is simple on purpose. It is trusted because it passes the same suite as the other stores. Its jobs end with the
//! process.

mod row;
mod unique;
mod transition;
mod push;
mod claim;
mod settle;
mod release;
mod upkeep;
mod act;
mod queues;
mod logs;
mod workers;
mod repair;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    Acted, Action, Answers, Capabilities, Claim, Claims, Cursor, Durability, Error, Filter, Gone, JobId, Jobs, Kind,
    Label, Listed, Moved, NewJob, Notifications, Notifier, Page, Pushed, QueueName, Reach, Renewal, Renewed, Rules,
    Settings, Settled, Settlement, Snapshot, Status, Store, Timestamp, Token, Upkeep, UpkeepReport, Work,
    WorkSubscription, WorkerId, WorkerSecret, WorkerSeen, limits,
};

use push::Answered;
use queues::Presence;
use row::Row;
use unique::Holder;
use workers::Worker;

/// A store in memory. Its jobs end with the process.
#[derive(Debug, Default)]
pub struct Memory {
    settings: Settings,
    notifications: Notifications,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// All jobs, in the order of their pushes.
    rows: BTreeMap<i64, Row>,
    by_id: HashMap<JobId, i64>,
    last_seq: i64,
    last_claim: u64,
    unique: HashMap<(QueueName, Label), Holder>,
    workers: HashMap<WorkerId, Worker>,
    kinds: HashMap<Kind, Timestamp>,
    queues: BTreeMap<QueueName, Presence>,
    rules: BTreeMap<QueueName, Rules>,
    answers: HashMap<(QueueName, Label), Answered>,
    seen: BTreeMap<WorkerId, WorkerSeen>,
}

impl Memory {
    /// Creates an empty store.
    pub fn new(settings: Settings) -> Self {
        settings.clock.expiry_now(); // from now on, a step of the clock is noticed
        Memory { settings, ..Memory::default() }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }
}

impl Tables {
    fn row(&self, id: JobId) -> Option<(i64, &Row)> {
        let seq = *self.by_id.get(&id)?;
        Some((seq, &self.rows[&seq]))
    }

    fn held(&mut self, id: JobId, token: Token) -> Option<&mut Row> {
        let seq = self.by_id.get(&id)?;
        self.rows.get_mut(seq).filter(|row| row.holds(token))
    }

    fn seqs(&self, limit: usize, wanted: impl Fn(&Row) -> bool) -> Vec<i64> {
        self.rows.iter().filter(|(_, row)| wanted(row)).map(|(seq, _)| *seq).take(limit).collect()
    }

    fn delete(&mut self, seq: i64) -> Option<Row> {
        let row = self.rows.remove(&seq)?;
        self.by_id.remove(&row.job.id);
        self.unique.retain(|_, holder| holder.seq != seq);
        Some(row)
    }
}

#[async_trait]
impl Jobs for Memory {
    async fn push(&self, jobs: Vec<NewJob>) -> Answers<Pushed> {
        let mut tables = self.tables();
        jobs.into_iter().map(|new| Ok(self.push_one(&mut tables, new))).collect()
    }

    async fn claim(&self, claim: Claim) -> Result<Claims, Error> {
        self.tables().claim(self, &claim)
    }

    async fn renew(&self, renewals: Vec<Renewal>) -> Answers<Renewed> {
        let mut tables = self.tables();
        renewals.into_iter().map(|renewal| Ok(self.renew_one(&mut tables, renewal))).collect()
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Answers<Settled> {
        let mut tables = self.tables();
        settlements.into_iter().map(|settlement| Ok(self.settle_one(&mut tables, settlement))).collect()
    }

    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        claim: Claim,
    ) -> (Answers<Settled>, Result<Claims, Error>) {
        let mut tables = self.tables();
        let settle = |settlement| Ok(self.settle_one(&mut tables, settlement));
        let settled = settlements.into_iter().map(settle).collect();
        (settled, tables.claim(self, &claim))
    }

    async fn release(&self, worker: WorkerSecret, gone: Gone) -> Result<Vec<Moved>, Error> {
        Ok(self.release_worker(&mut self.tables(), worker.id(), gone))
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
        let mut tables = self.tables();
        let mut kept = UpkeepReport::default();
        if upkeep.rescue {
            self.rescue(&mut tables, upkeep, &mut kept);
        }
        self.expire(&mut tables, upkeep, &mut kept);
        self.bury_unknown_kinds(&mut tables, upkeep, &mut kept);
        self.prune(&mut tables, upkeep, &mut kept);
        self.forget_unused(&mut tables, upkeep, &mut kept);
        Ok(kept)
    }

    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error> {
        let tables = self.tables();
        Ok(ids.into_iter().map(|id| tables.row(id).map(|(_, row)| row.job.clone())).collect())
    }

    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error> {
        let tables = self.tables();
        Ok(ids.into_iter().map(|id| tables.row(id).map(|(_, row)| Status::from(&row.job))).collect())
    }

    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error> {
        let tables = self.tables();
        let newest = tables.rows.values().rev().find(|row| row.job.alias.as_ref() == Some(&alias));
        Ok(newest.map(|row| row.job.id))
    }

    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error> {
        let tables = self.tables();
        let end = page.after.map_or(i64::MAX, |Cursor(seq)| seq);
        let mut listed = Listed::default();
        for (checked, (seq, row)) in tables.rows.range(..end).rev().enumerate() {
            if listed.jobs.len() == page.limit || checked == limits::LIST_SCAN {
                listed.next = Some(Cursor(seq + 1));
                break;
            }
            if filter.matches(&row.job) {
                listed.jobs.push(row.job.clone());
            }
        }
        Ok(listed)
    }

    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error> {
        Ok(self.act_on(&mut self.tables(), id, action))
    }
}

impl Notifier for Memory {
    fn notify(&self, _work: Vec<Work>) {} // there is no other process

    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.notifications.subscribe_work(queues, kinds)
    }
}

impl Store for Memory {
    fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("memory", env!("CARGO_PKG_VERSION"), Durability::Nothing, Reach::Process)
    }
}
