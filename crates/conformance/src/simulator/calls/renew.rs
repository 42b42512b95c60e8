//! Renewals: the holder of a job keeps it, and nobody else does.

use std::sync::Arc;

use longshore_core::{BootTime, Error, JobId, Renewal, Renewed, Snapshot, Store, millis};

use crate::bench::UnwrapEach;

use super::super::ledger::{Change, Ledger, facts};
use super::{Call, Times};

#[derive(Clone)]
pub(in super::super) struct Renew(pub(in super::super) Vec<Renewal>);

impl Call for Renew {
    type Answer = Vec<Renewed>;

    const MAY_BE_LATE: bool = true;

    async fn make(self, store: &Arc<dyn Store>) -> Result<Vec<Renewed>, Error> {
        store.renew(self.0).await.whole()
    }

    fn touches(&self, _: &Ledger) -> Vec<JobId> {
        self.0.iter().map(|renewal| renewal.id).collect()
    }

    fn check(&self, ledger: &mut Ledger, answer: &Result<Vec<Renewed>, Error>, changes: &[Change], times: &Times) {
        let answers = answer.as_ref().expect("a renewal is answered");
        assert_eq!(answers.len(), self.0.len());
        for ((renewal, answer), change) in self.0.iter().zip(answers).zip(changes) {
            let entry = ledger.entry(renewal.id);
            match (&mut entry.held, answer) {
                (Some(held), Renewed::Lost) if held.token == renewal.token => panic!("a held claim was told lost"),
                (Some(held), answer) if held.token == renewal.token => {
                    let end = |boot: BootTime| BootTime { ms: boot.ms + millis(renewal.lease), ..boot };
                    held.ends = (end(times.before.boot), end(times.after.boot));
                    let before = change.before.as_ref().expect("a held job is there");
                    let after = change.after.as_ref().expect("a renewal deletes no jobs");
                    assert_eq!(*answer == Renewed::CancelAsked, before.cancel_asked);
                    assert_eq!(facts(after), facts(before));
                    let told = |job: &Snapshot| job.progress.clone();
                    assert_eq!(told(after), renewal.progress.clone().or_else(|| told(before)));
                }
                (_, answer) => {
                    assert_eq!(*answer, Renewed::Lost, "a stale claim was renewed");
                    change.is_none("it was renewed with a stale token");
                }
            }
        }
    }

    fn words(&self, ledger: &Ledger) -> String {
        let names: Vec<_> = self.0.iter().map(|renewal| ledger.name(renewal.id)).collect();
        format!("renew {}", names.join(" "))
    }

    fn say(_: &Ledger, answer: &Result<Vec<Renewed>, Error>) -> String {
        answer.iter().flatten().map(|answer| format!("{answer:?}")).collect::<Vec<_>>().join(" ")
    }
}
