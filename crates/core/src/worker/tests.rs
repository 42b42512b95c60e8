//! Tests of a worker's hooks, middleware, spans, and its end when it is stuck.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::artifact::InMemory;
use crate::handler::{self, Ctx, FromCtx, Provided, Shared};
use crate::observer::Event;
use crate::{Backend, Client, FailureClass, Job, Memory, Reason, Retry, State, WaitError, WorkerSecret};

use super::{Ended, Worker};

#[derive(Serialize, Deserialize)]
struct Task {
    fails: bool,
}

impl Job for Task {
    const KIND: &'static str = "task";
    const MAX_ATTEMPTS: u16 = 2;
    const RETRY: Retry = Retry { base: Duration::ZERO, cap: Duration::ZERO };
    type Output = u16;
}

async fn run(task: Task, ctx: Ctx) -> handler::Result<u16> {
    if task.fails { Err(handler::Error::retry("no luck")) } else { Ok(ctx.attempt()) }
}

fn setup() -> (Backend, Client) {
    let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
    (backend.clone(), Client::new(backend))
}

/// A list that callbacks write to.
#[derive(Clone)]
struct Noted<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Noted<T> {
    fn default() -> Self {
        Noted(Arc::default())
    }
}

impl<T> Noted<T> {
    fn note(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn hooks_get_each_failed_attempt_and_each_dead_job() {
    let (backend, client) = setup();
    let (failed, dead) = (Noted::default(), Noted::default());
    let (on_failed, on_dead) = (failed.clone(), dead.clone());
    let worker = Worker::new(backend.clone())
        .handle(run)
        .on_failed(move |failed| on_failed.note((failed.job.attempt, failed.class, failed.message.clone())))
        .on_dead(move |failed| on_dead.note((failed.job.id, failed.job.reason)))
        .start()
        .unwrap();

    assert_eq!(client.enqueue(Task { fails: false }).await.unwrap().wait().await.unwrap(), 1);
    let handle = client.enqueue(Task { fails: true }).await.unwrap();
    assert!(matches!(handle.wait().await, Err(WaitError::Dead { reason: Reason::Exhausted, .. })));
    worker.drain().await;

    // Hooks end with their worker.
    let other = Worker::new(backend).handle(run).start().unwrap();
    let again = client.enqueue(Task { fails: true }).await.unwrap();
    assert!(matches!(again.wait().await, Err(WaitError::Dead { .. })));
    other.drain().await;

    let no_luck = |attempt| (attempt, Some(FailureClass::Retry), "no luck".to_owned());
    assert_eq!(failed.take(), [no_luck(1), no_luck(2)]);
    assert_eq!(dead.take(), [(handle.id(), Some(Reason::Exhausted))]);
}

#[tokio::test]
async fn observer_sees_a_job_from_its_push_to_its_end() {
    let (backend, client) = setup();
    let (told, noted) = (Noted::default(), Noted::default());
    let observer = told.clone();
    backend.observe(move |event: Event<'_>| match event {
        Event::Pushed { kind, .. } => observer.note(format!("pushed {kind}")),
        Event::Started { job, .. } => observer.note(format!("started {}", job.kind)),
        Event::Finished { job, ran, .. } => {
            observer.note(format!("finished {}", job.kind));
            noted.note(ran);
        }
        other => observer.note(format!("{other:?}")),
    });
    let worker = Worker::new(backend).handle(run).start().unwrap();
    client.enqueue(Task { fails: false }).await.unwrap().wait().await.unwrap();
    worker.drain().await;
    let mut told = told.take();
    told.sort(); // a worker may start before the push is answered
    assert_eq!(told, ["finished task", "pushed task", "started task"]);
}

#[tokio::test]
async fn middleware_wraps_the_handler_and_may_answer_itself() {
    let (backend, client) = setup();
    let told = Noted::default();
    let (outer, inner) = (told.clone(), told.clone());
    let worker = Worker::new(backend)
        .handle(run)
        .wrap(move |ctx, next| {
            let told = outer.clone();
            async move {
                told.note("outer begins");
                let result = if ctx.attempt() == 1 { next.run().await } else { Err(handler::Error::fatal("enough")) };
                told.note("outer ends");
                result
            }
        })
        .wrap(move |_, next| {
            inner.note("inner");
            next.run()
        })
        .start()
        .unwrap();
    let handle = client.enqueue(Task { fails: true }).await.unwrap();
    assert!(matches!(handle.wait().await, Err(WaitError::Dead { reason: Reason::Fatal, .. })));
    worker.drain().await;
    let all = told.take();
    assert_eq!(all.iter().filter(|what| **what == "outer ends").count(), 2);
    assert_eq!(all[..3], ["outer begins", "inner", "outer ends"]);
    assert_eq!(all.iter().filter(|what| **what == "inner").count(), 1, "what is dropped never runs");
}

fn note(_: Task, Shared(ran): Shared<Noted<u16>>) -> handler::Result<u16> {
    ran.note(1);
    Ok(1)
}

#[tokio::test]
async fn blocking_handler_starts_when_the_middleware_runs_it() {
    let (backend, client) = setup();
    let (ran, calls) = (Noted::<u16>::default(), AtomicUsize::new(0));
    let worker = Worker::new(backend)
        .handle_blocking(note)
        .share(ran.clone())
        .wrap(move |_, next| {
            let refuses = calls.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if refuses { Err(handler::Error::fatal("not this one")) } else { next.run().await } }
        })
        .start()
        .unwrap();
    let refused = client.enqueue(Task { fails: false }).await.unwrap();
    assert!(matches!(refused.wait().await, Err(WaitError::Dead { reason: Reason::Fatal, .. })));
    assert_eq!(client.enqueue(Task { fails: false }).await.unwrap().wait().await.unwrap(), 1);
    worker.drain().await;
    assert_eq!(ran.take(), [1], "the first never began");
}

