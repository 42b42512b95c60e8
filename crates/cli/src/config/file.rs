//! The configuration file: where it is, and what stands in it.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::KEYS;
use crate::kind::{self, CommandKind};

/// The configuration file that is read by default, if it exists here or in a parent folder.
pub const NAME: &str = "longshore.toml";

/// What a configuration file contains.
#[derive(Debug, Default)]
pub struct File {
    /// The path of the file, if there is one.
    pub path: Option<PathBuf>,
    /// The values, as they would be written in the environment, by key.
    pub values: HashMap<String, String>,
    /// The commands that run jobs.
    pub kinds: Vec<CommandKind>,
    /// Whether the file exists, but cannot be read or is no TOML, so that nothing is known about its values.
    pub is_unreadable: bool,
}

impl File {
    /// Reads the named file, or else the file of this folder or of the nearest parent folder that has one. Adds errors
    /// to `problems`.
    pub fn read(named: Option<&Path>, problems: &mut Vec<String>) -> File {
        let path = match named {
            Some(path) => Some(path.to_owned()),
            None => find().unwrap_or_else(|problem| {
                problems.push(problem);
                None
            }),
        };
        let Some(path) = path else { return File::default() };
        let is_unreadable = |path| File { path: Some(path), is_unreadable: true, ..File::default() };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) => {
                let why = match e.kind() {
                    io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
                    _ => e.to_string(),
                };
                problems.push(format!("configuration file `{}` cannot be read: {why}", path.display()));
                return is_unreadable(path);
            }
        };
        let Some(mut table) = parse(&path, &text, problems) else { return is_unreadable(path) };
        let kinds = table.remove("kind").map(|kinds| kind::read(kinds, &path, problems)).unwrap_or_default();
        let values = read_table(&path, table, problems);
        File { path: Some(path), values, kinds, is_unreadable: false }
    }

    /// Returns the folder of the file; `None` if there is no file, or if it is in the working folder.
    pub fn folder(&self) -> Option<&Path> {
        self.path.as_deref()?.parent().filter(|folder| !folder.as_os_str().is_empty())
    }
}

/// Finds the file in the working folder or its parents. A file of another user in a parent folder is refused, because
/// its commands would run as this user.
fn find() -> Result<Option<PathBuf>, String> {
    // A file that cannot be read is there, and the caller says why it cannot be read.
    let is_missing = |e: &io::Error| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let is_there = |path: &Path| !fs::symlink_metadata(path).is_err_and(|e| is_missing(&e));
    if is_there(Path::new(NAME)) {
        return Ok(Some(PathBuf::from(NAME)));
    }
    let Ok(here) = std::env::current_dir() else { return Ok(None) };
    let found = here.ancestors().skip(1).map(|folder| folder.join(NAME)).find(|path| path.is_file());
    let Some(path) = found else { return Ok(None) };
    let owner = fs::metadata(&path).map(|file| file.uid()).map_err(|e| format!("`{}`: {e}", path.display()))?;
    let user = rustix::process::geteuid().as_raw();
    if owner != user && owner != 0 {
        let path = path.display();
        return Err(format!(
            "configuration file `{path}` of a parent folder belongs to another user; if you trust it, name it: --config {path}"
        ));
    }
    Ok(Some(path))
}

/// Parses the file. The problem names the place, but does not quote the line, which may contain a secret.
fn parse(path: &Path, text: &str, problems: &mut Vec<String>) -> Option<toml::Table> {
    let wrong = |e: toml::de::Error| {
        let at = e.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..at];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
        problems.push(format!(
            "configuration file `{}`, line {line}, column {column}: {}",
            path.display(),
            e.message()
        ));
    };
    text.parse().map_err(wrong).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (HashMap<String, String>, Vec<String>) {
        let mut problems = Vec::new();
        let file = Path::new("longshore.toml");
        let table = parse(file, text, &mut problems).unwrap_or_default();
        let texts = read_table(file, table, &mut problems);
        (texts, problems)
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
    fn a_syntax_error_names_its_place_without_the_line() {
        let (_, problems) = read("log = \"info\"\n  token = \"a-secret-that-nobody-sees\n");
        assert!(problems[0].starts_with("configuration file `longshore.toml`, line 2, column "), "{problems:?}");
        assert!(!problems[0].contains("secret"), "{problems:?}");
    }
}
