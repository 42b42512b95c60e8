//! Moves: what is written where a job goes from one state to another.

use super::{Memory, Row, Tables};
use crate::state::Move;
use crate::{FailureClass, News, Settings, Snapshot, State, Timestamp, Work};

/// A failure to be noted with a move.
pub(super) type Failed<'a> = Option<(FailureClass, &'a str)>;

impl Memory {
    /// Writes a move into a row, with everything that goes along with it: the failure, the facts, the end, the unique key, notices.
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

    /// Notifies those who watch the job, and those who wait for work where it is some.
    fn tell(&self, job: &Snapshot) {
        self.notifications.notify_news(&News::of(job.id));
        if matches!(job.state, State::Ready | State::Scheduled) {
            let _ = self.notifications.notify_work(Work::new(job.queue.clone(), job.kind.clone(), 1)); // there are no others
        }
    }
}

impl Row {
    /// Ends what holds in the state that the job leaves: its claim, or its end, after which it is tried again by hand.
    fn leave(&mut self, to: State) {
        if self.job.state == State::Running && to != State::Running {
            self.settled = self.lease.take().map(|(token, _)| token);
        }
        if self.job.state.is_final() {
            self.job.deadline = None; // whatever was once too late
            self.job.finished_at = None;
            self.keep_until = None;
        }
    }

    /// Writes where the job goes, and what changes with it.
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

    /// Notes the end of a job that is final, and until when it is kept.
    fn finish(&mut self, settings: &Settings, now: Timestamp) {
        if self.job.state.is_final() {
            let reuse = self.reuse.as_ref().map(|reuse| reuse.within);
            self.job.finished_at = Some(now);
            self.keep_until = Some(settings.keep_until(self.job.state, now, reuse));
        }
    }
}
