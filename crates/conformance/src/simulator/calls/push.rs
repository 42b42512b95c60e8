//! Pushes: an answered batch is stored, exactly once, whatever happened on the way.

use std::sync::Arc;

use longshore_core::{DuplicateReason, Error, JobId, NewJob, Pushed, State, Store};

use crate::bench::UnwrapEach;

use super::super::ledger::{Change, Ledger};
use super::{Call, Times};

#[derive(Clone)]
pub(in super::super) struct Push(pub(in super::super) Vec<NewJob>);

impl Call for Push {
    type Answer = Vec<Pushed>;

    const MAY_BE_LATE: bool = true;

    async fn make(self, store: &Arc<dyn Store>) -> Result<Vec<Pushed>, Error> {
        store.push(self.0).await.whole()
    }

    fn touches(&self, _: &Ledger) -> Vec<JobId> {
        self.0.iter().map(|new| new.id).collect()
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<Vec<Pushed>, Error>, changes: &[Change], times: &Times) {
        let answers = answer.as_ref().expect("a push is answered");
        assert_eq!(answers.len(), self.0.len());
        for ((new, answer), change) in self.0.iter().zip(answers).zip(changes) {
            if check_request(ledger, new, answer, change) {
                continue;
            }
            match (answer, &change.before) {
                (Pushed::Created(id), _) if *id != new.id => panic!("a push of {} was answered for {id}", new.id),
                (Pushed::Created(_), Some(_)) => change.is_none("it was pushed before"),
                (Pushed::Created(_), None) => check_fresh(ledger, new, change, times),
                (Pushed::Existing { id, by: DuplicateReason::Unique }, None) => {
                    assert_eq!(change.after, None, "a job that stands back is not there");
                    let key = &new.unique.as_ref().expect("nothing else can stand for it").key;
                    assert_eq!(ledger.holders(&new.queue, key), [*id]);
                }
                (answer, before) => panic!("a push of {before:?} was answered {answer:?}"),
            }
        }
    }

    fn words(&self, ledger: &Ledger) -> String {
        let names: Vec<_> = self.0.iter().map(|new| ledger.name(new.id)).collect();
        format!("push {}", names.join(" "))
    }

    fn say(_: &Ledger, answer: &Result<Vec<Pushed>, Error>) -> String {
        let say = |answer: &Pushed| match answer {
            Pushed::Created(_) => "created",
            Pushed::Existing { .. } => "existing",
            Pushed::Conflict(_) => "conflict",
            Pushed::Refused(_) => "refused",
        };
        answer.iter().flatten().map(say).collect::<Vec<_>>().join(" ")
    }
}

/// Checks the answer to a request that was answered before. Returns `false` for a new request.
fn check_request(ledger: &mut Ledger, new: &NewJob, answer: &Pushed, change: &Change) -> bool {
    let Some(idempotency) = &new.idempotency else { return false };
    if change.before.is_some() {
        return false; // a repeat with the same id, which is recognised by the id
    }
    let request = (new.queue.clone(), idempotency.key.clone());
    let Some((fingerprint, first)) = ledger.requests.get(&request) else {
        ledger.requests.insert(request, (idempotency.fingerprint, answer.clone()));
        return false;
    };
    if *fingerprint == idempotency.fingerprint {
        assert_eq!(answer, first, "a repeated request gets the first answer");
    } else {
        let (Pushed::Created(id) | Pushed::Existing { id, .. }) = first else { panic!("{first:?} is no first answer") };
        assert_eq!(*answer, Pushed::Conflict(*id), "another request has the same key");
    }
    change.is_none("its request was answered before");
    true
}

fn check_fresh(ledger: &mut Ledger, new: &NewJob, change: &Change, times: &Times) {
    let job = change.after.as_ref().unwrap_or_else(|| panic!("{} was answered, and is not there", new.id));
    let state = if job.run_at > times.after.wall { State::Scheduled } else { job.state };
    assert!(matches!(state, State::Ready | State::Scheduled) && job.state == state, "{job:?} is new");
    assert_eq!((job.attempt, job.crashes, job.interruptions), (0, 0, 0));
    let run_at = new.when.resolve(times.before.wall);
    assert!(job.run_at >= run_at, "due at {}, not before {run_at}", job.run_at);
    let entry = ledger.entry(new.id);
    // A late push may create a job again that was deleted: its earlier claims are forgotten with the earlier record.
    (entry.gone, entry.deleted, entry.held, entry.newest) = (false, false, None, None);
    if let Some(unique) = &new.unique {
        assert_eq!(ledger.holders(&new.queue, &unique.key), [new.id], "another holds the key");
    }
}
