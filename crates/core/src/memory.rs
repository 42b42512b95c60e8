//! The reference store: everything in one process's memory, for examples, tests and the simulator.
//!
//! Plain on purpose. It is trusted because it passes the same suite as the others, and ends with its process.

mod claim;
mod push;
mod upkeep;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::state::{self, Event, Facts, Move};
use crate::{
    Acted, Action, Answers, BootTime, Capabilities, Claim, Claimed, Claims, Cursor, Death, Error, Failure,
    FailureClass, Filter, Gone, JobId, Jobs, Kept, Kind, KindLimits, Label, Listed, Logs, Moved, NewJob, News, Nonce,
    Notifications, Notifier, Outcome, Page, Progress, Pushed, QueueName, QueueStats, Queues, Reach, Renewal, Renewed,
    Reuse, Rules, RulesChange, Settings, Settled, Settlement, Snapshot, State, Status, Store, Stored, Survives,
    Timestamp, Token, Unique, UniqueScope, Upkeep, Work, WorkSubscription, WorkerId, WorkerNote, WorkerSecret,
    WorkerSeen, Workers, limits, millis, name::cut,
};

/// A store in memory; it ends with its process.
#[derive(Debug, Default)]
pub struct Memory {
    settings: Settings,
    notifications: Notifications,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// Every job, in the order of pushes.
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

/// The answer to a push with an idempotency key.
#[derive(Debug)]
struct Answered {
    fingerprint: [u8; 32],
    answer: Pushed,
    until: Timestamp,
}

#[derive(Debug)]
struct Row {
    job: Snapshot,
    /// What the job asks for itself, before any worker grants.
    asked: (Option<u16>, Option<Duration>),
    /// When the first of a row of outages ended.
    outage_since: Option<Timestamp>,
    reuse: Option<Reuse>,
    unique: Option<Unique>,
    lease: Option<(Token, BootTime)>,
    /// The number of the newest claim.
    claim: Option<u64>,
    settled: Option<Token>,
    keep_until: Option<Timestamp>,
    /// By the numbers of claims.
    logs: BTreeMap<u64, String>,
}

/// A failure to be noted with a move.
type Failed<'a> = Option<(FailureClass, &'a str)>;

#[derive(Debug)]
struct Holder {
    seq: i64,
    until: Option<Timestamp>,
}

#[derive(Debug)]
struct Worker {
    nonce: Nonce,
    tokens: std::ops::Range<u64>,
    released: bool,
}

/// Since when, and until when, a queue has had workers; and when it was last pushed to, or its rules were changed.
#[derive(Clone, Copy, Debug)]
struct Presence {
    since: Timestamp,
    seen: Timestamp,
    used: Timestamp,
}

impl Memory {
    /// Makes an empty store.
    pub fn new(settings: Settings) -> Self {
        Memory { settings, ..Memory::default() }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.settings.clock.now()
    }

    /// Writes a move into a row, with everything that goes along with it.
    fn apply(&self, tables: &mut Tables, seq: i64, next: Move, failed: Failed<'_>) {
        let now = self.now();
        let row = tables.rows.get_mut(&seq).expect("the row was just read");
        let before = row.job.state;
        if let Some((class, message)) = failed {
            row.note_failure(class, message, now);
        }
        row.outage_since = match (row.job.outages, next.facts.outages) {
            (_, 0) => None,
            (0, _) => Some(now),
            _ => row.outage_since,
        };
        let job = &mut row.job;
        job.state = next.facts.state;
        job.attempt = next.facts.attempt;
        job.crashes = next.facts.crashes;
        job.interruptions = next.facts.interruptions;
        job.outages = next.facts.outages;
        job.cancel_asked = next.facts.cancel_asked;
        job.reason = next.reason;
        job.version += 1;
        if let Some(wait) = next.wait {
            job.run_at = now.after(wait);
        }
        if before == State::Running && job.state != State::Running {
            row.settled = row.lease.take().map(|(token, _)| token);
        }
        if before.is_final() {
            job.deadline = None; // tried again by hand, whatever was once too late
            row.keep_until = None;
            job.finished_at = None;
        }
        if job.state.is_final() {
            job.finished_at = Some(now);
            row.keep_until =
                Some(self.settings.keep_until(job.state, now, row.reuse.as_ref().map(|reuse| reuse.within)));
        }
        let state = job.state;
        let gives_key_back = match row.unique.as_ref().map(|unique| unique.scope) {
            Some(UniqueScope::UntilStarted) => state == State::Running || state.is_final(),
            Some(UniqueScope::UntilFinished) => state.is_final(),
            Some(UniqueScope::For(_)) => matches!(state, State::Dead | State::Cancelled),
            None => false,
        };
        if gives_key_back {
            let key = (job.queue.clone(), row.unique.as_ref().expect("checked").key.clone());
            if tables.unique.get(&key).is_some_and(|holder| holder.seq == seq) {
                tables.unique.remove(&key);
            }
        }
        // A key held for a period is held by the row, which must therefore stay as long.
        if let Some(Unique { key, scope: UniqueScope::For(_) }) = &row.unique
            && let Some(holder) = tables.unique.get(&(row.job.queue.clone(), key.clone()))
            && holder.seq == seq
        {
            row.keep_until = row.keep_until.map(|until| holder.until.map_or(until, |held| held.max(until)));
        }
        self.notifications.notify_news(&News::of(row.job.id));
        if matches!(state, State::Ready | State::Scheduled) {
            let _ = self.notifications.notify_work(Work::new(row.job.queue.clone(), row.job.kind.clone(), 1)); // there are no others
        }
    }
}

