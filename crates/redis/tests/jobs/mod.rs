//! Jobs of one kind in one queue, and claims and settlements of them.

use longshore_core::{Claim, Claimed, Kind, NewJob, Outcome, Payload, QueueName, Settlement, WorkerSecret};

pub fn job() -> NewJob {
    NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("{}").unwrap())
}

/// Returns a claim of a new worker.
pub fn ask(limit: usize) -> Claim {
    let kind: Kind = "work".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec![QueueName::default()], vec![kind.into()]);
    claim.limit(limit).idle(true)
}

pub fn success(job: &Claimed) -> Settlement {
    Settlement::new(job.id, job.token, Outcome::Succeed { result: None })
}
