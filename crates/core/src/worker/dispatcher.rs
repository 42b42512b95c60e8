//! The dispatcher: one event loop that owns the state of a worker. `select → event → handle`.
//!
//! Running jobs are in [`Load`], knowledge about waiting jobs is in [`Fetch`], and outcomes on their way are in
//! [`Settling`]. Each of them returns what to do next as a value; only the dispatcher acts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::handler::{Ctx, Latest, SharedValues};
use crate::observer;
use crate::state::is_isolated;
use crate::warnings::Warnings;
use crate::{
    Answers, Backend, CancelSubscription, Claim, Claimed, Claims, Error, ErrorKind, Kind, Outcome, Settled, Settlement,
    Token, WorkSubscription, WorkerId, WorkerNote, limits,
};

use super::attempt::{Attempt, Stop};
use super::event::{Command, EndGuard, Event, Slot};
use super::fetch::{Fetch, LONGEST_POLL, Next, View};
use super::keeper::{Hold, Keeper};
use super::load::Load;
use super::outbox::Outbox;
use super::plan::Plan;
use super::presence::Presence;
use super::registry::Registry;
use super::settling::{Done, Settling, Verdict};
use super::stuck::{LAST_TRIES, Stuck};
use super::{Ended, Report};

/// The most outcomes that are sent in one call with the next claim.
const TOGETHER: usize = 4;

/// Whether the worker claims jobs, and how it shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Working,
    Quiet,
    /// Waits for running jobs until this time; `None` waits without limit.
    Draining(Option<Instant>),
    /// Has told all jobs to stop, and abandons the remaining ones at this time.
    Cancelling(Instant),
}

pub(crate) struct Dispatcher {
    backend: Backend,
    registry: Registry,
    shared: Arc<SharedValues>,
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
    /// Cancelled when the shutdown begins.
    draining: CancellationToken,
    load: Load,
    fetch: Fetch,
    settling: Settling,
    /// Whether cancellation was requested since the present claim was sent.
    cancels_pending: bool,
    cut_short: bool,
    stuck: Stuck,
    /// The same, for some of the slots.
    partly_stuck: Stuck,
    presence: Presence,
    warnings: Warnings,
    report: Report,
}

