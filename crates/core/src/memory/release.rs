//! Taking jobs from a worker that is gone.

use super::{Memory, Tables, Worker};
use crate::state::{self, Event};
use crate::{Death, FailureClass, Gone, Moved, WorkerId};

impl Memory {
    /// Takes all jobs from a worker and refuses its later claims.
    pub(super) fn release_worker(&self, tables: &mut Tables, id: WorkerId, gone: Gone) -> Vec<Moved> {
        tables.workers.insert(id, Worker::released());
        let held = tables.seqs(usize::MAX, |row| row.lease.is_some() && row.job.worker == Some(id));
        held.iter().map(|seq| self.lose(tables, *seq, gone)).collect()
    }

    /// Takes a job from the worker that holds it.
    pub(super) fn lose(&self, tables: &mut Tables, seq: i64, gone: Gone) -> Moved {
        let row = tables.rows.get_mut(&seq).expect("the row was just read");
        row.lease = None; // a lost claim is not settled: its late settle must answer `lost`
        let next = state::step(row.facts(), Event::Lose(gone.death)).expect("a held job is running");
        let message = gone.to_string();
        let failed = (gone.death == Death::Crashed).then_some((FailureClass::Crash, message.as_str()));
        self.apply(tables, seq, next, failed);
        Moved { death: Some(gone.death), ..tables.rows[&seq].moved() }
    }
}
