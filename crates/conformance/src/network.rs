//! Stores behind a connection: faults of the connection and of the server.
//!
//! Each case has its own server, and a proxy in front of it. After any fault nothing is lost, no stale settle is
//! accepted, and workers continue by themselves.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use longshore_core::handler::{self, Ctx, Shared};
use longshore_core::worker::{Ended, Running, Worker};
use longshore_core::{
    Artifacts, Backend, Claimed, Clock, Effect, Error, Filter, Job, JobId, NewJob, Outcome, Page, Pushed, Renewal,
    Renewed, Settings, Settled, Settlement, State, Store, WorkerSecret, limits,
};
use longshore_testbed::{Proxy, Server};
use serde::{Deserialize, Serialize};

use crate::bench::{UnwrapEach, ask, job, success};
use crate::transfers::{
    download_from_a_black_hole_ends_in_an_error, download_that_is_cut_goes_on_or_fails,
    slow_download_delays_no_renewal_and_no_rescue, slow_upload_delays_no_renewal_and_no_rescue,
    upload_into_a_black_hole_ends_in_an_error, upload_is_never_in_memory_as_a_whole, upload_that_is_cut_leaves_nothing,
};

/// A store on its own server, with a proxy in between.
#[async_trait]
pub trait Networked: Send + Sync + 'static {
    /// Starts a server that keeps acknowledged data when it is killed, and opens a new store on it through a proxy.
    async fn open(settings: Settings) -> Self
    where
        Self: Sized;

    /// Opens the same data again, directly or through the proxy, like another process would.
    async fn reopen(&self, through_the_proxy: bool) -> Arc<dyn Store>;

    /// Returns the store that was opened through the proxy.
    fn store(&self) -> Arc<dyn Store>;

    /// Returns the storage for results that do not fit a row.
    fn artifacts(&self) -> Arc<dyn Artifacts>;

    /// Returns the proxy.
    fn proxy(&self) -> &Proxy;

    /// Returns the server.
    fn server(&self) -> &Server;
}

/// Creates one named test for each fault of a connection or a server, over a fixture of that type.
#[macro_export]
macro_rules! network_conformance {
    ($fixture:ty) => {
        $crate::each_network_case! { [$crate::a_network_test_each] [$fixture] }
    };
}

/// Passes the list of cases to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! each_network_case {
    ([$($then:tt)*] [$($args:tt)*]) => { $($then)*! { [$($args)*]

request_that_went_through_counts_once: "A call whose connection is cut after it reached the server is repeated, and has happened once.",
cut_before_the_request_loses_nothing: "A call whose connection is reset is repeated on a new one.",
black_hole_ends_in_an_error: "A call that nothing comes back from ends in an error that says so, and is repeated when the way is free.",
slow_connection_costs_time_only: "Over a slow connection everything takes longer, and nothing else.",
notifications_come_back_after_a_reset: "After a reset of all connections a push is heard again in another process, with no call made there.",
worker_goes_on_through_all_of_it: "A worker whose connection is cut, reset, slowed, shut and swallowed runs every job once.",
killed_server_comes_back_with_every_job: "Producers and a worker go on by themselves when the server is killed and started again, and every job is run once.",
stale_settle_is_lost_after_a_kill: "A claim that was rescued is still void when the server has been killed and started again.",
server_that_stood_still_rescues_nobody: "When a server stood still for longer than a lease, those who could not renew keep their jobs.",
worker_outlives_a_server_that_stood_still: "A worker whose server stood still longer than its leases ends its jobs as if nothing had been.",
slow_upload_delays_no_renewal_and_no_rescue: "While a large result is written over a slow line, leases are renewed in time, and a dead worker's job is rescued.",
slow_download_delays_no_renewal_and_no_rescue: "While a large result is read over a slow line, leases are renewed in time, and a dead worker's job is rescued.",
upload_is_never_in_memory_as_a_whole: "Of a large result that is written no more than a few chunks are in memory.",
upload_that_is_cut_leaves_nothing: "A large result whose connection is cut while it is written ends in an error, is not there, and can be written again.",
upload_into_a_black_hole_ends_in_an_error: "A large result from whose server nothing comes back any more ends in an error, is not there, and can be written again.",
download_that_is_cut_goes_on_or_fails: "A large result whose connection is cut while it is read ends in an error, or is read on; never with other bytes.",
download_from_a_black_hole_ends_in_an_error: "A large result from whose server nothing comes back any more ends in an error, and can be read on when the way is free.",

    } };
}

