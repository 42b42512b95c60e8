//! Jobs of one kind in one queue, as the tests beside this push, claim and settle them.

use longshore_core::{Claim, Claimed, NewJob, Nonce, Outcome, Payload, QueueName, Settlement, WorkerSecret, limits};

pub fn job() -> NewJob {
    NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("{}").unwrap())
}

/// A claim of some worker.
pub fn ask(limit: usize) -> Claim {
    Claim {
        worker: WorkerSecret::new().id(),
        nonce: Nonce::new(),
        queues: vec![QueueName::default()],
        kinds: vec!["work".parse().unwrap()],
        limit,
        lease: limits::LEASE,
        idle: true,
    }
}

pub fn success(job: &Claimed) -> Settlement {
    Settlement { id: job.id, token: job.token, outcome: Outcome::Succeed { result: None }, progress: None }
}
