//! Workers over the store: jobs run, results are returned, and failures are handled as designed.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_core::handler::{self, Ctx, Shared};
use longshore_core::worker::{Ended, Worker};
use longshore_core::{
    Client, Handle, Job, NewJob, Output, Payload, Progress, Reason, Retry, State, Stored, WaitError, limits,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Barrier, Semaphore};

use crate::bench::{Bench, job_of, secs};

/// A job that follows its script, with one word per attempt.
#[derive(Serialize, Deserialize)]
struct Scripted {
    script: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    attempt: u16,
    words: String,
}

impl Job for Scripted {
    const KIND: &'static str = "scripted";
    const MAX_ATTEMPTS: u16 = 3;
    const RETRY: Retry = Retry { base: Duration::ZERO, cap: Duration::ZERO };
    type Output = Said;
}

type Runs = Arc<AtomicUsize>;

async fn scripted(job: Scripted, ctx: Ctx, Shared(runs): Shared<Runs>) -> handler::Result<Said> {
    let run = runs.fetch_add(1, Ordering::SeqCst);
    match job.script[run].as_str() {
        "fail" => Err(handler::Error::retry(format!("failed in run {run}"))),
        "fatal" => Err(handler::Error::fatal("no use")),
        "panic" => panic!("oh no, 🐙"),
        "snooze" => Err(handler::Error::snooze(Duration::ZERO)),
        "cancel" => Err(handler::Error::cancel()),
        words => Ok(Said { attempt: ctx.attempt(), words: words.to_owned() }),
    }
}

/// Runs a script to its end. Returns the result of waiting for it, and the job.
async fn play(bench: &Bench, script: &[&str]) -> (Result<Said, WaitError>, longshore_core::Snapshot) {
    let worker = Worker::new(bench.backend.clone()).handle(scripted).share(Runs::default()).start().unwrap();
    let job = Scripted { script: script.iter().map(|word| (*word).to_owned()).collect() };
    let handle = Client::new(bench.backend.clone()).enqueue(job).await.unwrap();
    let said = handle.wait().await;
    assert_eq!(worker.drain().await, Ended::Drained);
    (said, bench.job(handle.id()).await)
}

pub(crate) async fn result_comes_back_typed(bench: Bench) {
    let (said, job) = play(&bench, &["grüß 🌍"]).await;
    assert_eq!(said.unwrap(), Said { attempt: 1, words: "grüß 🌍".into() });
    assert_eq!((job.state, job.attempt), (State::Succeeded, 1));
    assert!(matches!(job.result, Some(Stored::Inline(_))));
}

pub(crate) async fn failed_attempt_is_tried_again(bench: Bench) {
    let (said, job) = play(&bench, &["fail", "fail", "done"]).await;
    assert_eq!(said.unwrap().attempt, 3);
    let messages: Vec<_> = job.failures.into_iter().map(|failure| failure.message).collect();
    assert_eq!(messages, ["failed in run 0", "failed in run 1"]);
}

pub(crate) async fn last_failed_attempt_buries_the_job(bench: Bench) {
    let (said, job) = play(&bench, &["fail", "fail", "fail"]).await;
    match said {
        Err(WaitError::Dead { reason: Reason::Exhausted, message }) => assert_eq!(message, "failed in run 2"),
        other => panic!("{other:?}"),
    }
    assert_eq!((job.state, job.attempt, job.failures.len()), (State::Dead, 3, 3));
}

pub(crate) async fn panic_is_a_failed_attempt(bench: Bench) {
    let (said, job) = play(&bench, &["panic", "done"]).await;
    assert_eq!(said.unwrap().attempt, 2);
    assert_eq!(job.failures[0].message, "panicked: oh no, 🐙");
    assert_eq!(job.crashes, 0, "a panic is no crash of the worker");
}

pub(crate) async fn fatal_failure_is_not_tried_again(bench: Bench) {
    let (said, job) = play(&bench, &["fatal"]).await;
    assert!(matches!(said, Err(WaitError::Dead { reason: Reason::Fatal, message }) if message == "no use"));
    assert_eq!(job.attempt, 1);
}

