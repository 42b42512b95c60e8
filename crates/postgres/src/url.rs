//! PostgreSQL URLs: where the server is, and how longshore uses it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use longshore_core::Error;
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

/// A parsed URL. Never shows a password.
#[derive(Clone)]
pub(crate) struct Url {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    pub(crate) schema: Schema,
    /// Whether to listen and notify if there is no pooler.
    pub(crate) listen: bool,
    pub(crate) pool: usize,
    pub(crate) accept: Accept,
}

/// Server settings that may lose jobs and are accepted anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) synchronous_commit_off: bool,
    pub(crate) fsync_off: bool,
}

/// What the server must prove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) verify: Verify,
    pub(crate) roots: Option<PathBuf>,
}

/// How a server's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verify {
    #[default]
    Nothing,
    /// A trusted authority has signed it.
    Authority,
    /// A trusted authority has signed it for this host.
    Host,
}

/// The name of a schema: 1 to 48 of `a-z 0-9 _`, not starting with a digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schema(String);

impl Schema {
    /// Returns the name, which is safe between double quotes and in a literal.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns SQL that was written for the schema `longshore`, changed to use this schema.
    pub(crate) fn in_sql(&self, sql: &str) -> String {
        crate::schema::in_sql(&self.0, sql)
    }

    /// Returns a number for advisory locks, a different one for each purpose.
    pub(crate) fn lock(&self, purpose: &[u8]) -> i64 {
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let named = b"longshore/".iter().chain(self.0.as_bytes()).chain(b"/").chain(purpose);
        named.fold(0xcbf2_9ce4_8422_2325, fnv) as i64
    }
}

impl FromStr for Schema {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        let fits = (1..=48).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with(|c: char| c.is_ascii_digit());
        if !fits {
            let text = format!(
                "`schema={text}`: a schema name has 1 to 48 characters of a-z, 0-9 and _, and does not start with a digit"
            );
            return Err(Error::invalid(text));
        }
        Ok(Schema(text.to_owned()))
    }
}

/// URL options of tokio-postgres.
const DRIVERS: &[&str] = &[
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "application_name",
    "options",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
    "sslnegotiation",
];

/// URL options of longshore.
const OWN: &[&str] = &["sslmode", "sslrootcert", "schema", "listen", "synchronous_commit", "fsync", "pool"];

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(Error::invalid("a PostgreSQL URL starts with `postgres://` or `postgresql://`"));
        }
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        // Then an unknown option may be the end of a password, so it is not shown.
        let hides = !place.contains('@') && query.contains('@');
        let hidden =
            || Error::invalid("the PostgreSQL URL has a `?` before its `@`: in a password, write `%3F` instead");
        let mut url = Url {
            config: Config::new(),
            tls: Tls::default(),
            schema: Schema("longshore".into()),
            listen: true,
            pool: 10,
            accept: Accept::default(),
        };
        let mut ssl_mode = SslMode::Prefer;
        let mut drivers = Vec::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            if DRIVERS.contains(&key) {
                drivers.push(option);
            } else {
                url.set(key, &decoded(value), &mut ssl_mode).map_err(|e| if hides { hidden() } else { e })?;
            }
        }
        let rest = format!("{place}?{}", drivers.join("&"));
        url.config = rest.trim_end_matches('?').parse().map_err(|e: tokio_postgres::Error| wrong(&e))?;
        if url.tls.roots.is_some() && ssl_mode == SslMode::Require && url.tls.verify == Verify::Nothing {
            url.tls.verify = Verify::Authority; // like other clients
        }
        url.complete(ssl_mode, &drivers);
        Ok(url)
    }
}

