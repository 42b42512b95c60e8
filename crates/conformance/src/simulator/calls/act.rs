//! Actions of people: actions on one job, and pauses of a queue.

use std::sync::Arc;

use longshore_core::state::{Event, step};
use longshore_core::{
    Acted, Action, Error, JobId, NewPause, Pause, QueueName, Rules, RulesChange, Snapshot, State, Store,
};

use super::super::ledger::{Change, Ledger, facts};
use super::{Call, Times};

#[derive(Clone)]
pub(in super::super) struct Act(pub(in super::super) JobId, pub(in super::super) Action);

impl Call for Act {
    type Answer = Acted;

    const MAY_BE_LATE: bool = false;

    async fn make(self, store: &Arc<dyn Store>) -> Result<Acted, Error> {
        store.act(self.0, self.1).await
    }

    fn touches(&self, _: &Ledger) -> Vec<JobId> {
        vec![self.0]
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<Acted, Error>, changes: &[Change], _: &Times) {
        let (answer, change) = (answer.as_ref().expect("an act is answered"), &changes[0]);
        let Some(before) = &change.before else {
            assert_eq!((answer, &change.after), (&Acted::Unknown, &None));
            return;
        };
        let event = match self.1 {
            Action::Cancel => Event::Cancel,
            Action::Retry => Event::Retry,
            Action::Delete => return self.check_delete(ledger, answer, change, before),
        };
        match (step(facts(before), event.clone()), answer) {
            (Some(next), Acted::Done(state)) => {
                assert_eq!(*state, next.facts.state);
                change.must_be(&[&[event]], "a person asked");
                ledger.entry(self.0).deleted &= before.state == *state;
            }
            (Some(_), Acted::Conflict(other)) => {
                assert!(self.1 == Action::Retry && before.state.is_final());
                let key = ledger.entry(self.0).new.unique.clone().expect("nothing else is in its way").key;
                assert_eq!(ledger.holders(&before.queue, &key), [*other]);
                change.is_none("another holds its key");
            }
            (None, Acted::WrongState(state)) => {
                assert_eq!(*state, before.state);
                change.is_none("that cannot be done");
            }
            (_, answer) => panic!("{:?} of {before:?} was answered {answer:?}", self.1),
        }
    }

    fn words(&self, ledger: &Ledger) -> String {
        format!("{:?} {}", self.1, ledger.name(self.0))
    }

    fn say(_: &Ledger, answer: &Result<Acted, Error>) -> String {
        match answer {
            Ok(Acted::Conflict(_)) => "conflict".into(),
            other => format!("{other:?}"),
        }
    }
}

impl Act {
    fn check_delete(&self, ledger: &mut Ledger, answer: &Acted, change: &Change, before: &Snapshot) {
        change.is_none("only upkeep deletes");
        let expected =
            if before.state.is_final() { Acted::Done(before.state) } else { Acted::WrongState(before.state) };
        assert_eq!(*answer, expected);
        ledger.entry(self.0).deleted |= before.state.is_final();
    }
}

#[derive(Clone)]
pub(in super::super) struct PauseQueue(pub(in super::super) QueueName, pub(in super::super) NewPause);

impl Call for PauseQueue {
    type Answer = Pause;

    const MAY_BE_LATE: bool = false;

    async fn make(self, store: &Arc<dyn Store>) -> Result<Pause, Error> {
        let pause = Pause::begin(self.1, store.now().await?);
        change(store, self.0, Some(pause.clone())).await?;
        Ok(pause)
    }

    fn touches(&self, ledger: &Ledger) -> Vec<JobId> {
        ledger.known(|job| job.state == State::Running)
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<Pause, Error>, changes: &[Change], _: &Times) {
        let pause = answer.as_ref().expect("a pause is answered");
        ledger.paused.insert(self.0.clone(), pause.until);
        changes.iter().for_each(|change| change.is_none("what runs goes on"));
    }

    fn words(&self, _: &Ledger) -> String {
        format!("pause {}", self.0)
    }

    fn say(_: &Ledger, answer: &Result<Pause, Error>) -> String {
        format!("{}", answer.is_ok())
    }
}

#[derive(Clone)]
pub(in super::super) struct ResumeQueue(pub(in super::super) QueueName);

impl Call for ResumeQueue {
    type Answer = bool;

    const MAY_BE_LATE: bool = false;

    async fn make(self, store: &Arc<dyn Store>) -> Result<bool, Error> {
        let now = store.now().await?;
        let before = change(store, self.0, None).await?;
        Ok(before.pause.is_some_and(|pause| pause.holds(now)))
    }

    fn touches(&self, _: &Ledger) -> Vec<JobId> {
        Vec::new()
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<bool, Error>, _: &[Change], times: &Times) {
        let paused = ledger.paused.remove(&self.0);
        let held = paused.is_some_and(|until| until.is_none_or(|until| until > times.after.wall));
        assert_eq!(*answer.as_ref().expect("a resume is answered"), held);
    }

    fn words(&self, _: &Ledger) -> String {
        format!("resume {}", self.0)
    }

    fn say(_: &Ledger, answer: &Result<bool, Error>) -> String {
        format!("{answer:?}")
    }
}

/// Sets the pause of a queue by compare-and-set. Returns the rules before.
async fn change(store: &Arc<dyn Store>, queue: QueueName, pause: Option<Pause>) -> Result<Rules, Error> {
    let mut before = store.rules(queue.clone()).await?;
    loop {
        let mut after = before.clone();
        after.pause.clone_from(&pause);
        match store.change_rules(queue.clone(), before.version, after).await? {
            RulesChange::Changed(_) => return Ok(before),
            RulesChange::Conflict(now) => before = now,
        }
    }
}
