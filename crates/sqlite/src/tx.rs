//! An open transaction: names turned into numbers, counters, notices, and the one place where a job is moved.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use longshore_core::state::{Event, Facts, Move, step};
use longshore_core::{
    BootTime, Error, FailureClass, JobId, Kind, Moved, News, Notices, Progress, QueueName, Settings, State, Timestamp,
    Token, Work, WorkerId, limits, name::cut,
};
use rusqlite::{Connection, OptionalExtension, Row, RowIndex, params};

use crate::error;
use crate::outage::Outage;
use crate::read::text;

/// Everything a piece of work may use while the transaction is open.
pub struct Tx<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) settings: &'a Settings,
    pub(crate) names: &'a mut Names,
    pub(crate) now: Timestamp,
    pub(crate) boot: BootTime,
    /// What is to be told of it after the commit; [`Tx::finish`] adds the work.
    pub(crate) notices: Notices,
    /// Jobs that became ready or scheduled, each with its queue and its kind.
    woken: Vec<(i64, i64, i64)>,
    /// Jobs that were claimed: those among the woken are nobody else's work.
    started: Vec<i64>,
    /// What is known of outages; `None` in a transaction of the application's own, where nobody is rescued.
    pub(crate) outage: Option<&'a Outage>,
    /// Whether [`Tx::undone_where_it_fails`] makes savepoints; else what fails there ends the whole transaction.
    pub(crate) savepoints: bool,
    /// Changes of the counters, written together at the end.
    counts: Vec<(i64, State, i64)>,
    /// Jobs that were pushed, and those that were deleted, which are negative: queue, kind, how many. Written together at the end.
    came: Vec<(i64, i64, i64)>,
}

/// Numbers of queues and kinds. What is known stays true until some process forgets a name ([`Names::hold_since`]); no number is used again.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// How often names had been forgotten when these were learned.
    forgotten: i64,
    queues: HashMap<QueueName, i64>,
    kinds: HashMap<Kind, i64>,
    /// When workers were last noted to look at a queue, or for a kind.
    pub(crate) noted: HashMap<(i64, i64), Timestamp>,
}

impl Names {
    pub(crate) fn forget(&mut self) {
        *self = Names { forgotten: self.forgotten, ..Names::default() };
    }

    /// Drops what was learned before names were forgotten for the last time; asked at the start of each transaction.
    pub(crate) fn hold_since(&mut self, forgotten: i64) {
        if self.forgotten != forgotten {
            *self = Names { forgotten, ..Names::default() };
        }
    }
}

/// A job's row, as far as moving it needs.
pub(crate) struct Found {
    pub(crate) seq: i64,
    /// `None` where what is stored is no id.
    id: Option<JobId>,
    pub(crate) queue: i64,
    pub(crate) kind: i64,
    pub(crate) key: Option<String>,
    pub(crate) facts: Facts,
    pub(crate) token: Option<Token>,
    pub(crate) settled: Option<Token>,
    pub(crate) unique_key: Option<String>,
    pub(crate) unique_scope: Option<i64>,
    reuse_ms: Option<i64>,
    worker: Option<[u8; 16]>,
}