impl Answered {
    fn job(&self) -> Option<JobId> {
        match self.answer {
            Pushed::Created(id) | Pushed::Existing { id, .. } => Some(id),
            Pushed::Conflict(_) | Pushed::Refused(_) => None,
        }
    }
}

impl Presence {
    const NEVER: Presence =
        Presence { since: Timestamp::from_millis(0), seen: Timestamp::from_millis(0), used: Timestamp::from_millis(0) };

    /// Notes that a worker looked for jobs; an hour without one starts anew.
    fn note(&mut self, now: Timestamp) {
        if now.since(self.seen) > Duration::from_secs(3600) {
            self.since = now;
        }
        self.seen = now;
    }
}

impl Row {
    fn new(new: NewJob, now: Timestamp) -> Row {
        let run_at = new.when.resolve(now);
        let job = Snapshot {
            id: new.id,
            queue: new.queue,
            kind: new.kind,
            payload: new.payload,
            state: if run_at > now { State::Scheduled } else { State::Ready },
            priority: new.priority,
            key: new.key,
            unique_key: new.unique.as_ref().map(|unique| unique.key.clone()),
            reuse_key: new.reuse.as_ref().map(|reuse| reuse.key.clone()),
            alias: new.alias,
            tags: new.tags,
            attempt: 0,
            max_attempts: KindLimits::default().attempts(new.max_attempts),
            crashes: 0,
            interruptions: 0,
            outages: 0,
            timeout: KindLimits::default().timeout(new.timeout),
            deadline: new.deadline.map(|when| when.resolve(now)),
            created_at: now,
            run_at: run_at.max(now),
            started_at: None,
            finished_at: None,
            worker: None,
            cancel_asked: false,
            progress: None,
            reason: None,
            result: None,
            failures: Vec::new(),
            version: 1,
        };
        Row {
            job,
            asked: (new.max_attempts, new.timeout),
            outage_since: None,
            reuse: new.reuse,
            unique: new.unique,
            lease: None,
            claim: None,
            settled: None,
            keep_until: None,
            logs: BTreeMap::new(),
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            state: self.job.state,
            attempt: self.job.attempt,
            crashes: self.job.crashes,
            interruptions: self.job.interruptions,
            outages: self.job.outages,
            cancel_asked: self.job.cancel_asked,
        }
    }

    fn holds(&self, token: Token) -> bool {
        self.lease.is_some_and(|(held, _)| held == token)
    }

