//! Transitions: what is written when a job changes its state.

use super::{Memory, Row, Tables};
use crate::state::Move;
use crate::{FailureClass, News, Settings, Snapshot, State, Timestamp, Work};

/// The failure to record with a transition.
pub(super) type Failed<'a> = Option<(FailureClass, &'a str)>;

impl Memory {
    /// Writes a transition into a row, with all its effects: failure, facts, end, unique key, notifications.
    pub(super) fn apply(&self, tables: &mut Tables, seq: i64, next: Move, failed: Failed<'_>) {
        let now = self.now();
        let row = tables.rows.get_mut(&seq).expect("the row was just read");
        if let Some((class, message)) = failed {
            row.note_failure(class, message, now);
        }
        row.leave(next.facts.state);
        row.enter(next, now);
        row.finish(&self.settings, now);
        tables.move_key(seq);
        self.tell(&tables.rows[&seq].job);
    }

    /// Notifies the watchers of the job, and workers if the job may be claimed.
    fn tell(&self, job: &Snapshot) {
        self.notifications.notify_news(&News::of(job.id));
        if matches!(job.state, State::Ready | State::Scheduled) {
            let _ = self.notifications.notify_work(Work::new(job.queue.clone(), job.kind.clone(), 1)); // there is no other process
        }
    }
}

impl Row {
    /// Clears what belongs to the state that the job leaves: its claim, or its end if it is retried by hand.
    fn leave(&mut self, to: State) {
        if self.job.state == State::Running && to != State::Running {
            self.settled = self.lease.take().map(|(token, _)| token);
        }
        if self.job.state.is_final() {
            self.job.deadline = None; // an earlier deadline no longer applies
            self.job.finished_at = None;
            self.keep_until = None;
        }
    }

    /// Writes the new state and the changes that belong to it.
    fn enter(&mut self, next: Move, now: Timestamp) {
        let Move { facts, wait, reason } = next;
        self.outage_since = match (self.job.outages, facts.outages) {
            (_, 0) => None,
            (0, _) => Some(now),
            _ => self.outage_since,
        };
        let job = &mut self.job;
        job.state = facts.state;
        job.attempt = facts.attempt;
        job.crashes = facts.crashes;
        job.interruptions = facts.interruptions;
        job.outages = facts.outages;
        job.cancel_asked = facts.cancel_asked;
        job.reason = reason;
        job.version += 1;
        if let Some(wait) = wait {
            job.run_at = now.after(wait);
        }
    }

    /// Records the end of a final job, and until when it is kept.
    fn finish(&mut self, settings: &Settings, now: Timestamp) {
        if self.job.state.is_final() {
            let reuse = self.reuse.as_ref().map(|reuse| reuse.within);
            self.job.finished_at = Some(now);
            self.keep_until = Some(settings.keep_until(self.job.state, now, reuse));
        }
    }
}
