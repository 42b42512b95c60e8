//! Claims: new tokens for jobs that nobody holds and whose time has come, and the same jobs again for a repeat.

use std::sync::Arc;

use longshore_core::state::{Event, is_isolated};
use longshore_core::{BootTime, Claim, Claimed, Claims, Error, ErrorKind, JobId, Reason, State, Store, millis};

use super::super::ledger::{Change, Held, Ledger};
use super::{Call, Times};

#[derive(Clone)]
pub(in super::super) struct Ask(pub(in super::super) Claim);

impl Call for Ask {
    type Answer = Claims;

    const MAY_BE_LATE: bool = false;

    async fn make(self, store: &Arc<dyn Store>) -> Result<Claims, Error> {
        store.claim(self.0).await
    }

    fn touches(&self, ledger: &Ledger) -> Vec<JobId> {
        ledger.known(|job| !job.state.is_final())
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<Claims, Error>, changes: &[Change], times: &Times) {
        let claim = &self.0;
        let released = ledger.released.contains(&claim.worker);
        let jobs = match answer {
            Ok(claims) => claims.jobs.as_slice(),
            Err(e) => {
                assert!(released && e.kind() == ErrorKind::Refused, "a claim was answered {e}");
                &[]
            }
        };
        assert!(!released || answer.is_err(), "a released worker may claim");
        assert!(jobs.len() <= claim.limit, "{} jobs are more than {}", jobs.len(), claim.limit);
        self.check_repeat(ledger, jobs);
        let mut fresh = 0;
        for change in changes {
            match jobs.iter().find(|job| job.id == change.id) {
                Some(job) if ledger.entry(job.id).held.is_some_and(|held| held.token == job.token) => {
                    let held = ledger.entry(job.id).held.as_mut().expect("checked");
                    assert!(held.worker == claim.worker && held.nonce == claim.nonce, "another's job was handed out");
                    held.ends.1 = self.lease_end(times.after.boot); // a store may or may not start the lease again
                    change.is_none("its claim was repeated");
                }
                Some(job) => {
                    fresh += 1;
                    self.check_fresh(ledger, job, change, times);
                }
                None => {
                    let late =
                        change.before.as_ref().and_then(|job| job.deadline).is_some_and(|at| at <= times.after.wall);
                    let expired = || Event::Bury(Reason::Expired);
                    if !(late && change.is(&[&[expired()], &[Event::Due, expired()]])) {
                        change.is_due_at_most(times.after.wall, "it was not handed out");
                    }
                }
            }
        }
        let known = jobs.iter().all(|job| changes.iter().any(|change| change.id == job.id));
        assert!(known, "a job was handed out that was finished, or never there");
        if fresh > 0 {
            assert_ne!(ledger.claims.get(&claim.worker), Some(&claim.nonce), "a repeated claim handed out more");
            ledger.claims.insert(claim.worker, claim.nonce);
        }
    }

    fn words(&self, _: &Ledger) -> String {
        let queues: Vec<_> = self.0.queues.iter().map(ToString::to_string).collect();
        format!("claim {} of {}", self.0.limit, queues.join(" "))
    }

    fn say(ledger: &Ledger, answer: &Result<Claims, Error>) -> String {
        match answer {
            Ok(claims) => claims.jobs.iter().map(|job| ledger.name(job.id)).collect::<Vec<_>>().join(" "),
            Err(_) => "refused".into(),
        }
    }
}

impl Ask {
    fn lease_end(&self, from: BootTime) -> BootTime {
        BootTime { ms: from.ms + millis(self.0.lease), ..from }
    }

    /// Asserts that a repeat returns all jobs of the first claim that are still held.
    fn check_repeat(&self, ledger: &Ledger, jobs: &[Claimed]) {
        for entry in ledger.entries() {
            if let Some(held) = &entry.held
                && (held.worker, held.nonce) == (self.0.worker, self.0.nonce)
            {
                assert!(jobs.iter().any(|job| job.token == held.token), "a repeated claim left out a job");
            }
        }
    }

    fn check_fresh(&self, ledger: &mut Ledger, job: &Claimed, change: &Change, times: &Times) {
        let claim = &self.0;
        change.must_be(&[&[Event::Claim], &[Event::Due, Event::Claim]], "it was handed out");
        let before = change.before.as_ref().expect("a claim makes no jobs");
        let after = change.after.as_ref().expect("a claim deletes no jobs");
        // Jobs that were ready before the clock was set back stay ready.
        let now = if before.state == State::Ready { ledger.latest } else { times.after.wall };
        assert!(before.run_at <= now, "it is due at {}, and not at {now}", before.run_at);
        let late = before.deadline.is_some_and(|deadline| deadline <= times.before.certain);
        assert!(!late, "it was handed out after its deadline");
        assert!(claim.queues.contains(&before.queue) && claim.kinds.iter().any(|known| known.kind == before.kind));
        let paused = ledger.paused.get(&before.queue).is_some_and(|until| until.is_none_or(|at| at > times.after.wall));
        assert!(!paused, "queue {} is paused", before.queue);
        assert_eq!((after.worker, job.attempt, job.crashes), (Some(claim.worker), after.attempt, after.crashes));
        assert!(!is_isolated(job.crashes) || claim.idle, "a suspect was handed to a worker that is not idle");
        assert!(job.token.number > ledger.newest_token, "token {} is not new", job.token.number);
        let ends = (self.lease_end(times.before.boot), self.lease_end(times.after.boot));
        let entry = ledger.entry(job.id);
        entry.held = Some(Held { token: job.token, worker: claim.worker, nonce: claim.nonce, ends });
        entry.newest = Some(job.token);
    }
}
