//! Workers over the store: whatever stops a handler, its job is in the correct state afterwards.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::handler::{self, Ctx, Shared};
use longshore_core::worker::{Ended, Worker};
use longshore_core::{Acted, Action, Backend, Client, Error, Handle, Job, Retry, State, Status, WaitError};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::bench::{Bench, secs};
use crate::through::{Calling, Layer, Through, Verb};

/// A job that signals that it runs, and then waits to be stopped or released.
#[derive(Serialize, Deserialize)]
struct Wait {
    /// Whether it stops when it is told to.
    gives_way: bool,
}

impl Job for Wait {
    const KIND: &'static str = "wait";
    const RETRY: Retry = Retry { base: Duration::ZERO, cap: Duration::ZERO };
    const MAX_ATTEMPTS: u16 = 1;
    type Output = bool;
}

/// Signals between a handler and its case.
#[derive(Clone)]
struct Signals {
    runs: mpsc::UnboundedSender<u16>,
    let_through: Arc<Semaphore>,
}

struct Stage {
    runs: mpsc::UnboundedReceiver<u16>,
    let_through: Arc<Semaphore>,
    signals: Signals,
}

impl Stage {
    fn new() -> Self {
        let (sender, runs) = mpsc::unbounded_channel();
        let let_through = Arc::new(Semaphore::new(0));
        let signals = Signals { runs: sender, let_through: Arc::clone(&let_through) };
        Stage { runs, let_through, signals }
    }

    /// Starts a worker that renews its leases three times a second.
    fn worker(&self, backend: &Backend) -> Worker {
        Worker::new(backend.clone()).handle(wait).share(self.signals.clone()).lease(secs(1))
    }

    /// Waits until a handler runs. Returns its attempt.
    async fn runs(&mut self) -> u16 {
        self.runs.recv().await.expect("the stage holds a sender")
    }
}

/// Returns whether it was released instead of stopped.
async fn wait(job: Wait, ctx: Ctx, Shared(signals): Shared<Signals>) -> handler::Result<bool> {
    signals.runs.send(ctx.attempt())?;
    tokio::select! {
        permit = signals.let_through.acquire() => {
            permit?.forget();
            Ok(true)
        }
        () = ctx.stopping(), if job.gives_way => Err(handler::Error::retry("stopped")),
    }
}

async fn enqueue(bench: &Bench, gives_way: bool) -> Handle<Wait> {
    Client::new(bench.backend.clone()).enqueue(Wait { gives_way }).max_attempts(3).await.unwrap()
}

async fn ends(handle: &Handle<Wait>) -> Result<bool, WaitError> {
    tokio::time::timeout(secs(60), handle.wait()).await.expect("the job ends")
}

pub(crate) async fn cancel_stops_an_async_handler(bench: Bench) {
    for gives_way in [true, false] {
        let mut stage = Stage::new();
        let worker = stage.worker(&bench.backend).start().unwrap();
        let handle = enqueue(&bench, gives_way).await;
        stage.runs().await;
        assert_eq!(handle.cancel().await.unwrap(), Acted::Done(State::Running));
        assert!(matches!(ends(&handle).await, Err(WaitError::Cancelled)));
        assert_eq!(worker.drain().await, Ended::Drained);
    }
}

pub(crate) async fn cancel_through_another_process_stops_a_handler(bench: Bench) {
    let Some(second) = bench.second().await else { return };
    let mut stage = Stage::new();
    let worker = stage.worker(&bench.backend).start().unwrap();
    let handle = enqueue(&bench, true).await;
    stage.runs().await;
    assert_eq!(second.act(handle.id(), Action::Cancel).await.unwrap(), Acted::Done(State::Running));
    assert!(matches!(ends(&handle).await, Err(WaitError::Cancelled)));
    assert_eq!(worker.drain().await, Ended::Drained);
}

#[derive(Serialize, Deserialize)]
struct Grind;

impl Job for Grind {
    const KIND: &'static str = "grind";
    type Output = ();
}

pub(crate) async fn blocking_handler_sees_that_it_is_to_stop(bench: Bench) {
    let (started, mut runs) = mpsc::unbounded_channel();
    let grind = move |_: Grind, ctx: Ctx| {
        started.send(())?;
        while !ctx.is_stopping() {
            std::thread::yield_now();
        }
        Err(handler::Error::cancel())
    };
    let worker = Worker::new(bench.backend.clone()).handle_blocking(grind).start().unwrap();
    let handle = Client::new(bench.backend.clone()).enqueue(Grind).await.unwrap();
    runs.recv().await.unwrap();
    assert_eq!(handle.cancel().await.unwrap(), Acted::Done(State::Running));
    assert!(matches!(handle.wait().await, Err(WaitError::Cancelled)));
    assert_eq!(worker.drain().await, Ended::Drained);
}

