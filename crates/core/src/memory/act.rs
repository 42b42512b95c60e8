//! Actions on a single job.

use super::{Memory, Tables};
use crate::state::{self, Event};
use crate::{Acted, Action, JobId, Timestamp};

impl Memory {
    pub(super) fn act_on(&self, tables: &mut Tables, id: JobId, action: Action) -> Acted {
        let Some((seq, row)) = tables.row(id) else { return Acted::Unknown };
        let state = row.job.state;
        let event = match action {
            Action::Delete if state.is_final() => {
                let past = Timestamp::from_millis(0); // wherever the clock is
                tables.rows.get_mut(&seq).expect("the row was just read").keep_until = Some(past);
                return Acted::Done(state);
            }
            Action::Delete => return Acted::WrongState(state),
            Action::Cancel => Event::Cancel,
            Action::Retry => Event::Retry,
        };
        let Some(next) = state::step(row.facts(), event) else { return Acted::WrongState(state) };
        if state.is_final()
            && let Some(other) = self.take_key_again(tables, seq)
        {
            return Acted::Conflict(other);
        }
        self.apply(tables, seq, next, None);
        if next.facts.cancel_asked {
            self.notifications.notify_cancels();
        }
        Acted::Done(next.facts.state)
    }

    /// Takes the unique key for a job that becomes live again. Returns the other job that holds it now, if any.
    fn take_key_again(&self, tables: &mut Tables, seq: i64) -> Option<JobId> {
        let now = self.now();
        let job = &tables.rows[&seq].job;
        let (id, queue, unique) = (job.id, job.queue.clone(), tables.rows[&seq].unique.clone()?);
        let other = tables.holder(&queue, &unique.key, now).filter(|other| *other != id);
        if other.is_none() {
            tables.hold_key(seq, &queue, Some(&unique), now);
        }
        other
    }
}
