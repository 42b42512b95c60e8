//! The writer: one thread per process, which commits all waiting operations as one transaction.
//!
//! There is no timer: while one commit is being written to the disk, the next batch collects. An operation that fails
//! does not affect the others: the batch is rolled back and run again with a savepoint around each operation. The first
//! run has no savepoints, because a savepoint copies every page that is changed inside it.
//!
//! When the disk is full, the batch is split: operations that need new room are refused, and the others run, on the
//! [reserve](crate::reserve) if necessary.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use longshore_core::{Clock, Error, ErrorKind, Settings};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::closing::{self, Closed};
use crate::error;
use crate::identity::Identity;
use crate::layout;
use crate::log_size::LogSize;
use crate::names::Names;
use crate::outage::{Moment, Outage};
use crate::reserve::Reserve;
use crate::tx::Tx;
use crate::wake::Publisher;

/// The most operations in one commit.
const BATCH: usize = 256;
/// A commit with this many jobs does not wait for more, because other processes need the lock too.
const BATCH_JOBS: usize = 2_000;
/// A process that held the lock for this long pauses before it takes it again. Others check for it every half a
/// millisecond and would never find it free on a slow disk.
const LONG_HOLD_MS: i64 = 100;
const GIVE_WAY: Duration = Duration::from_millis(2);

/// How an operation is handled when the disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It needs room for something new and is refused.
    Room,
    /// It continues or ends something that exists and may use the reserve.
    Reserve,
}

/// The connection to the writer thread. When all clones are dropped, the thread ends after all waiting operations.
#[derive(Clone, Debug)]
pub struct Writer {
    orders: mpsc::UnboundedSender<Order>,
    clock: Clock,
    closed: Arc<Closed>,
}

/// What the writer thread is asked to do.
enum Order {
    Run(Box<dyn Work>),
    /// Close the connection after everything that was ordered before.
    Close,
}

/// An operation on its way to the writer, and its answer on the way back.
trait Work: Send {
    fn need(&self) -> Need;

    /// Returns how many jobs it affects.
    fn jobs(&self) -> usize;

    /// Runs it inside a transaction, and keeps the answer until the commit.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;

    /// Sends the kept answer, or the error of the commit.
    fn answer(self: Box<Self>, outcome: Result<(), Error>);
}

struct Request<F, T> {
    need: Need,
    jobs: usize,
    work: F,
    kept: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Work for Request<F, T>
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
        let Request { kept, reply, .. } = *self;
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
        log_size: LogSize,
    ) -> Result<Self, Error> {
        let (orders, waiting) = mpsc::unbounded_channel();
        let (clock, closed) = (settings.clock.clone(), Arc::<Closed>::default());
        let (names, outage) = (Names::default(), Outage::new(Moment::now(&clock)));
        let thread = Thread {
            connection,
            settings,
            names,
            publisher,
            reserve,
            identity,
            is_gone: false,
            outage,
            held_ms: 0,
            log_size,
        };
        let report = closed.at_the_end();
        thread::Builder::new()
            .name("longshore-sqlite".into())
            .spawn(move || report.with(thread.run(waiting)))
            .map_err(|e| Error::new(ErrorKind::Unavailable, e.to_string()).context("start the writer thread"))?;
        Ok(Writer { orders, clock, closed })
    }

    /// Closes the connection after all operations that were sent before. Waits for that until then.
    pub(crate) fn close(&self, until: Instant) -> Result<(), Error> {
        let _ = self.orders.send(Order::Close); // a thread that has ended has closed it
        self.closed.wait(until)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Runs an operation. Returns its answer after the commit.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        need: Need,
        jobs: usize,
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let request = Order::Run(Box::new(Request { need, jobs, work, kept: None, reply }));
        self.orders.send(request).map_err(|_| error::closed())?;
        let gone = |_| Err(Error::new(ErrorKind::Unavailable, "the writer thread has ended").perhaps_done());
        answer.await.unwrap_or_else(gone)
    }
}

/// A batch that was rolled back and is not answered.
struct RolledBack {
    batch: Vec<Box<dyn Work>>,
    /// Whether there was no room. Otherwise an operation failed.
    full: bool,
}

struct Thread {
    connection: Connection,
    settings: Settings,
    names: Names,
    publisher: Publisher,
    reserve: Option<Reserve>,
    identity: Arc<Identity>,
    /// Whether the last check found that the files are not those that were opened.
    is_gone: bool,
    outage: Outage,
    /// How long the last transaction held the lock.
    held_ms: i64,
    log_size: LogSize,
}

