//! A lost connection is retried: nothing is lost, nothing runs twice, and finished outcomes wait until they are settled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_core::handler::{self, State as Shared};
use longshore_core::worker::{Ended, Worker};
use longshore_core::{Backend, Client, Effect, Job, NewJob, Pushed, Retry, State};
use serde::{Deserialize, Serialize};

use crate::bench::{Bench, dice, job, unique};
use crate::shaky::Shaky;

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
    Backend::new(Arc::new(Shaky::new(Arc::clone(&bench.store), dice())), bench.artifacts())
}

pub(crate) async fn worker_gets_through_a_bad_connection(bench: Bench) {
    let runs = Runs::default();
    let shaky = over_a_bad_connection(&bench);
    let client = Client::new(bench.backend.clone());
    let handles = client.enqueue_many((0..200).map(|number| Number { number })).await.unwrap();
    let worker = Worker::new(shaky.clone()).handle(once).state(Arc::clone(&runs)).concurrency(20).start().unwrap();
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
            match shaky.push(jobs.clone()).await {
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
