//! Pushing jobs inside the caller's own transaction: the job and the caller's data become durable together, or neither
//! does.

use longshore_core::{Error, NewJob, Notices, Pushed};
use tokio_postgres::Transaction;

use crate::publisher::Publisher;
use crate::{Postgres, error, push};

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
        self.publisher.tell(std::mem::take(&mut self.notices));
    }
}

impl Postgres {
    /// Pushes jobs inside a transaction of the caller's own connection to the same database, in one round trip.
    ///
    /// The connection is a tokio-postgres connection of the version that this crate re-exports. Its role needs the
    /// permissions that [opening](Postgres::open) names, and the transaction needs the isolation level READ COMMITTED,
    /// which is the default. However long the transaction stays open, it blocks only pushes of jobs with the same
    /// unique or idempotency key.
    ///
    /// # Errors
    ///
    /// Returns an error that names the first invalid job, or PostgreSQL's error, after which the transaction must be
    /// rolled back.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use longshore_core::{NewJob, Payload};
    /// use longshore_postgres::Postgres;
    /// use longshore_postgres::tokio_postgres::Client;
    ///
    /// # async fn order(store: Postgres, mut app: Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let transaction = app.transaction().await?;
    /// transaction.execute("INSERT INTO orders (item) VALUES ('tea')", &[]).await?;
    /// let job = NewJob::new("default".parse()?, "ship".parse()?, Payload::parse(r#"{"item":"tea"}"#)?);
    /// let pushed = store.push_in(&transaction, &[job]).await?;
    /// transaction.commit().await?;
    /// drop(pushed); // notifies workers
    /// # Ok(()) }
    /// ```
    pub async fn push_in(&self, transaction: &Transaction<'_>, jobs: &[NewJob]) -> Result<PushedIn, Error> {
        for job in jobs {
            job.check()?;
        }
        let (shift, _) = self.settings.clock.shift();
        let columns = push::Columns::of(jobs, shift);
        let rows =
            transaction.query_typed(&push::statement_within(&self.pool), &columns.params()).await.map_err(error::of)?;
        let answers = push::answers(jobs, &rows)?;
        Ok(PushedIn { notices: push::notices(jobs, &answers), answers, publisher: self.publisher.clone() })
    }
}
