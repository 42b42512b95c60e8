//! Jobs of one kind in one queue, as the tests beside this push, claim and settle them.

use longshore_core::{Claim, Claimed, Kind, NewJob, Outcome, Payload, QueueName, Settlement, WorkerSecret};

pub fn job() -> NewJob {
    NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("{}").unwrap())
}

/// A claim of some worker.
pub fn ask(limit: usize) -> Claim {
    let kind: Kind = "work".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec![QueueName::default()], vec![kind.into()]);
    Claim { limit, idle: true, ..claim }
}

pub fn success(job: &Claimed) -> Settlement {
    Settlement { id: job.id, token: job.token, outcome: Outcome::Succeed { result: None }, progress: None }
}
