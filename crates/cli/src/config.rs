//! The configuration: one table of keys, with layers (defaults, file, environment, flags). All problems are reported
//! together.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use longshore::{QueueName, Settings, StoreUrl};
use longshore_demo::Pace;
use longshore_server::Secret;

use crate::kind::{self, CommandKind};

/// The configuration file that is read by default, if it exists.
const FILE: &str = "longshore.toml";

/// The configuration of the program.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL of the store.
    pub store: StoreUrl,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The server that tools use instead of a store.
    pub server: Option<String>,
    /// The token that the server requires and that tools send.
    pub token: Option<Token>,
    /// The log filter.
    pub log: String,
    /// Whether log lines are JSON.
    pub log_json: bool,
    /// The queues to claim from, with weights.
    pub queues: Vec<(QueueName, u32)>,
    /// Whether queues are always tried in their order.
    pub strict: bool,
    /// The maximum number of jobs that run at a time.
    pub concurrency: usize,
    /// How long to wait for running jobs during shutdown.
    pub grace: Duration,
    /// How long a claim lasts without renewal.
    pub lease: Duration,
    /// Whether workers run the demo's kind `image`, and how long they pause after each step of an image.
    pub image: Option<Pace>,
    /// Commands that run jobs.
    pub kinds: Vec<CommandKind>,
    /// Retention.
    pub settings: Settings,
    /// Limits of the HTTP server.
    pub http: longshore_server::Config,
}

/// A token in plain text, as a client needs it. It is never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Returns the secret that a server compares tokens with.
    pub fn secret(&self) -> Result<Secret, String> {
        Secret::new(&self.0).map_err(|e| e.to_string())
    }

    /// Returns the text for a header.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// One configuration key.
pub struct Key {
    /// The key's name in the file. The part before a dot is the name of a table.
    pub name: &'static str,
    /// The default, as it would be written in the file.
    pub default: &'static str,
    /// The meaning, including that of zero and of an empty value.
    pub doc: &'static str,
    set: fn(&mut Config, &str) -> Result<(), String>,
}

