//! Checks the version and the configuration of a server: when a store is opened, and every few minutes after that.

use std::collections::HashMap;
use std::fmt;

use longshore_core::{Durability, Error, ErrorKind};
use redis::Value;

use crate::call::{bytes, list};
use crate::error;
use crate::link::Link;
use crate::target::Target;

/// The version and the configuration of a server. For several servers, the worst values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) version: String,
    pub(crate) durability: Durability,
    pub(crate) faults: Vec<Fault>,
}

/// A reason why a server may lose jobs or cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooOld(String),
    NotPersistent,
    Evicts(String),
    IsReplica,
}

impl Fault {
    /// Returns whether the URL accepts this fault.
    fn is_accepted(&self, target: &Target) -> bool {
        match self {
            Fault::NotPersistent => target.accept_persistence,
            Fault::Evicts(_) => target.accept_eviction,
            Fault::TooOld(_) | Fault::IsReplica => false,
        }
    }

    fn kind(&self) -> ErrorKind {
        // A replica may become the master, or the host name may soon point to another server.
        if *self == Fault::IsReplica { ErrorKind::Unavailable } else { ErrorKind::Refused }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooOld(version) => write!(f, "Redis {version} is too old: longshore needs Redis 7.0 or Valkey"),
            Fault::NotPersistent => f.write_str(
                "the append-only file is off, so a restart of the server loses jobs: set `appendonly yes` in \
                 redis.conf and run `redis-cli CONFIG SET appendonly yes`; or accept the loss with \
                 `persistence=accept` in the URL",
            ),
            Fault::Evicts(policy) => write!(
                f,
                "the server deletes jobs when memory is short (`maxmemory-policy {policy}`): \
                 set `maxmemory-policy noeviction` in redis.conf and run \
                 `redis-cli CONFIG SET maxmemory-policy noeviction`; \
                 or accept the loss with `eviction=accept` in the URL"
            ),
            Fault::IsReplica => f.write_str("the server is a replica and accepts no writes: use the URL of the master"),
        }
    }
}

/// Checks every master that can be reached. A master that cannot be reached is checked later, because an open store repeats the
/// check every few minutes.
pub(crate) async fn query(link: &Link) -> Result<Setup, Error> {
    let infos = link.send_to_masters(&redis::cmd("INFO")).await?;
    let mut setup: Option<Setup> = None;
    for info in infos {
        let text = match info {
            Value::VerbatimString { text, .. } => text,
            other => bytes(other).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default(),
        };
        if is_loading(&text) {
            return Err(Error::new(ErrorKind::Unavailable, "the server is still loading its data"));
        }
        let one = read(&text).ok_or_else(|| error::unexpected("INFO"))?;
        setup = Some(match setup {
            Some(others) => others.and(one),
            None => one,
        });
    }
    let mut setup = setup.ok_or_else(|| error::unexpected("INFO"))?;
    if setup.durability > Durability::Nothing {
        setup.durability = synced(link).await?;
    }
    Ok(setup)
}

/// Refuses a server that may lose jobs, unless the URL accepts that.
pub(crate) fn check(setup: &Setup, target: &Target) -> Result<(), Error> {
    match setup.faults.iter().find(|fault| !fault.is_accepted(target)) {
        Some(fault) => Err(Error::new(fault.kind(), fault.to_string())),
        None => Ok(()),
    }
}

/// Logs faults that appeared after the store was opened.
pub(crate) fn warn(setup: &Setup, target: &Target) {
    for fault in setup.faults.iter().filter(|fault| !fault.is_accepted(target)) {
        tracing::warn!(server = %target, "the configuration of Redis has changed: {fault}");
    }
}

