//! Pushing jobs inside the caller's own transaction: the job and what it is about become durable together, or neither.

use longshore_core::{Error, NewJob, Notices, Pushed};
use rusqlite::Transaction;

use crate::names::Names;
use crate::tx::Tx;
use crate::wake::Publisher;
use crate::{Sqlite, error, layout, push};

/// The answers to jobs pushed inside a transaction. Nothing is heard of them before the caller commits; drop this after the
/// commit, and workers are told at once. One that is dropped earlier, or lost in a crash, costs a delay, never a job.
#[must_use = "dropping this tells workers of the jobs: keep it until after the commit"]
#[derive(Debug)]
pub struct PushedIn {
    /// The answers, in order.
    pub answers: Vec<Pushed>,
    notices: Notices,
    publisher: Publisher,
}

impl Drop for PushedIn {
    fn drop(&mut self) {
        self.publisher.tell(&self.notices);
    }
}

impl Sqlite {
    /// Pushes jobs inside a transaction of the caller's own connection to the same file.
    ///
    /// The connection is a rusqlite one of the version that this crate re-exports. Begin the transaction with
    /// [`TransactionBehavior::Immediate`](rusqlite::TransactionBehavior): one that reads first and writes later fails when
    /// another has written in between. Tables of your own may lie in the same file, once longshore has made it.
    ///
    /// # Errors
    ///
    /// Names the first job that is out of bounds; says what SQLite said; or that the file was deleted, moved or replaced. Then roll back.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_core::{NewJob, Payload};
    /// use longshore_sqlite::rusqlite::{Connection, TransactionBehavior};
    /// use longshore_sqlite::{Options, Sqlite};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("app.db");
    /// let store = Sqlite::open(&path, Options::default())?;
    /// let mut app = Connection::open(&path)?;
    /// app.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)")?;
    ///
    /// let transaction = app.transaction_with_behavior(TransactionBehavior::Immediate)?;
    /// transaction.execute("INSERT INTO orders (item) VALUES ('tea')", [])?;
    /// let job = NewJob::new("default".parse()?, "ship".parse()?, Payload::parse(r#"{"item":"tea"}"#)?);
    /// let pushed = store.push_in(&transaction, &[job])?;
    /// transaction.commit()?;
    /// drop(pushed); // workers hear of the job
    /// # Ok(()) }
    /// ```
    pub fn push_in(&self, transaction: &Transaction<'_>, jobs: &[NewJob]) -> Result<PushedIn, Error> {
        for job in jobs {
            job.check()?;
        }
        self.identity.check()?;
        layout::check_writer(transaction)?;
        let mut names = Names::default();
        let mut tx = Tx::new(transaction, &self.settings, &mut names);
        let answers = jobs.iter().map(|job| push::push(&mut tx, job)).collect::<Result<_, _>>().map_err(error::of)?;
        tx.finish().map_err(error::of)?;
        Ok(PushedIn { answers, notices: tx.notices, publisher: self.publisher.clone() })
    }
}
