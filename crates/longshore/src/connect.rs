//! Opening a store by URL. This is the only place that names concrete stores.

use longshore_core::client::{Enqueue, EnqueueMany};
use longshore_core::worker::Worker;
use longshore_core::{Backend, Client, Error, ErrorKind, Handle, Job, JobId, Memory, Settings, artifact};
#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::Arc;

/// The URL schemes of the built-in stores, each with an example.
pub const SCHEMES: &[(&str, &str)] = &[
    #[cfg(feature = "sqlite")]
    ("sqlite", "sqlite:longshore.db"),
    #[cfg(feature = "redis")]
    ("redis", "redis://localhost"),
    #[cfg(feature = "postgres")]
    ("postgres", "postgres://localhost/app"),
    ("memory", "memory:"),
];

/// A store, ready to enqueue jobs and to start workers. Cheap to clone and safe to share.
#[derive(Clone, Debug)]
pub struct Longshore {
    client: Client,
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres")),
        expect(dead_code, reason = "no other store has methods of its own")
    )]
    store: ConcreteStore,
}

/// The store, if it has methods that no other store has.
#[derive(Clone)]
enum ConcreteStore {
    #[cfg(feature = "sqlite")]
    Sqlite(Arc<longshore_sqlite::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Arc<longshore_postgres::Postgres>),
    Other,
}

impl std::fmt::Debug for ConcreteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "sqlite")]
            ConcreteStore::Sqlite(_) => "Sqlite",
            #[cfg(feature = "postgres")]
            ConcreteStore::Postgres(_) => "Postgres",
            ConcreteStore::Other => "Other",
        })
    }
}