impl Key {
    /// Returns the environment variable that sets this key.
    pub fn env(&self) -> String {
        format!("LONGSHORE_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// All configuration keys.
pub const KEYS: &[Key] = &[
    Key {
        name: "store",
        default: "sqlite:longshore.db",
        doc: "The store of all jobs: `sqlite:FILE`, `redis://HOST`, `postgres://HOST/DATABASE`, or `memory:`, which loses all jobs when the process ends. See docs/stores.md.",
        set: |config, text| {
            config.store = StoreUrl::new(text);
            Ok(())
        },
    },
    Key {
        name: "listen",
        default: "127.0.0.1:8470",
        doc: "The address that the server listens on. Any address other than loopback requires a token. Port 0 selects a free port.",
        set: |config, text| {
            config.listen = text.parse().map_err(|_| "must be an address such as 127.0.0.1:8470".to_owned())?;
            Ok(())
        },
    },
    Key {
        name: "server",
        default: "",
        doc: "The server that command-line tools use, such as `http://127.0.0.1:8470`. If unset, they use the store directly.",
        set: |config, text| {
            if !text.is_empty() && !text.starts_with("http://") && !text.starts_with("https://") {
                return Err("must be a URL that starts with http:// or https://".into());
            }
            config.server = (!text.is_empty()).then(|| text.trim_end_matches('/').to_owned());
            Ok(())
        },
    },
    Key {
        name: "token",
        default: "",
        doc: "The token that callers of the server must send, at least 16 characters. If unset, only this machine can use the server. Set it in the \
              environment or with `token_file` rather than in this file.",
        set: |config, text| {
            if !text.is_empty() {
                let token = Token(text.to_owned());
                token.secret().map_err(|e| format!("is invalid: {e}"))?;
                config.token = Some(token);
            }
            Ok(())
        },
    },
    Key {
        name: "token_file",
        default: "",
        doc: "A file that contains the token.",
        set: |config, text| {
            if text.is_empty() {
                return Ok(());
            }
            let read = fs::read_to_string(text).map_err(|e| format!("cannot be read: {e}"))?;
            let token = Token(read.trim().to_owned());
            token.secret().map_err(|e| format!("contains no valid token: {e}"))?;
            config.token = Some(token);
            Ok(())
        },
    },
    Key {
        name: "log",
        default: "info",
        doc: "What to log to standard error: off, error, warn, info, debug or trace, for all targets or per target, as in \
              `warn,longshore_core=debug`.",
        set: |config, text| {
            crate::log::parse(text)?;
            config.log = text.to_owned();
            Ok(())
        },
    },
    Key {
        name: "log_json",
        default: "false",
        doc: "Whether log lines are written as JSON.",
        set: |config, text| set_bool(&mut config.log_json, text),
    },
    Key {
        name: "worker.queues",
        default: "default",
        doc: "The queues to claim jobs from, with weights: a worker tries `mail=3` first three times as often as `bulk`.",
        set: |config, text| {
            config.queues = text.split(',').map(|queue| parse_queue(queue.trim())).collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Key {
        name: "worker.strict",
        default: "false",
        doc: "Whether the worker claims from a queue only while all queues before it are empty.",
        set: |config, text| set_bool(&mut config.strict, text),
    },
    Key {
        name: "worker.concurrency",
        default: "10",
        doc: "The maximum number of jobs that run at a time, from 1 to 1000.",
        set: |config, text| {
            config.concurrency =
                text.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or("must be a number from 1 to 1000")?;
            Ok(())
        },
    },
    Key {
        name: "worker.grace",
        default: "25s",
        doc: "How long a worker waits for its running jobs during shutdown. 0s stops them immediately.",
        set: |config, text| set_duration(&mut config.grace, text),
    },
    Key {
        name: "worker.lease",
        default: "30s",
        doc: "How long a claim lasts without renewal, from 1s to 10m. A shorter lease detects dead workers sooner but costs more writes.",
        set: |config, text| {
            set_duration(&mut config.lease, text)?;
            let within = longshore::limits::LEASES.contains(&config.lease);
            if within { Ok(()) } else { Err("must be from 1s to 10m".into()) }
        },
    },
    Key {
        name: "image.pace",
        default: "",
        doc: "How long the demo pauses after each step of an image, so that a person can see the progress. 0s: no pause. If set, `longshore work` \
              also runs jobs of the demo's kind `image`. If unset, only `longshore up` and `longshore demo` run them, without a pause.",
        set: |config, text| {
            config.image = None;
            if !text.is_empty() {
                set_duration(&mut config.image.insert(Pace::default()).0, text)?;
            }
            Ok(())
        },
    },
    Key {
        name: "retention.finished",
        default: "1day",
        doc: "How long succeeded and cancelled jobs are kept. 0s: until the next upkeep.",
        set: |config, text| set_duration(&mut config.settings.keep_finished, text),
    },
    Key {
        name: "retention.dead",
        default: "7days",
        doc: "How long dead jobs are kept.",
        set: |config, text| set_duration(&mut config.settings.keep_dead, text),
    },
    Key {
        name: "http.connections",
        default: "2048",
        doc: "The maximum number of connections. A further connection takes the place of an idle one. If none is idle, the server answers only health checks, and 503 to other requests. The default leaves room beside all event streams and all requests that wait. If the process may not have that many files open, the number is lowered with a warning.",
        set: |config, text| set_count(&mut config.http.connections, text),
    },
    Key {
        name: "http.connections_per_caller",
        default: "1024",
        doc: "The maximum number of connections of one caller (one address). Raise it behind a proxy, where all callers have the proxy's address.",
        set: |config, text| set_count(&mut config.http.connections_per_caller, text),
    },
    Key {
        name: "http.idle_timeout",
        default: "75s",
        doc: "How long a connection may be idle between two requests. It should be longer than a proxy in front keeps its connections, which is 60 seconds for most of them; otherwise the proxy answers 502 now and then.",
        set: |config, text| set_duration(&mut config.http.idle_timeout, text),
    },
    Key {
        name: "http.cors_origins",
        default: "",
        doc: "The origins of web pages that may call the API from other sites (CORS), such as `[\"https://app.example\"]`. Empty: none. Each must be written as browsers send it, without a path. Such a page still needs the token, if there is one.",
        set: |config, text| {
            let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            config.http.cors_origins = origins.map(str::to_owned).collect();
            config.http.cors_origins.iter().try_for_each(|origin| longshore_server::cors::check_origin(origin))
        },
    },
    Key {
        name: "http.streams",
        default: "512",
        doc: "The maximum number of event streams. The server answers 503 to further requests.",
        set: |config, text| set_count(&mut config.http.streams, text),
    },
    Key {
        name: "http.streams_per_caller",
        default: "20",
        doc: "The maximum number of event streams of one caller (one address). The server answers 429 to further requests.",
        set: |config, text| set_count(&mut config.http.streams_per_caller, text),
    },
    Key {
        name: "http.stream_lifetime",
        default: "1h",
        doc: "The maximum lifetime of an event stream. Clients reconnect and continue.",
        set: |config, text| set_duration(&mut config.http.stream_lifetime, text),
    },
    Key {
        name: "http.waits",
        default: "1024",
        doc: "The maximum number of requests that wait for a job (long polls). The server answers 503 to further requests.",
        set: |config, text| set_count(&mut config.http.waits, text),
    },
    Key {
        name: "http.results",
        default: "256",
        doc: "The maximum number of results of more than 256 KiB that are sent at a time. The server answers 503 to further requests.",
        set: |config, text| set_count(&mut config.http.results, text),
    },
    Key {
        name: "http.results_per_caller",
        default: "64",
        doc: "The maximum number of these results that are sent to one caller (one address) at a time. The server answers 429 to further requests.",
        set: |config, text| set_count(&mut config.http.results_per_caller, text),
    },
    Key {
        name: "http.answers_mib",
        default: "256",
        doc: "The maximum size of answers in memory that clients have not read yet, in MiB. The server answers 503 to further requests.",
        set: |config, text| {
            let mut mib = 0;
            set_count(&mut mib, text)?;
            config.http.answers_bytes = mib.saturating_mul(1024 * 1024);
            Ok(())
        },
    },
    Key {
        name: "http.pushes",
        default: "512",
        doc: "The maximum number of pushes at a time. The server answers 503 to further pushes immediately, so that requests do not pile up.",
        set: |config, text| set_count(&mut config.http.pushes, text),
    },
    Key {
        name: "http.queue_depth",
        default: "0",
        doc: "The maximum number of waiting jobs in one queue. The server answers 429 to further pushes. 0: no limit.",
        set: |config, text| {
            let depth: u64 = text.parse().map_err(|_| "must be a number".to_owned())?;
            config.http.queue_depth = (depth > 0).then_some(depth);
            Ok(())
        },
    },
    Key {
        name: "http.wrong_tokens",
        default: "10",
        doc: "The maximum number of wrong tokens per minute from one address. Then the server answers 429 to this address. 0: no limit.",
        set: |config, text| {
            config.http.wrong_tokens = text.parse().map_err(|_| "must be a number".to_owned())?;
            Ok(())
        },
    },
];

/// The values from the command line, by key.
#[derive(Debug, Default)]
pub struct Flags(HashMap<&'static str, String>);

impl Flags {
    /// Sets a value, if the flag was given.
    pub fn set(&mut self, key: &'static str, value: Option<String>) {
        if let Some(value) = value {
            self.0.insert(key, value);
        }
    }
}

impl Config {
    /// Loads the configuration.
    ///
    /// # Errors
    ///
    /// All problems of the configuration.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Config, Vec<String>> {
        let from_env = std::env::var("LONGSHORE_CONFIG").ok();
        let named = file.or(from_env.as_deref().map(Path::new));
        let (file, text) = match named {
            Some(path) => match fs::read_to_string(path) {
                Ok(text) => (path, text),
                Err(e) => return Err(vec![format!("configuration file `{}`: {e}", path.display())]),
            },
            None => (Path::new(FILE), fs::read_to_string(FILE).unwrap_or_default()),
        };
        let mut problems = Vec::new();
        let mut table = parse(file, &text, &mut problems);
        let kinds = table.remove("kind").map(|kinds| kind::read(kinds, file, &mut problems)).unwrap_or_default();
        let written = read_table(file, table, &mut problems);
        let mut config = Config { kinds, ..Config::blank() };
        for key in KEYS {
            let env = key.env();
            let layers = [
                Some((key.default.to_owned(), "the default".to_owned())),
                written.get(key.name).map(|text| (text.clone(), format!("{}", file.display()))),
                std::env::var(&env).ok().map(|text| (text, env)),
                flags.0.get(key.name).map(|text| (text.clone(), "the command line".to_owned())),
            ];
            let (text, source) = layers.into_iter().flatten().next_back().expect("there is a default");
            if let Err(wrong) = (key.set)(&mut config, &text) {
                let shown = if key.name == "token" { "(hidden)" } else { text.as_str() };
                problems.push(format!("{} = `{shown}` (from {source}) {wrong}", key.name));
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Returns a configuration without values. [`Config::load`] sets every key.
    fn blank() -> Config {
        Config {
            store: StoreUrl::new(""),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            server: None,
            token: None,
            log: String::new(),
            log_json: false,
            queues: Vec::new(),
            strict: false,
            concurrency: 1,
            grace: Duration::ZERO,
            lease: Duration::ZERO,
            image: None,
            kinds: Vec::new(),
            settings: Settings::default(),
            http: longshore_server::Config::default(),
        }
    }

    /// Returns the configuration of the HTTP server.
    pub fn server_config(&self, demo: bool) -> Result<longshore_server::Config, crate::Exit> {
        let mut server = self.http.clone();
        server.token = self.token.as_ref().map(Token::secret).transpose().map_err(crate::Exit::usage)?;
        server.demo = demo;
        Ok(server)
    }
}

fn parse(path: &Path, text: &str, problems: &mut Vec<String>) -> toml::Table {
    text.parse().unwrap_or_else(|e: toml::de::Error| {
        problems.push(format!("configuration file `{}`: {}", path.display(), e.to_string().trim_end()));
        toml::Table::new()
    })
}

/// Reads the file as texts by key, and adds unknown keys and wrong values to `problems`.
fn read_table(path: &Path, table: toml::Table, problems: &mut Vec<String>) -> HashMap<String, String> {
    let mut written = HashMap::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) if KEYS.iter().any(|key| key.name.starts_with(&format!("{name}."))) => {
                written.extend(inner.into_iter().map(|(inner, value)| (format!("{name}.{inner}"), value)));
            }
            value => {
                written.insert(name, value);
            }
        }
    }
    let mut texts = HashMap::new();
    for (name, value) in written {
        if !KEYS.iter().any(|key| key.name == name) {
            problems.push(format!("{}: unknown key `{name}`{}", path.display(), suggest_key(&name)));
            continue;
        }
        match plain(&value) {
            Some(text) => {
                texts.insert(name, text);
            }
            None => {
                problems.push(format!("{}: `{name}` must be a string, a number, a boolean or a list", path.display()))
            }
        }
    }
    texts
}

/// Returns a value as it would be written in the environment.
pub fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(list) => list.iter().map(plain).collect::<Option<Vec<_>>>().map(|texts| texts.join(",")),
        _ => None,
    }
}

fn suggest_key(name: &str) -> String {
    suggest(name, KEYS.iter().map(|key| key.name).chain(["kind"])).replace("`kind`", "`[[kind]]`")
}

/// Returns the hint for an unknown key: the most similar known key.
pub fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let near = known.map(|key| (strsim::jaro(&last(name), &last(key)), key));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, key)) if likeness > 0.75 => format!(", did you mean `{key}`?"),
        _ => "; `longshore check --keys` lists all".into(),
    }
}

