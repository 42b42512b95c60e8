//! Opening: checks the server and its durability settings. A server that would lose jobs is refused, with a hint how to
//! correct it.

use std::time::Duration;

use longshore_core::{Durability, Error, ErrorKind};
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::error;
use crate::pool::{Pool, mark};
use crate::schema;
use crate::url::Accept;

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) version: String,
    pub(crate) durability: Durability,
}

/// The server's version and settings.
#[derive(Clone, Debug)]
struct Greeting {
    version: String,
    version_number: i32,
    encoding: String,
    isolation: String,
    read_only: bool,
    synchronous_commit: Setting,
    fsync: String,
    full_page_writes: String,
    role: String,
    database: String,
}

/// A setting and its source.
#[derive(Clone, Debug)]
struct Setting {
    value: String,
    source: String,
}

/// How long an upgrade of the schema may take. No known upgrade takes this long.
const MIGRATION: Duration = Duration::from_secs(3600);

/// Connects for the first time, checks the server, and creates or upgrades the schema.
pub(crate) async fn open(pool: &Pool) -> Result<Found, Error> {
    let client = pool.connect(Instant::now() + pool.patience()).await?;
    let greeted = tokio::time::timeout(pool.patience() * 4, greet(pool, &client)).await;
    let no_answer = || Error::new(ErrorKind::Unavailable, "the server did not answer in time");
    let (greeting, is_there) = greeted.unwrap_or_else(|_| Err(no_answer()))?;
    let durability = greeting.check(pool.url().accept)?;
    // Another process may be creating or upgrading the schema; this waits for it.
    let migrated = tokio::time::timeout(MIGRATION, schema::migrate(pool, &client, is_there)).await;
    migrated.unwrap_or_else(|_| Err(no_answer()))?;
    pool.keep(client);
    Ok(Found { version: greeting.version, durability })
}

async fn greet(pool: &Pool, client: &Client) -> Result<(Greeting, bool), Error> {
    let sql = format!(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::integer, current_setting('server_encoding'),
                current_setting('default_transaction_isolation'), current_setting('transaction_read_only')::boolean,
                current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes'),
                current_user::text, current_database()::text, current_setting('{}', true), to_regnamespace('\"{name}\"') IS NOT NULL,
                (SELECT source FROM pg_settings WHERE name = 'synchronous_commit'),
                EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = '{name}' AND c.relname = 'migration')",
        mark(),
        name = pool.schema().as_str(),
    );
    let row = client.query_typed_one(&sql, &[]).await.map_err(error::of)?;
    let text = |column| row.try_get::<_, Option<String>>(column).map(Option::unwrap_or_default).map_err(error::of);
    pool.note_mark(row.try_get::<_, Option<&str>>(10).map_err(error::of)?);
    let greeting = Greeting {
        version: text(0)?,
        version_number: row.try_get(1).map_err(error::of)?,
        encoding: text(2)?,
        isolation: text(3)?,
        read_only: row.try_get(4).map_err(error::of)?,
        synchronous_commit: Setting { value: text(5)?, source: text(12)? },
        fsync: text(6)?,
        full_page_writes: text(7)?,
        role: text(8)?,
        database: text(9)?,
    };
    Ok((greeting, row.try_get(13).map_err(error::of)?))
}

impl Greeting {
    /// Returns what an acknowledged push survives.
    ///
    /// # Errors
    ///
    /// Returns an error if the server, with its present settings, would lose jobs.
    fn check(&self, accept: Accept) -> Result<Durability, Error> {
        let refused = |text: String| Err(Error::new(ErrorKind::Refused, text));
        if self.version_number < 130_000 {
            return refused(format!("PostgreSQL {} is too old: longshore needs 13 or newer", self.version));
        }
        if self.encoding != "UTF8" {
            return refused(format!(
                "database \"{}\" has the encoding {}: longshore needs UTF8",
                self.database, self.encoding
            ));
        }
        if self.read_only {
            return refused("this server is read-only: it is a standby or set to read only; use the primary".into());
        }
        if self.isolation != "read committed" {
            let text = format!(
                "the default isolation level of transactions is {}: longshore needs READ COMMITTED; set it with `ALTER ROLE \"{}\" SET default_transaction_isolation = \
                 'read committed'`",
                self.isolation, self.role
            );
            return refused(text);
        }
        let commit_off = self.synchronous_commit.value == "off";
        if commit_off && !accept.synchronous_commit_off {
            let text = format!(
                "synchronous_commit is off: a crash of the server would lose acknowledged jobs; {}, or accept this with \
                 `?synchronous_commit=accept`",
                self.synchronous_commit.fix(&self.role, &self.database)
            );
            return refused(text);
        }
        let torn = [("fsync", &self.fsync), ("full_page_writes", &self.full_page_writes)];
        let torn = torn.into_iter().find(|(_, value)| *value != "on").map(|(name, _)| name);
        if let Some(name) = torn.filter(|_| !accept.fsync_off) {
            let text = format!(
                "{name} is off: a power loss could damage the whole database; set `{name} = on` in postgresql.conf and reload, or accept \
                 this with `?fsync=accept`"
            );
            return refused(text);
        }
        Ok(match (commit_off, torn) {
            (false, None) => Durability::PowerLoss,
            (false, Some(_)) => Durability::Kill,
            (true, None) => Durability::TwoSeconds,
            (true, Some(_)) => Durability::Nothing,
        })
    }
}