impl Thread {
    /// Commits batches until the store is closed. Returns how closing the connection ended.
    fn run(mut self, mut waiting: mpsc::UnboundedReceiver<Order>) -> Result<(), Error> {
        let mut is_over = false;
        while !is_over && let Some(Order::Run(first)) = waiting.blocking_recv() {
            let mut jobs = first.jobs();
            let mut batch = vec![first];
            while batch.len() < BATCH
                && jobs < BATCH_JOBS
                && let Ok(next) = waiting.try_recv()
            {
                let Order::Run(next) = next else {
                    is_over = true;
                    break;
                };
                jobs += next.jobs();
                batch.push(next);
            }
            self.commit(batch);
            if !self.is_gone {
                self.log_size.limit(&self.connection, &self.identity);
            }
        }
        waiting.close();
        while let Ok(order) = waiting.try_recv() {
            if let Order::Run(late) = order {
                late.answer(Err(error::closed()));
            }
        }
        closing::close(self.connection, &self.identity)
    }

    /// Runs a batch of operations and answers each.
    fn commit(&mut self, batch: Vec<Box<dyn Work>>) {
        if self.is_gone
            && let Err(e) = self.check_files()
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

    /// Refuses operations that need new room while the reserve is missing. Returns the others.
    fn admit(&mut self, batch: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
        let Some(reserve) = &mut self.reserve else { return batch };
        let asks_for_room = batch.iter().any(|work| work.need() == Need::Room);
        if !asks_for_room && !reserve.was_missing() || reserve.restore() {
            return batch;
        }
        // Pages of deleted jobs are room as well: the file keeps them, and the disk may never have that much free space
        // again.
        if !asks_for_room || free_bytes(&self.connection).is_ok_and(|bytes| bytes >= reserve.bytes()) {
            return batch;
        }
        // If the folder was deleted, the reserve was deleted with it.
        if let Err(e) = self.check_files() {
            answer_all(batch, &e);
            return Vec::new();
        }
        let Some(reserve) = &mut self.reserve else { return batch };
        let (refused, batch) = batch.into_iter().partition(|work| work.need() == Need::Room);
        answer_all(refused, &reserve.refusal());
        batch
    }

    /// Runs a batch as one transaction and answers each operation. If there was no room, nothing is done, and the
    /// operations without an answer are returned.
    fn transact(&mut self, batch: Vec<Box<dyn Work>>) -> Result<(), Vec<Box<dyn Work>>> {
        match self.transact_once(batch, false) {
            Err(RolledBack { batch, full: false }) => self.transact_once(batch, true).map_err(|undone| undone.batch),
            done => done.map_err(|undone| undone.batch),
        }
    }

    /// Does the same as [`Thread::transact`], but without savepoints a failing operation rolls the batch back.
    fn transact_once(&mut self, batch: Vec<Box<dyn Work>>, savepoints: bool) -> Result<(), RolledBack> {
        if batch.is_empty() {
            return Ok(());
        }
        let changes = self.connection.total_changes();
        if let Err(e) = self.execute("BEGIN IMMEDIATE").map_err(error::of) {
            if e.kind() == ErrorKind::Full {
                return Err(RolledBack { batch, full: true });
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

    /// Does the work of [`Thread::transact_once`] while the lock is held. Returns whether it was committed.
    fn run_and_commit(&mut self, batch: Vec<Box<dyn Work>>, savepoints: bool) -> Result<bool, RolledBack> {
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
                    return Err(RolledBack { batch: done, full: e.kind() == ErrorKind::Full });
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
                return Err(RolledBack { batch: done, full: true });
            }
            answer_all(done, &e);
            return Ok(false);
        }
        // Answers are sent only if other processes would open the same files.
        if let Err(e) = self.check_files() {
            answer_all(done, &e.perhaps_done());
            return Ok(false);
        }
        self.publisher.notify(&notices);
        done.into_iter().for_each(|work| work.answer(Ok(())));
        Ok(true)
    }

    /// Checks that the database's files are still where they were opened.
    fn check_files(&mut self) -> Result<(), Error> {
        let looked = self.identity.check();
        let was_gone = std::mem::replace(&mut self.is_gone, looked.is_err());
        match &looked {
            Err(e) if !was_gone => tracing::error!(error = %e, "cannot write: the database's files have changed"),
            Ok(()) if was_gone => tracing::info!("the database's files are back: writes continue"),
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

/// Runs one operation. It can be rolled back alone if the transaction uses savepoints.
fn attempt(tx: &mut Tx<'_>, work: &mut Box<dyn Work>) -> Result<(), Error> {
    let mut panicked = false;
    let done = tx.with_rollback(|tx| {
        catch_unwind(AssertUnwindSafe(|| work.run(tx))).unwrap_or_else(|_| {
            panicked = true;
            Err(rusqlite::Error::InvalidQuery)
        })
    });
    let bug = || Error::new(ErrorKind::Corrupt, "bug in longshore: the write panicked and was rolled back");
    done.map_err(error::of)?.map_err(|e| if panicked { bug() } else { e })
}

/// Returns how many bytes of the file deleted rows have left free.
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