/// Creates a test of each case.
#[doc(hidden)]
#[macro_export]
macro_rules! a_network_test_each {
    ([$fixture:ty] $($name:ident: $sentence:literal,)*) => {
        mod network {
            use super::*;
            $(
                #[doc = $sentence]
                #[test]
                fn $name() {
                    $crate::run_networked::<$fixture>(stringify!($name));
                }
            )*
        }
    };
}

type Run = fn(Net) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! the_network_list {
    ([] $($name:ident: $sentence:literal,)*) => {
        const NETWORK_CASES: &[(&str, Run)] = &[$( (stringify!($name), |net| Box::pin($name(net))), )*];
    };
}

crate::each_network_case! { [the_network_list] [] }

/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(240);

/// Runs one case over a new server. Panics if the store is wrong.
#[doc(hidden)]
pub fn run_networked<F: Networked>(name: &str) {
    let (_, run) = NETWORK_CASES.iter().find(|(known, _)| *known == name).expect("the list made this test");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().enable_io().build();
    let done = runtime.expect("a runtime can be built").block_on(async {
        let net = Net::of(F::open).await;
        tokio::time::timeout(PATIENCE, run(net)).await
    });
    assert!(done.is_ok(), "{name} has not ended within {PATIENCE:?}");
}

/// The environment of a case.
pub(crate) struct Net {
    pub(crate) fixture: Arc<dyn Networked>,
    clock: Clock,
    /// Through the proxy.
    pub(crate) backend: Backend,
    /// Directly to the server, for checks.
    straight: Backend,
}

impl Net {
    async fn of<F: Networked, O: Future<Output = F>>(open: impl FnOnce(Settings) -> O) -> Net {
        let settings = Settings::default();
        let clock = settings.clock.clone();
        let fixture: Arc<dyn Networked> = Arc::new(open(settings).await);
        let backend = Backend::new(fixture.store(), fixture.artifacts());
        let straight = Backend::new(fixture.reopen(false).await, fixture.artifacts());
        Net { fixture, clock, backend, straight }
    }

    pub(crate) fn proxy(&self) -> &Proxy {
        self.fixture.proxy()
    }

    async fn state(&self, id: JobId) -> Option<State> {
        self.straight.job(id).await.expect("reads are answered").map(|job| job.state)
    }

    async fn claimed(&self) -> Claimed {
        let claims = insist(|| self.backend.claim(ask(WorkerSecret::new().id()))).await;
        claims.jobs.into_iter().next().expect("there is a job to claim")
    }

    async fn settle(&self, job: &Claimed) -> Settled {
        insist(|| async { self.backend.settle(settlement(job, success())).await.whole() }).await.remove(0)
    }

    async fn renew(&self, job: &Claimed) -> Renewed {
        insist(|| async { self.backend.renew(renewal(job, limits::LEASE)).await.whole() }).await.remove(0)
    }

    /// Returns all jobs of the store's list.
    async fn all(&self) -> Vec<longshore_core::Snapshot> {
        let mut jobs = Vec::new();
        let mut after = None;
        loop {
            let listed = self.straight.list(Filter::default(), Page::new(after, limits::PAGE)).await;
            let listed = listed.expect("reads are answered");
            jobs.extend(listed.jobs);
            after = listed.next;
            if after.is_none() {
                return jobs;
            }
        }
    }
}

/// Makes a call until it is answered. The case limits how long that may take.
pub(crate) async fn insist<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(e) => assert!(e.is_retryable(), "an error that says not to try again: {e}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn settlement(claimed: &Claimed, outcome: Outcome) -> Vec<Settlement> {
    vec![Settlement::new(claimed.id, claimed.token, outcome)]
}