impl Setting {
    /// Returns how to turn a setting on, at the place where it was turned off.
    fn fix(&self, role: &str, database: &str) -> String {
        let reset = "RESET synchronous_commit";
        match self.source.as_str() {
            "user" => format!("`ALTER ROLE \"{role}\" {reset}`"),
            "database" => format!("`ALTER DATABASE \"{database}\" {reset}`"),
            "database user" => format!("`ALTER ROLE \"{role}\" IN DATABASE \"{database}\" {reset}`"),
            "global" => format!("`ALTER ROLE ALL {reset}`"),
            "client" => "remove it from the URL's `options`".into(),
            "command line" => "start the server without `-c synchronous_commit=off`".into(),
            _ => "set `synchronous_commit = on` in postgresql.conf (or by ALTER SYSTEM) and reload, or \
                  `ALTER ROLE … SET synchronous_commit = on` for our role"
                .replace('…', &format!("\"{role}\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Greeting {
        Greeting {
            version: "15.4".into(),
            version_number: 150_004,
            encoding: "UTF8".into(),
            isolation: "read committed".into(),
            read_only: false,
            synchronous_commit: Setting { value: "on".into(), source: "default".into() },
            fsync: "on".into(),
            full_page_writes: "on".into(),
            role: "me".into(),
            database: "jobs".into(),
        }
    }

    fn refused(greeting: Greeting) -> String {
        let error = greeting.check(Accept::default()).expect_err("it must be refused");
        assert_eq!(error.kind(), ErrorKind::Refused);
        error.to_string()
    }

    #[test]
    fn sound_server_survives_a_power_loss() {
        assert_eq!(sound().check(Accept::default()).unwrap(), Durability::PowerLoss);
    }

    #[test]
    fn old_servers_standbys_and_other_encodings_are_refused() {
        assert!(
            refused(Greeting { version: "12.9".into(), version_number: 120_009, ..sound() })
                .contains("PostgreSQL 12.9")
        );
        assert!(refused(Greeting { encoding: "SQL_ASCII".into(), ..sound() }).contains("SQL_ASCII"));
        assert!(refused(Greeting { read_only: true, ..sound() }).contains("standby"));
        assert!(refused(Greeting { isolation: "serializable".into(), ..sound() }).contains("ALTER ROLE \"me\""));
    }

    #[test]
    fn what_loses_jobs_is_refused_with_its_fix_and_may_be_accepted() {
        let off = |source: &str| Greeting {
            synchronous_commit: Setting { value: "off".into(), source: source.into() },
            ..sound()
        };
        assert!(refused(off("user")).contains("`ALTER ROLE \"me\" RESET synchronous_commit`"));
        assert!(refused(off("database")).contains("`ALTER DATABASE \"jobs\" RESET synchronous_commit`"));
        assert!(refused(off("configuration file")).contains("postgresql.conf"));
        let accept = Accept { synchronous_commit_off: true, fsync_off: true };
        assert_eq!(off("user").check(accept).unwrap(), Durability::TwoSeconds);

        let torn = Greeting { full_page_writes: "off".into(), ..sound() };
        assert!(refused(torn.clone()).contains("`full_page_writes = on`"));
        assert_eq!(torn.check(accept).unwrap(), Durability::Kill);
        assert_eq!(Greeting { fsync: "off".into(), ..off("user") }.check(accept).unwrap(), Durability::Nothing);
    }
}
