//! The writer: one thread a process, which commits whatever waits as one transaction.
//!
//! There is no timer: while one commit is on its way to the disk, the next batch gathers. A piece of work that fails takes nothing of
//! its neighbours with it: the batch is undone and done again, each piece inside a savepoint. The first time there are none, because
//! a savepoint copies every page that is changed inside it.
//!
//! When the disk is full, the batch is split: what asks for new room is refused, and the rest goes through, on the
//! [reserve](crate::reserve) if need be.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use longshore_core::{Clock, Error, ErrorKind, Settings};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error;
use crate::identity::Identity;
use crate::layout;
use crate::names::Names;
use crate::outage::{Moment, Outage};
use crate::reserve::Reserve;
use crate::tx::Tx;
use crate::wake::Publisher;

/// Most pieces of work that share one commit.
const BATCH: usize = 256;
/// A commit with so many jobs waits for no more: others want the lock too.
const BATCH_JOBS: usize = 2_000;
/// Whoever had the lock for so long gives way before it asks for it again: others look for it every half a millisecond, and on a
/// slow disk would never find it free.
const LONG_HOLD_MS: i64 = 100;
const GIVE_WAY: Duration = Duration::from_millis(2);

/// What a piece of work is to a disk that is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It takes room for something new, and is refused.
    Room,
    /// It keeps up, or brings to its end, what is there, and may have the reserve.
    Reserve,
}

/// The way to the writer thread; dropping it ends the thread after the work that waits.
#[derive(Debug)]
pub struct Writer {
    work: mpsc::UnboundedSender<Box<dyn Work>>,
    clock: Clock,
}

/// A piece of work on its way to the writer, and its answer on the way back.
trait Work: Send {
    fn need(&self) -> Need;

    /// Returns how many jobs it is about.
    fn jobs(&self) -> usize;

    /// Does it inside a transaction, and keeps the answer until that is committed.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;

    /// Answers: with what was kept, or with why nothing came of it.
    fn answer(self: Box<Self>, outcome: Result<(), Error>);
}

struct Asked<F, T> {
    need: Need,
    jobs: usize,
    work: F,
    kept: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Work for Asked<F, T>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send,
{
    fn need(&self) -> Need {
        self.need
    }

    fn jobs(&self) -> usize {
        self.jobs
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        self.kept = Some((self.work)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Error>) {
        let Asked { kept, reply, .. } = *self;
        let answer = outcome.map(|()| kept.expect("work that did not fail has an answer"));
        let _ = reply.send(answer); // the caller may have been dropped; its write is done
    }
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        settings: Settings,
        publisher: Publisher,
        reserve: Option<Reserve>,
        identity: Arc<Identity>,
    ) -> Result<Self, Error> {
        let (work, waiting) = mpsc::unbounded_channel();
        let clock = settings.clock.clone();
        let (names, outage) = (Names::default(), Outage::new(Moment::now(&clock)));
        let thread =
            Thread { connection, settings, names, publisher, reserve, identity, is_gone: false, outage, held_ms: 0 };
        thread::Builder::new()
            .name("longshore-sqlite".into())
            .spawn(move || thread.run(waiting))
            .map_err(|e| Error::new(ErrorKind::Unavailable, e.to_string()).context("start the writer thread"))?;
        Ok(Writer { work, clock })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Has a piece of work done, and returns its answer once it is committed.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        need: Need,
        jobs: usize,
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let gone = || Error::new(ErrorKind::Unavailable, "the writer thread has ended");
        self.work.send(Box::new(Asked { need, jobs, work, kept: None, reply })).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone().perhaps_done()))
    }
}

/// A batch that was undone and is not answered.
struct Undone {
    batch: Vec<Box<dyn Work>>,
    /// Whether there was no room; else a piece failed.
    full: bool,
}