impl Longshore {
    /// Opens the store of a URL.
    ///
    /// | URL | store |
    /// |---|---|
    /// | `sqlite:path/to/file.db` | a SQLite file, created if it is missing; `sqlite::memory:` ends with the process |
    /// | `redis://`, `rediss://`, `unix:`, `redis+cluster://`, `redis+sentinel://` | Redis; feature `redis`, and [its URLs](crate::redis) |
    /// | `postgres://` | PostgreSQL; feature `postgres`, and [its URLs](crate::postgres::Postgres::open) |
    /// | `memory:` | the reference store; ends with the process |
    ///
    /// `docs/stores.md` says what each of them guarantees. A SQLite URL may end in `?synchronous=normal` (faster, but a
    /// power loss may lose the newest jobs) and `?network_file_system=accept`. Large and binary results are in the
    /// folder `<file>-artifacts`.
    ///
    /// # Errors
    ///
    /// Returns an error if the scheme is not built in or the store cannot be opened. The message says why and what to
    /// do.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let error = longshore::Longshore::connect("mysql://localhost").await.unwrap_err();
    /// assert!(error.to_string().contains("`mysql`"));
    /// # }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Longshore::connect_with(url, Settings::default()).await
    }

    /// Opens the store of a URL with settings other than the defaults.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Longshore::connect`].
    pub async fn connect_with(url: &str, settings: Settings) -> Result<Self, Error> {
        let opened = open(url, settings, Missing::Create).await?;
        Ok(opened.expect("a store that is missing is created"))
    }

    /// Opens the store of a URL for reading and for people's commands. Returns `None` if the URL names a SQLite file
    /// that does not exist; neither that file nor the reserve beside an existing one is created.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Longshore::connect`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), longshore::Error> {
    /// let url = "sqlite:a-file-that-does-not-exist.db";
    /// assert!(longshore::Longshore::connect_existing(url, longshore::Settings::default()).await?.is_none());
    /// # Ok(()) }
    /// ```
    pub async fn connect_existing(url: &str, settings: Settings) -> Result<Option<Self>, Error> {
        open(url, settings, Missing::Leave).await
    }
    /// Uses a backend that was created by hand.
    pub fn of(backend: Backend) -> Self {
        Longshore { client: Client::new(backend), store: ConcreteStore::Other }
    }

    /// Starts a push of one job. Nothing is pushed until the returned value is awaited. See [`Enqueue`].
    pub fn enqueue<J: Job>(&self, job: J) -> Enqueue<J> {
        self.client.enqueue(job)
    }

    /// Starts a push of many jobs of one kind. Nothing is pushed until the returned value is awaited. See
    /// [`EnqueueMany`].
    pub fn enqueue_many<J: Job>(&self, jobs: impl IntoIterator<Item = J>) -> EnqueueMany<J> {
        self.client.enqueue_many(jobs)
    }

    /// Returns a handle to a job that was pushed earlier, by any client.
    pub fn handle<J: Job>(&self, id: JobId) -> Handle<J> {
        self.client.handle(id)
    }

    /// Creates a worker of this store. Add handlers and start it.
    pub fn worker(&self) -> Worker {
        Worker::new(self.backend().clone())
    }

    /// Closes the store at the end of a program, after its workers have ended. Later calls may fail. Without this call,
    /// the store is closed when the last clone of this value is dropped, unless the process ends before.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Backend::close`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), longshore::Error> {
    /// let longshore = longshore::Longshore::connect("memory:").await?;
    /// // …
    /// longshore.close().await
    /// # }
    /// ```
    pub async fn close(&self) -> Result<(), Error> {
        self.backend().close().await
    }

    /// Returns the backend, for all other calls.
    pub fn backend(&self) -> &Backend {
        self.client.backend()
    }

    /// Returns the SQLite store, to push jobs inside a transaction of the application's own connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL was of another store, or if this was created from a [backend](Longshore::of).
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore::sqlite::rusqlite::{Connection, TransactionBehavior};
    /// use longshore::{Job, Longshore};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Job)]
    /// struct Ship { order: i64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("app.db");
    /// # let path = path.to_str().unwrap();
    /// let longshore = Longshore::connect(&format!("sqlite:{path}")).await?;
    /// let mut app = Connection::open(path)?;
    /// app.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)")?;
    ///
    /// let transaction = app.transaction_with_behavior(TransactionBehavior::Immediate)?;
    /// transaction.execute("INSERT INTO orders (item) VALUES ('tea')", [])?;
    /// let job = longshore.enqueue(Ship { order: transaction.last_insert_rowid() }).into_new()?;
    /// let handle = longshore.handle::<Ship>(job.id);
    /// let pushed = longshore.sqlite()?.push_in(&transaction, &[job])?;
    /// transaction.commit()?;
    /// drop(pushed); // notifies workers
    /// assert!(handle.snapshot().await?.is_some());
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "sqlite")]
    pub fn sqlite(&self) -> Result<&longshore_sqlite::Sqlite, Error> {
        match &self.store {
            ConcreteStore::Sqlite(store) => Ok(store),
            _ => Err(self.another_store("a SQLite file")),
        }
    }

    /// Returns the PostgreSQL store, to push jobs inside a transaction of the application's own connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL was of another store, or if this was created from a [backend](Longshore::of).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use longshore::postgres::tokio_postgres::Client;
    /// use longshore::{Job, Longshore};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Job)]
    /// struct Ship { order: i64 }
    ///
    /// async fn order(longshore: &Longshore, app: &mut Client) -> Result<(), Box<dyn std::error::Error>> {
    ///     let transaction = app.transaction().await?;
    ///     let row = transaction.query_one("INSERT INTO orders (item) VALUES ('tea') RETURNING id", &[]).await?;
    ///     let job = longshore.enqueue(Ship { order: row.get(0) }).into_new()?;
    ///     let pushed = longshore.postgres()?.push_in(&transaction, &[job]).await?;
    ///     transaction.commit().await?;
    ///     drop(pushed); // notifies workers
    ///     Ok(())
    /// }
    /// ```
    #[cfg(feature = "postgres")]
    pub fn postgres(&self) -> Result<&longshore_postgres::Postgres, Error> {
        match &self.store {
            ConcreteStore::Postgres(store) => Ok(store),
            _ => Err(self.another_store("a PostgreSQL database")),
        }
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn another_store(&self, wanted: &str) -> Error {
        let engine = self.backend().capabilities().engine;
        Error::invalid(format!(
            "this needs a store that `Longshore::connect` has opened with the URL of {wanted}; this one is {engine}"
        ))
    }
}

/// What to do about a SQLite file that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Create,
    Leave,
}

