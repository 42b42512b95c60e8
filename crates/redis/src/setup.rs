//! What a server is, and whether jobs are safe with it: looked at when a store is opened, and now and then after that.

use std::collections::HashMap;
use std::fmt;

use longshore_core::{Durability, Error, ErrorKind};
use redis::Value;

use crate::call::{bytes, list};
use crate::error;
use crate::link::Link;
use crate::target::Target;

/// What a server says of itself; of several, the worst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) version: String,
    pub(crate) durability: Durability,
    pub(crate) faults: Vec<Fault>,
}

/// Why jobs are not safe with a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    TooOld(String),
    Forgets,
    Evicts(String),
    IsReplica,
}

impl Fault {
    /// Returns whether the URL says that it does not matter.
    fn is_accepted(&self, target: &Target) -> bool {
        match self {
            Fault::Forgets => target.accept_persistence,
            Fault::Evicts(_) => target.accept_eviction,
            Fault::TooOld(_) | Fault::IsReplica => false,
        }
    }

    fn kind(&self) -> ErrorKind {
        // A replica may become the master, or the name lead elsewhere, in a moment.
        if *self == Fault::IsReplica { ErrorKind::Unavailable } else { ErrorKind::Refused }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooOld(version) => write!(f, "Redis {version} is too old: longshore needs 7.0, or Valkey"),
            Fault::Forgets => f.write_str(
                "it would forget jobs when it ends, because its append-only file is off: put `appendonly yes` into redis.conf \
                 and run `redis-cli CONFIG SET appendonly yes`; or accept it with `persistence=accept` in the URL",
            ),
            Fault::Evicts(policy) => write!(
                f,
                "it would delete jobs when memory is short (`maxmemory-policy {policy}`): put `maxmemory-policy noeviction` into \
                 redis.conf and run `redis-cli CONFIG SET maxmemory-policy noeviction`; or accept it with `eviction=accept` in \
                 the URL"
            ),
            Fault::IsReplica => f.write_str("it is a replica, which takes no jobs: the URL must lead to the master"),
        }
    }
}

/// Looks at every master that can be reached. One that cannot is looked at later: whoever opened a store looks again now and then.
pub(crate) async fn look(link: &Link) -> Result<Setup, Error> {
    let infos = link.send_to_masters(&redis::cmd("INFO")).await?;
    let mut setup: Option<Setup> = None;
    for info in infos {
        let text = match info {
            Value::VerbatimString { text, .. } => text,
            other => bytes(other).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default(),
        };
        if is_loading(&text) {
            return Err(Error::new(ErrorKind::Unavailable, "it is still loading its data"));
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

/// Refuses a server with which jobs are not safe, unless the URL accepts that.
pub(crate) fn check(setup: &Setup, target: &Target) -> Result<(), Error> {
    match setup.faults.iter().find(|fault| !fault.is_accepted(target)) {
        Some(fault) => Err(Error::new(fault.kind(), fault.to_string())),
        None => Ok(()),
    }
}

/// Tells of what has changed for the worse since the store was opened.
pub(crate) fn warn(setup: &Setup, target: &Target) {
    for fault in setup.faults.iter().filter(|fault| !fault.is_accepted(target)) {
        tracing::warn!(server = %target, "Redis is not set up as it was when it was opened: {fault}");
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

/// Returns whether a server has just started. Until it has read its append-only file, it says that it writes none.
fn is_loading(info: &str) -> bool {
    info.lines().any(|line| line.trim_end() == "loading:1")
}

/// Reads what INFO says. The newest sync policy is not in it.
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
        faults.push(Fault::Forgets);
    }
    // Also without a bound on memory today: whoever sets one tomorrow would delete jobs.
    let policy = field("maxmemory_policy").unwrap_or("unknown");
    if policy != "noeviction" {
        faults.push(Fault::Evicts(policy.to_owned()));
    }
    // A job may have been written to a file that is not synced by then.
    let durability = if keeps { Durability::TwoSeconds } else { Durability::Nothing };
    Some(Setup { version, durability, faults })
}

/// Returns what the append-only file is good for. Who may not ask is told the default, which is also what hosted servers have.
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
        // Written before it is answered, synced whenever the system likes.
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
            ("7.0.15", "6.2.14", Fault::TooOld("6.2.14".into()), "needs 7.0"),
            ("aof_enabled:1", "aof_enabled:0", Fault::Forgets, "appendonly yes"),
            ("aof_enabled:1", "nothing:1", Fault::Forgets, "persistence=accept"),
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
    fn server_that_has_just_started_is_no_fault() {
        assert!(is_loading(&GOOD.replace("aof_enabled:1", "loading:1\r\nasync_loading:0\r\naof_enabled:0")));
        assert!(!is_loading(&GOOD.replace("aof_enabled:1", "loading:0\r\nasync_loading:1\r\naof_enabled:1")));
    }

    #[test]
    fn of_several_servers_the_worst_counts() {
        let (good, bad) = (read(GOOD).unwrap(), read(&GOOD.replace("aof_enabled:1", "aof_enabled:0")).unwrap());
        let both = good.and(bad.clone()).and(bad);
        assert_eq!((both.durability, both.faults), (Durability::Nothing, vec![Fault::Forgets]));
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