impl Url {
    /// Sets one of our own options.
    fn set(&mut self, key: &str, value: &str, ssl_mode: &mut SslMode) -> Result<(), Error> {
        let wrong = |may| Err(Error::invalid(format!("`{key}={value}` in the PostgreSQL URL is invalid: use {may}")));
        match (key, value) {
            ("sslmode", _) => {
                (*ssl_mode, self.tls.verify) = match value {
                    "disable" => (SslMode::Disable, Verify::Nothing),
                    "prefer" => (SslMode::Prefer, Verify::Nothing),
                    "require" => (SslMode::Require, Verify::Nothing),
                    "verify-ca" => (SslMode::Require, Verify::Authority),
                    "verify-full" => (SslMode::Require, Verify::Host),
                    _ => return wrong("`disable`, `prefer`, `require`, `verify-ca` or `verify-full`"),
                }
            }
            ("sslrootcert", "") => return wrong("the path of a PEM file, or `system`"),
            ("sslrootcert", "system") => {}
            ("sslrootcert", path) => self.tls.roots = Some(path.into()),
            ("schema", name) => self.schema = name.parse()?,
            ("listen", "on") => self.listen = true,
            ("listen", "off") => self.listen = false,
            ("listen", _) => return wrong("`on` or `off`"),
            ("synchronous_commit", "accept") => self.accept.synchronous_commit_off = true,
            ("fsync", "accept") => self.accept.fsync_off = true,
            ("synchronous_commit" | "fsync", _) => return wrong("`accept`, which accepts the server's setting"),
            ("pool", number) => match number.parse() {
                Ok(n @ 1..=1000) => self.pool = n,
                _ => return wrong("a number of connections, 1 to 1000"),
            },
            _ => {
                let known: Vec<_> = OWN.iter().chain(DRIVERS).map(|option| format!("`{option}`")).collect();
                let text =
                    format!("unknown option `{key}` in the PostgreSQL URL; the options are {}", known.join(", "));
                return Err(Error::invalid(text));
            }
        }
        Ok(())
    }

    /// Fills in the defaults.
    fn complete(&mut self, ssl_mode: SslMode, said: &[&str]) {
        let says = |key: &str| said.iter().any(|option| option.split('=').next() == Some(key));
        let config = &mut self.config;
        config.ssl_mode(ssl_mode);
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if !says("application_name") {
            config.application_name("longshore");
        }
        if !says("connect_timeout") {
            config.connect_timeout(Duration::from_secs(5)); // for each host
        }
        if !says("keepalives_idle") {
            config
                .keepalives_idle(Duration::from_secs(15))
                .keepalives_interval(Duration::from_secs(5))
                .keepalives_retries(3);
        }
        if !says("tcp_user_timeout") {
            config.tcp_user_timeout(Duration::from_secs(30));
        }
        if !says("target_session_attrs") && config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
    }

    /// Returns where the server is, for messages.
    pub(crate) fn place(&self) -> String {
        use tokio_postgres::config::Host;
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let host = |(index, host): (usize, &Host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(index)),
            Host::Unix(folder) => format!("{}, port {}", folder.display(), port(index)),
        };
        let hosts: Vec<_> = self.config.get_hosts().iter().enumerate().map(host).collect();
        if hosts.is_empty() { "the server".into() } else { hosts.join(" or ") }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({}, schema {})", self.place(), self.schema.0)
    }
}

fn wrong(error: &tokio_postgres::Error) -> Error {
    // The source names an option, never its value.
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Error::invalid(format!("not a PostgreSQL URL such as `postgres://user:password@host:5432/database`{cause}"))
}

