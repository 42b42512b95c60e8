//! Parses and checks a Redis URL. Messages never show its password.

use std::fmt;
use std::path::PathBuf;

use longshore_core::Error;

/// A parsed Redis URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) servers: Servers,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: i64,
    /// The prefix of all keys.
    pub(crate) prefix: String,
    /// A file of certificates to trust in addition to the system's.
    pub(crate) ca: Option<PathBuf>,
    /// Whether to accept a server without an append-only file, which loses jobs when it restarts.
    pub(crate) accept_persistence: bool,
    /// Whether to accept a server that deletes keys when memory is short.
    pub(crate) accept_eviction: bool,
    /// How many replicas must have a pushed job before the push is answered.
    pub(crate) replicas: u8,
}

/// The servers that the URL names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    One(Host),
    Socket(PathBuf),
    /// Some nodes of a cluster; the other nodes are learned from them.
    Cluster(Vec<Host>),
    /// Sentinels, and the name of the master that they monitor.
    Sentinels(Vec<Host>, String),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]:{}", self.name, self.port),
            false => write!(f, "{}:{}", self.name, self.port),
        }
    }
}

impl fmt::Display for Target {
    /// Names the servers, for error messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = |hosts: &[Host]| hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(", ");
        match &self.servers {
            Servers::One(host) => host.fmt(f),
            Servers::Socket(path) => write!(f, "socket `{}`", path.display()),
            Servers::Cluster(nodes) => write!(f, "cluster of {}", hosts(nodes)),
            Servers::Sentinels(sentinels, name) => write!(f, "`{name}` of the sentinels {}", hosts(sentinels)),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self}, prefix {})", self.prefix)
    }
}

/// The supported schemes, for error messages.
const SCHEMES: &str = "`redis:`, `rediss:`, `unix:`, `redis+cluster:`, `rediss+cluster:`, `redis+sentinel:` and \
                       `rediss+sentinel:`";
const DEFAULT_PORT: u16 = 6379;
const DEFAULT_SENTINEL_PORT: u16 = 26379;
const DEFAULT_PREFIX: &str = "longshore";
const PREFIX_BYTES: usize = 64;

impl Target {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// If the URL is invalid. The message names the invalid part, and never the password.
    pub(crate) fn parse(url: &str) -> Result<Target, Error> {
        let (scheme, rest) =
            url.split_once(':').ok_or_else(|| Error::invalid("a Redis URL must begin with `redis://`"))?;
        let (tls, shape) = match scheme {
            "unix" => return Target::socket(rest),
            "redis" => (false, ""),
            "rediss" => (true, ""),
            _ => match scheme.split_once('+') {
                Some(("redis", shape @ ("cluster" | "sentinel"))) => (false, shape),
                Some(("rediss", shape @ ("cluster" | "sentinel"))) => (true, shape),
                _ => {
                    return Err(Error::invalid(format!(
                        "unknown scheme `{scheme}:` in a Redis URL; the schemes are {SCHEMES}"
                    )));
                }
            },
        };
        let rest =
            rest.strip_prefix("//").ok_or_else(|| Error::invalid(format!("`{scheme}:` must be followed by `//`")))?;
        // A password may contain any character, so the last `@` ends it.
        let (signed_in, rest) = match rest.rsplit_once('@') {
            Some((signed_in, rest)) => (Some(signed_in), rest),
            None => (None, rest),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
        let default_port = if shape == "sentinel" { DEFAULT_SENTINEL_PORT } else { DEFAULT_PORT };
        let mut hosts = hosts.split(',').map(|host| parse_host(host, default_port)).collect::<Result<Vec<_>, _>>()?;
        let (servers, database) = match shape {
            "sentinel" => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                if name.is_empty() {
                    let text = "a sentinel URL needs the name of the master, as in `redis+sentinel://host:26379/main`";
                    return Err(Error::invalid(text));
                }
                (Servers::Sentinels(hosts, decode(name)), parse_database(database)?)
            }
            "cluster" if path.is_empty() => (Servers::Cluster(hosts), 0),
            "cluster" => return Err(Error::invalid(format!("a cluster has no database number, so no `/{path}`"))),
            _ if hosts.len() == 1 => (Servers::One(hosts.remove(0)), parse_database(path)?),
            _ => {
                let text = "a URL with several hosts needs `redis+cluster://…` or `redis+sentinel://…/main`";
                return Err(Error::invalid(text));
            }
        };
        let mut target = Target::new(servers, tls, database);
        if let Some(signed_in) = signed_in {
            let (user, password) = match signed_in.split_once(':') {
                Some((user, password)) => (user, Some(decode(password))),
                None => (signed_in, None),
            };
            target.user = Some(decode(user)).filter(|user| !user.is_empty());
            target.password = password;
        }
        target.options(query)?;
        Ok(target)
    }

