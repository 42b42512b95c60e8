//! The one place that moves a job from one state to another, with all effects of the transition.

use longshore_core::state::{Event, Facts, Move, gives_key_back, kept_for_key, step};
use longshore_core::{
    FailureClass, JobId, Moved, News, Progress, State, Timestamp, Token, UniqueScope, WorkerId, limits, name::cut,
};
use rusqlite::{OptionalExtension, Row, params};

use crate::column::{LARGEST, duration, small, state, text, worker};
use crate::tx::Tx;
use crate::unique;

/// The part of a job's row that is needed to move it.
pub(crate) struct Found {
    pub(crate) seq: i64,
    /// `None` if the stored value is not a valid id.
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

/// What is written together with a transition.
#[derive(Default)]
pub(crate) struct Details<'a> {
    /// The class and message of a failure.
    pub(crate) failure: Option<(FailureClass, &'a str)>,
    /// The token, if the transition is a settle.
    pub(crate) settled: Option<Token>,
    pub(crate) progress: Option<&'a Progress>,
}

impl Tx<'_> {
    pub(crate) fn seq(&self, id: JobId) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT seq FROM job WHERE id = ?1")?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()
    }

    pub(crate) fn find(&self, seq: i64) -> rusqlite::Result<Option<Found>> {
        self.connection.prepare_cached(include_str!("../sql/facts.sql"))?.query_row([seq], Found::read).optional()
    }

    /// Applies an event to a job. Returns `false` if the event changes nothing.
    pub(crate) fn apply_event(
        &mut self,
        found: &Found,
        event: Event<'_>,
        details: &Details<'_>,
    ) -> rusqlite::Result<bool> {
        let Some(next) = step(found.facts, event) else { return Ok(false) };
        self.apply(found, next, details)?;
        Ok(true)
    }

    /// Does the same as [`Tx::apply_event`], for a job that the store moves by itself. Returns what to report about it, if
    /// it was moved.
    pub(crate) fn apply_event_and_report(
        &mut self,
        seq: i64,
        event: Event<'_>,
        failure: Option<(FailureClass, &str)>,
    ) -> rusqlite::Result<Option<Moved>> {
        let Some(found) = self.find(seq)? else { return Ok(None) };
        let death = if let Event::Lose(death) = event { Some(death) } else { None };
        if !self.apply_event(&found, event, &Details { failure, ..Details::default() })? {
            return Ok(None);
        }
        Ok(self.report(seq)?.map(|moved| Moved { death, ..moved }))
    }

    /// Writes a transition with all its effects.
    pub(crate) fn apply(&mut self, found: &Found, next: Move, details: &Details<'_>) -> rusqlite::Result<()> {
        let Move { facts, wait, reason } = next;
        if let Some((class, message)) = details.failure {
            self.note_failure(found, class, message)?;
        }
        let reuse = found.reuse_ms.map(duration);
        let mut keep_until = facts.state.is_final().then(|| self.settings.keep_until(facts.state, self.now, reuse));
        if let Some(until) = &mut keep_until
            && let Some(scope) = found.unique_scope()
            && !gives_key_back(scope, facts.state)
        {
            *until = kept_for_key(*until, unique::held_until(self, found.seq)?);
        }
        let settled = details.settled;
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
            details.progress.and_then(|progress| serde_json::to_string(progress).ok()),
            facts.outages,
            self.now.as_millis(),
        ])?;
        self.arrived(found, facts.state)
    }

    /// Applies the effects of every change of state: counts, unique keys, notifications.
    pub(crate) fn arrived(&mut self, found: &Found, state: State) -> rusqlite::Result<()> {
        let Found { queue, kind, key, facts, .. } = found;
        self.moved(*queue, *kind, key.as_deref(), Some(facts.state), Some(state), 1);
        if found.unique_scope().is_some_and(|scope| gives_key_back(scope, state)) {
            unique::give_back(self, found.seq)?;
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

    /// Adds a failure, and deletes the oldest if there are too many.
    fn note_failure(&self, found: &Found, class: FailureClass, message: &str) -> rusqlite::Result<()> {
        let running = found.facts.state == State::Running;
        let claim = found.token.filter(|_| running).map(|token| token.number as i64);
        self.connection
            .prepare_cached(
                "INSERT INTO failure (seq, n, at, started_at, class, attempt, claim, worker, message)
                 VALUES (?1, 1 + coalesce((SELECT max(n) FROM failure WHERE seq = ?1 AND n < ?9), 0), ?2,
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
                LARGEST,
            ])?;
        self.connection
            .prepare_cached(
                "DELETE FROM failure WHERE seq = ?1
                 AND n <= (SELECT max(n) FROM failure WHERE seq = ?1 AND n < ?3) - ?2",
            )?
            .execute([found.seq, limits::FAILURES_KEPT as i64, LARGEST])?;
        Ok(())
    }

    /// Returns what to report about a moved job, or `None` if its names are corrupt.
    pub(crate) fn report(&self, seq: i64) -> rusqlite::Result<Option<Moved>> {
        let report = self.connection.prepare_cached(include_str!("../sql/moved.sql"))?.query_row([seq], |row| {
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
        report.optional().map(Option::flatten)
    }
}

impl Found {
    /// Reads a row of facts.sql and settling.sql. Numbers out of range are replaced by the nearest valid ones, so that
    /// a corrupt row can still be moved out of the way.
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

    /// Returns the facts of a ready job that a separate statement is claiming, as far as its arrival needs them.
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

    fn unique_scope(&self) -> Option<UniqueScope> {
        self.unique_scope.map(unique::scope)
    }
}