pub(crate) fn renewal(claimed: &Claimed, lease: Duration) -> Vec<Renewal> {
    vec![Renewal::new(claimed.id, claimed.token, lease)]
}

// ---- the connection ----

/// Asserts that a call whose answer is lost returns an error that allows a repeat.
fn is_cut<T: std::fmt::Debug>(answer: Result<T, Error>) {
    let error = answer.expect_err("its answer was cut");
    assert!(error.is_retryable(), "{error}");
    assert_eq!(error.effect(), Effect::PerhapsDone, "{error}");
}

async fn request_that_went_through_counts_once(net: Net) {
    let new = job();
    net.proxy().cut_answers();
    is_cut(net.backend.push_one(new.clone()).await);
    net.proxy().healthy();
    assert_eq!(insist(|| net.backend.push_one(new.clone())).await, Pushed::Created(new.id));
    assert_eq!(net.all().await.len(), 1);

    let claim = ask(WorkerSecret::new().id());
    net.proxy().cut_answers();
    is_cut(net.backend.claim(claim.clone()).await);
    net.proxy().healthy();
    let jobs = insist(|| net.backend.claim(claim.clone())).await.jobs;
    assert_eq!((jobs.len(), jobs[0].id, jobs[0].attempt), (1, new.id, 1));

    net.proxy().cut_answers();
    is_cut(net.backend.settle(settlement(&jobs[0], success())).await.whole());
    net.proxy().healthy();
    assert_eq!(net.settle(&jobs[0]).await, Settled::Done);
    let job = net.straight.job(new.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Succeeded, 1, 0, 0));
}

async fn cut_before_the_request_loses_nothing(net: Net) {
    for round in 0..20 {
        let new = job();
        net.proxy().reset_all();
        assert_eq!(insist(|| net.backend.push_one(new.clone())).await, Pushed::Created(new.id));
        net.proxy().reset_all();
        let claimed = net.claimed().await;
        assert_eq!(claimed.id, new.id, "in round {round}");
        net.proxy().reset_all();
        assert_eq!(net.renew(&claimed).await, Renewed::Held);
        net.proxy().reset_all();
        assert_eq!(net.settle(&claimed).await, Settled::Done);
    }
    let jobs = net.all().await;
    assert_eq!(jobs.len(), 20);
    assert!(jobs.iter().all(|job| job.state == State::Succeeded && job.attempt == 1));
}

async fn black_hole_ends_in_an_error(net: Net) {
    let new = job();
    net.proxy().black_hole();
    let began = Instant::now();
    let error = net.backend.push_one(new.clone()).await.expect_err("nothing comes back");
    assert!(error.is_retryable(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(60), "a call must not wait for ever");
    net.proxy().healthy();
    assert_eq!(insist(|| net.backend.push_one(new.clone())).await, Pushed::Created(new.id));
    assert_eq!(net.all().await.len(), 1);
}

async fn slow_connection_costs_time_only(net: Net) {
    net.proxy().slow(Duration::from_millis(40));
    let runs = Runs::default();
    let worker = start(&net.backend, &runs);
    let ids = push_numbers(&net.backend, 30).await;
    ends_well(&net, &ids).await;
    assert_eq!(worker.drain().await, Ended::Drained);
    runs.were_once_each(&ids);
}

async fn notifications_come_back_after_a_reset(net: Net) {
    let other = net.fixture.reopen(true).await;
    let mut work = other.subscribe(vec![job().queue], vec![job().kind]);
    for _ in 0..5 {
        work.forget();
        net.proxy().reset_all();
        // After the listener has reconnected, it notifies of everything that it may have missed.
        let pushed = net.straight.push_one(job()).await;
        let _ = pushed.expect("the way straight to the server is free");
        let heard = tokio::time::timeout(Duration::from_secs(30), work.recv()).await;
        assert!(heard.is_ok(), "a push was not heard");
    }
}

// ---- workers ----

#[derive(Clone, Default)]
struct Runs(Arc<Mutex<HashMap<JobId, usize>>>);

impl Runs {
    fn were_once_each(&self, ids: &[JobId]) {
        let runs = self.0.lock().unwrap();
        for id in ids {
            assert_eq!(runs.get(id), Some(&1), "runs of job {id}");
        }
        assert_eq!(runs.len(), ids.len());
    }
}

#[derive(Serialize, Deserialize)]
struct Number {
    number: usize,
}

impl Job for Number {
    const KIND: &'static str = "number";
    type Output = usize;
}

async fn count(job: Number, ctx: Ctx, Shared(runs): Shared<Runs>) -> handler::Result<usize> {
    *runs.0.lock().unwrap().entry(ctx.id()).or_default() += 1;
    Ok(job.number)
}

fn start(backend: &Backend, runs: &Runs) -> Running {
    let worker = Worker::new(backend.clone()).handle(count).share(runs.clone()).concurrency(8);
    worker.start().expect("a worker starts")
}

async fn push_numbers(backend: &Backend, count: usize) -> Vec<JobId> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(push_number(backend, number).await);
    }
    ids
}

