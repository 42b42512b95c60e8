//! The configuration: one table of keys, with layers (defaults, file, environment, flags). All problems are reported
//! together.

mod file;
mod keys;

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use longshore::{QueueName, Settings, StoreUrl};
use longshore_demo::Pace;
use longshore_server::Secret;

use crate::environment;
use crate::kind::CommandKind;
use file::File;

pub use file::{NAME, plain, suggest};
pub use keys::{FIVE_YEARS, KEYS, Key, parse_duration};

/// The configuration of the program.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// The URL of the store.
    pub store: StoreUrl,
    /// How long to wait for a store that is not reachable at the start; `None` leaves it to the command.
    pub wait_for_store: Option<Duration>,
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

/// A configuration as far as it is valid, and everything that is wrong with it.
#[derive(Debug)]
pub struct Draft {
    /// The configuration. A key with a wrong value has its default.
    pub config: Config,
    /// Everything that is wrong.
    pub problems: Vec<String>,
    /// Whether the file exists, but nothing is known about its values.
    pub is_unreadable: bool,
}

impl Config {
    /// Loads the configuration.
    ///
    /// # Errors
    ///
    /// All problems of the configuration.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Config, Vec<String>> {
        let Draft { config, problems, .. } = Config::draft(file, flags);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// Loads the configuration as far as it is valid.
    pub fn draft(file: Option<&Path>, flags: &Flags) -> Draft {
        let mut problems = Vec::new();
        let from_env = environment::var("LONGSHORE_CONFIG").map(PathBuf::from);
        let file = File::read(file.or(from_env.as_deref()), &mut problems);
        let mut config = Config { kinds: file.kinds.clone(), file: file.path.clone(), ..Config::blank() };
        for key in KEYS {
            let wrong = match value(key, &file, flags) {
                Ok((text, source)) => (key.set)(&mut config, &text).err().map(|wrong| {
                    let shown = match key.name {
                        "token" => "(hidden)".to_owned(),
                        "store" | "server" => StoreUrl::new(&text).to_string(),
                        _ => text,
                    };
                    format!("{} = `{shown}` (from {source}) {wrong}", key.name)
                }),
                Err(wrong) => Some(format!("{} {wrong}", key.name)),
            };
            if let Some(wrong) = wrong {
                problems.push(wrong);
                (key.set)(&mut config, key.default).expect("every default is valid");
            }
        }
        Draft { config, problems, is_unreadable: file.is_unreadable }
    }

    /// Returns a configuration without values. [`Config::load`] sets every key.
    fn blank() -> Config {
        Config {
            file: None,
            store: StoreUrl::new(""),
            wait_for_store: None,
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

/// Returns the value of a key from its uppermost layer, and the name of that layer.
fn value(key: &Key, file: &File, flags: &Flags) -> Result<(String, String), String> {
    if let Some(text) = flags.0.get(key.name) {
        return Ok((text.clone(), "the command line".to_owned()));
    }
    if let Some(text) = environment::var(&key.env()) {
        let text = OsString::into_string(text).map_err(|_| format!("(from {}) is not UTF-8 text", key.env()))?;
        return Ok((text, key.env()));
    }
    let (text, source) = match file.values.get(key.name) {
        Some(text) => (text.as_str(), file.path.as_deref().map_or(String::new(), |path| path.display().to_string())),
        None => (key.default, "the default".to_owned()),
    };
    let text = seen_from(file.folder(), key.name, text).map_err(|wrong| format!("(from {source}) {wrong}"))?;
    Ok((text, source))
}

/// Returns a value of the file, or a default, with its relative path seen from the folder of the file. So the same file
/// names the same store and the same token whatever the working folder is.
fn seen_from(folder: Option<&Path>, key: &str, text: &str) -> Result<String, String> {
    let Some(folder) = folder else { return Ok(text.to_owned()) };
    let joined = |path: &str| {
        let unusable = || format!("is relative to the folder `{}`, whose name is not UTF-8", folder.display());
        folder.join(path).into_os_string().into_string().map_err(|_| unusable())
    };
    match key {
        "token_file" if !text.is_empty() => joined(text),
        "store" => {
            let Some(rest) = text.strip_prefix("sqlite:") else { return Ok(text.to_owned()) };
            let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" || Path::new(path).is_absolute() {
                return Ok(text.to_owned());
            }
            let path = joined(path)?;
            if path.contains('?') {
                return Err(format!("is relative to the folder `{}`, whose name contains `?`", folder.display()));
            }
            Ok(format!("sqlite:{path}{query}"))
        }
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind;

    #[test]
    fn the_page_of_all_keys_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let page = render_page();
        if std::env::var_os("LONGSHORE_UPDATE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == page, "docs/configuration.md is stale: run the tests once with LONGSHORE_UPDATE_DOCS=1");
    }

    fn render_page() -> String {
        let mut page = String::from(
            "# Configuration\n\nEvery key can be set in `longshore.toml` (or the file in `--config` or `LONGSHORE_CONFIG`), in the \
             environment, and the\ncommon ones on the command line. The later of these override the earlier ones. `longshore check` \
             reports all problems\ntogether. This page is generated from the code.\n\nThe file is looked for in the working folder, and then in its \
             parent folders; there it must belong to the same user or to\nroot. Relative paths in it are seen from its own folder.\n",
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
    fn relative_paths_are_seen_from_the_folder_of_the_file() {
        let seen = |key, text| seen_from(Some(Path::new("/etc/app")), key, text).unwrap();
        assert_eq!(seen("store", "sqlite:jobs.db?synchronous=normal"), "sqlite:/etc/app/jobs.db?synchronous=normal");
        assert_eq!(seen("store", "sqlite://data/jobs.db"), "sqlite:/etc/app/data/jobs.db");
        assert_eq!(seen("token_file", "token"), "/etc/app/token");
        for (key, text) in [
            ("store", "sqlite:/var/jobs.db"),
            ("store", "sqlite:///var/jobs.db"),
            ("store", "sqlite::memory:"),
            ("store", "redis://host"),
            ("token_file", ""),
            ("token_file", "/run/token"),
            ("log", "info"),
        ] {
            assert_eq!(seen(key, text), text);
            assert_eq!(seen_from(None, key, text).unwrap(), text);
        }
        assert!(seen_from(Some(Path::new("/what?")), "store", "sqlite:jobs.db").is_err());
    }
}
