//! The dispatcher: one event loop that owns everything a worker knows. `select → event → handle`.
//!
//! At most one claim and one settle are under way at a time; finished jobs wait for the settle under way and go together with
//! the next, so that an idle worker settles at once and a busy one in batches.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::handler::{Ctx, Latest, States};
use crate::state::runs_alone;
use crate::{
    Backend, Claim, Claimed, Claims, Ear, Effect, Error, ErrorKind, JobId, Nonce, Outcome, Settled, Settlement, Token,
    WorkerId, limits,
};

use super::attempt::{Attempt, Stop};
use super::fetch::{Backoff, Fetch, LONGEST_LOOK, SHORTEST_LOOK, SHOW_EVERY};
use super::keeper::{Hold, Keeper};
use super::registry::Registry;
use super::{Ended, Plan, Report};

/// How long a worker that is to end goes on trying to settle with a store that does not answer.
const LAST_TRIES: Duration = Duration::from_secs(10);

/// What a [`Running`](super::Running) worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    Drain,
    Cancel,
    Quiet,
    Resume,
    Report(oneshot::Sender<Report>),
}

/// What happens to a worker.
pub(crate) enum Event {
    Claimed(Result<Claims, Error>),
    /// An attempt is over, with what is to be settled.
    Over(Token, Option<Settlement>),
    /// A slot is free again.
    Freed,
    /// The store says that another has the job.
    Lost(Token),
    /// The store could not be reached for a whole lease, and the kind asks to stop then.
    LeaseEnded(Token),
    CancelAsked(Token),
    Settled(Vec<Settlement>, Result<Vec<Settled>, Error>),
}

/// A place to run one job in; says so when it is dropped.
pub(crate) struct Slot(mpsc::UnboundedSender<Event>);

impl Drop for Slot {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Freed); // a dispatcher that is gone counts no slots
    }
}

/// Says that an attempt is over, whatever became of the task that ran it: a panic outside the handler must not keep the job.
struct Over {
    inbox: mpsc::UnboundedSender<Event>,
    token: Token,
    settlement: Option<Settlement>,
}

impl Over {
    fn unless_told(inbox: mpsc::UnboundedSender<Event>, job: &Claimed) -> Self {
        let message = "the attempt broke off outside its handler: a bug, or no more threads to be had".to_owned();
        let outcome = Outcome::Retry { delay: LONGEST_LOOK, message };
        let settlement = Settlement { id: job.id, token: job.token, outcome, progress: None };
        Over { inbox, token: job.token, settlement: Some(settlement) }
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        let _ = self.inbox.send(Event::Over(self.token, self.settlement.take())); // a gone dispatcher's jobs fall to their leases
    }
}

/// Whether the worker claims, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Working,
    Quiet,
    /// Waits for running jobs until then.
    Draining(Instant),
    /// Has told every job to stop; gives up on what is left by then.
    Cancelling(Instant),
}

struct Running {
    id: JobId,
    /// Gone once the attempt was told to stop.
    stop: Option<oneshot::Sender<Stop>>,
    alone: bool,
}

pub(crate) struct Dispatcher {
    backend: Backend,
    registry: Registry,
    states: Arc<States>,
    plan: Plan,
    worker: WorkerId,
    keeper: Keeper,
    commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::UnboundedReceiver<Event>,
    inbox: mpsc::UnboundedSender<Event>,
    work: Ear,
    cancels: Ear,
    phase: Phase,
    running: HashMap<Token, Running>,
    unsettled: Vec<Settlement>,
    settling: usize,
    settle_retry: Backoff,
    settle_one_by_one: bool,
    fetch: Fetch,
    cut_short: bool,
    report: Report,
}

