//! The measured store: a SQLite file, or a server, which is started for this run if no URL is given.
//!
//! Every case gets its own [`Place`]: a folder, keys with a prefix, or a schema. On a server that was given by URL,
//! only the contents of such places are deleted.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use longshore::StoreUrl;
use longshore_testbed as testbed;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::measure::cpu_with_children;
use crate::role::micros;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The engine of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Redis,
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sqlite => "SQLite",
            Engine::Redis => "Redis",
            Engine::Postgres => "PostgreSQL",
        })
    }
}

/// The store that the command line requests.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// A file, or a server that is started for the run.
    Own(Engine),
    /// A server that is already running.
    Given(Engine, StoreUrl),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let engine = match text.split(':').next().unwrap_or_default() {
            "sqlite" if text != "sqlite" => return Err("use `--folder` to select another disk".into()),
            "sqlite" => Engine::Sqlite,
            "redis" | "rediss" | "unix" => Engine::Redis,
            "redis+cluster" | "rediss+cluster" | "redis+sentinel" | "rediss+sentinel" => Engine::Redis,
            "postgres" | "postgresql" => Engine::Postgres,
            _ => return Err("must be `sqlite`, `redis`, `postgres` or the URL of a Redis or PostgreSQL server".into()),
        };
        match text.split_once(':') {
            None => Ok(Wanted::Own(engine)),
            Some(_) if options(text).any(|option| option.starts_with("prefix=") || option.starts_with("schema=")) => {
                Err("the bench chooses prefix and schema itself for each case".into())
            }
            Some(_) => Ok(Wanted::Given(engine, StoreUrl::new(text))),
        }
    }
}

fn options(url: &str) -> impl Iterator<Item = &str> {
    url.split_once('?').map(|(_, query)| query.split('&')).into_iter().flatten()
}

/// A store that is ready to be measured.
pub struct Store {
    engine: Engine,
    server: Server,
    places: AtomicU32,
}

enum Server {
    None,
    Redis(testbed::Redis),
    Postgres(testbed::Postgres),
    Given(StoreUrl),
}

