//! The reference store: everything in one process's memory, for examples, tests and the simulator.
//!
//! Plain on purpose. It is trusted because it passes the same suite as the others, and ends with its process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::state::{self, Event, Facts, Move};
use crate::{
    Acted, Action, Admission, Answers, BootTime, Capabilities, Claim, Claimed, Claims, Cursor, Death, Error, Failure,
    FailureClass, Filter, Gone, Instead, JobId, Jobs, Kept, Kind, KindLimits, KnownKind, Label, Listed, Logs, Moved,
    NewJob, News, Nonce, Notifications, Notifier, Outcome, Page, Progress, Pushed, QueueName, QueueState, QueueStats,
    Queues, Reach, Reason, Renewal, Renewed, Reuse, Rules, RulesChange, Settings, Settled, Settlement, Snapshot, State,
    Status, Store, Stored, Survives, Timestamp, Token, Unique, UniqueScope, Upkeep, Work, WorkSubscription, WorkerId,
    WorkerNote, WorkerSecret, WorkerSeen, Workers, admit, limits, millis, name::cut,
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

/// Since when, and until when, a queue has had workers.
#[derive(Clone, Copy, Debug)]
struct Presence {
    since: Timestamp,
    seen: Timestamp,
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

    fn push_one(&self, tables: &mut Tables, new: NewJob) -> Pushed {
        let now = self.now();
        if tables.by_id.contains_key(&new.id) {
            return Pushed::Created(new.id);
        }
        if let Some(answer) = tables.answered(&new, now) {
            return answer;
        }
        let asked =
            new.idempotency.clone().map(|idempotency| ((new.queue.clone(), idempotency.key), idempotency.fingerprint));
        let answer = self.push_new(tables, new, now);
        if let Some((key, fingerprint)) = asked {
            let until = now.after(limits::IDEMPOTENCY);
            tables.answers.insert(key, Answered { fingerprint, answer: answer.clone(), until });
        }
        answer
    }

    fn push_new(&self, tables: &mut Tables, new: NewJob, now: Timestamp) -> Pushed {
        if let Some(id) = tables.reusable(&new, now) {
            return Pushed::Existing { id, by: Instead::Reuse };
        }
        if let Some(id) = new.unique.as_ref().and_then(|unique| tables.holder(&new.queue, &unique.key, now)) {
            return Pushed::Existing { id, by: Instead::Unique };
        }
        tables.last_seq += 1;
        let (seq, id) = (tables.last_seq, new.id);
        let work = Work::new(new.queue.clone(), new.kind.clone(), 1);
        tables.hold_key(seq, &new.queue, new.unique.as_ref(), now);
        tables.kinds.entry(new.kind.clone()).or_insert(now);
        tables.queues.entry(new.queue.clone()).or_insert(Presence::NEVER);
        tables.by_id.insert(id, seq);
        tables.rows.insert(seq, Row::new(new, now));
        let _ = self.notifications.notify_work(work); // there is no other process
        Pushed::Created(id)
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
    const NEVER: Presence = Presence { since: Timestamp::from_millis(0), seen: Timestamp::from_millis(0) };

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

    fn reusable(&self, new: &NewJob, now: Timestamp) -> Option<JobId> {
        let reuse = new.reuse.as_ref()?;
        let fits = |row: &&Row| {
            let job = &row.job;
            job.queue == new.queue
                && job.state == State::Succeeded
                && job.reuse_key.as_ref() == Some(&reuse.key)
                && job.finished_at.is_some_and(|at| now.since(at) < reuse.within)
        };
        self.rows.values().rev().find(fits).map(|row| row.job.id)
    }

    /// Returns the answer to an earlier push with the same idempotency key.
    fn answered(&self, new: &NewJob, now: Timestamp) -> Option<Pushed> {
        let idempotency = new.idempotency.as_ref()?;
        let earlier = self.answers.get(&(new.queue.clone(), idempotency.key.clone()))?;
        let id = earlier.job()?;
        let kept = earlier.until > now || self.by_id.contains_key(&id);
        let same = earlier.fingerprint == idempotency.fingerprint;
        kept.then(|| if same { earlier.answer.clone() } else { Pushed::Conflict(id) })
    }

    /// Returns the rules of a queue.
    fn rules(&self, queue: &QueueName) -> Rules {
        self.rules.get(queue).cloned().unwrap_or_default()
    }

    fn holder(&self, queue: &QueueName, key: &Label, now: Timestamp) -> Option<JobId> {
        let holder = self.unique.get(&(queue.clone(), key.clone()))?;
        let live = holder.until.is_none_or(|until| until > now);
        live.then(|| self.rows.get(&holder.seq).map(|row| row.job.id)).flatten()
    }

    fn hold_key(&mut self, seq: i64, queue: &QueueName, unique: Option<&Unique>, now: Timestamp) {
        let Some(unique) = unique else { return };
        let until = match unique.scope {
            UniqueScope::For(period) => Some(now.after(period)),
            UniqueScope::UntilStarted | UniqueScope::UntilFinished => None,
        };
        self.unique.insert((queue.clone(), unique.key.clone()), Holder { seq, until });
    }

    /// Returns a queue's ready jobs of these kinds, best first.
    fn ready(&self, queue: &QueueName, kinds: &[KnownKind]) -> Vec<i64> {
        let is_known = |kind: &Kind| kinds.iter().any(|known| known.kind == *kind);
        let ready = self
            .rows
            .iter()
            .filter(|(_, row)| row.job.state == State::Ready && row.job.queue == *queue && is_known(&row.job.kind));
        let ranked: BTreeSet<_> = ready.map(|(seq, row)| (-row.job.priority, row.job.run_at, *seq)).collect();
        ranked.into_iter().map(|(.., seq)| seq).collect()
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

    async fn queues(&self) -> Result<Vec<QueueStats>, Error> {
        let tables = self.tables();
        let now = self.now();
        let blank = |queue: &QueueName| QueueStats {
            queue: queue.clone(),
            counts: [0; 6],
            oldest_ready: None,
            rules: tables.rules(queue).at(now),
        };
        let mut stats: BTreeMap<_, _> = tables.queues.keys().map(|queue| (queue, blank(queue))).collect();
        for Row { job, .. } in tables.rows.values() {
            let stats = stats.get_mut(&job.queue).expect("a push notes its queue");
            stats.counts[job.state as usize] += 1;
            if job.state == State::Ready {
                stats.oldest_ready = stats.oldest_ready.max(Some(now.since(job.run_at)));
            }
        }
        Ok(stats.into_values().collect())
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
        tables.queues.entry(queue.clone()).or_insert(Presence::NEVER);
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
impl Tables {
    fn claim(&mut self, store: &Memory, claim: &Claim) -> Result<Claims, Error> {
        let now = store.now();
        if let Some(earlier) = self.earlier(store, claim)? {
            return Ok(earlier);
        }
        self.promote(store, &claim.queues);
        for known in &claim.kinds {
            self.kinds.insert(known.kind.clone(), now);
        }
        let first = self.last_claim + 1;
        let mut claims = Claims::default();
        for queue in &claim.queues {
            self.queues.entry(queue.clone()).or_insert(Presence::NEVER).note(now);
            let rules = self.rules(queue);
            let admission = match rules.level() > claim.rules_level {
                true => Admission::UNKNOWN,
                false => admit(&rules, self.state_of(queue), now),
            };
            if let Some(why) = admission.why {
                claims.hold_back(queue.clone(), why, admission.wait(now));
            }
            if admission.most > 0 {
                self.pick(store, claim, queue, &mut claims);
            }
        }
        if !claims.jobs.is_empty() {
            let tokens = first..self.last_claim + 1;
            self.workers.insert(claim.worker, Worker { nonce: claim.nonce, tokens, released: false });
        }
        let waits = |row: &&Row| row.job.state == State::Scheduled && claim.queues.contains(&row.job.queue);
        claims.look_in(self.rows.values().filter(waits).map(|row| row.job.run_at.since(now)).min());
        Ok(claims)
    }

    /// Returns what the same claim handed out before, as far as it is still held.
    fn earlier(&mut self, store: &Memory, claim: &Claim) -> Result<Option<Claims>, Error> {
        let Some(worker) = self.workers.get(&claim.worker) else { return Ok(None) };
        if worker.released {
            return Err(Error::new(crate::ErrorKind::Refused, format!("worker {} was released", claim.worker)));
        }
        if worker.nonce != claim.nonce {
            return Ok(None);
        }
        let until = store.lease_until(claim.lease);
        let again = |row: &mut Row| {
            let (token, _) = row.lease.filter(|(token, _)| worker.tokens.contains(&token.number))?;
            let held = row.job.worker == Some(claim.worker);
            // The first answer may have been lost long ago: the lease begins anew.
            held.then(|| {
                row.lease = Some((token, until));
                row.claimed(token, store.now())
            })
        };
        let mut jobs: Vec<_> = self.rows.values_mut().filter_map(again).collect();
        jobs.sort_by_key(|job| job.token.number);
        Ok(Some(Claims { jobs, ..Claims::default() }))
    }

    /// Makes scheduled jobs of these queues ready whose time has come.
    fn promote(&mut self, store: &Memory, queues: &[QueueName]) {
        let now = store.now();
        let due = self.seqs(usize::MAX, |row| {
            row.job.state == State::Scheduled && row.job.run_at <= now && queues.contains(&row.job.queue)
        });
        for seq in due {
            let next = state::step(self.rows[&seq].facts(), Event::Due).expect("a scheduled job can be due");
            store.apply(self, seq, next, None);
        }
    }

    /// Picks the best ready jobs of a queue and starts them.
    fn pick(&mut self, store: &Memory, claim: &Claim, queue: &QueueName, claims: &mut Claims) {
        let ready = self.ready(queue, &claim.kinds);
        let alone = |seq: &i64| state::runs_alone(self.rows[seq].job.crashes);
        let (alone, crowd): (Vec<i64>, Vec<i64>) = ready.into_iter().partition(alone);
        claims.alone_waits |= !alone.is_empty();
        // An idle worker is kept free for a job that must run alone, even while it wants none of its kind.
        let goes_alone = claim.idle && claims.jobs.is_empty() && !alone.is_empty();
        if !goes_alone || self.start_all(store, claim, alone, claims) {
            self.start_all(store, claim, crowd, claims);
        }
    }

    /// Starts those of these ready jobs that the claim wants; returns whether all of them are dead instead.
    fn start_all(&mut self, store: &Memory, claim: &Claim, ready: Vec<i64>, claims: &mut Claims) -> bool {
        let (now, all, before) = (store.now(), ready.len(), claims.buried.len());
        for seq in ready {
            if claims.jobs.len() >= claim.limit || claims.is_alone() {
                break;
            }
            let job = &self.rows[&seq].job;
            let known = claim.kinds.iter().find(|known| known.kind == job.kind).expect("only known kinds are ready");
            if claims.jobs.iter().filter(|claimed| claimed.kind == job.kind).count() >= known.wanted {
                continue;
            }
            if job.deadline.is_some_and(|deadline| deadline <= now) {
                if claims.buried.len() == limits::UPKEEP_ROWS {
                    claims.look_in(Some(Duration::ZERO));
                    break;
                }
                let facts = self.rows[&seq].facts();
                let next = state::step(facts, Event::Bury(Reason::Expired)).expect("a ready job can be buried");
                store.apply(self, seq, next, None);
                claims.buried.push(self.rows[&seq].moved());
                continue;
            }
            claims.jobs.push(self.start(store, claim, known.limits, seq));
        }
        claims.buried.len() - before == all
    }

    /// Hands a ready job to a worker.
    fn start(&mut self, store: &Memory, claim: &Claim, limits: KindLimits, seq: i64) -> Claimed {
        let next = state::step(self.rows[&seq].facts(), Event::Claim).expect("a ready job can be claimed");
        store.apply(self, seq, next, None);
        self.last_claim += 1;
        let (token, now) = (Token::new(self.last_claim), store.now());
        let row = self.rows.get_mut(&seq).expect("the row was just read");
        row.lease = Some((token, store.lease_until(claim.lease)));
        row.claim = Some(token.number);
        let (attempts, timeout) = row.asked;
        row.job.max_attempts = limits.attempts(attempts);
        row.job.timeout = limits.timeout(timeout);
        row.job.worker = Some(claim.worker);
        row.job.started_at = Some(now);
        row.job.progress = None;
        row.claimed(token, now)
    }

    fn state_of(&self, queue: &QueueName) -> QueueState {
        let runs = |row: &&Row| row.job.state == State::Running && row.job.queue == *queue;
        QueueState { running: self.rows.values().filter(runs).count() as u64 }
    }
}

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
        tables.rows[&seq].moved()
    }

    /// Takes jobs from workers that are gone.
    fn rescue(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut Kept) {
        let boot = self.settings.clock.boot_time();
        let lost = tables.seqs(upkeep.limit, |row| {
            let known = tables.rules(&row.job.queue).level() <= upkeep.rules_level;
            known && row.lease.is_some_and(|(_, until)| lease_is_over(until, boot))
        });
        for seq in &lost {
            let (_, until) = tables.rows[seq].lease.expect("checked");
            let gone = if until.boot == boot.boot { Gone::LEASE_ENDED } else { Death::Interrupted.into() };
            kept.rescued.push(self.lose(tables, *seq, gone));
        }
        kept.more |= lost.len() == upkeep.limit;
    }

    /// Buries jobs whose deadline has passed.
    fn expire(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut Kept) {
        let now = self.now();
        let waits = |row: &Row| matches!(row.job.state, State::Ready | State::Scheduled);
        let expired = tables.seqs(upkeep.limit, |row| waits(row) && row.job.deadline.is_some_and(|at| at <= now));
        self.bury_all(tables, &expired, Reason::Expired, upkeep, kept);
    }

    /// Buries jobs that no worker of their queue has known for a day.
    fn bury_unknown_kinds(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut Kept) {
        let now = self.now();
        let unknown = tables.seqs(upkeep.limit, |row| {
            row.job.state == State::Ready && {
                let presence = tables.queues[&row.job.queue];
                let known = row.job.run_at.max(tables.kinds[&row.job.kind]).max(presence.since);
                now.since(known) > limits::UNKNOWN_KIND && now.since(presence.seen) < Duration::from_secs(3600)
            }
        });
        self.bury_all(tables, &unknown, Reason::UnknownKind, upkeep, kept);
    }

    fn bury_all(&self, tables: &mut Tables, seqs: &[i64], reason: Reason, upkeep: Upkeep, kept: &mut Kept) {
        for seq in seqs {
            if let Some(next) = state::step(tables.rows[seq].facts(), Event::Bury(reason)) {
                self.apply(tables, *seq, next, None);
                kept.buried.push(tables.rows[seq].moved());
            }
        }
        kept.more |= seqs.len() == upkeep.limit;
    }

    /// Deletes finished jobs and answers to pushes whose time is over.
    fn prune(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut Kept) {
        let now = self.now();
        let old = tables.seqs(upkeep.limit, |row| row.keep_until.is_some_and(|until| until <= now));
        kept.pruned = old.len();
        for seq in &old {
            let result = tables.delete(*seq).and_then(|row| row.job.result);
            kept.artifacts.extend(artifact(result));
        }
        let by_id = &tables.by_id;
        tables.answers.retain(|_, kept| kept.until > now || kept.job().is_some_and(|id| by_id.contains_key(&id)));
        kept.more |= old.len() == upkeep.limit;
        tables.seen.retain(|_, worker| now.since(worker.seen) < limits::WORKER_KEPT);
    }
}

impl Row {
    fn note(&mut self, progress: Progress) {
        self.job.progress = Some(progress);
        self.job.version += 1;
    }
}

/// Returns whether a lease is over: past its end, from before a reboot, or longer than a lease can be.
fn lease_is_over(until: BootTime, now: BootTime) -> bool {
    until.boot != now.boot || until.ms <= now.ms || until.ms > now.ms + millis(limits::LONGEST_LEASE)
}

fn artifact(result: Option<Stored>) -> Option<crate::ArtifactName> {
    match result {
        Some(Stored::Artifact { name, .. }) => Some(name),
        _ => None,
    }
}
