//! The ledger: how many jobs of each queue are in each state, and how many each kind has.

use std::collections::{HashMap, HashSet};

use longshore_core::{State, Timestamp};
use rusqlite::{Connection, params};

use crate::tx::Tx;

/// Changes that a transaction makes; they are written together at its end.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// By queue and state.
    states: Vec<(i64, State, i64)>,
    /// Jobs that were pushed, and those that were deleted, which are negative: queue, kind, how many.
    came: Vec<(i64, i64, i64)>,
}

/// How many changes there were at some time, for [`Counts::rewind`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    states: usize,
    came: usize,
}

impl Counts {
    /// Remembers which changes there are.
    pub(crate) fn mark(&self) -> Mark {
        Mark { states: self.states.len(), came: self.came.len() }
    }

    /// Forgets all changes since the mark, because what made them was undone.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.states.truncate(mark.states);
        self.came.truncate(mark.came);
    }

    /// Writes the changes, and forgets them. A queue that was pushed to is used now.
    pub(crate) fn write(&mut self, connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
        let pushed_to: HashSet<i64> = self.came.iter().filter(|(.., n)| *n > 0).map(|(queue, ..)| *queue).collect();
        for (kind, n) in self.of_kinds().into_iter().filter(|(_, n)| *n != 0) {
            connection.prepare_cached("UPDATE kind SET jobs = jobs + ?2 WHERE id = ?1")?.execute([kind, n])?;
        }
        for (queue, [scheduled, ready, running, succeeded, dead, cancelled]) in self.of_queues() {
            let used_at = pushed_to.contains(&queue).then_some(now.as_millis());
            connection
                .prepare_cached(
                    "UPDATE queue SET scheduled = scheduled + ?2, ready = ready + ?3, running = running + ?4,
                            succeeded = succeeded + ?5, dead = dead + ?6, cancelled = cancelled + ?7, used_at = coalesce(?8, used_at)
                     WHERE id = ?1",
                )?
                .execute(params![queue, scheduled, ready, running, succeeded, dead, cancelled, used_at])?;
        }
        *self = Counts::default();
        Ok(())
    }

    /// Returns what is to be added to the counters of each queue.
    pub(crate) fn of_queues(&self) -> HashMap<i64, [i64; 6]> {
        let mut sums: HashMap<i64, [i64; 6]> = HashMap::new();
        for (queue, state, change) in &self.states {
            sums.entry(*queue).or_default()[*state as usize] += change;
        }
        sums
    }

    /// Returns how many jobs each kind has got, less those that were deleted.
    pub(crate) fn of_kinds(&self) -> HashMap<i64, i64> {
        let mut sums: HashMap<i64, i64> = HashMap::new();
        for (_, kind, n) in &self.came {
            *sums.entry(*kind).or_default() += n;
        }
        sums
    }

    /// Returns the queues and the kinds of jobs that are counted and not written yet.
    pub(crate) fn names(&self) -> (HashSet<i64>, HashSet<i64>) {
        let queues = self.states.iter().map(|(queue, ..)| *queue);
        (queues.collect(), self.came.iter().map(|(_, kind, _)| *kind).collect())
    }
}

impl Tx<'_> {
    /// The ledger: every path that moves jobs from one state to another calls this, and whatever counts jobs hangs here. `None` is
    /// where jobs come from that are pushed, and where those go that are deleted.
    pub(crate) fn moved(
        &mut self,
        queue: i64,
        kind: i64,
        _key: Option<&str>,
        from: Option<State>,
        to: Option<State>,
        n: i64,
    ) {
        if from != to {
            self.counts.states.extend(from.map(|state| (queue, state, -n)));
            self.counts.states.extend(to.map(|state| (queue, state, n)));
        }
        match (from, to) {
            (None, Some(_)) => self.counts.came.push((queue, kind, n)),
            (Some(_), None) => self.counts.came.push((queue, kind, -n)),
            _ => {}
        }
    }

    /// Returns how many jobs of a queue run, those of this transaction included.
    pub(crate) fn running(&self, queue: i64) -> rusqlite::Result<u64> {
        let running: i64 = self
            .connection
            .prepare_cached("SELECT running FROM queue WHERE id = ?1")?
            .query_row([queue], |row| row.get(0))?;
        let here = self.counts.states.iter().filter(|(of, state, _)| *of == queue && *state == State::Running);
        let sum = running + here.map(|(.., change)| change).sum::<i64>();
        Ok(u64::try_from(sum).unwrap_or(0))
    }
}
