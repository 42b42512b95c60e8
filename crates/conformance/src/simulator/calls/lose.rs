//! Losing workers and upkeep: jobs of workers that are gone are free again, expired jobs are deleted, and nothing else
//! changes.

use std::sync::Arc;

use longshore_core::state::Event;
use longshore_core::{Death, Error, JobId, Moved, Reason, Snapshot, State, Store, Upkeep, UpkeepReport, WorkerSecret};

use super::super::ledger::{Change, Entry, Ledger};
use super::{Call, Times};

/// A worker that is certainly gone.
#[derive(Clone)]
pub(in super::super) struct Release(pub(in super::super) WorkerSecret, pub(in super::super) Death);

impl Call for Release {
    type Answer = Vec<Moved>;

    const MAY_BE_LATE: bool = true;

    async fn make(self, store: &Arc<dyn Store>) -> Result<Vec<Moved>, Error> {
        store.release(self.0, self.1.into()).await
    }

    fn touches(&self, ledger: &Ledger) -> Vec<JobId> {
        ledger.known(|job| !job.state.is_final())
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<Vec<Moved>, Error>, changes: &[Change], times: &Times) {
        let Release(secret, death) = self;
        ledger.released.insert(secret.id());
        let mut lost = Vec::new();
        for change in changes {
            let held = &mut ledger.entry(change.id).held;
            if held.is_some_and(|held| held.worker == secret.id()) {
                change.must_be(&[&[Event::Lose(*death)]], "its worker was released");
                *held = None;
                lost.push(change.id);
            } else {
                change.is_due_at_most(times.after.wall, "another's worker was released");
            }
        }
        assert_eq!(ids(answer.as_ref().expect("a release is answered")), sorted(lost));
    }

    fn words(&self, _: &Ledger) -> String {
        format!("release a worker, {:?}", self.1)
    }

    fn say(_: &Ledger, answer: &Result<Vec<Moved>, Error>) -> String {
        format!("{:?}", answer.as_ref().map(Vec::len))
    }
}

/// The effects of upkeep, as the jobs show them.
#[derive(Default)]
struct Done {
    rescued: Vec<JobId>,
    buried: Vec<JobId>,
    pruned: usize,
}

fn ids(moved: &[Moved]) -> Vec<JobId> {
    sorted(moved.iter().map(|moved| moved.id).collect())
}

fn sorted(mut ids: Vec<JobId>) -> Vec<JobId> {
    ids.sort();
    ids
}

/// An upkeep call.
#[derive(Clone)]
pub(in super::super) struct KeepUp(pub(in super::super) Upkeep);

impl Call for KeepUp {
    type Answer = UpkeepReport;

    const MAY_BE_LATE: bool = false;

    async fn make(self, store: &Arc<dyn Store>) -> Result<UpkeepReport, Error> {
        store.upkeep(self.0).await
    }

    fn touches(&self, ledger: &Ledger) -> Vec<JobId> {
        ledger.known(|_| true)
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<UpkeepReport, Error>, changes: &[Change], times: &Times) {
        let kept = answer.as_ref().expect("upkeep is answered");
        assert_eq!(kept.failed, []);
        let mut done = Done::default();
        for change in changes {
            self.check_one(ledger, change, times, &mut done);
        }
        assert_eq!(ids(&kept.rescued), sorted(done.rescued));
        assert_eq!(ids(&kept.buried), sorted(done.buried));
        assert_eq!(kept.pruned, done.pruned);
        for n in [kept.rescued.len(), kept.pruned] {
            assert!(n <= self.0.limit, "{n} rows are more than {}", self.0.limit);
        }
        assert!(kept.buried.len() <= self.0.limit * 2, "each of two reasons has its limit");
        if !kept.more {
            self.check_nothing_left(ledger, times);
        }
    }

    fn words(&self, _: &Ledger) -> String {
        format!("upkeep of {}{}", self.0.limit, if self.0.rescue { "" } else { " without a rescue" })
    }

    fn say(_: &Ledger, answer: &Result<UpkeepReport, Error>) -> String {
        let kept = answer.as_ref().map(|kept| (kept.rescued.len(), kept.buried.len(), kept.pruned, kept.more));
        format!("{kept:?}")
    }
}

impl KeepUp {
    fn check_one(&self, ledger: &mut Ledger, change: &Change, times: &Times, done: &mut Done) {
        let settings = ledger.settings.clone();
        let name = ledger.name(change.id);
        let entry = ledger.entry(change.id);
        let Some(before) = &change.before else { return };
        let Some(after) = &change.after else {
            let until = before.finished_at.map(|at| settings.keep_until(before.state, at, None));
            let over = entry.deleted || until.is_some_and(|until| until <= times.after.wall);
            assert!(before.state.is_final() && over, "{name} was deleted: {before:?}");
            entry.gone = true;
            done.pruned += 1;
            return;
        };
        if before.state == State::Running && after.state != State::Running {
            let held = entry.held.take().expect("a running job is held");
            assert!(self.0.rescue, "{name} was rescued though nobody was to be");
            let now = times.after.boot;
            let death = if held.ends.0.boot == now.boot { Death::Crashed } else { Death::Interrupted };
            assert!(
                death == Death::Interrupted || held.ends.0.ms <= now.ms,
                "{name} was rescued from a lease that held"
            );
            // A job that is free again and past its deadline may be buried in the same step.
            let late = before.deadline.is_some_and(|at| at <= times.after.wall);
            if late && change.is(&[&[Event::Lose(death), Event::Bury(Reason::Expired)]]) {
                done.buried.push(change.id);
            } else {
                change.must_be(&[&[Event::Lose(death)]], "it was rescued");
            }
            done.rescued.push(change.id);
        } else if before.deadline.is_some_and(|at| at <= times.after.wall)
            && change.is(&[&[Event::Bury(Reason::Expired)]])
            && before.state != State::Running
        {
            done.buried.push(change.id);
        } else {
            change.is_due_at_most(times.after.wall, "upkeep had nothing to do with it");
        }
    }

    /// Asserts that upkeep which reports no more work has left none.
    fn check_nothing_left(&self, ledger: &Ledger, times: &Times) {
        let Times { before, .. } = times;
        let over = |entry: &Entry, job: &Snapshot| match job.state {
            State::Scheduled | State::Ready => job.deadline.is_some_and(|at| at <= before.certain),
            State::Running => {
                let ended = |end: longshore_core::BootTime| end.boot != before.boot.boot || end.ms <= before.boot.ms;
                self.0.rescue && entry.held.is_some_and(|held| ended(held.ends.1))
            }
            // The retention of jobs that upkeep itself buried has not started yet.
            _ => {
                let until = job.finished_at.map(|at| ledger.settings.keep_until(job.state, at, None));
                entry.deleted || until.is_some_and(|until| until <= before.certain)
            }
        };
        let left = ledger.entries().filter(|entry| entry.seen.as_ref().is_some_and(|job| over(entry, job)));
        let left: Vec<_> = left.map(|entry| (ledger.name(entry.new.id), entry.seen.clone())).collect();
        assert!(left.is_empty(), "upkeep said that it was done, and left {left:?}");
    }
}