/// What is written along with a move.
#[derive(Default)]
pub(crate) struct Along<'a> {
    /// What kind of failure it was, and what went wrong.
    pub(crate) failure: Option<(FailureClass, &'a str)>,
    /// The token whose settle this is.
    pub(crate) settled: Option<Token>,
    pub(crate) progress: Option<&'a Progress>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a Connection, settings: &'a Settings, names: &'a mut Names) -> Self {
        let (now, boot) = (settings.clock.now(), settings.clock.boot_time());
        Tx {
            connection,
            settings,
            names,
            now,
            boot,
            notices: Notices::default(),
            woken: Vec::new(),
            started: Vec::new(),
            outage: None,
            savepoints: true,
            counts: Vec::new(),
            came: Vec::new(),
        }
    }

    /// Remembers what was counted and woken before a piece of work, for [`Tx::rewind`].
    fn mark(&self) -> [usize; 4] {
        [self.counts.len(), self.came.len(), self.woken.len(), self.started.len()]
    }

    /// Forgets what a piece of work counted and woke, because it was undone.
    fn rewind(&mut self, [counts, came, woken, started]: [usize; 4]) {
        self.counts.truncate(counts);
        self.came.truncate(came);
        self.woken.truncate(woken);
        self.started.truncate(started);
    }

    /// Writes the counters, and names the work; the last thing before the commit.
    pub(crate) fn finish(&mut self) -> rusqlite::Result<()> {
        let pushed_to: HashSet<i64> = self.came.iter().filter(|(.., n)| *n > 0).map(|(queue, ..)| *queue).collect();
        let mut kinds: HashMap<i64, i64> = HashMap::new();
        for (_, kind, n) in self.came.drain(..) {
            *kinds.entry(kind).or_default() += n;
        }
        for (kind, n) in kinds.into_iter().filter(|(_, n)| *n != 0) {
            self.connection.prepare_cached("UPDATE kind SET jobs = jobs + ?2 WHERE id = ?1")?.execute([kind, n])?;
        }
        let mut sums: HashMap<i64, [i64; 6]> = HashMap::new();
        for (queue, state, change) in self.counts.drain(..) {
            sums.entry(queue).or_default()[state as usize] += change;
        }
        for (queue, [scheduled, ready, running, succeeded, dead, cancelled]) in sums {
            self.connection
                .prepare_cached(
                    "UPDATE queue SET scheduled = scheduled + ?2, ready = ready + ?3, running = running + ?4,
                            succeeded = succeeded + ?5, dead = dead + ?6, cancelled = cancelled + ?7, used_at = coalesce(?8, used_at)
                     WHERE id = ?1",
                )?
                .execute(params![
                    queue,
                    scheduled,
                    ready,
                    running,
                    succeeded,
                    dead,
                    cancelled,
                    pushed_to.contains(&queue).then_some(self.now.as_millis())
                ])?;
        }
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
                _ => self.notices.all_work = true, // damaged names
            }
        }
        Ok(())
    }

    /// Notes that a job became ready or scheduled.
    pub(crate) fn woke(&mut self, seq: i64, queue: i64, kind: i64) {
        self.woken.push((seq, queue, kind));
    }

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
            self.counts.extend(from.map(|state| (queue, state, -n)));
            self.counts.extend(to.map(|state| (queue, state, n)));
        }
        match (from, to) {
            (None, Some(_)) => self.came.push((queue, kind, n)),
            (Some(_), None) => self.came.push((queue, kind, -n)),
            _ => {}
        }
    }

    /// Returns the queues and the kinds of jobs that this transaction has counted and not written yet.
    pub(crate) fn counted(&self) -> (HashSet<i64>, HashSet<i64>) {
        let queues = self.counts.iter().map(|(queue, ..)| *queue);
        (queues.collect(), self.came.iter().map(|(_, kind, _)| *kind).collect())
    }

    /// Returns how many jobs of a queue run, those of this transaction included.
    pub(crate) fn running(&self, queue: i64) -> rusqlite::Result<u64> {
        let running: i64 = self
            .connection
            .prepare_cached("SELECT running FROM queue WHERE id = ?1")?
            .query_row([queue], |row| row.get(0))?;
        let here = self.counts.iter().filter(|(of, state, _)| *of == queue && *state == State::Running);
        let sum = running + here.map(|(.., change)| change).sum::<i64>();
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// Does a piece of work so that it can be undone alone. The inner error is that of the work, which is undone; the outer one, as that
    /// of a full disk, ends the whole transaction, and so does every error without [savepoints](Tx::savepoints).
    pub(crate) fn undone_where_it_fails<T>(
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
                self.names.forget(); // what was learned inside is not there
                execute("ROLLBACK TO part")?;
                Err(error::of(e))
            }
        };
        execute("RELEASE part")?;
        Ok(result)
    }

    /// Returns the number of a queue, if anybody ever pushed to it or worked on it.
    pub(crate) fn queue(&mut self, name: &QueueName) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.queues.get(name) {
            return Ok(*id);
        }
        self.connection
            .prepare_cached("INSERT INTO queue (name, used_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
            .execute(params![name.as_str(), self.now.as_millis()])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM queue WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))?;
        self.names.queues.insert(name.clone(), id);
        Ok(id)
    }

    /// Returns the number of a kind; a new one counts as seen now.
    pub(crate) fn kind(&mut self, name: &Kind) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.kinds.get(name) {
            return Ok(*id);
        }
        self.connection
            .prepare_cached("INSERT INTO kind (name, seen) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
            .execute(params![name.as_str(), self.now.as_millis()])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM kind WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))?;
        self.names.kinds.insert(name.clone(), id);
        Ok(id)
    }

    /// Returns when, since the machine started, a lease granted now ends.
    pub(crate) fn lease_until(&self, lease: Duration) -> i64 {
        self.boot.ms + longshore_core::millis(lease)
    }

    pub(crate) fn seq(&self, id: JobId) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT seq FROM job WHERE id = ?1")?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()
    }

    pub(crate) fn find(&self, seq: i64) -> rusqlite::Result<Option<Found>> {
        self.connection.prepare_cached(include_str!("../sql/facts.sql"))?.query_row([seq], Found::read).optional()
    }

    /// Moves a job where an event takes it; `false` where the event changes nothing.
    pub(crate) fn happen(&mut self, found: &Found, event: Event<'_>, along: &Along<'_>) -> rusqlite::Result<bool> {
        let Some(next) = step(found.facts, event) else { return Ok(false) };
        self.apply(found, next, along)?;
        Ok(true)
    }

    /// As [`Tx::happen`], for a job that a store moves by itself: returns what is told of it, where it was moved.
    pub(crate) fn happen_and_tell(
        &mut self,
        seq: i64,
        event: Event<'_>,
        failure: Option<(FailureClass, &str)>,
    ) -> rusqlite::Result<Option<Moved>> {
        let Some(found) = self.find(seq)? else { return Ok(None) };
        let death = if let Event::Lose(death) = event { Some(death) } else { None };
        if !self.happen(&found, event, &Along { failure, ..Along::default() })? {
            return Ok(None);
        }
        Ok(self.tell(seq)?.map(|moved| Moved { death, ..moved }))
    }

    /// Writes a move, with everything that goes along with it.
    pub(crate) fn apply(&mut self, found: &Found, next: Move, along: &Along<'_>) -> rusqlite::Result<()> {
        let Move { facts, wait, reason } = next;
        if let Some((class, message)) = along.failure {
            self.note_failure(found, class, message)?;
        }
        let reuse = found.reuse_ms.map(duration);
        let mut keep_until = facts.state.is_final().then(|| self.settings.keep_until(facts.state, self.now, reuse));
        if facts.state == State::Succeeded && found.unique_scope.is_some_and(|scope| scope >= 2) {
            // A key held for a period is held by the row, which must therefore stay as long; other ends give it back.
            let held_until = self.key_held_until(found.seq)?;
            keep_until = keep_until.map(|until| held_until.map_or(until, |held| held.max(until)));
        }
        let settled = along.settled;
        self.connection.prepare_cached(include_str!("../sql/move.sql"))?.execute(params![
            found.seq,
            facts.state as i64,
            facts.attempt,
            facts.crashes,
            facts.interruptions,
            facts.cancel_asked,
            reason.map(|reason| reason.as_str()),
            wait.map(|wait| self.now.after(wait).as_millis()),
            facts.state.is_final().then_some(self.now.as_millis()),
            keep_until.map(Timestamp::as_millis),
            settled.map(|token| token.number as i64),
            settled.map(|token| token.bits as i64),
            along.progress.and_then(|progress| serde_json::to_string(progress).ok()),
            facts.outages,
            self.now.as_millis(),
        ])?;
        self.arrived(found, facts.state)
    }

    /// Does what every change of state brings with it: the ledger, unique keys, notices.
    pub(crate) fn arrived(&mut self, found: &Found, state: State) -> rusqlite::Result<()> {
        let Found { queue, kind, key, facts, .. } = found;
        self.moved(*queue, *kind, key.as_deref(), Some(facts.state), Some(state), 1);
        let gives_key_back = match found.unique_scope {
            Some(0) => state == State::Running || state.is_final(),
            Some(1) => state.is_final(),
            Some(_) => matches!(state, State::Dead | State::Cancelled),
            None => false,
        };
        if gives_key_back {
            self.connection.prepare_cached("DELETE FROM unique_key WHERE seq = ?1")?.execute([found.seq])?;
        }
        match found.id {
            Some(id) => self.notices.news.add(id),
            None => self.notices.news = News::All,
        }
        match state {
            State::Ready | State::Scheduled => self.woke(found.seq, *queue, *kind),
            State::Running => {
                self.started.push(found.seq);
            }
            State::Succeeded | State::Dead | State::Cancelled => {}
        }
        Ok(())
    }

    fn key_held_until(&self, seq: i64) -> rusqlite::Result<Option<Timestamp>> {
        let until: Option<Option<i64>> = self
            .connection
            .prepare_cached("SELECT until FROM unique_key WHERE seq = ?1")?
            .query_row([seq], |row| row.get(0))
            .optional()?;
        Ok(until.flatten().map(Timestamp::from_millis))
    }

    /// Keeps a failure, and forgets the oldest where there are too many.
    fn note_failure(&self, found: &Found, class: FailureClass, message: &str) -> rusqlite::Result<()> {
        let running = found.facts.state == State::Running;
        let claim = found.token.filter(|_| running).map(|token| token.number as i64);
        self.connection
            .prepare_cached(
                "INSERT INTO failure (seq, n, at, started_at, class, attempt, claim, worker, message)
                 VALUES (?1, 1 + coalesce((SELECT max(n) FROM failure WHERE seq = ?1), 0), ?2,
                         iif(?3, (SELECT started_at FROM job WHERE seq = ?1), NULL), ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                found.seq,
                self.now.as_millis(),
                running,
                class.number(),
                found.facts.attempt,
                claim,
                found.worker,
                cut(message, limits::FAILURE_BYTES),
            ])?;
        self.connection
            .prepare_cached(
                "DELETE FROM failure WHERE seq = ?1 AND n <= (SELECT max(n) FROM failure WHERE seq = ?1) - ?2",
            )?
            .execute([found.seq, limits::FAILURES_KEPT as i64])?;
        Ok(())
    }

    /// Returns what is told of a job that was moved; `None` where its names make no sense.
    pub(crate) fn tell(&self, seq: i64) -> rusqlite::Result<Option<Moved>> {
        let told = self.connection.prepare_cached(include_str!("../sql/moved.sql"))?.query_row([seq], |row| {
            let name = |column| Ok::<_, rusqlite::Error>(text(row, column)?.unwrap_or_default());
            let (Ok(queue), Ok(kind)) = (name(1)?.parse(), name(2)?.parse()) else { return Ok(None) };
            Ok(Some(Moved {
                id: JobId::from_bytes(row.get(0)?),
                queue,
                kind,
                worker: worker(row, 3)?.map(WorkerId::from_bytes),
                attempt: small(row, 4)?,
                crashes: small(row, 5)?,
                state: state(row.get(6)?),
                reason: text(row, 7)?.and_then(|reason| reason.parse().ok()),
                death: None,
            }))
        });
        told.optional().map(Option::flatten)
    }
}