impl Dispatcher {
    pub(crate) fn new(
        backend: Backend,
        registry: Registry,
        states: Arc<States>,
        plan: Plan,
        worker: WorkerId,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Result<Self, Error> {
        let (inbox, events) = mpsc::unbounded_channel();
        let keeper = Keeper::start(backend.clone(), plan.lease, inbox.clone())?;
        Ok(Dispatcher {
            work: backend.wakeups().work(),
            cancels: backend.wakeups().cancels(),
            report: Report { slots: plan.concurrency, ..Report::default() },
            phase: Phase::Working,
            running: HashMap::new(),
            unsettled: Vec::new(),
            settling: 0,
            settle_retry: Backoff::new(),
            settle_one_by_one: false,
            cut_short: false,
            backend,
            registry,
            states,
            plan,
            worker,
            keeper,
            commands,
            events,
            inbox,
            fetch: Fetch::begin(),
        })
    }

    pub(crate) async fn run(mut self) -> Ended {
        tracing::info!(worker = %self.worker, kinds = ?self.plan.kinds, slots = self.plan.concurrency, "worker started");
        let ended = loop {
            if let Some(ended) = self.ended() {
                break ended;
            }
            self.settle();
            self.claim();
            let wake_at = self.wake_at();
            tokio::select! {
                Some(event) = self.events.recv() => {
                    self.handle(event);
                    self.hear_all();
                    // Attempts that can end now have their turn first: what is over then is settled in the same batch.
                    tokio::task::yield_now().await;
                    self.hear_all();
                }
                Some(command) = self.commands.recv() => self.obey(command),
                () = self.work.heard(), if self.phase == Phase::Working => self.fetch.hungry = true,
                () = self.cancels.heard() => self.fetch.cancel_rang = true,
                () = tokio::time::sleep_until(wake_at.into()) => self.look_at_the_time(),
            }
        };
        tracing::info!(worker = %self.worker, ?ended, settled = self.report.settled, "worker ended");
        ended
    }

    fn hear_all(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Claimed(answer) => self.claimed(answer),
            Event::Over(token, settlement) => self.over(token, settlement),
            Event::Freed => self.report.slots_used -= 1,
            Event::Lost(token) => self.stop(token, Stop::Lost),
            Event::LeaseEnded(token) => self.stop(token, Stop::LeaseEnded),
            Event::CancelAsked(token) => self.stop(token, Stop::Cancelled),
            Event::Settled(settlements, answer) => self.settled(settlements, answer),
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match (command, self.phase) {
            (Command::Quiet, Phase::Working) => self.phase = Phase::Quiet,
            (Command::Resume, Phase::Quiet) => {
                self.phase = Phase::Working;
                self.fetch.hungry = true;
            }
            (Command::Drain, Phase::Working | Phase::Quiet) => self.phase = Phase::Draining(now + self.plan.grace),
            (Command::Cancel, Phase::Working | Phase::Quiet | Phase::Draining(_)) => self.cancel_all(),
            (Command::Report(answer), _) => {
                let _ = answer.send(self.report()); // whoever asked may be gone
            }
            (Command::Quiet | Command::Resume | Command::Drain | Command::Cancel, _) => {}
        }
    }

    fn report(&self) -> Report {
        Report {
            running: self.running.values().map(|running| running.id).collect(),
            stuck: self.report.slots_used.saturating_sub(self.running.len()),
            unsettled: self.unsettled.len() + self.settling,
            ..self.report.clone()
        }
    }

    /// Does what is due by time alone.
    fn look_at_the_time(&mut self) {
        let now = Instant::now();
        if now >= self.fetch.look_at {
            self.fetch.hungry = true;
        }
        if matches!(self.phase, Phase::Draining(until) if now >= until) {
            self.cancel_all();
        }
    }

    /// Returns when to wake up without any event.
    fn wake_at(&self) -> Instant {
        let far = Instant::now() + LONGEST_LOOK;
        let look = match self.phase {
            Phase::Working if self.fetch.under_way => far,
            Phase::Working if self.appetite() > 0 && self.fetch.hungry => self.fetch.retry.not_before,
            Phase::Working if self.appetite() > 0 || self.is_yielding() => {
                self.fetch.look_at.max(self.fetch.retry.not_before)
            }
            Phase::Draining(until) | Phase::Cancelling(until) => until,
            Phase::Working | Phase::Quiet => far,
        };
        let settle = if self.may_settle() { self.settle_retry.not_before } else { far };
        let repeat =
            if self.fetch.unanswered.is_some() && !self.fetch.under_way { self.fetch.retry.not_before } else { far };
        let show = if self.may_show() { self.fetch.show_at.max(self.fetch.retry.not_before) } else { far };
        look.min(settle).min(repeat).min(show).min(far)
    }

    // ---- claiming ----

    fn free_slots(&self) -> usize {
        // Finished jobs may wait to be settled beside as many that run, but not while the store does not take them.
        let may_wait = if self.settle_retry.has_failed() { 0 } else { self.plan.concurrency };
        let too_many = (self.unsettled.len() + self.settling).saturating_sub(may_wait);
        self.plan.concurrency.saturating_sub(self.report.slots_used.max(self.running.len() + too_many))
    }

    fn is_idle(&self) -> bool {
        self.report.slots_used == 0 && self.running.is_empty()
    }

    /// Returns how many jobs the worker could take now.
    fn appetite(&self) -> usize {
        match self.free_slots() {
            _ if self.phase != Phase::Working => 0,
            _ if self.running.values().any(|running| running.alone) => 0,
            _ if self.is_yielding() && !self.is_idle() => 0,
            free => free,
        }
    }

    /// Returns whether the worker holds back for a job that must run alone. One whose blocking handler is stuck never becomes
    /// idle, so it does not try.
    fn is_yielding(&self) -> bool {
        let stuck = self.report.slots_used > self.running.len();
        !stuck && self.fetch.yield_until.is_some_and(|until| Instant::now() < until)
    }

    /// Returns whether a claim for nothing may be sent, only to be seen.
    fn may_show(&self) -> bool {
        matches!(self.phase, Phase::Working | Phase::Quiet) && !self.fetch.under_way
    }

    fn claim(&mut self) {
        let wanted = self.appetite();
        let unanswered = self.fetch.unanswered.is_some();
        // While it yields, a claim for nothing still says whether the job that must run alone is waiting.
        let now = Instant::now();
        let look = self.phase == Phase::Working && self.is_yielding() && now >= self.fetch.look_at;
        let show = self.may_show() && now >= self.fetch.show_at;
        let may = wanted > 0 && self.fetch.hungry || look || show || unanswered;
        if !may || self.fetch.under_way || !self.fetch.retry.is_over() {
            return;
        }
        let claim = self.fetch.unanswered.take().unwrap_or_else(|| Claim {
            worker: self.worker,
            nonce: Nonce::new(),
            queues: self.plan.turns.next(),
            kinds: self.plan.kinds.clone(),
            limit: wanted,
            lease: self.plan.lease,
            idle: self.is_idle(),
        });
        self.fetch.under_way = true;
        self.fetch.hungry &= wanted == 0;
        self.fetch.cancel_rang = unanswered; // a late answer's leases are old: they are renewed at once
        self.fetch.show_at = now + SHOW_EVERY;
        self.report.claims += 1;
        self.fetch.unanswered = Some(claim.clone());
        let (backend, inbox) = (self.backend.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let _ = inbox.send(Event::Claimed(backend.claim(claim).await)); // a gone dispatcher's jobs fall to their leases
        });
    }

