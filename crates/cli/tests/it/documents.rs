//! Documents stay true: the files, headings and items that documents and comments name exist, and dependencies are used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Names that documents and comments use and that are declared outside this repository.
const FOREIGN: &[&str] =
    &["Allow", "CLOCK_BOOTTIME", "EX_DATAERR", "EX_TEMPFAIL", "EX_UNAVAILABLE", "Origin", "TimeoutStopSec"];

/// What a path that names a file ends in.
const EXTENSIONS: &[&str] =
    &["css", "html", "js", "json", "lua", "md", "mjs", "php", "py", "rb", "rs", "sh", "sql", "svg", "toml", "txt"];

/// The headings that a version of the change log may have.
const KINDS_OF_CHANGE: &[&str] = &["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// Where our files are on the web.
const ON_THE_WEB: &str = "https://github.com/longshore/longshore/blob/main/";

#[test]
fn files_that_are_named_exist() {
    let repository = Repository::read();
    let mut missing = Vec::new();
    for (file, text) in repository.documents().chain(repository.sources()) {
        for (line, prose) in prose(file, text) {
            let paths = words(prose).filter_map(as_path).filter(|path| !repository.has(path));
            missing.extend(paths.map(|path| format!("{file}:{line}: `{path}` does not exist")));
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn links_lead_to_files_and_headings() {
    let repository = Repository::read();
    let mut missing = Vec::new();
    for (file, text) in repository.documents() {
        for (line, prose) in prose(file, text) {
            for link in links(prose).filter(|link| !link.contains("://")) {
                let (path, heading) = link.split_once('#').unwrap_or((link, ""));
                let target = if path.is_empty() { file.to_owned() } else { resolve(file, path) };
                let found = match repository.files.get(&target) {
                    Some(page) => heading.is_empty() || headings(page).any(|text| anchor(text) == heading),
                    None => heading.is_empty() && repository.folders.contains(&target),
                };
                if !found {
                    missing.push(format!("{file}:{line}: the link `{link}` leads nowhere"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn items_that_are_named_exist() {
    let repository = Repository::read();
    let mut known = repository.identifiers();
    let variables = repository.variables();
    known.extend(variables.iter().map(String::as_str));
    let mut unused: BTreeSet<&str> = FOREIGN.iter().copied().collect();
    let mut missing = Vec::new();
    // The change log names what is gone.
    let documents = repository.documents().filter(|(file, _)| *file != "CHANGELOG.md");
    for (file, text) in documents.chain(repository.sources()) {
        for (line, span) in spans(&prose(file, text)) {
            for name in items(&span) {
                if !known.contains(name) && !unused.remove(name) && !FOREIGN.contains(&name) {
                    missing.push(format!("{file}:{line}: there is no `{name}` (in `{span}`)"));
                }
            }
        }
    }
    missing.extend(unused.iter().map(|name| format!("FOREIGN: nothing names `{name}`, or it exists here")));
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn dependencies_are_used() {
    let repository = Repository::read();
    let mut unused: BTreeSet<&str> =
        dependencies(&repository.files["Cargo.toml"], "workspace.dependencies").map(|(_, name)| name).collect();
    let mut problems = Vec::new();
    for (manifest, text) in repository.files.iter().filter(|(path, _)| path.ends_with("/Cargo.toml")) {
        let folder = manifest.trim_end_matches("Cargo.toml");
        let sources: Vec<_> = repository.sources().filter(|(file, _)| file.starts_with(folder)).collect();
        for (line, name) in dependencies(text, "dependencies") {
            unused.remove(name);
            let word = name.replace('-', "_");
            // A sample in a doc comment uses a dependency as well as code does.
            let path = format!("{word}::");
            let in_code = |(_, source): &(&str, &str)| {
                source.lines().any(|line| {
                    let (code, comment) = split_comment("rs", line);
                    identifiers(code).any(|found| found == word) || comment.contains(&path)
                })
            };
            let in_features = text.contains(&format!("\"dep:{name}\"")) || text.contains(&format!("\"{name}/"));
            if !sources.iter().any(in_code) && !in_features {
                problems.push(format!("{manifest}:{line}: `{name}` is not used in {folder}"));
            }
        }
    }
    problems.extend(unused.iter().map(|name| format!("Cargo.toml: no crate uses `{name}`")));
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn the_change_log_has_the_usual_headings() {
    let repository = Repository::read();
    let mut version = None;
    for (number, line) in repository.files["CHANGELOG.md"].lines().enumerate() {
        let number = number + 1;
        if let Some(title) = line.strip_prefix("## ") {
            assert!(title.starts_with(|c: char| c.is_ascii_digit()), "CHANGELOG.md:{number}: `{title}` is no version");
            version = Some(title);
        } else if let Some(kind) = line.strip_prefix("### ") {
            assert!(KINDS_OF_CHANGE.contains(&kind), "CHANGELOG.md:{number}: `{kind}` is not of {KINDS_OF_CHANGE:?}");
            assert!(version.is_some(), "CHANGELOG.md:{number}: `{kind}` stands under no version");
        }
    }
    assert!(version.is_some(), "CHANGELOG.md names no version");
}

#[test]
fn architecture_links_every_page_about_the_design() {
    let repository = Repository::read();
    let linked: BTreeSet<_> =
        links(&repository.files["ARCHITECTURE.md"]).map(|link| resolve("ARCHITECTURE.md", link)).collect();
    for (page, _) in repository.documents().filter(|(page, _)| page.starts_with("docs/design/")) {
        assert!(linked.contains(page), "ARCHITECTURE.md does not link {page}");
    }
}

/// The files of the repository and their texts, without what is built or installed.
struct Repository {
    files: BTreeMap<String, String>,
    folders: BTreeSet<String>,
}

impl Repository {
    fn read() -> Repository {
        let mut repository = Repository { files: BTreeMap::new(), folders: BTreeSet::new() };
        repository.add(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")), "");
        repository
    }

    fn add(&mut self, folder: &Path, under: &str) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let name = entry.file_name().into_string().expect("names are UTF-8");
            let path = format!("{under}{name}");
            if name.starts_with('.') || name == "target" || name == "node_modules" {
                continue;
            }
            if entry.path().is_dir() {
                self.add(&entry.path(), &format!("{path}/"));
                self.folders.insert(path);
            } else {
                let bytes = fs::read(entry.path()).expect("the file can be read");
                self.files.insert(path, String::from_utf8(bytes).unwrap_or_default());
            }
        }
    }

    fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        self.with_extension(&["md"])
    }

    fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.with_extension(&["rs", "sql", "lua"])
    }

    fn with_extension(&self, extensions: &'static [&str]) -> impl Iterator<Item = (&str, &str)> {
        let ours = self.files.iter().filter(|(path, _)| extensions.contains(&extension(path)));
        ours.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns whether a file or a folder has this path, or a path that ends with it.
    fn has(&self, path: &str) -> bool {
        let is_it =
            |whole: &String| whole.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        match path.strip_suffix('/') {
            Some(folder) => {
                self.folders.contains(folder) || self.folders.iter().any(|whole| whole.ends_with(&format!("/{folder}")))
            }
            None => self.files.contains_key(path) || self.files.keys().any(is_it),
        }
    }

    /// Returns every identifier of the code, without comments and without the lists of this file.
    fn identifiers(&self) -> BTreeSet<&str> {
        let sources = self.sources().filter(|(file, _)| !file.ends_with("tests/it/documents.rs"));
        let code = sources.flat_map(|(file, text)| text.lines().map(|line| split_comment(extension(file), line).0));
        code.flat_map(identifiers).collect()
    }

    /// Returns the environment variables that are made of the configuration's keys.
    fn variables(&self) -> Vec<String> {
        let keys =
            self.files["crates/cli/src/config/keys.rs"].lines().filter_map(|line| line.trim().strip_prefix("name: \""));
        let names = keys.filter_map(|rest| rest.split_once('"').map(|(name, _)| name));
        names.map(|name| format!("LONGSHORE_{}", name.replace('.', "_").to_uppercase())).collect()
    }
}

/// Returns the lines of a file with what people read of them: text of a document, comments of a source; nothing of samples.
fn prose<'a>(file: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    let mut in_sample = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let read = if extension(file) == "md" { line } else { split_comment(extension(file), line).1 };
        let fence = read.trim_start_matches(['/', '!', '-', ' ']).starts_with("```");
        in_sample ^= fence;
        lines.push((number + 1, if in_sample || fence { "" } else { read }));
    }
    lines
}

/// Splits a line of a source into code and comment.
fn split_comment<'a>(extension: &str, line: &'a str) -> (&'a str, &'a str) {
    let mark = if extension == "rs" { "//" } else { "--" };
    let starts = line.match_indices(mark).map(|(at, _)| at);
    let mut at_blank = starts.filter(|at| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    line.split_at(at_blank.next().unwrap_or(line.len()))
}

fn words(prose: &str) -> impl Iterator<Item = &str> {
    prose.split(|c: char| c.is_whitespace() || "`()[]{}\"',;".contains(c)).filter(|word| !word.is_empty())
}

/// Returns what a word names if it looks like the path of a file or, with a slash at its end, of a folder.
fn as_path(word: &str) -> Option<&str> {
    let word = word.strip_prefix(ON_THE_WEB).unwrap_or(word).trim_end_matches(['.', ':', '!', '?']);
    let word = word.split(['#', ':']).next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_host = word.split_once('/').is_some_and(|(first, _)| first.contains('.'));
    if !word.starts_with(|c: char| c.is_ascii_alphanumeric()) || !word.chars().all(plain) || is_host {
        return None;
    }
    (word.ends_with('/') || EXTENSIONS.contains(&extension(word))).then_some(word)
}

/// Returns what follows the last dot of a file's name; nothing if there is none.
fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Returns the targets of the links `[text](target)`.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// Returns the path that a link in `file` leads to.
fn resolve(file: &str, link: &str) -> String {
    let mut parts: Vec<_> = file.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn headings(page: &str) -> impl Iterator<Item = &str> {
    let lines = page.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| line.trim_start_matches('#').trim())
}

/// Returns the anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Returns what stands between back quotes, with the line where it begins; a span ends with its paragraph.
fn spans(prose: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut spans = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in prose {
        if line.trim_matches(['/', '!', '-', ' ']).is_empty() {
            open = None;
        }
        for (n, part) in line.split('`').enumerate() {
            if n > 0 {
                open = match open.take() {
                    Some(span) => {
                        spans.push(span);
                        None
                    }
                    None => Some((*number, String::new())),
                };
            }
            if let Some((_, text)) = &mut open {
                text.push_str(part);
            }
        }
    }
    spans
}

/// Returns the names of items in a span: the parts of a path, a function or macro that is called, a type, a constant.
fn items(span: &str) -> Vec<&str> {
    let name = span.split(['(', '<', '{', '!', ' ']).next().unwrap_or_default();
    let called = span[name.len()..].starts_with(['(', '!']);
    let segments: Vec<_> = name.split("::").flat_map(|part| part.split('.')).collect();
    let is_path = segments.iter().all(|segment| is_identifier(segment));
    let is_name = |text: &str| {
        let upper = text.starts_with(|c: char| c.is_ascii_uppercase());
        let lower = text.contains(|c: char| c.is_ascii_lowercase());
        upper && text.len() > 1 && (lower || text.contains('_'))
    };
    let is_item = name.contains("::") || called || is_name(name);
    if is_path && is_item { segments } else { Vec::new() }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| is_identifier(word))
}

/// Returns the names, with their lines, in the tables of a manifest whose names end in `table`.
fn dependencies<'a>(manifest: &'a str, table: &str) -> impl Iterator<Item = (usize, &'a str)> {
    let mut inside = false;
    manifest.lines().enumerate().filter_map(move |(number, line)| {
        if let Some(name) = line.strip_prefix('[') {
            inside = name.trim_end().trim_end_matches(']').ends_with(table);
            return None;
        }
        let (name, _) = line.split_once(['.', '=', ' '])?;
        (inside && !name.starts_with('#')).then_some((number + 1, name.trim()))
    })
}