/// Parses `mail` or `mail=3`.
fn parse_queue(text: &str) -> Result<(QueueName, u32), String> {
    let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
    let name = name.parse().map_err(|e: longshore::Error| format!("must be a list of queues: {e}"))?;
    let weight = weight.parse().ok().filter(|weight| (1..=1000).contains(weight));
    Ok((name, weight.ok_or_else(|| format!("must have weights from 1 to 1000, unlike `{text}`"))?))
}

fn set_bool(place: &mut bool, text: &str) -> Result<(), String> {
    *place = text.parse().map_err(|_| "must be true or false".to_owned())?;
    Ok(())
}

fn set_count(place: &mut usize, text: &str) -> Result<(), String> {
    *place = text.parse().ok().filter(|n| *n > 0).ok_or("must be a number above zero")?;
    Ok(())
}

pub fn set_duration(place: &mut Duration, text: &str) -> Result<(), String> {
    *place =
        humantime::parse_duration(text).map_err(|_| "must be a duration such as 500ms, 30s, 5m or 7days".to_owned())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (HashMap<String, String>, Vec<String>) {
        let mut problems = Vec::new();
        let file = Path::new("longshore.toml");
        let table = parse(file, text, &mut problems);
        let texts = read_table(file, table, &mut problems);
        (texts, problems)
    }

    #[test]
    fn the_page_of_all_keys_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = render_page();
        if std::env::var_os("LONGSHORE_UPDATE_DOCS").is_some() {
            fs::write(path, &page).unwrap();
        }
        let kept = fs::read_to_string(path).unwrap_or_default();
        assert!(kept == page, "docs/configuration.md is stale: run the tests once with LONGSHORE_UPDATE_DOCS=1");
    }

    fn render_page() -> String {
        let mut page = String::from(
            "# Configuration\n\nEvery key can be set in `longshore.toml` (or the file in `--config` or `LONGSHORE_CONFIG`), in the \
             environment, and the\ncommon ones on the command line. The later of these override the earlier ones. `longshore check` \
             reports all problems\ntogether. This page is generated from the code.\n",
        );
        for key in KEYS {
            let default = if key.default.is_empty() { "none".into() } else { format!("`{}`", key.default) };
            page +=
                &format!("\n## `{}`\n\n{}\n\nDefault: {default}. Environment: `{}`.\n", key.name, key.doc, key.env());
        }
        page += "\n## `[[kind]]`\n\nA command that runs jobs of one kind. It can be set only in the file, any number of times. \
                 [Commands as workers](commands.md) describes the\ninput and output of such a command.\n\n\
                 | key | default | meaning |\n|---|---|---|\n";
        for key in kind::KEYS {
            let default = if key.default.is_empty() { "none".into() } else { format!("`{}`", key.default) };
            page += &format!("| `{}` | {default} | {} |\n", key.name, key.doc);
        }
        page
    }

    #[test]
    fn every_default_is_valid() {
        let mut config = Config::blank();
        for key in KEYS {
            (key.set)(&mut config, key.default).unwrap_or_else(|e| panic!("{} {e}", key.name));
        }
        assert_eq!(config.settings.keep_dead, longshore::limits::KEEP_DEAD);
        assert_eq!(config.settings.keep_finished, longshore::limits::KEEP_FINISHED);
        assert_eq!((config.lease, config.grace), (longshore::limits::LEASE, longshore::limits::GRACE));
        assert_eq!(format!("{:?}", config.http), format!("{:?}", longshore_server::Config::default()));
    }

    #[test]
    fn an_unknown_key_is_named_with_a_suggestion() {
        let (_, problems) = read("[worker]\nqueuez = [\"a\"]\n");
        assert_eq!(problems, ["longshore.toml: unknown key `worker.queuez`, did you mean `worker.queues`?"]);
        let (_, problems) = read("frobnicate = 1\n");
        assert!(problems[0].ends_with("`longshore check --keys` lists all"), "{problems:?}");
        let (_, problems) = read("[[kinds]]\nname = \"a\"\n");
        assert_eq!(problems, ["longshore.toml: unknown key `kinds`, did you mean `[[kind]]`?"]);
    }

    #[test]
    fn tables_lists_and_numbers_are_read() {
        let (texts, problems) = read("store = \"memory:\"\n[worker]\nqueues = [\"a=2\", \"b\"]\nconcurrency = 4\n");
        assert_eq!(problems, [""; 0]);
        assert_eq!((texts["worker.queues"].as_str(), texts["worker.concurrency"].as_str()), ("a=2,b", "4"));
    }

    #[test]
    fn queues_have_weights() {
        assert_eq!(parse_queue("mail=3").unwrap(), ("mail".parse().unwrap(), 3));
        assert!(parse_queue("mail=0").is_err());
        assert!(parse_queue("a b").is_err());
    }
}
