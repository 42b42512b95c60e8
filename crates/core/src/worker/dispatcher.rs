//! The dispatcher: one event loop that owns everything a worker knows. `select → event → handle`.
//!
//! What it has in hand is [`Load`], what it knows of waiting jobs is [`Fetch`], and outcomes on their way are [`Settling`]; each of them says
//! what to do next as a value, and only the dispatcher does it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::handler::{Ctx, Latest, States};
use crate::observer;
use crate::state::is_isolated;
use crate::{
    Answers, Backend, CancelSubscription, Claim, Claimed, Claims, Error, ErrorKind, Kind, Outcome, Settled, Settlement,
    Token, WorkSubscription, WorkerId, WorkerNote, limits,
};

use super::attempt::{Attempt, Stop};
use super::event::{Command, Event, Over, Slot};
use super::fetch::{Fetch, LONGEST_LOOK, Next, View};
use super::keeper::{Hold, Keeper};
use super::load::Load;
use super::outbox::Outbox;
use super::plan::Plan;
use super::presence::Presence;
use super::registry::Registry;
use super::settling::{Done, Settling, Verdict};
use super::stuck::{LAST_TRIES, Stuck};
use super::{Ended, Report};

/// So many outcomes at most go in one call with the next claim.
const TOGETHER: usize = 4;

