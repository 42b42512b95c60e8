//! An open transaction: what operations in it may use, what they change together, and what to report after the commit.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use longshore_core::{BootTime, Error, Notices, Settings, Timestamp, Work};
use rusqlite::{Connection, Row};

use crate::column::text;
use crate::counts::{Counts, Mark};
use crate::error;
use crate::names::Names;
use crate::outage::Outage;

/// Everything that an operation may use while the transaction is open.
pub struct Tx<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) settings: &'a Settings,
    pub(crate) names: &'a mut Names,
    pub(crate) now: Timestamp,
    /// The time for what ends and cannot be undone: retention and deadlines.
    pub(crate) expiry_now: Timestamp,
    pub(crate) boot: BootTime,
    /// The notifications to send after the commit. [`Tx::finish`] adds the work.
    pub(crate) notices: Notices,
    /// Jobs that became ready or scheduled: row, queue and kind.
    woken: Vec<(i64, i64, i64)>,
    /// Claimed jobs. Other workers are not notified of them.
    pub(crate) started: Vec<i64>,
    /// Knowledge about outages; `None` in a transaction of the application, in which no job is rescued.
    pub(crate) outage: Option<&'a Outage>,
    /// Whether [`Tx::with_rollback`] uses savepoints. Without them, a failure ends the whole transaction.
    pub(crate) savepoints: bool,
    pub(crate) counts: Counts,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a Connection, settings: &'a Settings, names: &'a mut Names) -> Self {
        let (now, boot) = (settings.clock.now(), settings.clock.boot_time());
        Tx {
            connection,
            settings,
            names,
            now,
            expiry_now: settings.clock.expiry_now(),
            boot,
            notices: Notices::default(),
            woken: Vec::new(),
            started: Vec::new(),
            outage: None,
            savepoints: true,
            counts: Counts::default(),
        }
    }

    /// Returns a mark of the present counts and notifications, for [`Tx::rewind`].
    fn mark(&self) -> (Mark, [usize; 2]) {
        (self.counts.mark(), [self.woken.len(), self.started.len()])
    }

    /// Removes the counts and notifications of an operation that was rolled back.
    fn rewind(&mut self, (counts, [woken, started]): (Mark, [usize; 2])) {
        self.counts.rewind(counts);
        self.woken.truncate(woken);
        self.started.truncate(started);
    }

    /// Writes the counts and collects the work to notify of. It is the last step before the commit.
    pub(crate) fn finish(&mut self) -> rusqlite::Result<()> {
        self.counts.write(self.connection, self.now)?;
        let started: HashSet<i64> = self.started.drain(..).collect();
        let mut woken: HashMap<(i64, i64), usize> = HashMap::new();
        for (_, queue, kind) in self.woken.drain(..).filter(|(seq, ..)| !started.contains(seq)) {
            *woken.entry((queue, kind)).or_default() += 1;
        }
        for ((queue, kind), jobs) in woken {
            let mut names = self.connection.prepare_cached(
                "SELECT (SELECT name FROM queue WHERE id = ?1), (SELECT name FROM kind WHERE id = ?2)",
            )?;
            let name = |row: &Row<'_>, column: usize| Ok::<_, rusqlite::Error>(text(row, column)?.unwrap_or_default());
            let (queue, kind) = names.query_row([queue, kind], |row| Ok((name(row, 0)?, name(row, 1)?)))?;
            match (queue.parse(), kind.parse()) {
                (Ok(queue), Ok(kind)) => self.notices.work.push(Work::new(queue, kind, jobs)),
                _ => self.notices.all_work = true, // the names are corrupt
            }
        }
        Ok(())
    }

    /// Records that a job became ready or scheduled.
    pub(crate) fn woke(&mut self, seq: i64, queue: i64, kind: i64) {
        self.woken.push((seq, queue, kind));
    }

    /// Runs an operation that can be rolled back alone.
    ///
    /// The inner error is that of the operation, which is rolled back. The outer error, for example of a full disk,
    /// ends the whole transaction. Without [savepoints](Tx::savepoints) every error does.
    pub(crate) fn with_rollback<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Result<T, Error>> {
        if !self.savepoints {
            return work(self).map(Ok);
        }
        let connection = self.connection;
        let execute = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(|_| ());
        execute("SAVEPOINT part")?;
        let mark = self.mark();
        let result = match work(self) {
            Ok(value) => Ok(value),
            Err(e) if connection.is_autocommit() || error::is_full(&e) => return Err(e),
            Err(e) => {
                self.rewind(mark);
                self.names.forget(); // names from the rolled-back transaction do not exist
                execute("ROLLBACK TO part")?;
                Err(error::of(e))
            }
        };
        execute("RELEASE part")?;
        Ok(result)
    }

    /// Returns when a lease that is granted now ends, in milliseconds since the machine started.
    pub(crate) fn lease_until(&self, lease: Duration) -> i64 {
        self.boot.ms + longshore_core::millis(lease)
    }
}
