//! The holders of unique keys.

use super::{Row, Tables};
use crate::state::{gives_key_back, holds_key, kept_for_key, key_until};
use crate::{JobId, Label, QueueName, Timestamp, Unique};

/// The job that holds a key, or held it until then.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) seq: i64,
    pub(super) until: Option<Timestamp>,
}

impl Tables {
    /// Returns the job that holds a key now.
    pub(super) fn holder(&self, queue: &QueueName, key: &Label, now: Timestamp) -> Option<JobId> {
        let holder = self.unique.get(&(queue.clone(), key.clone()))?;
        if !holds_key(holder.until, now) {
            return None;
        }
        self.rows.get(&holder.seq).map(|row| row.job.id)
    }

    /// Gives a key to a job, replacing a holder whose period is over.
    pub(super) fn hold_key(&mut self, seq: i64, queue: &QueueName, unique: Option<&Unique>, now: Timestamp) {
        let Some(Unique { key, scope }) = unique else { return };
        self.unique.insert((queue.clone(), key.clone()), Holder { seq, until: key_until(*scope, now) });
    }

    /// Updates the unique key after a transition: the job releases the key, or is kept as long as it holds it.
    pub(super) fn move_key(&mut self, seq: i64) {
        let row = self.rows.get_mut(&seq).expect("the row was just read");
        let Row { job, unique: Some(Unique { key, scope }), .. } = row else { return };
        let key = (job.queue.clone(), key.clone());
        let Some(holder) = self.unique.get(&key).filter(|holder| holder.seq == seq) else { return };
        if gives_key_back(*scope, job.state) {
            self.unique.remove(&key);
        } else {
            row.keep_until = row.keep_until.map(|until| kept_for_key(until, holder.until));
        }
    }
}
