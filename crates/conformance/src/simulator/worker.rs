//! Workers: they claim, run, renew and settle, with the retries that the contract requires; and may end at any await
//! point.

use std::rc::Rc;

use longshore_core::{
    Claim, Claimed, Death, Nonce, Outcome, Output, Progress, QueueName, Renewal, Renewed, Settlement, Stored,
    WorkerSecret,
};

use crate::bench::{exhausted, fatal, known, outage_for, queue, retry_in};

use super::UNIT;
use super::calls::{Ask, Release, Renew, Settle};
use super::net::Net;
use super::world::sleep;

pub(super) const QUEUES: [&str; 2] = ["a", "b"];
pub(super) const KINDS: [&str; 2] = ["x", "y"];

/// The length of a lease in units.
const LEASE: u32 = 3;

pub(super) async fn work(net: Rc<Net>, who: String, secret: WorkerSecret) {
    loop {
        let kinds = known(KINDS)[net.dice(0..2) as usize..].to_vec();
        let mut claim = Claim::new(secret.id(), any_queues(&net), kinds);
        claim.nonce = Nonce(net.any());
        claim.limit = net.dice(1..4) as usize;
        claim.lease = UNIT * LEASE;
        claim.idle = true;
        let Ok(claims) = net.insist(&who, Ask(claim)).await else { return }; // it was released
        if claims.jobs.is_empty() {
            sleep(net.dice(0..4)).await;
        }
        run(&net, &who, claims.jobs).await;
        if net.chance(30) {
            return; // stops on purpose
        }
    }
}

/// Releases the jobs of a worker.
pub(super) async fn release(net: Rc<Net>, who: String, secret: WorkerSecret, death: Death) {
    sleep(net.dice(0..3)).await;
    let told = net.insist(&who, Release(secret, death)).await;
    told.expect("a release is answered in the end");
}

fn any_queues(net: &Net) -> Vec<QueueName> {
    let [a, b] = QUEUES.map(queue);
    match net.dice(0..4) {
        0 => vec![a],
        1 => vec![b],
        2 => vec![a, b],
        _ => vec![b, a],
    }
}

/// Runs jobs concurrently, renews their leases, and settles each when it is done.
async fn run(net: &Net, who: &str, mut held: Vec<Claimed>) {
    while !held.is_empty() {
        sleep(net.dice(0..3)).await;
        if net.chance(600) {
            renew(net, who, &mut held).await;
        } else {
            let n = held.len().min(net.dice(1..3) as usize);
            settle(net, who, held.drain(..n).collect(), None).await;
        }
    }
}

/// Renews all claims, drops the lost ones, and settles cancelled ones.
async fn renew(net: &Net, who: &str, held: &mut Vec<Claimed>) {
    let renewals = held.iter().map(|job| renewal(net, job)).collect();
    // A renewal without an answer is not repeated: the next one replaces it.
    let Ok(answers) = net.send(who, Renew(renewals)).await else { return };
    let mut called_off = Vec::new();
    for (job, answer) in std::mem::take(held).into_iter().zip(answers) {
        match answer {
            Renewed::Held => held.push(job),
            Renewed::CancelAsked => called_off.push(job),
            Renewed::Lost => {}
        }
    }
    if !called_off.is_empty() {
        settle(net, who, called_off, Some(Outcome::Cancel)).await;
    }
}

/// Settles jobs, with random outcomes or all with the same.
async fn settle(net: &Net, who: &str, jobs: Vec<Claimed>, outcome: Option<Outcome>) {
    let settlement =
        |job: Claimed| Settlement::new(job.id, job.token, outcome.clone().unwrap_or_else(|| any_outcome(net, &job)));
    let settled = net.insist(who, Settle(jobs.into_iter().map(settlement).collect())).await;
    settled.expect("a settle is answered in the end");
}

fn renewal(net: &Net, job: &Claimed) -> Renewal {
    let progress = net.chance(500).then(|| Progress::of(u64::from(net.dice(0..9)), 9));
    Renewal::new(job.id, job.token, UNIT * LEASE).progress(progress)
}

fn any_outcome(net: &Net, job: &Claimed) -> Outcome {
    let delay = UNIT * net.dice(0..4);
    match net.dice(0..12) {
        0..5 => {
            let result = Stored::Inline(Output::new("text/plain", net.any().to_string()));
            Outcome::Succeed { result: Some(result) }
        }
        5..7 if job.attempt >= job.max_attempts => exhausted(),
        5..7 => retry_in(delay),
        7 => outage_for(delay),
        8 => Outcome::Snooze { delay },
        9 => Outcome::Release,
        10 => fatal(),
        _ => Outcome::Cancel,
    }
}
