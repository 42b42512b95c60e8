//! Calls over a broken connection are retried: nothing is lost, nothing runs twice, and outcomes wait until they are
//! settled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_core::handler::{self, Ctx, Shared};
use longshore_core::worker::{Ended, Worker};
use longshore_core::{
    Acted, Action, Backend, Claimed, Client, Death, Effect, Error, ErrorKind, Job, Jobs, NewJob, Pushed, Retry, State,
    Upkeep, UpkeepReport, limits,
};
use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::bench::{Bench, UnwrapEach, dice, job, unique};
use crate::faults::Faults;
use crate::through::{Calling, Layer, Through, Verb};

#[derive(Serialize, Deserialize)]
struct Number {
    number: usize,
}

impl Job for Number {
    const KIND: &'static str = "number";
    const MAX_ATTEMPTS: u16 = 5;
    const RETRY: Retry = Retry { base: Duration::ZERO, cap: Duration::ZERO };
    type Output = usize;
}

type Runs = Arc<Mutex<HashMap<usize, usize>>>;

/// Fails the first run of every fifth job, so that retries are settled over the bad connection, too.
async fn once(job: Number, Shared(runs): Shared<Runs>) -> handler::Result<usize> {
    let run = {
        let mut runs = runs.lock().unwrap();
        let run = runs.entry(job.number).or_default();
        *run += 1;
        *run
    };
    if job.number.is_multiple_of(5) && run == 1 {
        return Err(handler::Error::retry("not this time"));
    }
    Ok(job.number)
}

fn over_a_bad_connection(bench: &Bench) -> Backend {
    Backend::new(Arc::new(Through::new(Arc::clone(&bench.store), Faults::by_dice(dice()))), bench.artifacts())
}

pub(crate) async fn worker_gets_through_a_bad_connection(bench: Bench) {
    let runs = Runs::default();
    let shaky = over_a_bad_connection(&bench);
    let client = Client::new(bench.backend.clone());
    let handles = client.enqueue_many((0..200).map(|number| Number { number })).await.unwrap();
    let worker = Worker::new(shaky.clone()).handle(once).share(Arc::clone(&runs)).concurrency(20).start().unwrap();
    for (number, handle) in handles.iter().enumerate() {
        assert_eq!(handle.wait().await.unwrap(), number);
    }
    assert_eq!(worker.drain().await, Ended::Drained);
    for (number, runs) in runs.lock().unwrap().iter() {
        assert_eq!(*runs, if number.is_multiple_of(5) { 2 } else { 1 }, "runs of job {number}");
    }
    for handle in &handles {
        let job = handle.snapshot().await.unwrap().unwrap();
        assert_eq!((job.crashes, job.interruptions), (0, 0));
    }
    assert_eq!(bench.count(State::Succeeded).await, 200);
}

pub(crate) async fn producer_may_repeat_until_it_is_answered(bench: Bench) {
    let shaky = over_a_bad_connection(&bench);
    for round in 0..50 {
        let jobs: Vec<NewJob> = vec![job(), unique(&format!("k{round}"), longshore_core::UniqueScope::UntilFinished)];
        let expected: Vec<_> = jobs.iter().map(|job| Pushed::Created(job.id)).collect();
        let mut lost = false;
        let answer = loop {
            match shaky.push(jobs.clone()).await.and_then(UnwrapEach::whole) {
                Ok(answer) => break answer,
                Err(e) => {
                    assert!(e.is_retryable());
                    lost |= e.effect() == Effect::PerhapsDone;
                    let arrived = bench.is_known(jobs[0].id).await;
                    assert_eq!(arrived, lost, "nothing is there before it was done, and all of it after");
                }
            }
        };
        assert_eq!(answer, expected);
    }
    assert_eq!(bench.count(State::Ready).await, 100);
}

pub(crate) async fn typed_push_may_be_repeated_until_it_is_answered(bench: Bench) {
    const ALL: usize = 2_500; // three calls, of which the second fails, and so the third is not made
    let faults = Faults::by_script([None, Some(Fault::AnswerLost)]);
    let lossy = Backend::new(Arc::new(Through::new(Arc::clone(&bench.store), faults)), bench.artifacts());
    let client = Client::new(lossy);
    let numbers = client.enqueue_many((0..ALL).map(|number| Number { number }));
    let numbers = numbers.each(|job, push| push.tag("many").unique(&job.number.to_string()));
    let answers = numbers.push_each().await.unwrap();
    let first = answers.iter().map_while(|answer| answer.as_ref().ok()).map(|handle| handle.id()).collect::<Vec<_>>();
    assert_eq!(first.len(), limits::BATCH, "jobs that are stored are answered");
    let effects = answers.iter().filter_map(|answer| answer.as_ref().err()).map(Error::effect).collect::<Vec<_>>();
    assert_eq!(effects[..limits::BATCH], [Effect::PerhapsDone; limits::BATCH]);
    assert_eq!(effects[limits::BATCH..], [Effect::NotDone; 500]);

    let again: Vec<_> = numbers.push().await.unwrap().iter().map(|handle| handle.id()).collect();
    assert_eq!(again[..limits::BATCH], first);
    assert_eq!(bench.count(State::Ready).await, ALL as u64);

    let lossy = Arc::new(Through::new(Arc::clone(&bench.store), Faults::by_script([None, Some(Fault::NotDone)])));
    let client = Client::new(Backend::new(lossy, bench.artifacts()));
    let more = client.enqueue_many((0..2 * limits::BATCH).map(|number| Number { number }));
    let error = more.push().await.unwrap_err();
    assert!(error.to_string().starts_with("1000 of 2000 jobs are stored: "), "{error}");
    assert_eq!(error.effect(), Effect::PerhapsDone, "something was done");

    let one = Client::new(that_loses_an_answer(&bench)).enqueue(Number { number: ALL });
    assert!(is_lost(one.push().await));
    assert_eq!(one.push().await.unwrap().id(), one.id().unwrap());
    assert_eq!(one.push().await.unwrap().duplicate(), None, "it is no duplicate of itself");
    assert_eq!(bench.count(State::Ready).await, (ALL + limits::BATCH + 1) as u64);
}

