//! The ledger: how many jobs of each queue are in each state.

use std::collections::HashMap;

use longshore_core::State;
use rusqlite::Connection;

use crate::tx::Tx;

/// Changes that a transaction makes, by queue and state; they are written together at its end.
#[derive(Debug, Default)]
pub(crate) struct Counts(Vec<(i64, State, i64)>);

impl Counts {
    /// Returns how many changes there are, for [`Counts::truncate`].
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets all changes but the first so many, because what made them was undone.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Writes the changes, and forgets them.
    pub(crate) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut sums: HashMap<i64, [i64; 6]> = HashMap::new();
        for (queue, state, change) in self.0.drain(..) {
            sums.entry(queue).or_default()[state as usize] += change;
        }
        for (queue, [scheduled, ready, running, succeeded, dead, cancelled]) in sums {
            connection
                .prepare_cached(
                    "UPDATE queue SET scheduled = scheduled + ?2, ready = ready + ?3, running = running + ?4,
                            succeeded = succeeded + ?5, dead = dead + ?6, cancelled = cancelled + ?7 WHERE id = ?1",
                )?
                .execute([queue, scheduled, ready, running, succeeded, dead, cancelled])?;
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// The ledger: every path that moves jobs from one state to another calls this, and whatever counts jobs hangs here. `None` is
    /// where jobs come from that are pushed, and where those go that are deleted.
    pub(crate) fn moved(
        &mut self,
        queue: i64,
        _kind: i64,
        _key: Option<&str>,
        from: Option<State>,
        to: Option<State>,
        n: i64,
    ) {
        if from != to {
            self.counts.0.extend(from.map(|state| (queue, state, -n)));
            self.counts.0.extend(to.map(|state| (queue, state, n)));
        }
    }

    /// Returns how many jobs of a queue run, those of this transaction included.
    pub(crate) fn running(&self, queue: i64) -> rusqlite::Result<u64> {
        let running: i64 = self
            .connection
            .prepare_cached("SELECT running FROM queue WHERE id = ?1")?
            .query_row([queue], |row| row.get(0))?;
        let here = self.counts.0.iter().filter(|(of, state, _)| *of == queue && *state == State::Running);
        let sum = running + here.map(|(.., change)| change).sum::<i64>();
        Ok(u64::try_from(sum).unwrap_or(0))
    }
}
