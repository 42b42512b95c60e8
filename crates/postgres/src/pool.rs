//! Connections to the server: opened on demand, reused, and closed when they break. Every call has a time-out.
//!
//! Statements are sent unnamed, with the types of their parameters, in one round trip. Each calls one function of the
//! schema, whose plans the server caches. Named statements would save only a few microseconds per call and would not
//! work behind a pooler.
//!
//! Connections live on the runtime on which the store was opened, whichever runtime the caller uses.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_core::{Error, ErrorKind};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Connection, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error;
use crate::schema::SETTINGS;
use crate::tls;
use crate::url::{Schema, Url};

/// A parameter and its type.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement whose function also has a bare version, see schema.rs.
#[derive(Clone, Copy)]
pub(crate) struct Statement<'a> {
    pub(crate) function: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) params: &'a [Param<'a>],
}

/// How often a statement is tried that conflicts with other transactions.
const TRIES: u32 = 8;

/// A setting for the start of a session that detects a pooler: it is returned only over a direct connection.
const MARK: &str = "longshore.direct";

/// This process's connections to the server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    url: Url,
    tls: MakeRustlsConnect,
    runtime: Handle,
    patience: Duration,
    idle: Mutex<Vec<Client>>,
    slots: Semaphore,
    /// Whether a pooler is in between: it drops the settings of a session's start, and a session may belong to another
    /// client later.
    pooled: AtomicBool,
    /// The most connections.
    size: usize,
}

/// A connection whose driver must still be run.
pub(crate) type Driver = Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

impl Pool {
    /// Creates a pool without connecting. A call takes at most `patience`.
    ///
    /// # Errors
    ///
    /// Returns an error if TLS cannot be set up.
    pub(crate) fn new(url: Url, patience: Duration) -> Result<Self, Error> {
        let inner = Inner {
            tls: tls::connector(&url.tls)?,
            runtime: Handle::current(),
            patience,
            idle: Mutex::default(),
            slots: Semaphore::new(url.pool),
            pooled: AtomicBool::new(false),
            size: url.pool,
            url,
        };
        Ok(Pool { inner: Arc::new(inner) })
    }