    fn claimed(&self, token: Token, now: Timestamp) -> Claimed {
        let job = &self.job;
        Claimed {
            id: job.id,
            token,
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            key: job.key.clone(),
            payload: job.payload.clone(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            timeout: job.timeout,
            crashes: job.crashes,
            outages: job.outages,
            outage_for: self.outage_since.map_or(Duration::ZERO, |since| now.since(since)),
            waited: job.started_at.map_or(Duration::ZERO, |started| started.since(job.run_at)),
        }
    }

    fn moved(&self) -> Moved {
        let job = &self.job;
        Moved {
            id: job.id,
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            worker: job.worker,
            attempt: job.attempt,
            crashes: job.crashes,
            state: job.state,
            reason: job.reason,
            death: None,
        }
    }

    /// Keeps a failure, and forgets the oldest where there are too many.
    fn note_failure(&mut self, class: FailureClass, message: &str, now: Timestamp) {
        let job = &mut self.job;
        let running = job.state == State::Running;
        job.failures.push(Failure {
            at: now,
            started_at: job.started_at.filter(|_| running),
            class,
            attempt: job.attempt,
            claim: self.claim.filter(|_| running),
            worker: job.worker,
            message: cut(message, limits::FAILURE_BYTES).to_owned(),
        });
        let surplus = job.failures.len().saturating_sub(limits::FAILURES_KEPT);
        job.failures.drain(..surplus);
    }

    /// Replaces the log of the newest claim, and forgets those of earlier ones whose failures are not kept.
    fn write_log(&mut self, claim: u64, text: String) {
        let failures = &self.job.failures;
        self.logs.retain(|log, _| failures.iter().any(|failure| failure.claim == Some(*log)));
        self.logs.insert(claim, text);
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

    /// Returns the rules of a queue.
    fn rules(&self, queue: &QueueName) -> Rules {
        self.rules.get(queue).cloned().unwrap_or_default()
    }

    /// Returns the numbers of queues, in the order given.
    fn stats<'a>(&self, queues: impl Iterator<Item = &'a QueueName>, now: Timestamp) -> Vec<QueueStats> {
        let mut stats: Vec<QueueStats> =
            queues.map(|queue| QueueStats::new(queue.clone(), [0; 6], None, self.rules(queue).at(now))).collect();
        let places: HashMap<QueueName, usize> =
            stats.iter().enumerate().map(|(n, stats)| (stats.queue.clone(), n)).collect();
        for Row { job, .. } in self.rows.values() {
            let Some(stats) = places.get(&job.queue).map(|place| &mut stats[*place]) else { continue };
            stats.counts[job.state as usize] += 1;
            if job.state == State::Ready {
                stats.oldest_ready = stats.oldest_ready.max(Some(now.since(job.run_at)));
            }
        }
        stats
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
        let boot = self.settings.clock.boot_time();
        let renew = |renewal: Renewal| {
            let Some(row) = tables.held(renewal.id, renewal.token) else { return Renewed::Lost };
            row.lease = Some((renewal.token, BootTime { ms: boot.ms + millis(renewal.lease), ..boot }));
            if let Some(progress) = renewal.progress {
                row.note(progress);
                self.notifications.notify_news(&News::of(renewal.id));
            }
            if row.job.cancel_asked { Renewed::CancelAsked } else { Renewed::Held }
        };
        renewals.into_iter().map(renew).map(Ok).collect()
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
        let mut tables = self.tables();
        let id = worker.id();
        let released = Worker { nonce: Nonce::new(), tokens: 0..0, released: true };
        tables.workers.insert(id, released);
        let held = tables.seqs(usize::MAX, |row| row.lease.is_some() && row.job.worker == Some(id));
        Ok(held.iter().map(|seq| self.lose(&mut tables, *seq, gone)).collect())
    }

    async fn upkeep(&self, upkeep: Upkeep) -> Result<Kept, Error> {
        let mut tables = self.tables();
        let mut kept = Kept::default();
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
        for (looked_at, (seq, row)) in tables.rows.range(..end).rev().enumerate() {
            if listed.jobs.len() == page.limit || looked_at == limits::LIST_SCAN {
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
        let mut tables = self.tables();
        let now = self.now();
        let Some((seq, row)) = tables.row(id) else { return Ok(Acted::Unknown) };
        let state = row.job.state;
        let event = match action {
            Action::Delete if state.is_final() => {
                let past = Timestamp::from_millis(0); // wherever the clock is by then
                tables.rows.get_mut(&seq).expect("the row was just read").keep_until = Some(past);
                return Ok(Acted::Done(state));
            }
            Action::Delete => return Ok(Acted::Not(state)),
            Action::Cancel => Event::Cancel,
            Action::Retry => Event::Retry,
        };
        let Some(next) = state::step(row.facts(), event) else { return Ok(Acted::Not(state)) };
        if state.is_final() {
            let (queue, unique) = (row.job.queue.clone(), row.unique.clone());
            let holder = unique.as_ref().and_then(|unique| tables.holder(&queue, &unique.key, now));
            if let Some(other) = holder.filter(|other| *other != id) {
                return Ok(Acted::Conflict(other));
            }
            tables.hold_key(seq, &queue, unique.as_ref(), now);
        }
        self.apply(&mut tables, seq, next, None);
        if next.facts.cancel_asked {
            self.notifications.notify_cancels();
        }
        Ok(Acted::Done(next.facts.state))
    }
}

#[async_trait]
impl Queues for Memory {
    async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.settings.clock.now())
    }

    async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        let tables = self.tables();
        let page = tables.queues.keys().filter(|queue| after.as_ref().is_none_or(|after| *queue > after)).take(limit);
        Ok(tables.stats(page, self.now()))
    }