impl Store {
    /// Starts a server if one is needed, with its folder in `folder` or in the system's temporary folder.
    ///
    /// Redis appends to its file, syncs it every second, and rewrites it above a gigabyte, as docs/stores.md advises.
    /// PostgreSQL waits for the disk at every commit.
    pub fn open(wanted: &Wanted, folder: Option<&Path>) -> Result<Self> {
        if let Some(folder) = folder {
            let _ = tempfile::env::override_temp_dir(&folder.canonicalize()?); // fails if it was already set by a previous store
        }
        let (engine, server) = match wanted {
            Wanted::Own(Engine::Sqlite) => (Engine::Sqlite, Server::None),
            Wanted::Own(Engine::Redis) => {
                let settings = [("auto-aof-rewrite-min-size", "1gb")];
                (Engine::Redis, Server::Redis(testbed::Redis::start(&settings)))
            }
            Wanted::Own(Engine::Postgres) => {
                let durable = [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")];
                (Engine::Postgres, Server::Postgres(testbed::Postgres::start(&durable)))
            }
            Wanted::Given(engine, url) => (*engine, Server::Given(url.clone())),
        };
        Ok(Store { engine, server, places: AtomicU32::new(0) })
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns the server's URL for other clients, without longshore's own options; an error if only longshore can
    /// connect to it.
    pub fn raw_url(&self) -> Result<String> {
        match &self.server {
            Server::None => Err("SQLite has no server".into()),
            Server::Redis(redis) => Ok(redis.url()),
            Server::Postgres(postgres) => Ok(postgres.url()),
            Server::Given(url) => raw_url(self.engine, url.reveal()),
        }
    }

    /// Returns a line that describes what is measured and how durable it is.
    pub fn words(&self) -> Result<String> {
        let own = if matches!(self.server, Server::Given(_)) { "as given" } else { "started for this run" };
        match self.engine {
            Engine::Sqlite => Ok(format!("SQLite {}, a commit waits for the disk", rusqlite::version())),
            Engine::Redis => {
                let mut connection = redis::Client::open(self.raw_url()?)?.get_connection()?;
                let info: redis::InfoDict = redis::cmd("INFO").query(&mut connection)?;
                let about = |name: &str| info.get::<String>(name).unwrap_or_default();
                let mut setting = |name: &str| {
                    let words: Vec<String> =
                        redis::cmd("CONFIG").arg("GET").arg(name).query(&mut connection).unwrap_or_default();
                    words.last().map_or("unknown".to_owned(), String::clone)
                };
                let (syncs, size) = (setting("appendfsync"), setting("auto-aof-rewrite-min-size"));
                let size = size.parse::<u64>().map_or(size, |bytes| format!("{} MiB", bytes >> 20));
                let aof = if about("aof_enabled") == "1" { "on" } else { "off" };
                let version = about("redis_version");
                Ok(format!("Redis {version}, {own}, AOF {aof}, written anew from {size} on, appendfsync {syncs}"))
            }
            Engine::Postgres => {
                let url = self.raw_url()?;
                wait(async {
                    let client = connect(&url).await?;
                    let mut words = vec![format!("{own}")];
                    for setting in ["synchronous_commit", "fsync"] {
                        let row = client.query_one(&format!("SHOW {setting}"), &[]).await?;
                        words.push(format!("{setting} {}", row.get::<_, String>(0)));
                    }
                    let version: String = client.query_one("SHOW server_version", &[]).await?.get(0);
                    let version = version.split(' ').next().unwrap_or_default().to_owned();
                    Ok(format!("PostgreSQL {version}, {}", words.join(", ")))
                })
            }
        }
    }

    /// Returns the CPU time of the server so far, if it was started for this run.
    pub fn cpu(&self) -> Option<Duration> {
        match &self.server {
            Server::None | Server::Given(_) => None,
            Server::Redis(redis) => redis.pid().map(cpu_with_children),
            Server::Postgres(postgres) => postgres.pid().map(cpu_with_children),
        }
    }

    /// Starts to measure the server's CPU time.
    pub fn meter(&self) -> Meter<'_> {
        Meter { store: self, before: self.cpu() }
    }

    /// Returns an empty place.
    pub fn place(&self) -> Result<Place<'_>> {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let folder = (self.engine == Engine::Sqlite).then(TempDir::new).transpose()?;
        Ok(Place { store: self, name: format!("bench_{:x}_{number}", micros()), folder })
    }

    /// Deletes everything with this prefix or in this schema; on a server that was started for this run, everything.
    fn clear(&self, name: &str) -> Result<()> {
        match &self.server {
            Server::None => Ok(()),
            Server::Redis(redis) => match redis.command(&["FLUSHALL", "SYNC"]).as_str() {
                "+OK" => {
                    redis.command(&["BGREWRITEAOF"]); // otherwise a later case would pay for the writes of this one
                    while redis.command(&["INFO", "persistence"]).contains("aof_rewrite_in_progress:1") {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    Ok(())
                }
                answer => Err(answer.to_owned().into()),
            },
            Server::Postgres(postgres) => {
                postgres.psql(&format!("SET client_min_messages = error; DROP SCHEMA IF EXISTS {name} CASCADE"));
                postgres.psql("CHECKPOINT"); // otherwise the next case would pay for it
                Ok(())
            }
            Server::Given(_) if self.engine == Engine::Redis => {
                let mut connection = redis::Client::open(self.raw_url()?)?.get_connection()?;
                let mut cursor = 0;
                loop {
                    let mut scan = redis::cmd("SCAN");
                    scan.arg(cursor).arg("MATCH").arg(format!("{name}*")).arg("COUNT").arg(1_000);
                    let (next, keys): (u64, Vec<Vec<u8>>) = scan.query(&mut connection)?;
                    if !keys.is_empty() {
                        redis::cmd("UNLINK").arg(keys).exec(&mut connection)?;
                    }
                    cursor = next;
                    if cursor == 0 {
                        return Ok(());
                    }
                }
            }
            Server::Given(_) => {
                let url = self.raw_url()?;
                wait(async {
                    let client = connect(&url).await?;
                    Ok(client.batch_execute(&format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await?)
                })
            }
        }
    }
}

/// Measures the CPU time of the server.
pub struct Meter<'a> {
    store: &'a Store,
    before: Option<Duration>,
}

impl Meter<'_> {
    /// Returns the server's CPU time per job since the start, in microseconds, if known.
    pub fn cost(&self, jobs: f64) -> Option<f64> {
        let used = self.store.cpu()?.saturating_sub(self.before?);
        Some(used.as_secs_f64() / jobs * 1e6)
    }
}

