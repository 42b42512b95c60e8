//! Pushes, and the answers that refer to an existing job.

use super::{Memory, Presence, Row, Tables};
use crate::{DuplicateReason, JobId, NewJob, Pushed, State, Timestamp, Work, limits};

/// The stored answer to a push with an idempotency key.
#[derive(Debug)]
pub(super) struct Answered {
    fingerprint: [u8; 32],
    answer: Pushed,
    pub(super) until: Timestamp,
}

impl Answered {
    /// Returns the job of the answer, if it has one.
    pub(super) fn job(&self) -> Option<JobId> {
        match self.answer {
            Pushed::Created(id) | Pushed::Existing { id, .. } => Some(id),
            Pushed::Conflict(_) | Pushed::Refused(_) => None,
        }
    }
}

impl Memory {
    pub(super) fn push_one(&self, tables: &mut Tables, new: NewJob) -> Pushed {
        let now = self.now();
        if tables.by_id.contains_key(&new.id) {
            return Pushed::Created(new.id);
        }
        if let Some(answer) = tables.answered(&new, now) {
            return answer;
        }
        let asked =
            new.idempotency.clone().map(|idempotency| ((new.queue.clone(), idempotency.key), idempotency.fingerprint));
        let answer = self.push_new(tables, new, now);
        if let Some((key, fingerprint)) = asked {
            let until = now.after(limits::IDEMPOTENCY);
            tables.answers.insert(key, Answered { fingerprint, answer: answer.clone(), until });
        }
        answer
    }

    fn push_new(&self, tables: &mut Tables, new: NewJob, now: Timestamp) -> Pushed {
        if let Some(id) = tables.reusable(&new, now) {
            return Pushed::Existing { id, by: DuplicateReason::Reuse };
        }
        if let Some(id) = new.unique.as_ref().and_then(|unique| tables.holder(&new.queue, &unique.key, now)) {
            return Pushed::Existing { id, by: DuplicateReason::Unique };
        }
        tables.last_seq += 1;
        let (seq, id) = (tables.last_seq, new.id);
        let work = Work::new(new.queue.clone(), new.kind.clone(), 1);
        tables.hold_key(seq, &new.queue, new.unique.as_ref(), now);
        tables.kinds.entry(new.kind.clone()).or_insert(now);
        tables.queues.entry(new.queue.clone()).or_insert(Presence::NEVER).used = now;
        tables.by_id.insert(id, seq);
        tables.rows.insert(seq, Row::new(new, now));
        let _ = self.notifications.notify_work(work); // there is no other process
        Pushed::Created(id)
    }
}

impl Tables {
    fn reusable(&self, new: &NewJob, now: Timestamp) -> Option<JobId> {
        let reuse = new.reuse.as_ref()?;
        let fits = |row: &&Row| {
            let job = &row.job;
            job.queue == new.queue
                && job.state == State::Succeeded
                && job.reuse_key.as_ref() == Some(&reuse.key)
                && job.finished_at.is_some_and(|at| now.since(at) < reuse.within)
        };
        self.rows.values().rev().find(fits).map(|row| row.job.id)
    }

    /// Returns the answer to an earlier push with the same idempotency key.
    fn answered(&self, new: &NewJob, now: Timestamp) -> Option<Pushed> {
        let idempotency = new.idempotency.as_ref()?;
        let earlier = self.answers.get(&(new.queue.clone(), idempotency.key.clone()))?;
        let id = earlier.job()?;
        let kept = earlier.until > now || self.by_id.contains_key(&id);
        let same = earlier.fingerprint == idempotency.fingerprint;
        kept.then(|| if same { earlier.answer.clone() } else { Pushed::Conflict(id) })
    }
}