    async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        let tables = self.tables();
        let known = tables.queues.get_key_value(&queue).map(|(queue, _)| queue);
        Ok(tables.stats(known.into_iter(), self.now()).pop())
    }

    async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        Ok(self.tables().rules(&queue))
    }

    async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        let mut tables = self.tables();
        let before = tables.rules(&queue);
        if before.version != expected {
            return Ok(RulesChange::Conflict(before));
        }
        tables.queues.entry(queue.clone()).or_insert(Presence::NEVER).used = self.now();
        tables.rules.insert(queue, Rules { version: expected + 1, ..rules });
        self.notifications.notify_all_work();
        Ok(RulesChange::Changed(expected + 1))
    }
}

#[async_trait]
impl Logs for Memory {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        let mut tables = self.tables();
        let held = tables.held(id, token);
        Ok(held.map(|row| row.write_log(token.number, text)).is_some())
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        let tables = self.tables();
        let Some((_, Row { logs, .. })) = tables.row(id) else { return Ok(None) };
        let log = claim.map_or_else(|| logs.values().next_back(), |claim| logs.get(&claim));
        Ok(Some(log.cloned().unwrap_or_default()))
    }
}

#[async_trait]
impl Workers for Memory {
    async fn note_worker(&self, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
        let now = self.now();
        let mut tables = self.tables();
        let since = tables.seen.get(&id).map_or(now, |worker| worker.since);
        tables.seen.insert(id, WorkerSeen { id, since, seen: now, note });
        Ok(())
    }

    async fn forget_worker(&self, id: WorkerId) -> Result<(), Error> {
        self.tables().seen.remove(&id);
        Ok(())
    }

    async fn workers(&self, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
        let tables = self.tables();
        let workers = tables.seen.values().filter(|worker| after.is_none_or(|after| worker.id > after));
        Ok(workers.take(limit).cloned().collect())
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
        Capabilities::new("memory", env!("CARGO_PKG_VERSION"), Survives::Nothing, Reach::Process)
    }
}

/// Claims: earlier answer, promote, pick, start.
impl Memory {
    fn lease_until(&self, lease: Duration) -> BootTime {
        let boot = self.settings.clock.boot_time();
        BootTime { ms: boot.ms + millis(lease), ..boot }
    }

    fn settle_one(&self, tables: &mut Tables, settlement: Settlement) -> Settled {
        let Settlement { id, token, outcome, progress } = settlement;
        let Some((seq, row)) = tables.row(id) else { return Settled::Lost };
        if !row.holds(token) {
            return if row.settled == Some(token) { Settled::Done } else { Settled::Lost };
        }
        let next = state::step(row.facts(), Event::Settle(&outcome)).expect("a held job is running");
        let row = tables.rows.get_mut(&seq).expect("the row was just read");
        if let Some(progress) = progress {
            row.note(progress);
        }
        if let Outcome::Succeed { result } = &outcome {
            row.job.result.clone_from(result);
        }
        self.apply(tables, seq, next, outcome.failure());
        Settled::Done
    }

    fn lose(&self, tables: &mut Tables, seq: i64, gone: Gone) -> Moved {
        let row = tables.rows.get_mut(&seq).expect("the row was just read");
        row.lease = None; // a lost claim is not a settled one: its late settle must hear `lost`
        let next = state::step(row.facts(), Event::Lose(gone.death)).expect("a held job is running");
        let message = gone.to_string();
        let failed = (gone.death == Death::Crashed).then_some((FailureClass::Crash, message.as_str()));
        self.apply(tables, seq, next, failed);
        Moved { death: Some(gone.death), ..tables.rows[&seq].moved() }
    }
}

impl Row {
    fn note(&mut self, progress: Progress) {
        self.job.progress = Some(progress);
        self.job.version += 1;
    }
}

fn artifact(result: Option<Stored>) -> Option<crate::ArtifactName> {
    match result {
        Some(Stored::Artifact { name, .. }) => Some(name),
        _ => None,
    }
}