/// A connection on which the first three logs cannot be written.
#[derive(Default)]
struct NoLogs(AtomicUsize);

impl Layer for NoLogs {
    async fn around<'a, T, C>(&'a self, verb: Verb, call: C) -> Result<T, Error>
    where
        T: Send + 'a,
        C: Fn() -> Calling<'a, T> + Send + Sync + 'a,
    {
        if verb == Verb::WriteLog && self.0.fetch_add(1, Ordering::SeqCst) < 3 {
            return Err(Error::new(ErrorKind::Unavailable, "connection reset"));
        }
        call().await
    }
}

async fn talkative(job: Number, ctx: Ctx) -> handler::Result<usize> {
    ctx.log("the last words");
    Ok(job.number)
}

pub(crate) async fn log_is_written_though_the_store_failed_as_the_handler_ended(bench: Bench) {
    let store = Arc::new(Through::new(Arc::clone(&bench.store), NoLogs::default()));
    let worker = Worker::new(Backend::new(store, bench.artifacts())).handle(talkative).start().unwrap();
    let handle = Client::new(bench.backend.clone()).enqueue(Number { number: 7 }).await.unwrap();
    assert_eq!(handle.wait().await.unwrap(), 7);
    assert_eq!(worker.drain().await, Ended::Drained);
    assert_eq!(bench.backend.log(handle.id(), None).await.unwrap().as_deref(), Some("the last words\n"));
}

/// Returns the store behind a connection on which the next call takes effect without an answer, and the one after it
/// arrives twice.
fn that_loses_an_answer(bench: &Bench) -> Backend {
    let faults = Faults::by_script([Some(Fault::AnswerLost), Some(Fault::Twice)]);
    Backend::new(Arc::new(Through::new(Arc::clone(&bench.store), faults)), bench.artifacts())
}

fn is_lost<T>(answer: Result<T, Error>) -> bool {
    answer.is_err_and(|e| e.is_retryable() && e.effect() == Effect::PerhapsDone)
}

pub(crate) async fn release_may_be_repeated_until_it_is_answered(bench: Bench) {
    bench.push_plain(3).await;
    let claimed = bench.take(3).await;
    let lossy = that_loses_an_answer(&bench);
    assert!(is_lost(lossy.release(bench.worker.clone(), Death::Crashed).await));
    let again = bench.ask().worker(longshore_core::WorkerSecret::new().id());
    let next = bench.claim(again).await;
    assert_eq!(lossy.release(bench.worker.clone(), Death::Crashed).await.unwrap().len(), 0, "nothing is left to do");
    for Claimed { id, .. } in &claimed {
        let job = bench.job(*id).await;
        let state = if *id == next[0].id { State::Running } else { State::Ready };
        assert_eq!((job.state, job.crashes), (state, 1), "a repeat counted again, or took a job from another worker");
    }
}

pub(crate) async fn upkeep_may_be_repeated_until_it_is_answered(bench: Bench) {
    let claimed = bench.running().await;
    bench.advance(limits::LEASE);
    let store =
        Through::new(Arc::clone(&bench.store), Faults::by_script([Some(Fault::AnswerLost), Some(Fault::Twice)]));
    let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true);
    assert!(is_lost(store.upkeep(upkeep).await));
    assert_eq!(store.upkeep(upkeep).await.unwrap(), UpkeepReport::default(), "nothing is left to do");
    assert_eq!(bench.job(claimed.id).await.crashes, 1);
}

pub(crate) async fn act_may_be_repeated_until_it_is_answered(bench: Bench) {
    let id = bench.push(job()).await;
    let acts = [(Action::Cancel, State::Cancelled), (Action::Retry, State::Ready)];
    for (action, state) in acts {
        let lossy = that_loses_an_answer(&bench);
        assert!(is_lost(lossy.act(id, action).await));
        let before = bench.job(id).await;
        assert_eq!(before.state, state);
        assert_eq!(lossy.act(id, action).await.unwrap(), Acted::WrongState(state), "it was done");
        assert_eq!(bench.job(id).await, before);
    }
}