async fn push_number(backend: &Backend, number: usize) -> JobId {
    let new = NewJob::of(&Number { number }).expect("it is small");
    assert_eq!(insist(|| backend.push_one(new.clone())).await, Pushed::Created(new.id));
    new.id
}

/// Waits until all of these have succeeded, and checks that nothing went wrong.
async fn ends_well(net: &Net, ids: &[JobId]) {
    for id in ids {
        let mut watch = net.straight.watch(*id);
        while let Some(status) = watch.next().await {
            if status.state.is_final() {
                break;
            }
        }
        let job = insist(|| net.straight.job(*id)).await.expect("an acknowledged job is known");
        assert_eq!((job.state, job.attempt, job.crashes, job.interruptions), (State::Succeeded, 1, 0, 0), "{job:?}");
    }
}

async fn worker_goes_on_through_all_of_it(net: Net) {
    let runs = Runs::default();
    let worker = start(&net.backend, &runs);
    let over = Arc::new(AtomicBool::new(false));
    let weather = {
        let (fixture, over) = (Arc::clone(&net.fixture), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let proxy = fixture.proxy();
                match fastrand::u8(0..6) {
                    0 => proxy.cut_answers(),
                    1 => proxy.reset_all(),
                    2 => proxy.down(),
                    3 => proxy.black_hole(),
                    4 => proxy.slow(Duration::from_millis(20)),
                    _ => proxy.healthy(),
                }
                tokio::time::sleep(Duration::from_millis(fastrand::u64(5..150))).await;
                proxy.healthy();
                tokio::time::sleep(Duration::from_millis(fastrand::u64(50..300))).await;
            }
            fixture.proxy().healthy();
        })
    };
    let ids = push_numbers(&net.backend, 150).await;
    over.store(true, Ordering::Relaxed);
    weather.await.expect("the weather ends");
    ends_well(&net, &ids).await;
    assert_eq!(worker.drain().await, Ended::Drained);
    runs.were_once_each(&ids);
}

// ---- the server ----

async fn killed_server_comes_back_with_every_job(net: Net) {
    let runs = Runs::default();
    let worker = start(&net.backend, &runs);
    let over = Arc::new(AtomicBool::new(false));
    let producers: Vec<_> = (0..4)
        .map(|producer| {
            let (backend, over) = (net.backend.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut ids = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    ids.push(push_number(&backend, producer).await);
                }
                ids
            })
        })
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(200..600))).await; // under load, at any moment
        let fixture = Arc::clone(&net.fixture);
        let restarted = tokio::task::spawn_blocking(move || {
            fixture.server().kill();
            fixture.server().restart();
        });
        restarted.await.expect("the server comes back");
    }
    over.store(true, Ordering::Relaxed);
    let mut ids = Vec::new();
    for producer in producers {
        ids.extend(producer.await.expect("a producer gets through"));
    }
    println!("{} jobs over three kills", ids.len());
    ends_well(&net, &ids).await;
    assert_eq!(worker.drain().await, Ended::Drained);
    runs.were_once_each(&ids);
    assert_eq!(net.all().await.len(), ids.len());
}

