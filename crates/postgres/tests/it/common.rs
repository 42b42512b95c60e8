//! A separate schema on a server, and a connection beside the store's.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{
    Answers, Claim, Claimed, Error, JobId, Jobs, Kind, NewJob, Payload, Pushed, Settings, WorkerSecret,
};
use longshore_postgres::tokio_postgres::{Client, Config, NoTls};
use longshore_postgres::{Options, Postgres};

/// A schema that no other test uses.
pub struct Schema {
    /// The URL of the server, without options.
    pub server: String,
    pub name: String,
    pub store: Arc<Postgres>,
    pub settings: Settings,
}

impl Schema {
    /// Creates one on the server that all tests of the program share.
    pub async fn new() -> Self {
        Schema::on(longshore_testbed::Postgres::shared().url()).await
    }

    pub async fn on(server: String) -> Self {
        let name = format!("own_{:016x}", fastrand::u64(..));
        let settings = Settings::default();
        let store = Schema::open(&server, &name, &settings).await;
        Schema { server, name, store, settings }
    }

    /// Opens it again, like another process would.
    pub async fn another(&self) -> Arc<Postgres> {
        Schema::open(&self.server, &self.name, &self.settings).await
    }

    /// Opens a schema on a server, or through a pooler.
    pub async fn open(server: &str, name: &str, settings: &Settings) -> Arc<Postgres> {
        let url = format!("{server}?schema={name}&fsync=accept");
        let options = Options::with(settings.clone()).timeout(Duration::from_secs(10));
        Arc::new(Postgres::open(&url, options).await.expect("the server takes us"))
    }

    /// Replaces `longshore` in SQL by this schema.
    pub fn sql(&self, sql: &str) -> String {
        longshore_postgres::in_sql(&self.name, sql)
    }
}

/// Connects beside the store, like an application.
pub async fn connect(url: &str) -> Client {
    let config: Config = url.parse().expect("a URL");
    let (client, connection) = config.connect(NoTls).await.expect("the server takes us");
    tokio::spawn(connection);
    client
}

/// Returns a plain job.
pub fn job() -> NewJob {
    job_of("default", "work")
}

pub fn job_of(queue: &str, kind: &str) -> NewJob {
    NewJob::new(queue.parse().unwrap(), kind.parse().unwrap(), Payload::parse(r#"{"n":1}"#).unwrap())
}

/// Returns a claim of plain jobs.
pub fn ask(worker: &WorkerSecret, limit: usize) -> Claim {
    let kind: Kind = "work".parse().unwrap();
    Claim::new(worker.id(), vec!["default".parse().unwrap()], vec![kind.into()]).limit(limit).idle(true)
}

pub async fn take(store: &Postgres, worker: &WorkerSecret, limit: usize) -> Vec<Claimed> {
    store.claim(ask(worker, limit)).await.expect("a claim is answered").jobs
}

/// Returns the answers to a batch of which none failed.
pub fn all<T>(answers: Answers<T>) -> Vec<T> {
    answers.into_iter().map(|answer| answer.expect("it is answered")).collect()
}

/// Returns the answer to a batch of one.
pub fn one<T>(mut answers: Answers<T>) -> Result<T, Error> {
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Pushes a job that must be created.
pub async fn push(store: &Postgres, new: NewJob) -> JobId {
    let id = new.id;
    assert_eq!(all(store.push(vec![new]).await), [Pushed::Created(id)]);
    id
}