impl Found {
    /// Reads the row that facts.sql and settling.sql bring. Numbers out of range are taken for the nearest that makes sense, so
    /// that a damaged row can still be moved out of the way.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
        let token = |number: usize| -> rusqlite::Result<Option<Token>> {
            let (number, bits): (Option<i64>, Option<i64>) = (row.get(number)?, row.get(number + 1)?);
            Ok(number.zip(bits).map(|(number, bits)| Token { number: number as u64, bits: bits as u64 }))
        };
        Ok(Found {
            seq: row.get(0)?,
            queue: row.get(1)?,
            kind: row.get(2)?,
            key: text(row, 3)?,
            facts: Facts {
                state: state(row.get(4)?),
                attempt: small(row, 5)?,
                crashes: small(row, 6)?,
                interruptions: u32::try_from(row.get::<_, i64>(7)?).unwrap_or(0),
                outages: small(row, 8)?,
                cancel_asked: row.get::<_, i64>(9)? != 0,
            },
            token: token(10)?,
            settled: token(12)?,
            unique_key: text(row, 14)?,
            unique_scope: row.get(15)?,
            reuse_ms: row.get(16)?,
            worker: worker(row, 17)?,
            id: row.get(18).ok().map(JobId::from_bytes),
        })
    }

    /// Makes what is known of a ready job that a statement of its own is claiming, as far as its arrival needs it.
    pub(crate) fn being_claimed(
        seq: i64,
        id: JobId,
        queue: i64,
        kind: i64,
        key: Option<String>,
        unique_scope: Option<i64>,
    ) -> Found {
        let facts =
            Facts { state: State::Ready, attempt: 0, crashes: 0, interruptions: 0, outages: 0, cancel_asked: false };
        Found {
            seq,
            id: Some(id),
            queue,
            kind,
            key,
            facts,
            token: None,
            settled: None,
            unique_key: None,
            unique_scope,
            reuse_ms: None,
            worker: None,
        }
    }
}

/// Reads a state; the schema allows no other numbers.
pub(crate) fn state(number: i64) -> State {
    State::ALL[usize::try_from(number).unwrap_or(0).min(5)]
}

/// Reads a small number; one out of range is taken for the nearest.
pub(crate) fn small(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u16> {
    Ok(small_or_none(row, column)?.unwrap_or(0))
}

/// As [`small`], where there may be none.
pub(crate) fn small_or_none(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<u16>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|number| number.clamp(0, i64::from(u16::MAX)) as u16))
}

/// Reads a worker's id; one that can be none is left out.
pub(crate) fn worker(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<[u8; 16]>> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.and_then(|id| id.try_into().ok()))
}

/// Returns a worker's id as SQLite takes it.
pub(crate) fn blob(worker: WorkerId) -> [u8; 16] {
    *worker.as_bytes()
}

/// Reads a number of milliseconds.
pub(crate) fn duration(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}