    /// Returns a separate pool of connections to the same server.
    pub(crate) fn separate(&self, size: usize) -> Self {
        let inner = Inner {
            url: self.inner.url.clone(),
            tls: self.inner.tls.clone(),
            runtime: self.inner.runtime.clone(),
            patience: self.inner.patience,
            idle: Mutex::default(),
            slots: Semaphore::new(size),
            pooled: AtomicBool::new(self.is_pooled()),
            size,
        };
        Pool { inner: Arc::new(inner) }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.inner.url
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.inner.url.schema
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    pub(crate) fn patience(&self) -> Duration {
        self.inner.patience
    }

    /// Returns whether a pooler was detected.
    pub(crate) fn is_pooled(&self) -> bool {
        self.inner.pooled.load(Ordering::Relaxed)
    }

    /// Runs one statement, written for the schema `longshore`, in its own transaction. Returns its rows.
    ///
    /// A statement that conflicted with another transaction is repeated. A broken connection is closed.
    pub(crate) async fn rows(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let sql = self.schema().in_sql(sql);
        let mut tries = 0;
        loop {
            tries += 1;
            let taken = self.take().await?;
            let asked = tokio::time::timeout(self.inner.patience, taken.client().query_typed(&sql, params)).await;
            match asked {
                Ok(Ok(rows)) => {
                    taken.put_back();
                    return Ok(rows);
                }
                Ok(Err(e)) => {
                    if error::spares_connection(&e) {
                        taken.put_back();
                    } else {
                        self.forget_idle();
                    }
                    if !error::lost_a_race(&e) || tries == TRIES {
                        return Err(error::of(e));
                    }
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=1 << tries))).await;
                }
                Err(_) => return Err(self.no_answer()),
            }
        }
    }

    /// Runs two statements on one connection, each in its own transaction, in one round trip: the second is sent
    /// without waiting for the answer to the first. A statement that conflicted with another transaction is repeated
    /// alone.
    pub(crate) async fn rows_of_two(
        &self,
        first: Statement<'_>,
        second: Statement<'_>,
    ) -> (Result<Vec<Row>, Error>, Result<Vec<Row>, Error>) {
        let taken = match self.take().await {
            Ok(taken) => taken,
            Err(e) => return (Err(e.shared()), Err(e)),
        };
        let client = taken.client();
        let sql = [self.sql_of(&first), self.sql_of(&second)].map(|sql| self.schema().in_sql(&sql));
        // Each statement is sent when its future is first polled, in this order.
        let both = async {
            tokio::join!(biased; client.query_typed(&sql[0], first.params), client.query_typed(&sql[1], second.params))
        };
        let Ok((one, two)) = tokio::time::timeout(self.inner.patience, both).await else {
            return (Err(self.no_answer()), Err(self.no_answer()));
        };
        let spared = |asked: &Result<_, _>| asked.as_ref().err().is_none_or(error::spares_connection);
        if spared(&one) && spared(&two) {
            taken.put_back();
        } else {
            drop(taken);
            self.forget_idle();
        }
        (self.with_retry(one, first).await, self.with_retry(two, second).await)
    }

    /// Repeats a statement that conflicted with another transaction.
    async fn with_retry(
        &self,
        asked: Result<Vec<Row>, tokio_postgres::Error>,
        statement: Statement<'_>,
    ) -> Result<Vec<Row>, Error> {
        match asked {
            Err(e) if error::lost_a_race(&e) => self.rows_of(statement).await,
            asked => asked.map_err(error::of),
        }
    }

    fn no_answer(&self) -> Error {
        let text = format!("no answer from {} within {:?}", self.inner.url.place(), self.inner.patience);
        Error::new(ErrorKind::Unavailable, text).perhaps_done()
    }

    /// Does the same as [`rows`](Self::rows), for a statement whose function also has a bare version.
    pub(crate) async fn rows_of(&self, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        self.rows(&self.sql_of(&statement), statement.params).await
    }

    fn sql_of(&self, Statement { function, sql, .. }: &Statement<'_>) -> String {
        if self.is_pooled() {
            return (*sql).to_owned(); // a pooled session has the settings of its earlier users
        }
        sql.replace(&format!("{function}("), &format!("{function}_bare("))
    }

    /// Runs one statement that returns one row.
    pub(crate) async fn row(&self, sql: &str, params: &[Param<'_>]) -> Result<Row, Error> {
        let row = self.rows(sql, params).await?.pop();
        row.ok_or_else(|| Error::new(ErrorKind::Corrupt, "bug: a statement returned no row"))
    }

    /// Takes an idle connection or opens one. Waits while all are in use.
    pub(crate) async fn take(&self) -> Result<Taken<'_>, Error> {
        let until = Instant::now() + self.inner.patience;
        let busy = |_| {
            let text = format!("all {} connections were in use for {:?}", self.inner.size, self.inner.patience);
            Error::new(ErrorKind::Unavailable, text)
        };
        let slot = timeout_at(until, self.inner.slots.acquire()).await.map_err(busy)?.expect("it is never closed");
        let client = match self.idle() {
            Some(client) => client,
            None => self.connect(until).await.map_err(|e| match e.kind() {
                // At the start open.rs has reported this error; later it may be in the process of being corrected.
                ErrorKind::Refused => Error::new(ErrorKind::Unavailable, e.to_string()).caused_by(e),
                _ => e,
            })?,
        };
        Ok(Taken { pool: self, client: Some(client), _slot: slot })
    }

    fn idle(&self) -> Option<Client> {
        let mut idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(client) = idle.pop() {
            if !client.is_closed() {
                return Some(client);
            }
        }
        None
    }

    /// Returns a connection to the pool.
    pub(crate) fn keep(&self, client: Client) {
        self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    /// Closes idle connections: a restart or failover that broke one may have broken all.
    fn forget_idle(&self) {
        self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Opens a connection whose driver runs as long as the connection is used.
    pub(crate) async fn connect(&self, until: Instant) -> Result<Client, Error> {
        let (client, driver) = self.dial(until, "").await?;
        self.inner.runtime.spawn(async move {
            if let Err(e) = driver.await {
                tracing::debug!(error = %e, "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }

    /// Connects, on the store's runtime. `options` are set at the start of the session in addition to those that
    /// protect the server.
    pub(crate) async fn dial(&self, until: Instant, options: &str) -> Result<(Client, Driver), Error> {
        let inner = Arc::clone(&self.inner);
        let pooled_before = self.is_pooled();
        let config = inner.config(options);
        let dialling = self.inner.runtime.spawn(async move {
            let dialled = timeout_at(until, config.connect(inner.tls.clone())).await;
            dialled
                .map_err(|_| Error::new(ErrorKind::Unavailable, format!("no answer within {:?}", inner.patience)))?
                .map_err(|e| {
                    if e.code() == Some(&SqlState::PROTOCOL_VIOLATION) && chain_says_startup(&e) {
                        inner.pooled.store(true, Ordering::Relaxed);
                    }
                    error::of_connecting(e)
                })
        });
        let dialled =
            dialling.await.unwrap_or_else(|e| Err(Error::new(ErrorKind::Unavailable, e.to_string()).caused_by(e)));
        if dialled.is_err() && self.is_pooled() && !pooled_before {
            return Box::pin(self.dial(until, options)).await; // the pooler rejects options: connect again without them
        }
        dialled.map_err(|e| e.context(format_args!("connect to {}", self.inner.url.place())))
    }

    /// Detects a pooler that dropped the settings of the session's start.
    pub(crate) fn note_mark(&self, mark: Option<&str>) {
        if mark != Some("yes") {
            self.inner.pooled.store(true, Ordering::Relaxed);
        }
    }
}

/// The setting that detects a pooler, for open.rs to read.
pub(crate) const fn mark() -> &'static str {
    MARK
}

/// Returns whether the server refused an option of the start-up message, as PgBouncer does.
fn chain_says_startup(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| db.message().contains("startup parameter"))
}

impl Inner {
    /// Returns the connection settings, which protect the server and others from a hanging session.
    fn config(&self, options: &str) -> Config {
        let mut config = self.url.config.clone();
        if !self.pooled.load(Ordering::Relaxed) {
            let ms = self.patience.as_millis() * 9 / 10; // the server's time-out comes first, so that its error is reported
            let said = config.get_options().unwrap_or_default();
            let steady = SETTINGS.map(|(name, value)| format!("-c {name}={value}")).join(" ");
            let all = format!(
                "-c {MARK}=yes -c statement_timeout={ms} -c lock_timeout={ms} -c idle_in_transaction_session_timeout={ms} \
                 -c default_transaction_isolation=read\\ committed {steady} {options} {said}"
            );
            config.options(all.trim_end());
        }
        config
    }
}

/// A connection in use. If it is dropped without [`Taken::put_back`], it is closed, because its session may be in any
/// state.
pub(crate) struct Taken<'a> {
    pool: &'a Pool,
    client: Option<Client>,
    _slot: tokio::sync::SemaphorePermit<'a>,
}

impl Taken<'_> {
    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("it is there until it is put back")
    }

    pub(crate) fn put_back(mut self) {
        let client = self.client.take().expect("it is put back once");
        self.pool.keep(client);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("url", &self.inner.url).field("pooled", &self.is_pooled()).finish()
    }
}