pub(crate) async fn snooze_costs_no_attempt(bench: Bench) {
    let (said, job) = play(&bench, &["snooze", "snooze", "snooze", "done"]).await;
    assert_eq!(said.unwrap().attempt, 1);
    assert_eq!((job.interruptions, job.failures.len()), (3, 0));
}

pub(crate) async fn handler_may_cancel_its_job(bench: Bench) {
    let (said, job) = play(&bench, &["cancel"]).await;
    assert!(matches!(said, Err(WaitError::Cancelled)));
    assert_eq!(job.state, State::Cancelled);
}

pub(crate) async fn payload_that_does_not_fit_is_dead_and_stops_nobody(bench: Bench) {
    let wrong = NewJob { payload: Payload::parse(r#"{"script":7}"#).unwrap(), ..job_of("default", "scripted") };
    let id = bench.push(wrong).await;
    let (said, _) = play(&bench, &["done"]).await;
    assert_eq!(said.unwrap().words, "done");
    let job = bench.job(id).await;
    assert_eq!((job.state, job.reason, job.attempt), (State::Dead, Some(Reason::Fatal), 1));
    assert!(job.failures[0].message.contains("payload does not fit"), "{}", job.failures[0].message);
}

pub(crate) async fn kind_without_handler_is_left_alone(bench: Bench) {
    let other = bench.push(job_of("default", "other")).await;
    let (said, _) = play(&bench, &["done"]).await;
    assert!(said.is_ok());
    let job = bench.job(other).await;
    assert_eq!((job.state, job.attempt), (State::Ready, 0));
}

#[derive(Serialize, Deserialize)]
struct Paint {
    bytes: usize,
}

impl Job for Paint {
    const KIND: &'static str = "paint";
    type Output = Output;
}

pub(crate) async fn large_result_goes_through_the_artifacts(bench: Bench) {
    let paint = |job: Paint| async move { Ok(Output::new("image/gif", vec![9; job.bytes])) };
    let worker = Worker::new(bench.backend.clone()).handle(paint).start().unwrap();
    let bytes = limits::INLINE_RESULT_BYTES * 3;
    let handle = Client::new(bench.backend.clone()).enqueue(Paint { bytes }).await.unwrap();
    let picture = handle.wait().await.unwrap();
    assert!(picture == Output::new("image/gif", vec![9; bytes]));
    assert!(
        matches!(bench.job(handle.id()).await.result, Some(Stored::Artifact { bytes: kept, .. }) if kept == bytes as u64)
    );
    assert_eq!(worker.drain().await, Ended::Drained);
}

#[derive(Serialize, Deserialize)]
struct Step {
    number: usize,
}

impl Job for Step {
    const KIND: &'static str = "step";
    type Output = usize;
}

pub(crate) async fn progress_is_seen_by_a_watcher(bench: Bench) {
    let gate = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&gate);
    let step = move |job: Step, ctx: Ctx| {
        let gate = Arc::clone(&shared);
        async move {
            ctx.progress(Progress::of(7, 20).with_message("Processing"));
            gate.acquire().await?.forget();
            ctx.progress(Progress::of(20, 20));
            Ok(job.number)
        }
    };
    let worker = Worker::new(bench.backend.clone()).handle(step).start().unwrap();
    let handle = Client::new(bench.backend.clone()).enqueue(Step { number: 1 }).await.unwrap();
    let mut watch = handle.watch();
    loop {
        let status = watch.next().await.expect("the job is known");
        assert!(!status.state.is_final(), "the job ended without its progress being seen");
        if status.words() == "Processing 7/20" {
            break;
        }
    }
    gate.add_permits(1);
    assert_eq!(handle.wait().await.unwrap(), 1);
    assert_eq!(bench.job(handle.id()).await.progress, Some(Progress::of(20, 20)), "the last word is kept");
    assert_eq!(worker.drain().await, Ended::Drained);
}

pub(crate) async fn as_many_run_at_a_time_as_there_are_slots(bench: Bench) {
    const SLOTS: usize = 4;
    let together = Arc::new((Barrier::new(SLOTS), AtomicUsize::new(0), AtomicUsize::new(0)));
    let shared = Arc::clone(&together);
    // A handler ends only when all slots are used. With fewer slots, nothing would ever end.
    let step = move |job: Step| {
        let together = Arc::clone(&shared);
        async move {
            let (full, now, most) = &*together;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            full.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(job.number)
        }
    };
    let worker = Worker::new(bench.backend.clone()).handle(step).concurrency(SLOTS).start().unwrap();
    let client = Client::new(bench.backend.clone());
    let handles = client.enqueue_many((0..SLOTS * 10).map(|number| Step { number })).await.unwrap();
    for (number, handle) in handles.iter().enumerate() {
        assert_eq!(handle.wait().await.unwrap(), number);
    }
    assert_eq!(together.2.load(Ordering::SeqCst), SLOTS);
    assert_eq!(worker.drain().await, Ended::Drained);
}

type Counts = Arc<Mutex<HashMap<usize, usize>>>;

async fn count(job: Step, Shared(counts): Shared<Counts>) -> handler::Result<usize> {
    *counts.lock().unwrap().entry(job.number).or_default() += 1;
    Ok(job.number)
}

async fn all_succeed(handles: &[Handle<Step>]) {
    for (number, handle) in handles.iter().enumerate() {
        assert_eq!(handle.wait().await.unwrap(), number);
    }
}

pub(crate) async fn thousand_jobs_succeed_once_each(bench: Bench) {
    let counts = Counts::default();
    let worker =
        Worker::new(bench.backend.clone()).handle(count).share(Arc::clone(&counts)).concurrency(50).start().unwrap();
    let client = Client::new(bench.backend.clone());
    let handles = client.enqueue_many((0..1_000).map(|number| Step { number })).await.unwrap();
    all_succeed(&handles).await;
    let report = worker.report().await.unwrap();
    assert_eq!((report.claimed, report.settled, report.lost), (1_000, 1_000, 0));
    assert_eq!(worker.drain().await, Ended::Drained);
    let counts = counts.lock().unwrap().clone();
    assert!(counts.len() == 1_000 && counts.values().all(|runs| *runs == 1), "a job ran twice");
    assert_eq!(bench.count(State::Succeeded).await, 1_000);
}

pub(crate) async fn workers_share_the_work_and_run_nothing_twice(bench: Bench) {
    let counts = Counts::default();
    let ways = bench.ways().await;
    let start = |n: usize| {
        let backend = ways[n % ways.len()].clone();
        Worker::new(backend).handle(count).share(Arc::clone(&counts)).concurrency(5).start().unwrap()
    };
    let workers: Vec<_> = (0..4).map(start).collect();
    let client = Client::new(bench.backend.clone());
    let handles = client.enqueue_many((0..400).map(|number| Step { number })).await.unwrap();
    all_succeed(&handles).await;
    for worker in workers {
        assert_eq!(worker.drain().await, Ended::Drained);
    }
    assert!(counts.lock().unwrap().values().all(|runs| *runs == 1), "a job ran twice");
}

#[derive(Serialize, Deserialize)]
struct Report {
    bytes: usize,
    content_type: String,
}

impl Job for Report {
    const KIND: &'static str = "report";
    type Output = Output;
}

pub(crate) async fn file_that_a_handler_returns_is_its_result(bench: Bench) {
    let report = |job: Report| {
        let mut file = tempfile::tempfile()?;
        file.write_all(&vec![b'x'; job.bytes])?;
        Ok(Output::file(job.content_type, file)?)
    };
    let worker = Worker::new(bench.backend.clone()).handle_blocking(report).start().unwrap();
    let client = Client::new(bench.backend.clone());
    for (bytes, content_type, inline) in
        [(0, "text/plain", true), (9, "text/plain", true), (9, "image/gif", false), (700_000, "text/plain", false)]
    {
        let handle = client.enqueue(Report { bytes, content_type: content_type.into() }).await.unwrap();
        let output = handle.wait().await.unwrap();
        assert_eq!(output.content_type, content_type);
        assert!(output.body == vec![b'x'; bytes], "{bytes} bytes of {content_type}");
        let stored = bench.job(handle.id()).await.result.unwrap();
        assert_eq!(matches!(stored, Stored::Inline(_)), inline, "{bytes} bytes of {content_type}");
    }
    assert_eq!(worker.drain().await, Ended::Drained);
}

pub(crate) async fn two_workers_run_side_by_side(bench: Bench) {
    let both = Arc::new(Barrier::new(2));
    let ways = bench.ways().await;
    let start = |n: usize| {
        let both = Arc::clone(&both);
        let step = move |job: Step| {
            let both = Arc::clone(&both);
            async move {
                both.wait().await; // until the other worker runs one as well
                Ok(job.number)
            }
        };
        Worker::new(ways[n % ways.len()].clone()).handle(step).concurrency(1).start().unwrap()
    };
    let workers = [start(0), start(1)];
    let client = Client::new(bench.backend.clone());
    let handles = client.enqueue_many((0..10).map(|number| Step { number })).await.unwrap();
    all_succeed(&handles).await;
    let ran: HashSet<_> = bench.list(Default::default()).await.into_iter().filter_map(|job| job.worker).collect();
    assert_eq!(ran, workers.iter().map(|worker| worker.id()).collect());
    for worker in workers {
        assert_eq!(worker.drain().await, Ended::Drained);
    }
}

pub(crate) async fn isolated_job_runs_without_others(bench: Bench) {
    let suspect = bench.push(NewJob::of(&Step { number: 0 }).unwrap()).await;
    for _ in 0..2 {
        let ask = bench.ask().kinds(crate::bench::known(["step"]));
        assert_eq!(bench.claim(ask).await.len(), 1);
        assert_eq!(bench.crash().await, 1);
    }
    bench.advance(limits::CRASH_BACKOFF);
    let client = Client::new(bench.backend.clone());
    let handles = client.enqueue_many((1..30).map(|number| Step { number })).await.unwrap();
    let (now, beside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let shared = (Arc::clone(&now), Arc::clone(&beside));
    let step = move |job: Step| {
        let (now, beside) = shared.clone();
        async move {
            let neighbours = now.fetch_add(1, Ordering::SeqCst);
            if job.number == 0 {
                tokio::task::yield_now().await;
                beside.fetch_max(neighbours.max(now.load(Ordering::SeqCst) - 1), Ordering::SeqCst);
            }
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(job.number)
        }
    };
    let worker = Worker::new(bench.backend.clone()).handle(step).concurrency(8).start().unwrap();
    assert_eq!(client.handle::<Step>(suspect).wait().await.unwrap(), 0);
    for handle in &handles {
        handle.wait().await.unwrap();
    }
    assert_eq!(beside.load(Ordering::SeqCst), 0, "it had neighbours");
    assert_eq!(worker.drain().await, Ended::Drained);
}

pub(crate) async fn job_of_a_dead_worker_is_run_by_another(bench: Bench) {
    let started = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&started);
    let forever = move |_: Step| {
        let started = Arc::clone(&shared);
        async move {
            started.add_permits(1);
            std::future::pending::<handler::Result<usize>>().await
        }
    };
    // A worker with its own runtime, which ends without a release.
    let doomed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let backend = longshore_core::Backend::new(Arc::clone(&bench.store), bench.artifacts());
    let handle = Client::new(bench.backend.clone()).enqueue(Step { number: 5 }).await.unwrap();
    doomed.spawn(async move {
        let worker = Worker::new(backend).handle(forever).start().unwrap();
        worker.ended().await
    });
    started.acquire().await.unwrap().forget();
    doomed.shutdown_background();

    bench.advance(limits::LEASE + secs(1));
    let step = |job: Step| async move { Ok(job.number) };
    let worker = Worker::new(bench.backend.clone()).handle(step).start().unwrap();
    assert_eq!(handle.wait().await.unwrap(), 5);
    let job = bench.job(handle.id()).await;
    assert_eq!((job.attempt, job.crashes, job.worker), (1, 1, Some(worker.id())));
    assert_eq!(worker.drain().await, Ended::Drained);
}