    /// Parses the rest of a `unix:` URL. Its options also contain the database, the user and the password.
    fn socket(rest: &str) -> Result<Target, Error> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') {
            return Err(Error::invalid(
                "a socket URL needs the full path of the socket, as in `unix:/run/redis/redis.sock`",
            ));
        }
        let mut target = Target::new(Servers::Socket(PathBuf::from(decode(path))), false, 0);
        target.options(query)?;
        Ok(target)
    }

    fn new(servers: Servers, tls: bool, database: i64) -> Target {
        Target {
            servers,
            tls,
            user: None,
            password: None,
            database,
            prefix: DEFAULT_PREFIX.into(),
            ca: None,
            accept_persistence: false,
            accept_eviction: false,
            replicas: 0,
        }
    }

    fn options(&mut self, query: &str) -> Result<(), Error> {
        let socket = matches!(self.servers, Servers::Socket(_));
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = decode(value);
            match (name, value.as_str()) {
                ("prefix", _) => self.prefix = parse_prefix(value)?,
                ("persistence", "accept") => self.accept_persistence = true,
                ("eviction", "accept") => self.accept_eviction = true,
                ("replicas", _) => self.replicas = parse_replicas(&value)?,
                ("ca", _) if self.tls && !value.is_empty() => self.ca = Some(PathBuf::from(value)),
                ("ca", _) => return Err(Error::invalid("`ca=` needs a file and a URL with TLS, such as `rediss:`")),
                ("persistence" | "eviction", _) => {
                    return Err(Error::invalid(format!("the only value of `{name}=` is `accept`, not `{value}`")));
                }
                ("db", _) if socket => self.database = parse_database(&value)?,
                ("user", _) if socket => self.user = Some(value),
                ("password", _) if socket => self.password = Some(value),
                _ => {
                    let more = if socket { ", `db`, `user` and `password`" } else { " and `ca`" };
                    let text = format!(
                        "unknown option `{name}` in a Redis URL; \
                         the options are `prefix`, `persistence`, `eviction`, `replicas`{more}"
                    );
                    return Err(Error::invalid(text));
                }
            }
        }
        Ok(())
    }
}

fn parse_host(text: &str, default_port: u16) -> Result<Host, Error> {
    let wrong = || Error::invalid(format!("`{text}` is not a `host:port`"));
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']').ok_or_else(wrong)?;
            (name, port.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    if name.is_empty() {
        return Err(wrong());
    }
    let port = port.map_or(Ok(default_port), str::parse).map_err(|_| wrong())?;
    Ok(Host { name: name.to_owned(), port })
}

fn parse_database(text: &str) -> Result<i64, Error> {
    if text.is_empty() {
        return Ok(0);
    }
    let number = text.parse().ok().filter(|number| (0..=1_000_000).contains(number));
    number.ok_or_else(|| Error::invalid(format!("`{text}` is not a database number from 0 to 1000000")))
}

fn parse_replicas(text: &str) -> Result<u8, Error> {
    let number = text.parse().ok().filter(|number| *number <= 100);
    number.ok_or_else(|| Error::invalid(format!("`replicas={text}` is not a number from 0 to 100")))
}

