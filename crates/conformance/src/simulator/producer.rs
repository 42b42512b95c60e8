//! Producers: they repeat pushes until they are answered, and every answered push must be finished at the end.

use std::rc::Rc;

use longshore_core::{Idempotency, JobId, NewJob, Pushed, Unique, UniqueScope, When};

use crate::bench::{job_of, label};

use super::calls::Push;
use super::net::Net;
use super::world::sleep;
use super::{UNIT, worker};

/// The most jobs of a run: enough to interact, few enough to read all of them.
const JOBS: usize = 40;

pub(super) async fn produce(net: Rc<Net>, who: String) {
    loop {
        sleep(net.dice(0..6)).await;
        if net.with_ledger(|ledger| ledger.len()) >= JOBS {
            continue;
        }
        let jobs: Vec<NewJob> = (0..net.dice(1..4)).map(|_| new_job(&net)).collect();
        push(&net, &who, jobs.clone()).await;
        let again: Vec<NewJob> = jobs.into_iter().filter_map(|new| asked_again(&net, new)).collect();
        if !again.is_empty() {
            push(&net, &who, again).await;
        }
    }
}

async fn push(net: &Net, who: &str, jobs: Vec<NewJob>) {
    net.with_ledger(|ledger| jobs.iter().for_each(|new| ledger.register(new)));
    let answers = net.insist(who, Push(jobs)).await.expect("a push is answered in the end");
    for answer in answers {
        if let Pushed::Created(id) = answer {
            net.with_ledger(|ledger| ledger.entry(id).acknowledged = true);
        }
    }
}

/// Returns the job of a caller that repeats the same request, or sends another one with the same key.
fn asked_again(net: &Net, new: NewJob) -> Option<NewJob> {
    let mut idempotency = new.idempotency.clone().filter(|_| net.chance(500))?;
    idempotency.fingerprint = [u8::from(net.chance(300)); 32];
    Some(NewJob { id: JobId::new(&new.queue), idempotency: Some(idempotency), ..new })
}

fn new_job(net: &Net) -> NewJob {
    let mut new = job_of(net.choice(&worker::QUEUES), net.choice(&worker::KINDS));
    new.priority = net.dice(0..5) as i16 - 2;
    new.max_attempts = Some(net.dice(1..4) as u16);
    if net.chance(300) {
        new.when = When::In(UNIT * net.dice(1..20));
    }
    if net.chance(150) {
        new.deadline = Some(When::In(UNIT * net.dice(1..30)));
    }
    if net.chance(300) {
        let key = label(net.choice(&["one", "two", "drei"]));
        new.unique = Some(Unique { key, scope: UniqueScope::UntilFinished });
    }
    if net.chance(250) {
        let key = label(&format!("request {}", net.any()));
        new.idempotency = Some(Idempotency { key, fingerprint: [0; 32] });
    }
    new
}
