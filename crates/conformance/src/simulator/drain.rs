//! The end of a run: healthy workers run all remaining jobs, and then everything is checked again.

use longshore_core::{Claim, Nonce, Outcome, Settlement, Upkeep, WorkerSecret, limits};

use crate::bench::{known, queue};

use super::UNIT;
use super::calls::{Ask, KeepUp, ResumeQueue, Settle};
use super::net::Net;
use super::worker::{KINDS, QUEUES};
use super::world::sleep;

const WHO: &str = "the healthy worker";

/// Units between two rounds: longer than any lease and any backoff.
const ROUND: u32 = 6;

/// More rounds than anything can take: one minute each, while clocks change by an hour at most.
const ROUNDS: usize = 200;

pub(super) async fn drain(net: &Net) {
    net.calm();
    for name in QUEUES {
        net.send(WHO, ResumeQueue(queue(name))).await.expect("nothing goes wrong any more");
    }
    let worker = WorkerSecret::new();
    for _ in 0..ROUNDS {
        sleep(ROUND).await;
        let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true);
        net.send(WHO, KeepUp(upkeep)).await.expect("nothing goes wrong any more");
        while work_off(net, &worker).await {}
        if net.with_ledger(|ledger| ledger.known(|job| !job.state.is_final())).is_empty() {
            net.audit().await;
            net.is_sound().await;
            return net.with_ledger(|ledger| {
                for entry in ledger.entries() {
                    let lost = entry.acknowledged && entry.seen.is_none() && !entry.gone;
                    assert!(!lost, "{} was acknowledged, and is lost", ledger.name(entry.new.id));
                }
            });
        }
    }
    let left = net.with_ledger(|ledger| {
        let left = ledger.known(|job| !job.state.is_final());
        left.into_iter().map(|id| ledger.entry(id).seen.clone()).collect::<Vec<_>>()
    });
    panic!("never finished: {left:?}");
}

/// Claims jobs and ends them. Returns whether there were any.
async fn work_off(net: &Net, worker: &WorkerSecret) -> bool {
    let mut claim = Claim::new(worker.id(), QUEUES.map(queue).to_vec(), known(KINDS));
    claim.nonce = Nonce(net.any());
    claim.limit = 100;
    claim.lease = UNIT;
    claim.idle = true;
    let jobs = net.send(WHO, Ask(claim)).await.expect("nothing goes wrong any more").jobs;
    let end = |job: &longshore_core::Claimed| Settlement::new(job.id, job.token, Outcome::Succeed { result: None });
    if !jobs.is_empty() {
        net.send(WHO, Settle(jobs.iter().map(end).collect())).await.expect("nothing goes wrong any more");
    }
    !jobs.is_empty()
}