/// Checks a prefix. Braces and colons are refused, because they separate the parts of a key.
fn parse_prefix(text: String) -> Result<String, Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if text.is_empty() || text.len() > PREFIX_BYTES || !text.chars().all(fits) {
        let text = format!("invalid prefix `{text}`: use 1 to {PREFIX_BYTES} letters, digits, `_`, `.` and `-`");
        return Err(Error::invalid(text));
    }
    Ok(text)
}

/// Decodes percent-encoded bytes such as `%40`. A `%` without two hex digits after it stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Target {
        Target::parse(url).unwrap_or_else(|e| panic!("{url}: {e}"))
    }

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.into(), port }
    }

    #[test]
    fn urls_are_parsed() {
        let plain = parsed("redis://db.example");
        assert_eq!(plain.servers, Servers::One(host("db.example", 6379)));
        assert_eq!((plain.tls, plain.database, plain.prefix.as_str()), (false, 0, "longshore"));
        assert_eq!((plain.user, plain.password), (None, None));

        let all = parsed(
            "rediss://app:s%40cret@[::1]:7000/3?prefix=jobs&persistence=accept&eviction=accept&replicas=2&ca=/etc/ca.pem",
        );
        assert_eq!(all.servers, Servers::One(host("::1", 7000)));
        assert_eq!((all.tls, all.database, all.prefix.as_str()), (true, 3, "jobs"));
        assert_eq!((all.user.as_deref(), all.password.as_deref()), (Some("app"), Some("s@cret")));
        assert_eq!(all.ca, Some(PathBuf::from("/etc/ca.pem")));
        assert!(all.accept_persistence && all.accept_eviction && all.replicas == 2);

        let odd = parsed("redis://:p@s?s/w%@h:6379/1");
        assert_eq!((odd.user, odd.password.as_deref(), odd.database), (None, Some("p@s?s/w%"), 1));

        let socket = parsed("unix:/run/redis.sock?db=2&password=x");
        assert_eq!(socket.servers, Servers::Socket("/run/redis.sock".into()));
        assert_eq!((socket.database, socket.password.as_deref()), (2, Some("x")));

        let cluster = parsed("rediss+cluster://a,b:7001,c?prefix=x");
        assert_eq!(cluster.servers, Servers::Cluster(vec![host("a", 6379), host("b", 7001), host("c", 6379)]));

        let sentinels = parsed("redis+sentinel://me:pw@a,b:5000/main/4");
        assert_eq!(sentinels.servers, Servers::Sentinels(vec![host("a", 26379), host("b", 5000)], "main".into()));
        assert_eq!(sentinels.database, 4);
    }

    #[test]
    fn errors_name_the_invalid_part() {
        for (url, named) in [
            ("redis", "redis://"),
            ("redis:host", "//"),
            ("valkey://host", "valkey"),
            ("redis+ring://host", "redis+ring"),
            ("redis://", "host:port"),
            ("redis://host:port", "host:port"),
            ("redis://[::1", "[::1"),
            ("redis://a,b", "redis+cluster"),
            ("redis://host/x", "`x`"),
            ("redis://host?prefx=a", "`prefx`"),
            ("redis://host?prefix=a{b}", "a{b}"),
            ("redis://host?prefix=", "prefix"),
            ("redis://host?persistence=yes", "persistence"),
            ("redis://host?replicas=all", "replicas=all"),
            ("redis://host?ca=/x", "rediss"),
            ("redis://host?db=1", "`db`"),
            ("redis+cluster://a/1", "/1"),
            ("redis+sentinel://a", "name of the master"),
            ("unix:redis.sock", "full path"),
        ] {
            let error = Target::parse(url).expect_err(url).to_string();
            assert!(error.contains(named), "{url}: {error}");
        }
    }

    #[test]
    fn password_is_never_shown() {
        for url in ["redis://app:s3cret@h", "redis+cluster://:s3cret@a,b", "unix:/x?password=s3cret"] {
            let target = parsed(url);
            assert!(!format!("{target} {target:?}").contains("s3cret"));
        }
        for wrong in ["redis://app:s3cret@h:x", "redis://app:s3cret@h?x=1", "redis://app:s3cret@a,b"] {
            assert!(!Target::parse(wrong).unwrap_err().to_string().contains("s3cret"));
        }
    }
}