impl Dispatcher {
    pub(crate) fn new(
        backend: Backend,
        registry: Registry,
        shared: Arc<SharedValues>,
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
                backend.subscribe_work(plan.queue_order.names(), kinds)
            },
            cancels: backend.notifications().subscribe_cancels(),
            report: Report { slots: plan.concurrency, ..Report::default() },
            phase: Phase::Working,
            draining: CancellationToken::new(),
            load: Load::new(plan.concurrency),
            fetch: Fetch::begin(now),
            settling: Settling::new(),
            cancels_pending: false,
            cut_short: false,
            stuck: Stuck::new(plan.stuck),
            partly_stuck: Stuck::new(plan.stuck),
            outbox: Outbox::new(backend.clone(), inbox.clone()),
            presence: Presence::new(),
            warnings: Warnings::default(),
            backend,
            registry,
            shared,
            plan,
            worker,
            keeper,
            commands,
            events,
            inbox,
        })
    }

    /// Runs the worker to its end. Returns how it ended, and its last report.
    pub(crate) async fn run(mut self) -> (Ended, Report) {
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
                    // Attempts that can end now run first, so that they are settled in the same batch.
                    tokio::task::yield_now().await;
                    self.handle_all();
                }
                Some(command) = self.commands.recv() => self.handle_command(command),
                () = self.work.recv() => self.fetch.notified(),
                () = self.cancels.recv() => self.cancels_pending = true,
                () = tokio::time::sleep_until(wake_at.into()) => self.handle_time(),
            }
        };
        tracing::info!(worker = %self.worker, ?ended, settled = self.report.settled, "worker ended");
        let report = self.report();
        self.presence.forget(self.backend, self.worker).await;
        (ended, report)
    }

    fn handle_all(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Claimed(claim, answer) => self.claimed(&claim, answer),
            Event::AttemptEnded(token, settlement) => self.over(token, settlement),
            Event::SlotFreed(kind) => self.freed(&kind),
            Event::Lost(token) => self.stop(token, Stop::Lost),
            Event::LeaseEnded(token) => self.stop(token, Stop::LeaseEnded),
            Event::CancelAsked(token) => self.stop(token, Stop::Cancelled),
            Event::Settled(answers) => self.settled(answers),
        }
    }

    fn handle_command(&mut self, command: Command) {
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
                let _ = answer.send(self.report()); // the caller may have been dropped
            }
            (Command::Quiet | Command::Resume | Command::Drain | Command::Cancel, _) => {}
        }
        if self.phase != Phase::Working {
            self.backend.pass_on(self.work.close());
        }
        if matches!(self.phase, Phase::Draining(_) | Phase::Cancelling(_)) {
            self.draining.cancel();
        }
        if self.phase != before {
            self.presence.request_now(); // people see the change at once
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

    /// Handles what depends on time alone.
    fn handle_time(&mut self) {
        if matches!(self.phase, Phase::Draining(Some(until)) if Instant::now() >= until) {
            self.cancel_all();
        }
    }

    /// Returns when to wake up without an event.
    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let claim = match self.fetch.decide(now, self.view()) {
            Next::Wait(until) => Some(until),
            Next::Claim(_) => None, // all queues wait for repeated claims
        };
        let phase = match self.phase {
            Phase::Draining(until) => until,
            Phase::Cancelling(until) => self.last_tries_end().filter(|end| (now..until).contains(end)).or(Some(until)),
            Phase::Working | Phase::Quiet => None,
        };
        let settle = self.settling.wake_at(now, self.holds_back_releases());
        let stuck = self.stuck.wake_at(!self.settling.is_empty());
        let partly_stuck = self.partly_stuck.report_at();
        let note = self.is_alive().then_some(self.presence.at());
        let all = [claim, phase, settle, stuck, partly_stuck, note, self.fetch.repeat_at(now)];
        all.into_iter().flatten().min().unwrap_or(now + LONGEST_POLL)
    }

    // ---- store calls ----

    /// Sends outcomes and the next claim, in one call if both are due.
    fn act(&mut self) {
        self.note_stuck();
        self.note_worker();
        let settlements = self.settling.next(self.holds_back_releases());
        let claim = self.next_claim();
        match claim {
            // A few outcomes and the claim are cheaper in one call. Many outcomes are better written while the claim
            // runs.
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
            // If the first try failed, this one asks for what there is room for now.
            claim.limit = claim.limit.min(self.fetch.capacity(Instant::now(), self.view()));
            (claim.kinds, claim.idle) = (self.load.wanted(&self.plan.kinds), self.load.is_idle());
            self.report.claims += 1;
            self.cancels_pending = true; // the leases of a late answer are old: renew them at once
            self.outbox.claim(claim);
        }
    }

    /// Publishes for how many more jobs there is room. Notifications beyond that go to other workers.
    fn offer_room(&self) {
        // A running fresh claim has already asked for all free slots. New jobs are for other workers and are looked for
        // afterwards.
        let room = if self.fetch.is_fresh_under_way() { 0 } else { self.fetch.capacity(Instant::now(), self.view()) };
        self.work.set_capacity(room, self.load.room_of_bounded(&self.plan.kinds));
    }

    /// Returns the fresh claim to send now, if any.
    fn next_claim(&mut self) -> Option<Claim> {
        let now = Instant::now();
        let Next::Claim(limit) = self.fetch.decide(now, self.view()) else { return None };
        let queues = self.fetch.answered_queues(self.plan.queue_order.next());
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
        // As many finished jobs may wait to be settled as there are slots, unless the store does not accept outcomes.
        let may_wait = if self.settling.has_failed() { 0 } else { self.plan.concurrency };
        View {
            works: self.phase == Phase::Working && !self.stuck.is_now(),
            may_report: matches!(self.phase, Phase::Working | Phase::Quiet) && !self.stuck.is_now(),
            free_slots: self.load.free_slots(self.settling.len(), may_wait),
            is_idle: self.load.is_idle(),
            runs_isolated: self.load.runs_isolated(),
            is_stuck: self.load.stuck() > 0,
        }
    }

    /// Returns whether a running claim could return a job again that is released now.
    fn holds_back_releases(&self) -> bool {
        self.phase != Phase::Working && self.fetch.is_under_way()
    }

    /// Returns whether the worker can still do something, now or later.
    fn is_alive(&self) -> bool {
        !self.stuck.is_reported()
    }

    /// Writes the worker's entry in the registry.
    fn note_worker(&mut self) {
        if !self.is_alive() || Instant::now() < self.presence.at() {
            return;
        }
        let mut note = WorkerNote::of_this_process();
        note.queues = self.plan.queue_order.names();
        note.kinds = self.plan.kinds.iter().map(|(known, _)| known.kind.clone()).collect();
        note.slots = self.plan.concurrency;
        note.running = self.load.running();
        note.jobs = self.load.jobs();
        note.jobs.truncate(limits::WORKER_JOBS);
        note.stuck = self.load.stuck();
        note.quiet = self.phase != Phase::Working;
        self.presence.note(self.backend.clone(), self.worker, note);
    }

    /// Records whether slots are held by handlers that should have returned. Reports it if that lasts. If it is all
    /// slots, the worker can do nothing more.
    fn note_stuck(&mut self) {
        if self.partly_stuck.record(self.load.stuck() > 0, Instant::now()) {
            let kinds: Vec<_> = self.load.stuck_kinds().into_iter().map(Kind::as_str).collect();
            tracing::warn!(worker = %self.worker, ?kinds, slots = self.load.stuck(), "handlers have not returned after their attempts ended; each keeps its slot");
        }
        if self.stuck.record(self.load.is_all_stuck(), Instant::now()) {
            let slots = self.plan.concurrency;
            self.backend.observers().tell(observer::Event::Stuck { worker: self.worker, slots });
            tokio::spawn(self.presence.forget(self.backend.clone(), self.worker)); // the worker no longer counts as alive
        }
    }

    // ---- claims ----

    fn claimed(&mut self, claim: &Claim, answer: Result<Claims, Error>) {
        let claims = match answer {
            Ok(claims) => claims,
            Err(e) => {
                if self.warnings.is_due("claim", Instant::now()) {
                    tracing::warn!(error = %e, "cannot claim jobs; will try again");
                }
                self.fetch.failed(Instant::now(), claim, &e);
                if e.kind() == ErrorKind::Refused {
                    tracing::error!(worker = %self.worker, "the store refuses this worker, so it shuts down");
                    self.cut_short = true; // its jobs were taken from it
                    self.handle_command(Command::Drain);
                }
                return;
            }
        };
        self.fetch.answered(Instant::now(), claim, &claims);
        for job in claims.jobs {
            if self.may_start(&job) { self.start(job) } else { self.hand_back(job) }
        }
    }

    /// Returns whether a claimed job may run. The claim may have been sent before the worker was told to shut down, or
    /// it may be a repeat after a lost answer: then other jobs may have taken the slots.
    fn may_start(&self, job: &Claimed) -> bool {
        let isolated = is_isolated(job.crashes) && !self.load.is_idle() || self.load.runs_isolated();
        self.phase == Phase::Working && self.load.has_room_for(&job.kind, &self.plan.kinds) && !isolated
    }

    fn hand_back(&mut self, job: Claimed) {
        self.hold(&job, self.keeper.latest(), false);
        self.keeper.attempt_ended(job.token);
        let settlement = Settlement::new(job.id, job.token, Outcome::Release);
        self.settling.add(Done { job: Arc::new(job), settlement, ran: Duration::ZERO });
    }

    // ---- attempts ----

    fn freed(&mut self, kind: &Kind) {
        let was_full = self.load.room_of_bounded(&self.plan.kinds).contains(&(kind.clone(), 0));
        self.load.free(kind);
        if was_full {
            self.fetch.notified(); // meanwhile, notifications of such jobs went to others or were lost
        }
    }

    fn start(&mut self, job: Claimed) {
        let Some(handler) = self.registry.get(&job.kind).cloned() else {
            tracing::error!(job = %job.id, kind = %job.kind, "the store returned a job of a kind that this worker does not know");
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
                worker: self.worker,
                stopping: CancellationToken::new(),
                draining: self.draining.clone(),
                latest,
                log: Arc::default(),
                shared: Arc::clone(&self.shared),
            },
            handler,
            middleware: Arc::clone(&self.plan.middleware),
            slot: Slot::new(self.inbox.clone(), job.kind.clone()),
            stop: stopped,
            job,
        };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let mut over = EndGuard::unless_settled(inbox, &attempt.job, &policy);
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
            self.keeper.stop_renewing(token);
        }
    }

    fn cancel_all(&mut self) {
        self.phase = Phase::Cancelling(Instant::now() + limits::CANCEL_GRACE + LAST_TRIES);
        self.cut_short |= self.load.running() > 0;
        self.load.tokens().into_iter().for_each(|token| self.stop(token, Stop::Shutdown));
    }

    fn over(&mut self, token: Token, settlement: Option<Settlement>) {
        self.keeper.attempt_ended(token);
        self.fetch.job_ended();
        match (self.load.attempt_ended(token), settlement) {
            (Some((job, ran)), Some(settlement)) => {
                // A handler may end its attempt itself when the worker shuts down.
                self.cut_short |= self.draining.is_cancelled() && settlement.outcome == Outcome::Release;
                self.settling.add(Done { job, settlement, ran });
            }
            _ => {
                self.keeper.stop_renewing(token);
                self.report.lost += 1;
            }
        }
    }

    // ---- settles ----

    fn settled(&mut self, answers: Answers<Settled>) {
        let (verdicts, failed) = self.settling.answered(answers);
        if let Some(error) = failed
            && self.warnings.is_due("settle", Instant::now())
        {
            tracing::warn!(%error, jobs = self.settling.len(), "cannot settle jobs; will try again");
        }
        for (Done { job, settlement, ran }, verdict) in verdicts {
            self.keeper.stop_renewing(settlement.token);
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
                    tracing::error!(%error, job = %job.id, kind = %job.kind, %worker, "cannot settle a job; it waits until its lease ends");
                }
            }
        }
    }

    // ---- shutdown ----

    /// Returns until when outcomes are tried while the store cannot be reached; `None` if it can.
    fn last_tries_end(&self) -> Option<Instant> {
        self.backend.unreachable_since().map(|since| since + LAST_TRIES)
    }

    fn ended(&self) -> Option<Ended> {
        if self.stuck.is_over(!self.settling.is_empty(), Instant::now()) {
            return Some(Ended::Stuck);
        }
        let (Phase::Draining(_) | Phase::Cancelling(_)) = self.phase else { return None };
        if self.load.running() == 0 && self.settling.is_empty() && !self.fetch.has_unanswered() {
            return Some(if self.cut_short { Ended::Released } else { Ended::Drained });
        }
        let Phase::Cancelling(until) = self.phase else { return None };
        let now = Instant::now();
        let was_tried = self.settling.is_empty() || self.settling.has_failed();
        let is_over = self.load.running() == 0 && was_tried && self.last_tries_end().is_some_and(|end| now >= end);
        (now >= until || is_over).then_some(Ended::Abandoned)
    }
}