#[tokio::test]
async fn hook_that_panics_ends_neither_the_worker_nor_the_other_hooks() {
    let (backend, client) = setup();
    let dead = Noted::default();
    let on_dead = dead.clone();
    let worker = Worker::new(backend)
        .handle(run)
        .on_failed(|_| panic!("a bug in the hook"))
        .on_dead(move |failed| on_dead.note(failed.job.id))
        .start()
        .unwrap();
    let handle = client.enqueue(Task { fails: true }).await.unwrap();
    assert!(matches!(handle.wait().await, Err(WaitError::Dead { .. })));
    assert_eq!(client.enqueue(Task { fails: false }).await.unwrap().wait().await.unwrap(), 1, "the worker works on");
    assert_eq!(worker.drain().await, Ended::Drained);
    assert_eq!(dead.take(), [handle.id()]);
}

fn block(_: Task, Shared(gate): Shared<Arc<Mutex<Receiver<()>>>>) -> handler::Result<u16> {
    let _ = gate.lock().unwrap().recv(); // an error means that the test is over
    Ok(0)
}

#[tokio::test]
async fn worker_with_all_slots_stuck_reports_it_and_ends() {
    let (backend, client) = setup();
    let (open, gate) = channel::<()>();
    let stuck = Noted::default();
    let observer = stuck.clone();
    backend.observe(move |event: Event<'_>| {
        if let Event::Stuck { slots, .. } = event {
            observer.note(slots);
        }
    });
    let worker = Worker::new(backend.clone())
        .handle_blocking(block)
        .share(Arc::new(Mutex::new(gate)))
        .concurrency(1)
        .stuck_after(Duration::from_millis(300))
        .start()
        .unwrap();
    let handle = client.enqueue(Task { fails: false }).timeout(Duration::from_millis(1)).await.unwrap();
    assert_eq!(worker.ended().await, Ended::Stuck);
    assert_eq!((Ended::Stuck.exit_code(), stuck.take()), (12, vec![1]));
    let job = handle.snapshot().await.unwrap().unwrap();
    assert_eq!((job.state, job.failures.len()), (State::Ready, 1), "the attempt failed, and is tried again elsewhere");
    assert_eq!(backend.workers(None, 10).await.unwrap(), [], "it looks alive no longer");
    drop(open);
}

#[tokio::test]
async fn owner_of_the_secret_can_release_the_workers_jobs() {
    let (backend, client) = setup();
    let secret = WorkerSecret::new();
    let (open, gate) = channel::<()>();
    let worker = Worker::new(backend.clone())
        .handle_blocking(block)
        .share(Arc::new(Mutex::new(gate)))
        .secret(secret.clone())
        .start()
        .unwrap();
    assert_eq!(worker.id(), secret.id());
    let handle = client.enqueue(Task { fails: false }).await.unwrap();
    while handle.snapshot().await.unwrap().unwrap().state != State::Running {
        tokio::task::yield_now().await;
    }
    let released = backend.release(secret, crate::Death::Crashed).await.unwrap();
    assert_eq!(released.iter().map(|moved| (moved.id, moved.crashes)).collect::<Vec<_>>(), [(handle.id(), 1)]);
    drop(open);
    worker.cancel().await;
}

#[tokio::test]
async fn concurrency_of_a_kind_is_checked() {
    let refused = |kind: &str, slots| Worker::new(setup().0).handle(run).concurrency_of(kind, slots).start().is_err();
    assert!(refused("task", 0) && refused("other", 1) && !refused("task", 1));
}