async fn stale_settle_is_lost_after_a_kill(net: Net) {
    let new = job();
    assert_eq!(net.straight.push_one(new.clone()).await.unwrap(), Pushed::Created(new.id));
    let stale = net.claimed().await;
    net.clock.advance(limits::LEASE + Duration::from_secs(1));
    assert_eq!(insist(|| net.straight.upkeep()).await.rescued.len(), 1);
    let held = net.claimed().await;
    let fixture = Arc::clone(&net.fixture);
    let restarted = tokio::task::spawn_blocking(move || {
        fixture.server().kill();
        fixture.server().restart();
    });
    restarted.await.expect("the server comes back");
    assert_eq!(net.settle(&stale).await, Settled::Lost);
    assert_eq!(net.renew(&stale).await, Renewed::Lost);
    assert_eq!(net.state(new.id).await, Some(State::Running));
    assert_eq!(net.settle(&held).await, Settled::Done);
    assert!(held.token.number > stale.token.number);
}

/// The length of a lease in these cases, and how long the server is suspended.
const SHORT_LEASE: Duration = Duration::from_secs(2);
const STANDSTILL: Duration = Duration::from_secs(4);

/// Suspends the server for longer than a lease while that call runs.
async fn standstill<T: Send + 'static>(
    net: &Net,
    during: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    net.fixture.server().stop();
    let call = tokio::spawn(during);
    tokio::time::sleep(STANDSTILL).await; // not a guess: the process is suspended for exactly this long
    net.fixture.server().go_on();
    call.await.expect("a call does not panic")
}

async fn server_that_stood_still_rescues_nobody(net: Net) {
    let _ = net.straight.push_one(job()).await.unwrap();
    insist(|| net.straight.upkeep()).await; // like every process, every few seconds
    let claim = ask(WorkerSecret::new().id()).lease(SHORT_LEASE);
    let claimed = net.backend.claim(claim).await.unwrap().jobs.remove(0);
    let upkeep = {
        let straight = net.straight.clone();
        async move { straight.upkeep().await }
    };
    let kept = standstill(&net, upkeep).await;
    assert_eq!(
        kept.map_or(0, |kept| kept.rescued.len()),
        0,
        "upkeep that was under way meanwhile took a job from the living"
    );
    let kept = insist(|| net.straight.upkeep()).await;
    assert_eq!(kept.rescued.len(), 0, "upkeep right after it took a job from somebody who had no time to renew");
    assert_eq!(net.renew(&claimed).await, Renewed::Held);
    assert_eq!(net.settle(&claimed).await, Settled::Done);
    let job = net.straight.job(claimed.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt, job.crashes), (State::Succeeded, 1, 0));
}

#[derive(Serialize, Deserialize)]
struct Wait;

impl Job for Wait {
    const KIND: &'static str = "wait";
    type Output = ();
}

async fn worker_outlives_a_server_that_stood_still(net: Net) {
    let go = Arc::new(tokio::sync::Semaphore::new(0));
    let entered = Arc::new(tokio::sync::Semaphore::new(0));
    let wait = {
        let (go, entered) = (Arc::clone(&go), Arc::clone(&entered));
        move |_: Wait| {
            let (go, entered) = (Arc::clone(&go), Arc::clone(&entered));
            async move {
                entered.add_permits(1);
                go.acquire().await.expect("it is never closed").forget();
                Ok(())
            }
        }
    };
    let worker = Worker::new(net.backend.clone()).handle(wait).lease(SHORT_LEASE).concurrency(4).start().unwrap();
    let other = net.straight.start_upkeep();
    let news: Vec<_> = (0..4).map(|_| NewJob::of(&Wait).expect("it is small")).collect();
    let ids: Vec<_> = news.iter().map(|new| new.id).collect();
    net.backend.push(news).await.unwrap().unwrap_each();
    entered.acquire_many(4).await.unwrap().forget();
    let looks = net.straight.clone();
    let _late = standstill(&net, async move { looks.queues(None, limits::PAGE).await }).await;
    go.add_permits(4);
    ends_well(&net, &ids).await;
    assert_eq!(worker.drain().await, Ended::Drained);
    drop(other);
}