    fn claimed(&mut self, answer: Result<Claims, Error>) {
        self.fetch.under_way = false;
        let claims = match answer {
            Ok(claims) => claims,
            Err(e) => {
                tracing::warn!(error = %e, "cannot claim jobs; will try again");
                self.fetch.retry.failed();
                self.fetch.hungry = true;
                // Once one try may have taken effect, only an answer under its nonce tells which jobs are ours.
                self.fetch.perhaps_done |= e.effect() == Effect::PerhapsDone;
                if !self.fetch.perhaps_done || e.kind() == ErrorKind::Refused {
                    self.fetch.unanswered = None;
                }
                if e.kind() == ErrorKind::Refused {
                    tracing::error!(worker = %self.worker, "the store refuses this worker, which therefore ends");
                    self.cut_short = true; // its jobs were taken away: that is no good end
                    self.obey(Command::Drain);
                }
                return;
            }
        };
        self.fetch.perhaps_done = false;
        let asked = self.fetch.unanswered.take().map_or(0, |claim| claim.limit);
        self.fetch.retry = Backoff::new();
        // What rang while the claim was under way counts as well.
        self.fetch.hungry |= asked > 0 && claims.jobs.len() >= asked;
        self.fetch.note_alone(&claims);
        self.fetch.look_every = match claims.jobs.len() {
            0 if self.fetch.yield_until.is_some() => Duration::from_secs(1),
            0 => (self.fetch.look_every * 2).min(LONGEST_LOOK),
            _ => SHORTEST_LOOK,
        };
        // A job may become due a little later than the store's rounded clock says.
        let next_due = claims.next_due.map_or(self.fetch.look_every, |due| due + Duration::from_millis(1));
        self.fetch.look_at = Instant::now() + next_due.min(self.fetch.look_every);
        for job in claims.jobs {
            match self.phase {
                Phase::Working => self.start(job),
                // The claim was on its way when the order came.
                Phase::Quiet | Phase::Draining(_) | Phase::Cancelling(_) => self.hand_back(job),
            }
        }
    }