async fn open(url: &str, settings: Settings, missing: Missing) -> Result<Option<Longshore>, Error> {
    let (scheme, rest) = url.split_once(':').ok_or_else(|| unknown_scheme(url))?;
    let opened = match scheme {
        "memory" if rest.is_empty() => Some((in_memory(Memory::new(settings)), ConcreteStore::Other)),
        "memory" => {
            return Err(Error::invalid(format!("`{url}`: use `memory:` without anything after it")));
        }
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite(rest, settings, missing).await?,
        #[cfg(feature = "redis")]
        "redis" | "rediss" | "unix" | "redis+cluster" | "rediss+cluster" | "redis+sentinel" | "rediss+sentinel" => {
            Some((redis(url, settings).await?, ConcreteStore::Other))
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Some(postgres(url, settings).await?),
        _ => return Err(unknown_scheme(scheme)),
    };
    let _ = missing; // without SQLite, nothing can be missing
    Ok(opened.map(|(backend, store)| Longshore { client: Client::new(backend), store }))
}

fn unknown_scheme(scheme: &str) -> Error {
    let known: Vec<_> = SCHEMES.iter().map(|(_, example)| format!("`{example}`")).collect();
    let text = format!("unknown URL scheme `{scheme}`; the built-in stores have URLs such as {}", known.join(" and "));
    Error::new(ErrorKind::Invalid, text)
}

fn in_memory(store: impl longshore_core::Store) -> Backend {
    Backend::new(Arc::new(store), Arc::new(artifact::InMemory::default()))
}

#[cfg(feature = "redis")]
async fn redis(url: &str, settings: Settings) -> Result<Backend, Error> {
    let url = url.to_owned();
    let open = Box::pin(async move { longshore_redis::Redis::open(&url, settings).await.map(Arc::new) });
    let store = longshore_core::connections::on_their_thread(open).await?;
    Ok(Backend::new(store.clone(), store))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, settings: Settings) -> Result<(Backend, ConcreteStore), Error> {
    use longshore_postgres::{Options, Postgres};

    let url = url.to_owned();
    let open = Box::pin(async move { Postgres::open(&url, Options::with(settings)).await });
    let store = Arc::new(longshore_core::connections::on_their_thread(open).await?);
    let artifacts = Arc::new(store.artifacts());
    Ok((Backend::new(store.clone(), artifacts), ConcreteStore::Postgres(store)))
}

#[cfg(feature = "sqlite")]
async fn sqlite(rest: &str, settings: Settings, missing: Missing) -> Result<Option<(Backend, ConcreteStore)>, Error> {
    use longshore_sqlite::{Options, Sqlite, Synchronous};

    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = path.strip_prefix("//").unwrap_or(path);
    let mut options = Options::with(settings);
    for option in query.split('&').filter(|option| !option.is_empty()) {
        options = match option {
            "synchronous=full" => options.synchronous(Synchronous::Full),
            "synchronous=normal" => options.synchronous(Synchronous::Normal),
            "synchronous=off" => {
                let text = "synchronous=off would lose acknowledged jobs at a power loss: use `full` or `normal`";
                return Err(Error::new(ErrorKind::Refused, text));
            }
            "network_file_system=accept" => options.accept_network_file_system(),
            _ => {
                let known = "`synchronous=full`, `synchronous=normal` and `network_file_system=accept`";
                return Err(Error::invalid(format!(
                    "unknown option `{option}` in the SQLite URL; the options are {known}"
                )));
            }
        };
    }
    match path {
        "" => Err(Error::invalid("a SQLite URL needs a file, such as `sqlite:longshore.db`")),
        ":memory:" => Ok(Some((in_memory(Sqlite::in_memory(options)?), ConcreteStore::Other))), // no other connection reaches it
        path => {
            // Before anything is created or logged.
            let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
                let text = format!("folder `{}` does not exist: create it first", folder.display());
                return Err(Error::new(ErrorKind::Refused, text).context(format!("open database `{path}`")));
            }
            if missing == Missing::Leave {
                // A log without its database is no missing store: opening it says so.
                let has_log = std::fs::metadata(format!("{path}-wal")).is_ok_and(|log| log.len() > 0);
                if !Path::new(path).exists() && !has_log {
                    return Ok(None);
                }
                if !Path::new(&format!("{path}-reserve")).exists() {
                    options = options.reserve(0);
                }
            }
            let path = path.to_owned();
            let folder = artifact::Folder::new(format!("{path}-artifacts"));
            let open = tokio::task::spawn_blocking(move || Sqlite::open(path, options));
            let store = Arc::new(open.await.map_err(|e| Error::new(ErrorKind::Unavailable, e.to_string()))??);
            Ok(Some((Backend::new(store.clone(), Arc::new(folder)), ConcreteStore::Sqlite(store))))
        }
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn concrete_store_is_given_to_those_who_opened_it_by_url() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
        assert!(Longshore::connect(&url).await.unwrap().sqlite().is_ok());
        for url in ["memory:", "sqlite::memory:"] {
            let error = Longshore::connect(url).await.unwrap().sqlite().map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("has opened with the URL of a SQLite file"), "{error}");
        }
    }
}
