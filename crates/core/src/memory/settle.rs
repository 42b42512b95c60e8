//! Renewals and settles.

use std::time::Duration;

use super::{Memory, Tables};
use crate::state::{self, Event};
use crate::{BootTime, News, Outcome, Renewal, Renewed, Settled, Settlement, millis};

impl Memory {
    /// Returns when a lease that is granted now ends.
    pub(super) fn lease_until(&self, lease: Duration) -> BootTime {
        let boot = self.settings.clock.boot_time();
        BootTime { ms: boot.ms + millis(lease), ..boot }
    }

    pub(super) fn renew_one(&self, tables: &mut Tables, renewal: Renewal) -> Renewed {
        let Some(row) = tables.held(renewal.id, renewal.token) else { return Renewed::Lost };
        row.lease = Some((renewal.token, self.lease_until(renewal.lease)));
        if let Some(progress) = renewal.progress {
            row.note(progress);
            self.notifications.notify_news(&News::of(renewal.id));
        }
        if row.job.cancel_asked { Renewed::CancelAsked } else { Renewed::Held }
    }

    pub(super) fn settle_one(&self, tables: &mut Tables, settlement: Settlement) -> Settled {
        let Settlement { id, token, outcome, progress } = settlement;
        let Some((seq, row)) = tables.row(id) else { return Settled::Lost };
        if !row.holds(token) {
            return if row.settled == Some(token) { Settled::Done } else { Settled::Lost };
        }
        let next = state::step(row.facts(), Event::Settle(&outcome)).expect("a held job is running");
        let row = tables.rows.get_mut(&seq).expect("the row was just read");
        if let Some(progress) = progress {
            row.note(progress);
        }
        if let Outcome::Succeed { result } = &outcome {
            row.job.result.clone_from(result);
        }
        self.apply(tables, seq, next, outcome.failure());
        Settled::Done
    }
}
