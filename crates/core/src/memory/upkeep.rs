//! Upkeep: rescue, expire, bury, prune, and forget unused names.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Memory, Row, Tables};
use crate::state::{self, Event};
use crate::{
    ArtifactName, BootTime, Death, Gone, QueueName, Reason, State, Stored, Timestamp, Upkeep, UpkeepReport, limits,
    millis,
};

impl Memory {
    /// Takes jobs from workers that are gone.
    pub(super) fn rescue(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut UpkeepReport) {
        let boot = self.settings.clock.boot_time();
        let lost = tables.seqs(upkeep.limit, |row| {
            let known = tables.rules(&row.job.queue).level() <= upkeep.rules_level;
            known && row.lease.is_some_and(|(_, until)| lease_is_over(until, boot))
        });
        for seq in &lost {
            let (_, until) = tables.rows[seq].lease.expect("checked");
            let gone = if until.boot == boot.boot { Gone::LEASE_ENDED } else { Death::Interrupted.into() };
            kept.rescued.push(self.lose(tables, *seq, gone));
        }
        kept.more |= lost.len() == upkeep.limit;
    }

    /// Buries jobs whose deadline has passed.
    pub(super) fn expire(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut UpkeepReport) {
        let now = self.settings.clock.expiry_now();
        let waits = |row: &Row| matches!(row.job.state, State::Ready | State::Scheduled);
        let expired = tables.seqs(upkeep.limit, |row| waits(row) && row.job.deadline.is_some_and(|at| at <= now));
        self.bury_all(tables, &expired, Reason::Expired, upkeep, kept);
    }

    /// Buries jobs whose kind no worker of their queue has known for a day.
    pub(super) fn bury_unknown_kinds(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut UpkeepReport) {
        let now = self.settings.clock.expiry_now();
        let unknown = tables.seqs(upkeep.limit, |row| {
            row.job.state == State::Ready && {
                let presence = tables.queues[&row.job.queue];
                let known = row.job.run_at.max(tables.kinds[&row.job.kind]).max(presence.since);
                now.since(known) > limits::UNKNOWN_KIND && now.since(presence.seen) < Duration::from_secs(3600)
            }
        });
        self.bury_all(tables, &unknown, Reason::UnknownKind, upkeep, kept);
    }

    fn bury_all(&self, tables: &mut Tables, seqs: &[i64], reason: Reason, upkeep: Upkeep, kept: &mut UpkeepReport) {
        for seq in seqs {
            if let Some(next) = state::step(tables.rows[seq].facts(), Event::Bury(reason)) {
                self.apply(tables, *seq, next, None);
                kept.buried.push(tables.rows[seq].moved());
            }
        }
        kept.more |= seqs.len() == upkeep.limit;
    }

    /// Deletes finished jobs and stored push answers whose retention period has ended.
    pub(super) fn prune(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut UpkeepReport) {
        let now = self.settings.clock.expiry_now();
        let old = tables.seqs(upkeep.limit, |row| row.keep_until.is_some_and(|until| until <= now));
        kept.pruned = old.len();
        for seq in &old {
            let result = tables.delete(*seq).and_then(|row| row.job.result);
            kept.artifacts.extend(artifact(result));
        }
        let by_id = &tables.by_id;
        tables.answers.retain(|_, kept| kept.until > now || kept.job().is_some_and(|id| by_id.contains_key(&id)));
        kept.more |= old.len() == upkeep.limit;
        tables.seen.retain(|_, worker| now.since(worker.seen) < limits::WORKER_KEPT);
    }

    /// Removes unused queues and kinds.
    pub(super) fn forget_unused(&self, tables: &mut Tables, upkeep: Upkeep, kept: &mut UpkeepReport) {
        let now = self.settings.clock.expiry_now();
        let is_old = |used: Timestamp| now.since(used) >= limits::UNUSED_KEPT;
        let (mut queues, mut kinds) = (BTreeSet::new(), BTreeSet::new());
        for row in tables.rows.values() {
            queues.insert(row.job.queue.clone());
            kinds.insert(row.job.kind.clone());
        }
        let unused = tables.queues.iter().filter(|(queue, presence)| {
            let ruled = tables.rules(queue).at(now).level() > 0;
            is_old(presence.seen) && is_old(presence.used) && !ruled && !queues.contains(queue)
        });
        let unused: Vec<QueueName> = unused.map(|(queue, _)| queue.clone()).take(upkeep.limit).collect();
        for queue in &unused {
            tables.queues.remove(queue);
            tables.rules.remove(queue);
        }
        tables.answers.retain(|(queue, _), _| !unused.contains(queue));
        kept.more |= unused.len() == upkeep.limit;
        tables.kinds.retain(|kind, seen| !is_old(*seen) || kinds.contains(kind));
    }
}

/// Returns whether a lease has ended: its time has passed, it is from before a reboot, or it is longer than any lease.
fn lease_is_over(until: BootTime, now: BootTime) -> bool {
    until.boot != now.boot || until.ms <= now.ms || until.ms > now.ms + millis(limits::LONGEST_LEASE)
}

fn artifact(result: Option<Stored>) -> Option<ArtifactName> {
    match result {
        Some(Stored::Artifact { name, .. }) => Some(name),
        _ => None,
    }
}
