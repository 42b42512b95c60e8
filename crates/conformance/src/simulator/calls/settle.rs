//! Settles: the newest token ends its claim, once, as the worker decided; a stale token changes nothing.

use std::sync::Arc;

use longshore_core::state::Event;
use longshore_core::{Error, JobId, Outcome, Settled, Settlement, Store};

use crate::bench::UnwrapEach;

use super::super::ledger::{Change, Ledger};
use super::{Call, Times};

#[derive(Clone)]
pub(in super::super) struct Settle(pub(in super::super) Vec<Settlement>);

impl Call for Settle {
    type Answer = Vec<Settled>;

    const MAY_BE_LATE: bool = true;

    async fn make(self, store: &Arc<dyn Store>) -> Result<Vec<Settled>, Error> {
        store.settle(self.0).await.whole()
    }

    fn touches(&self, _: &Ledger) -> Vec<JobId> {
        self.0.iter().map(|settlement| settlement.id).collect()
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<Vec<Settled>, Error>, changes: &[Change], times: &Times) {
        let answers = answer.as_ref().expect("a settle is answered");
        assert_eq!(answers.len(), self.0.len());
        for ((Settlement { id, token, outcome, .. }, answer), change) in self.0.iter().zip(answers).zip(changes) {
            let entry = ledger.entry(*id);
            let holds = entry.held.is_some_and(|held| held.token == *token);
            match (holds, answer) {
                (true, Settled::Lost) => panic!("a settle of a held claim was told lost"),
                (true, Settled::Done) => {
                    change.must_be(&[&[Event::Settle(outcome)]], "it was settled");
                    let after = change.after.as_ref().expect("checked");
                    if let Outcome::Succeed { result } = outcome {
                        assert_eq!(after.result, *result);
                    }
                    if let Outcome::Retry { delay, .. } | Outcome::Outage { delay, .. } | Outcome::Snooze { delay } =
                        outcome
                        && !after.state.is_final()
                    {
                        assert!(after.run_at >= times.before.wall.after(*delay), "it is due too soon");
                    }
                    entry.held = None;
                    entry.accepted.insert(*token);
                }
                (false, answer) => {
                    change.is_none("it was settled with a stale token");
                    let accepted = entry.accepted.contains(token);
                    assert!(accepted || *answer == Settled::Lost, "a stale settle was told done");
                    let remembered = accepted && entry.newest == Some(*token) && change.after.is_some() && !entry.gone;
                    assert!(!remembered || *answer == Settled::Done, "a repeated settle was told lost");
                }
            }
        }
    }

    fn words(&self, ledger: &Ledger) -> String {
        let say = |settlement: &Settlement| {
            let outcome = match &settlement.outcome {
                Outcome::Succeed { .. } => "succeeded".into(),
                Outcome::Bury { .. } => "dead".into(),
                Outcome::Retry { delay, .. } => format!("retry in {delay:?}"),
                Outcome::Outage { delay, .. } => format!("outage, retry in {delay:?}"),
                other => format!("{other:?}"),
            };
            format!("{} {outcome}", ledger.name(settlement.id))
        };
        format!("settle {}", self.0.iter().map(say).collect::<Vec<_>>().join(", "))
    }

    fn say(_: &Ledger, answer: &Result<Vec<Settled>, Error>) -> String {
        answer.iter().flatten().map(|answer| format!("{answer:?}")).collect::<Vec<_>>().join(" ")
    }
}