    fn hand_back(&mut self, job: Claimed) {
        self.hold(&job, self.keeper.latest(), false);
        self.keeper.over(job.token);
        self.unsettled.push(Settlement { id: job.id, token: job.token, outcome: Outcome::Release, progress: None });
    }

    // ---- running ----

    fn start(&mut self, job: Claimed) {
        let Some(handler) = self.registry.get(&job.kind).cloned() else {
            tracing::error!(job = %job.id, kind = %job.kind, "the store handed out a job of a kind this worker does not know");
            return self.hand_back(job);
        };
        self.report.claimed += 1;
        let job = Arc::new(handler.terms.bind(job));
        let (stop, stopped) = oneshot::channel();
        let latest = self.keeper.latest();
        self.hold(&job, Arc::clone(&latest), handler.stop_at_lease_end);
        self.running.insert(job.token, Running { id: job.id, stop: Some(stop), alone: runs_alone(job.crashes) });
        self.report.slots_used += 1;
        let attempt = Attempt {
            backend: self.backend.clone(),
            ctx: Ctx {
                job: Arc::clone(&job),
                stopping: CancellationToken::new(),
                latest,
                log: Arc::default(),
                states: Arc::clone(&self.states),
            },
            handler,
            slot: Slot(self.inbox.clone()),
            stop: stopped,
            job,
        };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let mut over = Over::unless_told(inbox, &attempt.job);
            over.settlement = attempt.run().await;
        });
    }

    fn hold(&self, job: &Claimed, latest: Arc<Latest>, stop_at_lease_end: bool) {
        self.keeper.hold(Hold {
            id: job.id,
            token: job.token,
            latest,
            stop_at_lease_end,
            timeout: job.timeout,
            at_once: self.fetch.cancel_rang,
        });
    }

    fn stop(&mut self, token: Token, why: Stop) {
        if let Some(running) = self.running.get_mut(&token) {
            if why == Stop::Lost {
                tracing::warn!(job = %running.id, "lost the job to another worker; its handler is stopped");
            }
            if let Some(stop) = running.stop.take() {
                let _ = stop.send(why); // an attempt that is over needs no telling
            }
        }
        if why == Stop::Lost {
            self.keeper.let_go(token);
        }
    }

    fn cancel_all(&mut self) {
        self.phase = Phase::Cancelling(Instant::now() + limits::CANCEL_GRACE + LAST_TRIES);
        self.cut_short |= !self.running.is_empty();
        let tokens: Vec<_> = self.running.keys().copied().collect();
        tokens.into_iter().for_each(|token| self.stop(token, Stop::Shutdown));
    }

    fn over(&mut self, token: Token, settlement: Option<Settlement>) {
        self.running.remove(&token);
        self.keeper.over(token);
        self.fetch.hungry |= self.fetch.yield_until.is_some(); // if this was the last, the job that must run alone can be had
        match settlement {
            Some(settlement) => self.unsettled.push(settlement),
            None => {
                self.keeper.let_go(token);
                self.report.lost += 1;
            }
        }
    }

    // ---- settling ----

    /// Returns whether a job is to be handed back that a claim under way could bring right back.
    fn comes_back(&self, settlement: &Settlement) -> bool {
        self.fetch.under_way && self.phase != Phase::Working && matches!(settlement.outcome, Outcome::Release)
    }

    fn may_settle(&self) -> bool {
        self.settling == 0 && !self.unsettled.iter().all(|settlement| self.comes_back(settlement))
    }

    fn settle(&mut self) {
        if !self.may_settle() || !self.settle_retry.is_over() {
            return;
        }
        let most = if self.settle_one_by_one { 1 } else { limits::BATCH };
        let (waiting, mut batch): (Vec<_>, Vec<_>) =
            mem::take(&mut self.unsettled).into_iter().partition(|settlement| self.comes_back(settlement));
        self.unsettled = batch.split_off(batch.len().min(most));
        self.unsettled.extend(waiting);
        self.settle_one_by_one &= !self.unsettled.is_empty();
        self.settling = batch.len();
        let (backend, inbox) = (self.backend.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let answer = backend.settle(batch.clone()).await;
            let _ = inbox.send(Event::Settled(batch, answer)); // a gone dispatcher's jobs fall to their leases
        });
    }

    fn settled(&mut self, mut batch: Vec<Settlement>, answer: Result<Vec<Settled>, Error>) {
        self.settling = 0;
        match answer {
            Ok(answers) => {
                self.settle_retry = Backoff::new();
                for (settlement, answer) in batch.into_iter().zip(answers) {
                    self.keeper.let_go(settlement.token);
                    match answer {
                        Settled::Done => self.report.settled += 1,
                        Settled::Lost => {
                            self.report.lost += 1;
                            tracing::warn!(job = %settlement.id, "a late outcome changed nothing: another worker has the job");
                        }
                    }
                }
            }
            Err(e) if !e.is_retryable() && batch.len() == 1 => {
                tracing::error!(error = %e, job = %batch[0].id, "cannot settle a job; its lease will end");
                self.keeper.let_go(batch[0].token);
            }
            Err(e) => {
                tracing::warn!(error = %e, jobs = batch.len(), "cannot settle jobs; will try again");
                // One that can never be settled must not hold up the others: from now on they go one by one.
                self.settle_one_by_one |= !e.is_retryable();
                batch.append(&mut self.unsettled);
                self.unsettled = batch;
                self.settle_retry.failed();
            }
        }
    }

    // ---- ending ----

    fn ended(&self) -> Option<Ended> {
        let (Phase::Draining(_) | Phase::Cancelling(_)) = self.phase else { return None };
        let at_rest = self.running.is_empty()
            && self.unsettled.is_empty()
            && self.settling == 0
            && !self.fetch.under_way
            && self.fetch.unanswered.is_none();
        if at_rest {
            return Some(if self.cut_short { Ended::Released } else { Ended::Drained });
        }
        let gives_up = matches!(self.phase, Phase::Cancelling(until) if Instant::now() >= until);
        gives_up.then_some(Ended::Left)
    }
}