/// The place of the jobs of one run. Its contents are deleted when it is dropped.
pub struct Place<'a> {
    store: &'a Store,
    name: String,
    folder: Option<TempDir>,
}

impl Place<'_> {
    /// Returns the URL that longshore opens.
    pub fn url(&self) -> String {
        let (url, option) = match (&self.store.server, self.store.engine) {
            (Server::None, _) => return format!("sqlite:{}", self.file().display()),
            (Server::Redis(redis), _) => (format!("{}/", redis.url()), "prefix"),
            (Server::Postgres(postgres), _) => (postgres.url(), "schema"),
            (Server::Given(url), Engine::Redis) => (url.reveal().to_owned(), "prefix"),
            (Server::Given(url), _) => (url.reveal().to_owned(), "schema"),
        };
        let sign = if url.contains('?') { '&' } else { '?' };
        format!("{url}{sign}{option}={}", self.name)
    }

    /// Returns the prefix or schema.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the file of a SQLite database.
    pub fn file(&self) -> PathBuf {
        self.folder.as_ref().expect("it is asked for SQLite alone").path().join("jobs.db")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Err(e) = self.store.clear(&self.name) {
            eprintln!("{}: cannot delete the contents of {}: {e}", self.store.engine, self.name);
        }
    }
}

/// Removes longshore's own options from a URL.
fn raw_url(engine: Engine, url: &str) -> Result<String> {
    if url.contains("+cluster:") || url.contains("+sentinel:") {
        return Err("this needs a single server, with a URL `redis://…`".into());
    }
    let (place, _) = url.split_once('?').unwrap_or((url, ""));
    let ours: &[&str] = match engine {
        Engine::Postgres => &["listen", "synchronous_commit", "pool", "pooler", "fsync", "sslrootcert"],
        Engine::Redis | Engine::Sqlite => &["persistence", "eviction", "ca"],
    };
    let is_ours = |option: &&str| ours.contains(&option.split('=').next().unwrap_or_default());
    let others: Vec<_> = options(url).filter(|option| !is_ours(option)).collect();
    let sign = if others.is_empty() { "" } else { "?" };
    Ok(format!("{place}{sign}{}", others.join("&")))
}

/// Connects to PostgreSQL without TLS.
pub async fn connect(url: &str) -> Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection); // ends with the client, whose calls return its errors
    Ok(client)
}

/// Waits for a future from a thread of the runtime.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_is_named_or_given_by_url() {
        assert!(matches!("redis".parse(), Ok(Wanted::Own(Engine::Redis))));
        assert!(matches!("postgresql://a@b/c".parse(), Ok(Wanted::Given(Engine::Postgres, _))));
        assert!(matches!("redis+cluster://a:1,b:2".parse(), Ok(Wanted::Given(Engine::Redis, _))));
        for wrong in ["mysql", "sqlite:jobs.db", "redis://a/?prefix=b", "postgres://a/b?pool=1&schema=c"] {
            assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_raw_url_has_no_options_of_longshore() {
        let url = "postgres://a@b/c?listen=off&sslmode=disable&pool=3";
        assert_eq!(raw_url(Engine::Postgres, url).unwrap(), "postgres://a@b/c?sslmode=disable");
        assert_eq!(raw_url(Engine::Redis, "redis://b:1/2?persistence=accept").unwrap(), "redis://b:1/2");
        assert!(raw_url(Engine::Redis, "redis+cluster://b:1,c:2").is_err());
    }
}