struct Thread {
    connection: Connection,
    settings: Settings,
    names: Names,
    publisher: Publisher,
    reserve: Option<Reserve>,
    identity: Arc<Identity>,
    /// Whether the files were not those that were opened, when last looked at.
    is_gone: bool,
    outage: Outage,
    /// How long the newest transaction had the lock.
    held_ms: i64,
}

impl Thread {
    fn run(mut self, mut waiting: mpsc::UnboundedReceiver<Box<dyn Work>>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut jobs = first.jobs();
            let mut batch = vec![first];
            while batch.len() < BATCH
                && jobs < BATCH_JOBS
                && let Ok(next) = waiting.try_recv()
            {
                jobs += next.jobs();
                batch.push(next);
            }
            self.commit(batch);
        }
        let _ = self.connection.execute_batch("PRAGMA optimize"); // statistics for the next start; optional
    }

    /// Does a batch of work and answers each piece.
    fn commit(&mut self, batch: Vec<Box<dyn Work>>) {
        if self.is_gone
            && let Err(e) = self.look_for_the_files()
        {
            answer_all(batch, &e);
            return;
        }
        if std::mem::take(&mut self.held_ms) >= LONG_HOLD_MS {
            thread::sleep(GIVE_WAY);
        }
        let batch = self.admit(batch);
        let Err(without_room) = self.transact(batch) else { return };
        let (refused, batch) = without_room.into_iter().partition(|work| work.need() == Need::Room);
        answer_all(refused, &full());
        let Err(batch) = self.transact(batch) else { return };
        let batch = match &mut self.reserve {
            None => batch,
            Some(reserve) => {
                reserve.give_up();
                match self.transact(batch) {
                    Ok(()) => return,
                    Err(batch) => batch,
                }
            }
        };
        answer_all(batch, &full());
    }

    /// Refuses what asks for new room while the reserve is gone; returns what is to be done.
    fn admit(&mut self, batch: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
        let Some(reserve) = &mut self.reserve else { return batch };
        let asks_for_room = batch.iter().any(|work| work.need() == Need::Room);
        if !asks_for_room && !reserve.was_missing() || reserve.restore() {
            return batch;
        }
        // Pages that deleted jobs left are room as well: the file keeps them, and the disk may never have that much again.
        if !asks_for_room || free_bytes(&self.connection).is_ok_and(|bytes| bytes >= reserve.bytes()) {
            return batch;
        }
        // A folder that is gone has taken the reserve along.
        if let Err(e) = self.look_for_the_files() {
            answer_all(batch, &e);
            return Vec::new();
        }
        let Some(reserve) = &mut self.reserve else { return batch };
        let (refused, batch) = batch.into_iter().partition(|work| work.need() == Need::Room);
        answer_all(refused, &reserve.refusal());
        batch
    }

    /// Does a batch of work as one transaction and answers each piece; if there was no room, nothing is done, and what has no
    /// answer yet is given back.
    fn transact(&mut self, batch: Vec<Box<dyn Work>>) -> Result<(), Vec<Box<dyn Work>>> {
        match self.transact_once(batch, false) {
            Err(Undone { batch, full: false }) => self.transact_once(batch, true).map_err(|undone| undone.batch),
            done => done.map_err(|undone| undone.batch),
        }
    }

    /// As [`Thread::transact`], but without savepoints a piece that fails undoes the batch.
    fn transact_once(&mut self, batch: Vec<Box<dyn Work>>, savepoints: bool) -> Result<(), Undone> {
        if batch.is_empty() {
            return Ok(());
        }
        let changes = self.connection.total_changes();
        if let Err(e) = self.execute("BEGIN IMMEDIATE").map_err(error::of) {
            if e.kind() == ErrorKind::Full {
                return Err(Undone { batch, full: true });
            }
            answer_all(batch, &e);
            return Ok(());
        }
        match layout::check_writer(&self.connection) {
            Ok(forgotten) => self.names.hold_since(forgotten),
            Err(e) => {
                self.roll_back();
                answer_all(batch, &e);
                return Ok(());
            }
        }
        self.outage.locked(Moment::now(&self.settings.clock));
        let answer = self.run_and_commit(batch, savepoints);
        let now = Moment::now(&self.settings.clock);
        self.held_ms = self.outage.unlocked(now);
        if let Ok(true) = answer
            && self.connection.total_changes() > changes
        {
            self.outage.written(now);
        }
        answer.map(|_| ())
    }

    /// Does what [`Thread::transact_once`] says, the lock being had; returns whether it was committed.
    fn run_and_commit(&mut self, batch: Vec<Box<dyn Work>>, savepoints: bool) -> Result<bool, Undone> {
        let mut tx = Tx::new(&self.connection, &self.settings, &mut self.names);
        (tx.outage, tx.savepoints) = (Some(&self.outage), savepoints);
        let mut done = Vec::with_capacity(batch.len());
        let mut waiting = batch.into_iter();
        while let Some(mut work) = waiting.next() {
            match attempt(&mut tx, &mut work) {
                Ok(()) => done.push(work),
                Err(e) if e.kind() == ErrorKind::Full || !savepoints => {
                    done.push(work);
                    done.extend(waiting);
                    self.roll_back();
                    return Err(Undone { batch: done, full: e.kind() == ErrorKind::Full });
                }
                Err(e) => {
                    work.answer(Err(e));
                    if self.connection.is_autocommit() {
                        // Some errors end the whole transaction.
                        let lost = Error::new(ErrorKind::Unavailable, "another write in the same commit failed");
                        answer_all(done.into_iter().chain(waiting).collect(), &lost);
                        return Ok(false);
                    }
                }
            }
        }
        let finished = tx.finish();
        let notices = tx.notices;
        let committed = match finished {
            Ok(()) => self.execute("COMMIT").map_err(error::of_commit),
            Err(e) => Err(error::of(e)),
        };
        if let Err(e) = committed {
            self.roll_back();
            if e.kind() == ErrorKind::Full {
                return Err(Undone { batch: done, full: true });
            }
            answer_all(done, &e);
            return Ok(false);
        }
        // What is answered is in the files that others will open, too.
        if let Err(e) = self.look_for_the_files() {
            answer_all(done, &e.perhaps_done());
            return Ok(false);
        }
        self.publisher.tell(&notices);
        done.into_iter().for_each(|work| work.answer(Ok(())));
        Ok(true)
    }

    /// Makes sure that the database's files still are where they were opened.
    fn look_for_the_files(&mut self) -> Result<(), Error> {
        let looked = self.identity.check();
        let was_gone = std::mem::replace(&mut self.is_gone, looked.is_err());
        match &looked {
            Err(e) if !was_gone => tracing::error!(error = %e, "nothing is written any more"),
            Ok(()) if was_gone => tracing::info!("the database's files are back: work goes on"),
            _ => {}
        }
        looked
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            let _ = self.execute("ROLLBACK"); // the error before the rollback is reported
        }
        self.names.forget();
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

/// Does one piece of work, so that it can be undone alone if the transaction makes savepoints.
fn attempt(tx: &mut Tx<'_>, work: &mut Box<dyn Work>) -> Result<(), Error> {
    let mut panicked = false;
    let done = tx.undone_where_it_fails(|tx| {
        catch_unwind(AssertUnwindSafe(|| work.run(tx))).unwrap_or_else(|_| {
            panicked = true;
            Err(rusqlite::Error::InvalidQuery)
        })
    });
    let bug = || Error::new(ErrorKind::Corrupt, "a bug in longshore: the write panicked, and was undone");
    done.map_err(error::of)?.map_err(|e| if panicked { bug() } else { e })
}

/// Returns how many bytes of the file deleted rows have left.
fn free_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("freelist_count")? * pragma("page_size")?).unsigned_abs())
}

fn full() -> Error {
    Error::new(ErrorKind::Full, error::FULL)
}

fn answer_all(batch: Vec<Box<dyn Work>>, error: &Error) {
    for work in batch {
        work.answer(Err(error.shared()));
    }
}
