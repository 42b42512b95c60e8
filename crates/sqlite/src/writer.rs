//! The writer: one thread a process, which commits whatever waits as one transaction.
//!
//! There is no timer: while one commit is on its way to the disk, the next batch gathers. A piece of work runs inside a
//! savepoint, so that one that fails takes nothing of its neighbours with it, and is answered after the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use longshore_core::{Clock, Effect, Error, ErrorKind, Settings, Wakeups};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error;
use crate::tx::{Names, Tx};
use crate::wake::WakeFile;

/// Most pieces of work that share one commit.
const BATCH: usize = 256;

/// The way to the writer thread; dropping it ends the thread after the work that waits.
#[derive(Debug)]
pub struct Writer {
    work: mpsc::UnboundedSender<Box<dyn Work>>,
    clock: Clock,
}

/// A piece of work on its way to the writer, and its answer on the way back.
trait Work: Send {
    /// Does it inside a transaction, and keeps the answer until that is committed.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;

    /// Answers: with what was kept, or with why nothing came of it.
    fn answer(self: Box<Self>, outcome: Result<(), Error>);
}

struct Asked<F, T> {
    work: F,
    kept: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Work for Asked<F, T>
where
    T: Send,
    F: FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        self.kept = Some((self.work)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Error>) {
        let Asked { kept, reply, .. } = *self;
        let answer = outcome.map(|()| kept.expect("work that did not fail has an answer"));
        let _ = reply.send(answer); // whoever asked may be gone; what was asked is done
    }
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        settings: Settings,
        wakeups: Wakeups,
        wake: Option<WakeFile>,
    ) -> Result<Self, Error> {
        let (work, waiting) = mpsc::unbounded_channel();
        let clock = settings.clock.clone();
        let thread = Thread { connection, settings, names: Names::default(), wakeups, wake };
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
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let gone = || Error::new(ErrorKind::Unavailable, "the writer thread has ended");
        self.work.send(Box::new(Asked { work, kept: None, reply })).map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone().perhaps_done()))
    }
}

struct Thread {
    connection: Connection,
    settings: Settings,
    names: Names,
    wakeups: Wakeups,
    wake: Option<WakeFile>,
}

impl Thread {
    fn run(mut self, mut waiting: mpsc::UnboundedReceiver<Box<dyn Work>>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Ok(next) = waiting.try_recv()
            {
                batch.push(next);
            }
            self.commit(batch);
        }
        let _ = self.connection.execute_batch("PRAGMA optimize"); // advice for the next start; nothing depends on it
    }

    /// Does a batch of work as one transaction and answers each piece.
    fn commit(&mut self, batch: Vec<Box<dyn Work>>) {
        if let Err(e) = self.execute("BEGIN IMMEDIATE") {
            return answer_all(batch, &error::of(e));
        }
        let mut tx = Tx::new(&self.connection, &self.settings, &mut self.names);
        let mut done = Vec::with_capacity(batch.len());
        for mut work in batch {
            match attempt(&mut tx, &mut work) {
                Ok(()) => done.push(work),
                Err(e) => {
                    work.answer(Err(e));
                    tx.names.forget(); // what was learned inside a rolled-back savepoint is not there
                    if self.connection.is_autocommit() {
                        // Some errors, a full disk among them, end the whole transaction.
                        let lost = Error::new(ErrorKind::Unavailable, "another write in the same commit failed");
                        return answer_all(done, &lost);
                    }
                }
            }
        }
        let finished = tx.finish();
        let bells = tx.bells;
        let committed = match finished {
            Ok(()) => self.execute("COMMIT").map_err(error::of_commit),
            Err(e) => Err(error::of(e)),
        };
        if let Err(e) = committed {
            if !self.connection.is_autocommit() {
                let _ = self.execute("ROLLBACK"); // the first error is the one to tell
            }
            self.names.forget();
            return answer_all(done, &e);
        }
        bells.ring(&self.wakeups);
        if let Some(wake) = &self.wake {
            wake.ring(bells);
        }
        done.into_iter().for_each(|work| work.answer(Ok(())));
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

/// Does one piece of work inside a savepoint.
fn attempt(tx: &mut Tx<'_>, work: &mut Box<dyn Work>) -> Result<(), Error> {
    let connection = tx.connection;
    let execute = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(|_| ());
    execute("SAVEPOINT work").map_err(error::of)?;
    let mark = tx.mark();
    let result = match catch_unwind(AssertUnwindSafe(|| work.run(tx))) {
        Ok(result) => result.map_err(error::of),
        Err(_) => Err(Error::new(ErrorKind::Corrupt, "a bug in longshore: the write panicked, and was undone")),
    };
    if result.is_err() && !connection.is_autocommit() {
        tx.rewind(mark);
        execute("ROLLBACK TO work").map_err(error::of)?;
    }
    if !connection.is_autocommit() {
        execute("RELEASE work").map_err(error::of)?;
    }
    result
}

fn answer_all(batch: Vec<Box<dyn Work>>, error: &Error) {
    for work in batch {
        let mut same = Error::new(error.kind(), error.to_string());
        if error.effect() == Effect::PerhapsDone {
            same = same.perhaps_done();
        }
        work.answer(Err(same));
    }
}
