//! Pushing jobs inside the caller's own transaction: the job and the caller's data become durable together, or neither
//! does.

use longshore_core::{Error, NewJob, Notices, Pushed};
use rusqlite::Transaction;

use crate::names::Names;
use crate::tx::Tx;
use crate::wake::Publisher;
use crate::{Sqlite, error, layout, push};

/// The answers to jobs that were pushed inside a transaction.
///
/// Drop this after the commit: workers are then notified at once. If it is dropped earlier or lost in a crash, jobs are
/// delayed but never lost.
#[must_use = "dropping this notifies workers: keep it until after the commit"]
#[derive(Debug)]
pub struct PushedIn {
    /// The answers, in order.
    pub answers: Vec<Pushed>,
    notices: Notices,
    publisher: Publisher,
}

impl Drop for PushedIn {
    fn drop(&mut self) {
        self.publisher.notify(&self.notices);
    }
}

impl Sqlite {
    /// Pushes jobs inside a transaction of the caller's own connection to the same file.
    ///
    /// The connection is a rusqlite connection of the version that this crate re-exports. Begin the transaction with
    /// [`TransactionBehavior::Immediate`](rusqlite::TransactionBehavior): a transaction that reads first and writes
    /// later fails if another one has written meanwhile. Your own tables may be in the same file, once longshore has
    /// created it.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first invalid job, the errors of SQLite, or an error if the file was deleted,
    /// moved or replaced. Roll back in these cases.
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
    /// drop(pushed); // notifies workers
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