impl Setup {
    fn and(mut self, other: Setup) -> Setup {
        self.durability = self.durability.min(other.durability);
        for fault in other.faults {
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
        self
    }
}

/// Returns whether a server is still loading its data. Until it has read its append-only file, it reports that the file is off.
fn is_loading(info: &str) -> bool {
    info.lines().any(|line| line.trim_end() == "loading:1")
}

/// Reads the answer to INFO. It does not contain the sync policy of the append-only file; see [`synced`].
fn read(info: &str) -> Option<Setup> {
    let fields: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let field = |name: &str| fields.get(name).copied();
    let redis = field("redis_version")?;
    let version = field("valkey_version").map_or_else(|| redis.to_owned(), |version| format!("valkey {version}"));
    let mut faults = Vec::new();
    let major = redis.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if field("valkey_version").is_none() && major.is_none_or(|major| major < 7) {
        faults.push(Fault::TooOld(redis.to_owned()));
    }
    if field("role").is_some_and(|role| role != "master") {
        faults.push(Fault::IsReplica);
    }
    let keeps = field("aof_enabled") == Some("1");
    if !keeps {
        faults.push(Fault::NotPersistent);
    }
    // This is a fault even without a memory limit: setting a limit later would delete jobs.
    let policy = field("maxmemory_policy").unwrap_or("unknown");
    if policy != "noeviction" {
        faults.push(Fault::Evicts(policy.to_owned()));
    }
    // Redis may answer before the file is synced.
    let durability = if keeps { Durability::TwoSeconds } else { Durability::Nothing };
    Some(Setup { version, durability, faults })
}

/// Returns how durable the append-only file is. If the user may not run CONFIG, the answer is the default, which hosted servers use too.
async fn synced(link: &Link) -> Result<Durability, Error> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("appendfsync");
    let answers = match link.send_to_masters(&command).await {
        Ok(answers) => answers,
        Err(e) if e.is_retryable() => return Err(e),
        Err(_) => return Ok(Durability::TwoSeconds),
    };
    let policies =
        answers.into_iter().map(|answer| list(answer).and_then(|pair| pair.into_iter().nth(1)).and_then(bytes));
    let durability = policies.map(|policy| match policy.as_deref() {
        Some(b"always") => Durability::PowerLoss,
        // The server writes before it answers, but the operating system decides when to sync.
        Some(b"no") => Durability::Kill,
        _ => Durability::TwoSeconds,
    });
    Ok(durability.min().unwrap_or(Durability::TwoSeconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n\
                        # Persistence\r\naof_enabled:1\r\n# Replication\r\nrole:master\r\n";

    fn faults(info: &str) -> Vec<Fault> {
        read(info).unwrap().faults
    }

    #[test]
    fn server_that_keeps_jobs_has_no_fault() {
        let setup = read(GOOD).unwrap();
        assert_eq!(setup, Setup { version: "7.0.15".into(), durability: Durability::TwoSeconds, faults: vec![] });
        let valkey =
            GOOD.replace("redis_version:7.0.15", "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1");
        assert_eq!(read(&valkey).unwrap().version, "valkey 8.1.1");
    }

    #[test]
    fn each_fault_is_found_and_says_what_to_do() {
        for (good, bad, fault, word) in [
            ("7.0.15", "6.2.14", Fault::TooOld("6.2.14".into()), "needs Redis 7.0"),
            ("aof_enabled:1", "aof_enabled:0", Fault::NotPersistent, "appendonly yes"),
            ("aof_enabled:1", "nothing:1", Fault::NotPersistent, "persistence=accept"),
            ("noeviction", "allkeys-lru", Fault::Evicts("allkeys-lru".into()), "maxmemory-policy noeviction"),
            ("noeviction", "volatile-lru", Fault::Evicts("volatile-lru".into()), "eviction=accept"),
            ("role:master", "role:slave", Fault::IsReplica, "master"),
        ] {
            let found = faults(&GOOD.replace(good, bad));
            assert_eq!(found, [fault], "{bad}");
            assert!(found[0].to_string().contains(word), "{}", found[0]);
        }
        assert!(read("nonsense").is_none());
    }

    #[test]
    fn server_that_is_loading_is_recognised() {
        assert!(is_loading(&GOOD.replace("aof_enabled:1", "loading:1\r\nasync_loading:0\r\naof_enabled:0")));
        assert!(!is_loading(&GOOD.replace("aof_enabled:1", "loading:0\r\nasync_loading:1\r\naof_enabled:1")));
    }

    #[test]
    fn worst_of_several_servers_counts() {
        let (good, bad) = (read(GOOD).unwrap(), read(&GOOD.replace("aof_enabled:1", "aof_enabled:0")).unwrap());
        let both = good.and(bad.clone()).and(bad);
        assert_eq!((both.durability, both.faults), (Durability::Nothing, vec![Fault::NotPersistent]));
    }

    #[test]
    fn accepted_faults_do_not_count() {
        let setup = read(&GOOD.replace("aof_enabled:1", "aof_enabled:0").replace("noeviction", "allkeys-lru")).unwrap();
        let accepts = |url: &str| check(&setup, &Target::parse(url).unwrap()).is_ok();
        assert!(
            !accepts("redis://h") && !accepts("redis://h?persistence=accept") && !accepts("redis://h?eviction=accept")
        );
        assert!(accepts("redis://h?persistence=accept&eviction=accept"));
    }
}