pub(crate) async fn handler_that_takes_too_long_is_a_failed_attempt(bench: Bench) {
    let mut stage = Stage::new();
    let worker = stage.worker(&bench.backend).start().unwrap();
    let client = Client::new(bench.backend.clone());
    let short = client.enqueue(Wait { gives_way: true }).max_attempts(2).timeout(Duration::from_millis(20));
    let handle = short.await.unwrap();
    assert_eq!((stage.runs().await, stage.runs().await), (1, 2));
    assert!(
        matches!(ends(&handle).await, Err(WaitError::Dead { message, .. }) if message.starts_with("timed out after 20ms"))
    );
    assert_eq!(bench.job(handle.id()).await.failures.len(), 2);
    assert_eq!(worker.drain().await, Ended::Drained);
}

pub(crate) async fn drain_waits_for_what_runs_and_takes_nothing_more(bench: Bench) {
    let mut stage = Stage::new();
    let worker = stage.worker(&bench.backend).start().unwrap();
    let first = enqueue(&bench, true).await;
    stage.runs().await;
    let mut drain = Box::pin(worker.drain());
    tokio::select! {
        biased;
        ended = &mut drain => panic!("{ended:?} while a job runs"),
        () = std::future::ready(()) => {} // the command is sent now and handled before later ones
    }
    let second = enqueue(&bench, true).await;
    assert_eq!(worker.report().await.expect("it has not ended").running, [first.id()]);
    stage.let_through.add_permits(1);
    assert_eq!(drain.await, Ended::Drained);
    assert!(ends(&first).await.unwrap());
    let last = worker.report().await.expect("a worker that has ended keeps its last report");
    // A claim that was on its way may have got the second job, which was released then.
    assert!(last.running.is_empty() && (1..=2).contains(&last.settled), "{last:?}");
    let left = bench.job(second.id()).await;
    assert!(left.state == State::Ready && left.attempt == 0, "{left:?}");
}

pub(crate) async fn drain_past_its_grace_releases_jobs(bench: Bench) {
    let mut stage = Stage::new();
    let worker = stage.worker(&bench.backend).grace(Duration::ZERO).start().unwrap();
    let handle = enqueue(&bench, true).await;
    stage.runs().await;
    assert_eq!(worker.drain().await, Ended::Released);
    let job = bench.job(handle.id()).await;
    assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Ready, 0, 0, 1));
    assert!(job.failures.is_empty(), "nothing is burned");

    let next = stage.worker(&bench.backend).start().unwrap();
    assert_eq!(stage.runs().await, 1);
    stage.let_through.add_permits(1);
    assert!(ends(&handle).await.unwrap());
    assert_eq!(next.drain().await, Ended::Drained);
}

pub(crate) async fn cancelled_worker_releases_jobs_at_once(bench: Bench) {
    let mut stage = Stage::new();
    let worker = stage.worker(&bench.backend).grace(secs(3600)).start().unwrap();
    let handles = [enqueue(&bench, true).await, enqueue(&bench, true).await];
    stage.runs().await;
    stage.runs().await;
    assert_eq!(worker.cancel().await, Ended::Released);
    for handle in handles {
        let job = bench.job(handle.id()).await;
        assert_eq!((job.state, job.attempt, job.interruptions), (State::Ready, 0, 1));
    }
}

/// Blocks calls of one verb on their way to the store.
#[derive(Clone)]
struct Gate {
    of: Verb,
    open: Arc<watch::Sender<bool>>,
    /// The number of blocked calls.
    waiting: Arc<watch::Sender<usize>>,
}

impl Gate {
    fn open(of: Verb) -> Self {
        Gate { of, open: Arc::new(watch::Sender::new(true)), waiting: Arc::default() }
    }

    fn before(&self, bench: &Bench) -> Backend {
        Backend::new(Arc::new(Through::new(Arc::clone(&bench.store), self.clone())), bench.artifacts())
    }
}

impl Layer for Gate {
    async fn around<'a, T, C>(&'a self, verb: Verb, call: C) -> Result<T, Error>
    where
        T: Send + 'a,
        C: Fn() -> Calling<'a, T> + Send + Sync + 'a,
    {
        let is_it = match self.of {
            Verb::Claim => verb.claims(),
            Verb::Settle => verb.settles(),
            of => verb == of,
        };
        if is_it {
            self.waiting.send_modify(|n| *n += 1);
            self.open.subscribe().wait_for(|open| *open).await.expect("the case holds the gate");
            self.waiting.send_modify(|n| *n -= 1);
        }
        call().await
    }
}