/// Decodes `%20` and the like. A plus stays a plus.
fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> String {
        text.parse::<Url>().expect_err("it must be refused").to_string()
    }

    #[test]
    fn end_of_a_password_is_not_taken_for_an_option_and_shown() {
        for text in
            ["postgres://me:se?cret@db/jobs", "postgres://me:se?pool=cret@db", "postgres://me:se?schema=cret@db"]
        {
            let said = refused(text);
            assert!(said.contains("%3F") && !said.contains("cret"), "{said}");
        }
        assert_eq!(url("postgres:///jobs?user=me%40here&host=/run").config.get_user(), Some("me@here"));
    }

    #[test]
    fn everything_can_be_said_in_a_url() {
        let url = url("postgresql://me:s%40cret@db1:5433,db2/jobs?schema=work_2&listen=off&pool=3&sslmode=verify-full\
                       &sslrootcert=%2Fetc%2Fca+1.pem&synchronous_commit=accept&fsync=accept&connect_timeout=7");
        assert_eq!(url.config.get_user(), Some("me"));
        assert_eq!(url.config.get_password(), Some(b"s@cret".as_slice()));
        assert_eq!((url.config.get_ports(), url.config.get_dbname()), ([5433, 5432].as_slice(), Some("jobs")));
        assert_eq!(url.config.get_connect_timeout(), Some(&Duration::from_secs(7)));
        assert_eq!(
            url.config.get_target_session_attrs(),
            TargetSessionAttrs::ReadWrite,
            "the one of several that takes writes"
        );
        assert_eq!((url.schema.as_str(), url.listen, url.pool), ("work_2", false, 3));
        assert_eq!(url.tls, Tls { verify: Verify::Host, roots: Some("/etc/ca+1.pem".into()) });
        assert_eq!(url.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(url.accept, Accept { synchronous_commit_off: true, fsync_off: true });
        assert_eq!(url.place(), "db1:5433 or db2:5432");
    }

    #[test]
    fn little_needs_to_be_said() {
        let url = url("postgres://");
        assert_eq!((url.place().as_str(), url.schema.as_str(), url.listen), ("localhost:5432", "longshore", true));
        assert_eq!(url.config.get_ssl_mode(), SslMode::Prefer);
        assert_eq!(url.config.get_application_name(), Some("longshore"));
        assert_eq!(super::Url::from_str("postgres:///db?host=%2Frun%2Fpg").unwrap().place(), "/run/pg, port 5432");
    }

    #[test]
    fn root_certificate_is_not_given_in_vain() {
        assert_eq!(url("postgres://h/d?sslmode=require&sslrootcert=/ca").tls.verify, Verify::Authority);
        assert_eq!(url("postgres://h/d?sslmode=require").tls.verify, Verify::Nothing);
    }

    #[test]
    fn options_that_do_not_exist_are_named() {
        assert!(refused("postgres://h/d?shcema=x").starts_with("unknown option `shcema`"));
        assert!(refused("postgres://h/d?pool=0").contains("`pool=0`"));
        assert!(refused("postgres://h/d?listen=maybe").contains("`on` or `off`"));
        assert!(refused("postgres://h/d?sslmode=allow").contains("`verify-full`"));
        assert!(refused("postgres://h/d?synchronous_commit=off").contains("`accept`"));
        assert!(refused("postgres://h:x/d").contains("port"));
        assert!(refused("mysql://h/d").contains("`postgres://`"));
    }

    #[test]
    fn schema_is_an_identifier_and_nothing_else() {
        for wrong in ["", "1a", "a-b", "a\"b", "A", "a.b", "ä", "a b", "a;drop", &"x".repeat(49)] {
            assert!(wrong.parse::<Schema>().is_err(), "{wrong:?} must be refused");
        }
        let schema: Schema = "_jobs2".parse().unwrap();
        assert_eq!(
            schema.in_sql("SELECT longshore.clock()"),
            format!("SELECT \"_jobs2\".clock_v{}()", crate::schema::VERSION)
        );
        assert_ne!(schema.lock(b"a"), schema.lock(b"b"));
    }

    #[test]
    fn password_is_never_shown() {
        let text = "postgres://me:hunter2@host/db?password=hunter2";
        assert!(!format!("{:?}", url(text)).contains("hunter2"));
        for wrong in ["postgres://me:hunter2@host:port/db", "postgres://me:hunter2@host/db?hunter=x&sslmode=hunter"] {
            assert!(!refused(wrong).contains("hunter2"), "{}", refused(wrong));
        }
    }
}