#[tokio::test]
async fn attempt_that_ends_because_of_the_shutdown_is_released_and_costs_nothing() {
    async fn until_the_shutdown(_: Task, ctx: Ctx) -> handler::Result<u16> {
        ctx.draining().await;
        Err(handler::Error::interrupted())
    }
    let (backend, client) = setup();
    let worker = Worker::new(backend.clone()).handle(until_the_shutdown).start().unwrap();
    let id = client.enqueue(Task { fails: false }).await.unwrap().id();
    let mut watch = backend.watch(id);
    while watch.next().await.unwrap().state != State::Running {}

    assert_eq!(worker.drain().await, Ended::Released, "not all jobs are finished");
    let job = backend.job(id).await.unwrap().unwrap();
    assert_eq!((job.state, job.attempt, job.interruptions), (State::Ready, 0, 1));
}

#[derive(Serialize, Deserialize)]
struct Summary {}

impl Job for Summary {
    const KIND: &'static str = "summary";
    const QUEUE: &'static str = "reports";
    type Output = ();
}

async fn summarize(_: Summary) -> handler::Result<()> {
    Ok(())
}

#[tokio::test]
async fn worker_claims_from_the_queues_of_its_handlers_and_from_those_added() {
    let (backend, client) = setup();
    let worker = || Worker::new(backend.clone()).handle(summarize).handle(run).queue("mail", 3);
    let all = worker().start().unwrap();
    for queue in ["mail", "reports", "default"] {
        client.enqueue(Summary {}).queue(queue).await.unwrap().wait().await.unwrap();
    }
    all.drain().await;

    let named = worker().only_named_queues().start().unwrap();
    let takes = |queue: &str| named.takes(&queue.parse().unwrap(), &"summary".parse().unwrap());
    assert!(takes("mail") && !takes("reports") && !takes("default"));
    let waits = client.enqueue(Summary {}).await.unwrap();
    client.enqueue(Summary {}).queue("mail").await.unwrap().wait().await.unwrap();
    named.drain().await;
    assert_eq!(waits.snapshot().await.unwrap().unwrap().state, State::Ready);
    let none = Worker::new(backend).handle(run).only_named_queues().start().unwrap_err();
    assert_eq!(none.to_string(), "the worker has no queues: add one with `.queue(…)`");
}

#[tokio::test]
async fn grace_without_limit_waits_for_the_last_job() {
    let (backend, client) = setup();
    let (open, gate) = channel::<()>();
    let worker = Worker::new(backend).handle_blocking(block).share(Arc::new(Mutex::new(gate))).grace(Duration::MAX);
    let worker = worker.start().unwrap();
    let handle = client.enqueue(Task { fails: false }).await.unwrap();
    while worker.report().await.unwrap().running.is_empty() {}
    let (ended, ()) = tokio::join!(worker.drain(), async { open.send(()).unwrap() });
    assert_eq!(ended, Ended::Drained);
    assert_eq!(handle.wait().await.unwrap(), 0);
    assert_eq!(worker.report().await.unwrap().settled, 1, "the last report is kept");
}

/// An extractor that asks a service.
struct Licence(u16);

impl FromCtx for Licence {
    async fn from_ctx(ctx: &Ctx) -> handler::Result<Self> {
        let Shared(asked) = Shared::<Noted<u16>>::from_ctx(ctx).await?;
        tokio::task::yield_now().await;
        asked.note(ctx.attempt());
        if ctx.kind().as_str() == "task" { Ok(Licence(7)) } else { Err(handler::Error::fatal("no licence")) }
    }

    fn missing(provided: &Provided<'_>) -> Option<String> {
        Shared::<Noted<u16>>::missing(provided)
    }
}

#[tokio::test]
async fn extractor_may_be_async_and_serves_blocking_handlers_too() {
    let asked = Noted::<u16>::default();
    let blocking = |_: Task, Licence(number): Licence, _: Ctx| -> handler::Result<u16> { Ok(number) };
    for is_blocking in [true, false] {
        let (backend, client) = setup();
        let worker = Worker::new(backend).share(asked.clone());
        let worker = if is_blocking {
            worker.handle_blocking(blocking)
        } else {
            worker.handle(|_: Task, Licence(number): Licence| async move { Ok(number) })
        };
        let worker = worker.start().unwrap();
        assert_eq!(client.enqueue(Task { fails: false }).await.unwrap().wait().await.unwrap(), 7);
        worker.drain().await;
    }
    assert_eq!(asked.take(), [1, 1]);
}

#[tokio::test]
async fn failed_extractor_fails_the_attempt_and_a_missing_one_the_start() {
    let (backend, client) = setup();
    let handler = |_: Summary, _: Licence| async { Ok(()) };
    let missing = Worker::new(backend.clone()).handle(handler).start().unwrap_err().to_string();
    assert!(missing.contains("handler of kind `summary` needs Shared<") && missing.contains(".share(…)"), "{missing}");
    let worker = Worker::new(backend).handle(handler).share(Noted::<u16>::default()).start().unwrap();
    let handle = client.enqueue(Summary {}).await.unwrap();
    match handle.wait().await {
        Err(WaitError::Dead { reason: Reason::Fatal, message }) => assert_eq!(message, "no licence"),
        other => panic!("{other:?}"),
    }
    worker.drain().await;
}