/// Whether the worker claims, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Working,
    Quiet,
    /// Waits for running jobs until then; `None` waits for as long as it takes.
    Draining(Option<Instant>),
    /// Has told every job to stop; gives up on what is left by then.
    Cancelling(Instant),
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
    outbox: Outbox,
    work: WorkSubscription,
    cancels: CancelSubscription,
    phase: Phase,
    load: Load,
    fetch: Fetch,
    settling: Settling,
    /// Whether a running job was called off since the claim under way was sent.
    cancels_pending: bool,
    cut_short: bool,
    stuck: Stuck,
    presence: Presence,
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
        let now = Instant::now();
        Ok(Dispatcher {
            work: {
                let kinds = plan.kinds.iter().map(|(known, _)| known.kind.clone()).collect();
                backend.subscribe_work(plan.turns.names(), kinds)
            },
            cancels: backend.notifications().subscribe_cancels(),
            report: Report { slots: plan.concurrency, ..Report::default() },
            phase: Phase::Working,
            load: Load::new(plan.concurrency),
            fetch: Fetch::begin(now),
            settling: Settling::new(),
            cancels_pending: false,
            cut_short: false,
            stuck: Stuck::new(plan.stuck),
            outbox: Outbox::new(backend.clone(), inbox.clone()),
            presence: Presence::new(),
            backend,
            registry,
            states,
            plan,
            worker,
            keeper,
            commands,
            events,
            inbox,
        })
    }

    pub(crate) async fn run(mut self) -> Ended {
        let kinds: Vec<_> = self.plan.kinds.iter().map(|(known, _)| known.kind.as_str()).collect();
        tracing::info!(worker = %self.worker, ?kinds, slots = self.plan.concurrency, "worker started");
        let ended = loop {
            if let Some(ended) = self.ended() {
                break ended;
            }
            self.act();
            let wake_at = self.wake_at();
            tokio::select! {
                Some(event) = self.events.recv() => {
                    self.handle(event);
                    self.handle_all();
                    // Attempts that can end now have their turn first: what is over then is settled in the same batch.
                    tokio::task::yield_now().await;
                    self.handle_all();
                }
                Some(command) = self.commands.recv() => self.obey(command),
                () = self.work.recv() => self.fetch.notified(),
                () = self.cancels.recv() => self.cancels_pending = true,
                () = tokio::time::sleep_until(wake_at.into()) => self.look_at_the_time(),
            }
        };
        tracing::info!(worker = %self.worker, ?ended, settled = self.report.settled, "worker ended");
        self.presence.forget(self.backend, self.worker).await;
        ended
    }

    fn handle_all(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Claimed(claim, answer) => self.claimed(&claim, answer),
            Event::Over(token, settlement) => self.over(token, settlement),
            Event::Freed(kind) => self.freed(&kind),
            Event::Lost(token) => self.stop(token, Stop::Lost),
            Event::LeaseEnded(token) => self.stop(token, Stop::LeaseEnded),
            Event::CancelAsked(token) => self.stop(token, Stop::Cancelled),
            Event::Settled(answers) => self.settled(answers),
        }
    }

    fn obey(&mut self, command: Command) {
        let before = self.phase;
        match (command, self.phase) {
            (Command::Quiet, Phase::Working) => self.phase = Phase::Quiet,
            (Command::Resume, Phase::Quiet) => {
                self.phase = Phase::Working;
                self.fetch.notified();
            }
            (Command::Drain, Phase::Working | Phase::Quiet) => {
                self.phase = Phase::Draining(Instant::now().checked_add(self.plan.grace));
            }
            (Command::Cancel, Phase::Working | Phase::Quiet | Phase::Draining(_)) => self.cancel_all(),
            (Command::Report(answer), _) => {
                let _ = answer.send(self.report()); // whoever asked may be gone
            }
            (Command::Quiet | Command::Resume | Command::Drain | Command::Cancel, _) => {}
        }
        if self.phase != Phase::Working {
            self.backend.pass_on(self.work.close());
        }
        if self.phase != before {
            self.presence.hurry(); // people see at once that it claims no more, or does again
        }
    }

    fn report(&self) -> Report {
        Report {
            running: self.load.jobs(),
            slots_used: self.load.taken(),
            stuck: self.load.stuck(),
            unsettled: self.settling.len(),
            ..self.report.clone()
        }
    }

    /// Does what is due by time alone.
    fn look_at_the_time(&mut self) {
        if matches!(self.phase, Phase::Draining(Some(until)) if Instant::now() >= until) {
            self.cancel_all();
        }
    }

    /// Returns when to wake up without any event.
    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let claim = match self.fetch.decide(now, self.view()) {
            Next::Wait(until) => Some(until),
            Next::Claim(_) => None, // all its queues wait for the answer to a repeat
        };
        let phase = match self.phase {
            Phase::Draining(until) => until,
            Phase::Cancelling(until) => Some(until),
            Phase::Working | Phase::Quiet => None,
        };
        let settle = self.settling.wake_at(now, self.holds_back_releases());
        let stuck = self.stuck.wake_at(!self.settling.is_empty());
        let note = self.is_alive().then_some(self.presence.at());
        let all = [claim, phase, settle, stuck, note, self.fetch.repeat_at(now)];
        all.into_iter().flatten().min().unwrap_or(now + LONGEST_LOOK)
    }

    // ---- acting ----

    /// Sends what is to be sent: outcomes and the next claim, in one call where both are due.
    fn act(&mut self) {
        self.note_stuck();
        self.note_worker();
        let settlements = self.settling.next(self.holds_back_releases());
        let claim = self.next_claim();
        match claim {
            // A few outcomes and the claim cost less in one call. Many are better written while the claim is under way.
            Some(claim) if (1..=TOGETHER).contains(&settlements.len()) => {
                self.outbox.settle_and_claim(settlements, claim)
            }
            claim => {
                self.outbox.settle(settlements);
                claim.into_iter().for_each(|claim| self.outbox.claim(claim));
            }
        }
        self.offer_room();
        if let Some(mut claim) = self.fetch.repeat(Instant::now()) {
            // Where the first try came to nothing, this one takes what there is room for by now.
            claim.limit = claim.limit.min(self.fetch.appetite(Instant::now(), self.view()));
            (claim.kinds, claim.idle) = (self.load.wanted(&self.plan.kinds), self.load.is_idle());
            self.report.claims += 1;
            self.cancels_pending = true; // a late answer's leases are old: they are renewed at once
            self.outbox.claim(claim);
        }
    }

    /// Says for how many jobs more there is room: others are told of the rest.
    fn offer_room(&self) {
        // A fresh claim under way has asked for all that there is room for; what comes meanwhile is for others, and looked for afterwards.
        let room = if self.fetch.is_fresh_under_way() { 0 } else { self.fetch.appetite(Instant::now(), self.view()) };
        self.work.set_capacity(room, self.load.room_of_bounded(&self.plan.kinds));
    }

    /// Returns the fresh claim that is to be sent now.
    fn next_claim(&mut self) -> Option<Claim> {
        let now = Instant::now();
        let Next::Claim(limit) = self.fetch.decide(now, self.view()) else { return None };
        let queues = self.fetch.answering(self.plan.turns.next());
        if queues.is_empty() {
            return None;
        }
        let mut claim = Claim::new(self.worker, queues, self.load.wanted(&self.plan.kinds));
        claim.limit = limit;
        claim.lease = self.plan.lease;
        claim.idle = self.load.is_idle();
        self.fetch.sent(now, limit);
        self.report.claims += 1;
        self.cancels_pending = false;
        Some(claim)
    }

    fn view(&self) -> View {
        // Finished jobs may wait to be settled beside as many that run, but not while the store does not take them.
        let may_wait = if self.settling.has_failed() { 0 } else { self.plan.concurrency };
        View {
            works: self.phase == Phase::Working && !self.stuck.is_so(),
            may_show: matches!(self.phase, Phase::Working | Phase::Quiet) && !self.stuck.is_so(),
            free_slots: self.load.free_slots(self.settling.len(), may_wait),
            is_idle: self.load.is_idle(),
            runs_isolated: self.load.runs_isolated(),
            is_stuck: self.load.stuck() > 0,
        }
    }

    /// Returns whether a job that is handed back could be brought right back by a claim under way.
    fn holds_back_releases(&self) -> bool {
        self.phase != Phase::Working && self.fetch.is_under_way()
    }

    /// Returns whether the worker can do something, or will be able to.
    fn is_alive(&self) -> bool {
        !self.stuck.is_told()
    }

    /// Notes in the store that the worker is alive, and what it does.
    fn note_worker(&mut self) {
        if !self.is_alive() || Instant::now() < self.presence.at() {
            return;
        }
        let mut note = WorkerNote::of_this_process();
        note.queues = self.plan.turns.names();
        note.kinds = self.plan.kinds.iter().map(|(known, _)| known.kind.clone()).collect();
        note.slots = self.plan.concurrency;
        note.running = self.load.running();
        note.jobs = self.load.jobs();
        note.jobs.truncate(limits::WORKER_JOBS);
        note.stuck = self.load.stuck();
        note.quiet = self.phase != Phase::Working;
        self.presence.note(self.backend.clone(), self.worker, note);
    }

    /// Notes when every slot is held by a handler that should have returned: nothing more can be done here then. Says so when that lasts.
    fn note_stuck(&mut self) {
        if self.stuck.look(self.load.is_all_stuck(), Instant::now()) {
            let slots = self.plan.concurrency;
            self.backend.observers().tell(observer::Event::Stuck { worker: self.worker, slots });
            tokio::spawn(self.presence.forget(self.backend.clone(), self.worker)); // it looks alive no longer
        }
    }

    // ---- claiming ----

    fn claimed(&mut self, claim: &Claim, answer: Result<Claims, Error>) {
        let claims = match answer {
            Ok(claims) => claims,
            Err(e) => {
                tracing::warn!(error = %e, "cannot claim jobs; will try again");
                self.fetch.failed(Instant::now(), claim, &e);
                if e.kind() == ErrorKind::Refused {
                    tracing::error!(worker = %self.worker, "the store refuses this worker, which therefore ends");
                    self.cut_short = true; // its jobs were taken away: that is no good end
                    self.obey(Command::Drain);
                }
                return;
            }
        };
        self.fetch.answered(Instant::now(), claim, &claims);
        for job in claims.jobs {
            if self.may_start(&job) { self.start(job) } else { self.hand_back(job) }
        }
    }

    /// Returns whether a job that was claimed may run. The claim may have been on its way when the worker was told to end, or a repeat of one
    /// whose answer was lost: then other jobs may have taken the slots.
    fn may_start(&self, job: &Claimed) -> bool {
        let isolated = is_isolated(job.crashes) && !self.load.is_idle() || self.load.runs_isolated();
        self.phase == Phase::Working && self.load.has_room_for(&job.kind, &self.plan.kinds) && !isolated
    }

    fn hand_back(&mut self, job: Claimed) {
        self.hold(&job, self.keeper.latest(), false);
        self.keeper.over(job.token);
        let settlement = Settlement::new(job.id, job.token, Outcome::Release);
        self.settling.add(Done { job: Arc::new(job), settlement, ran: Duration::ZERO });
    }

    // ---- running ----

    fn freed(&mut self, kind: &Kind) {
        let was_full = self.load.room_of_bounded(&self.plan.kinds).contains(&(kind.clone(), 0));
        self.load.free(kind);
        if was_full {
            self.fetch.notified(); // whoever pushed such jobs meanwhile told others, or nobody
        }
    }

    fn start(&mut self, job: Claimed) {
        let Some(handler) = self.registry.get(&job.kind).cloned() else {
            tracing::error!(job = %job.id, kind = %job.kind, "the store handed out a job of a kind this worker does not know");
            return self.hand_back(job);
        };
        self.report.claimed += 1;
        let job = Arc::new(job);
        let (stop, stopped) = oneshot::channel();
        let latest = self.keeper.latest();
        self.hold(&job, Arc::clone(&latest), handler.stop_at_lease_end);
        self.load.start(Arc::clone(&job), stop);
        let policy = handler.policy;
        let attempt = Attempt {
            backend: self.backend.clone(),
            worker: self.worker,
            ctx: Ctx {
                job: Arc::clone(&job),
                stopping: CancellationToken::new(),
                latest,
                log: Arc::default(),
                states: Arc::clone(&self.states),
            },
            handler,
            middleware: Arc::clone(&self.plan.middleware),
            slot: Slot::new(self.inbox.clone(), job.kind.clone()),
            stop: stopped,
            job,
        };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let mut over = Over::unless_told(inbox, &attempt.job, &policy);
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
            at_once: self.cancels_pending,
        });
    }

    fn stop(&mut self, token: Token, why: Stop) {
        let job = self.load.stop(token, why);
        if why == Stop::Lost {
            if let Some(job) = job {
                self.backend.observers().tell(observer::Event::Lost { job, worker: self.worker });
            }
            self.keeper.let_go(token);
        }
    }

    fn cancel_all(&mut self) {
        self.phase = Phase::Cancelling(Instant::now() + limits::CANCEL_GRACE + LAST_TRIES);
        self.cut_short |= self.load.running() > 0;
        self.load.tokens().into_iter().for_each(|token| self.stop(token, Stop::Shutdown));
    }

    fn over(&mut self, token: Token, settlement: Option<Settlement>) {
        self.keeper.over(token);
        self.fetch.job_is_over();
        match (self.load.over(token), settlement) {
            (Some((job, ran)), Some(settlement)) => self.settling.add(Done { job, settlement, ran }),
            _ => {
                self.keeper.let_go(token);
                self.report.lost += 1;
            }
        }
    }

    // ---- settling ----

    fn settled(&mut self, answers: Answers<Settled>) {
        let (verdicts, failed) = self.settling.answered(answers);
        if let Some(error) = failed {
            tracing::warn!(%error, jobs = self.settling.len(), "cannot settle jobs; will try again");
        }
        for (Done { job, settlement, ran }, verdict) in verdicts {
            self.keeper.let_go(settlement.token);
            let (job, worker, outcome) = (&*job, self.worker, &settlement.outcome);
            match verdict {
                Verdict::Settled(Settled::Done) => {
                    self.report.settled += 1;
                    self.backend.observers().tell(observer::Event::Finished { job, worker, outcome, ran });
                }
                Verdict::Settled(Settled::Lost) => {
                    self.report.lost += 1;
                    self.backend.observers().tell(observer::Event::Lost { job, worker });
                }
                Verdict::GivenUp(error) => {
                    tracing::error!(%error, job = %job.id, kind = %job.kind, %worker, "cannot settle a job; its lease will end");
                }
            }
        }
    }

    // ---- ending ----

    fn ended(&self) -> Option<Ended> {
        if self.stuck.is_over(!self.settling.is_empty(), Instant::now()) {
            return Some(Ended::Stuck);
        }
        let (Phase::Draining(_) | Phase::Cancelling(_)) = self.phase else { return None };
        if self.load.running() == 0 && self.settling.is_empty() && !self.fetch.owes_an_answer() {
            return Some(if self.cut_short { Ended::Released } else { Ended::Drained });
        }
        let gives_up = matches!(self.phase, Phase::Cancelling(until) if Instant::now() >= until);
        gives_up.then_some(Ended::Left)
    }
}