pub(crate) async fn cancelled_worker_does_not_claim_what_it_releases(bench: Bench) {
    let gate = Gate::open(Verb::Claim);
    let mut stage = Stage::new();
    let worker = stage.worker(&gate.before(&bench)).grace(secs(3600)).start().unwrap();
    let handle = enqueue(&bench, true).await;
    stage.runs().await;
    gate.open.send_replace(false);
    gate.waiting.subscribe().wait_for(|n| *n == 1).await.unwrap();
    let then_open = async {
        // While the claim is blocked, the worker may settle but not release.
        while !worker.report().await.unwrap().running.is_empty() {}
        for _ in 0..20 {
            assert_eq!(worker.report().await.unwrap().unsettled, 1);
        }
        gate.open.send_replace(true);
    };
    assert_eq!(tokio::join!(worker.cancel(), then_open).0, Ended::Released);
    let job = bench.job(handle.id()).await;
    assert_eq!((job.state, job.attempt, job.interruptions), (State::Ready, 0, 1));
}

pub(crate) async fn worker_whose_outcomes_are_not_accepted_stops_claiming(bench: Bench) {
    let gate = Gate::open(Verb::Settle);
    gate.open.send_replace(false);
    let stage = Stage::new();
    stage.let_through.add_permits(10);
    let mut handles = Vec::new();
    for _ in 0..10 {
        handles.push(enqueue(&bench, true).await);
    }
    let worker = stage.worker(&gate.before(&bench)).concurrency(2).start().unwrap();
    // Two jobs that ran may leave their slots to two others, which then wait with them: that is enough.
    while worker.report().await.unwrap().unsettled < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..200 {
        let report = worker.report().await.unwrap();
        assert!(report.unsettled <= 4 && report.claimed <= 4 && report.settled == 0, "{report:?}");
        tokio::task::yield_now().await;
    }
    gate.open.send_replace(true);
    for handle in &handles {
        assert!(ends(handle).await.unwrap());
    }
    assert_eq!(worker.drain().await, Ended::Drained);
}

pub(crate) async fn quiet_worker_claims_nothing_until_it_is_resumed(bench: Bench) {
    let mut stage = Stage::new();
    let worker = stage.worker(&bench.backend).start().unwrap();
    worker.quiet();
    worker.report().await.unwrap(); // commands are handled one after the other
    let handle = enqueue(&bench, true).await;
    let quiet = worker.report().await.unwrap();
    assert_eq!((quiet.running.len(), quiet.claimed), (0, 0));
    worker.resume();
    stage.runs().await;
    stage.let_through.add_permits(1);
    assert!(ends(&handle).await.unwrap());
    assert_eq!(worker.drain().await, Ended::Drained);
}

pub(crate) async fn handler_of_a_lost_job_is_stopped_and_its_result_discarded(bench: Bench) {
    let mut stage = Stage::new();
    let worker = stage.worker(&bench.backend).start().unwrap();
    let handle = enqueue(&bench, true).await;
    assert_eq!(stage.runs().await, 1);
    while bench.job(handle.id()).await.crashes == 0 {
        bench.advance(secs(2)); // the worker renews from time to time; eventually upkeep comes first
        bench.upkeep().await;
    }
    assert_eq!(stage.runs().await, 1, "the job runs again, without having lost an attempt");
    stage.let_through.add_permits(2);
    assert!(ends(&handle).await.unwrap());
    let job = bench.job(handle.id()).await;
    assert_eq!((job.state, job.attempt), (State::Succeeded, 1));
    assert_eq!(worker.drain().await, Ended::Drained);
}

/// Counts the renewals that were answered.
struct Renewals(Arc<watch::Sender<usize>>);

impl Layer for Renewals {
    async fn around<'a, T, C>(&'a self, verb: Verb, call: C) -> Result<T, Error>
    where
        T: Send + 'a,
        C: Fn() -> Calling<'a, T> + Send + Sync + 'a,
    {
        let answer = call().await;
        if verb == Verb::Renew && answer.is_ok() {
            self.0.send_modify(|n| *n += 1);
        }
        answer
    }
}

/// A worker renews every third of its lease. Here, another third passes at the store after each renewal, so that one
/// third is left.
pub(crate) async fn running_job_outlives_many_leases(bench: Bench) {
    const THIRD: Duration = Duration::from_secs(2);
    let answered = Arc::new(watch::channel(0).0);
    let mut renewed = answered.subscribe();
    let through = Through::new(Arc::clone(&bench.store), Renewals(answered));
    let backend = Backend::new(Arc::new(through), bench.artifacts());
    let mut stage = Stage::new();
    let worker = stage.worker(&backend).lease(THIRD * 3).start().unwrap();
    let handle = enqueue(&bench, true).await;
    stage.runs().await;
    for _ in 0..3 {
        tokio::time::timeout(secs(60), renewed.changed()).await.expect("the lease is renewed").unwrap();
        bench.advance(THIRD);
        bench.upkeep().await;
    }
    let Status { state, attempt, .. } = bench.backend.status(vec![handle.id()]).await.unwrap().remove(0).unwrap();
    assert_eq!((state, attempt), (State::Running, 1), "its lease was renewed all along");
    stage.let_through.add_permits(1);
    assert!(ends(&handle).await.unwrap());
    assert_eq!(bench.job(handle.id()).await.crashes, 0);
    assert_eq!(worker.drain().await, Ended::Drained);
}
