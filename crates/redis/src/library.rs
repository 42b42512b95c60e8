//! The Lua code: one library of Redis functions, assembled from the files in `lua/`, one file for each verb.
//!
//! The server reads the library once, so the number of functions and files does not slow down a call. The name of the library and
//! the names of its functions end in a hash of its text, so that two versions of longshore can share a server. A server stores its
//! libraries with its data and replicates them. If a library is missing (on a new node, or after `FUNCTION FLUSH`), it is loaded
//! again.
//!
//! Words in capitals are constants ([`shared`](crate::shared), [`layout`](crate::layout), [`keys`](crate::keys)). They are replaced
//! by their values when the library is assembled, because a Lua variable would cost time in each call.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::{keys, layout, shared};

/// What a function may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Writes, and is refused while the memory is full.
    NeedsMemory,
    /// Writes, even while the memory is full, because running jobs must go on.
    Writes,
    Reads,
}

/// A function of the library.
#[derive(Debug)]
pub(crate) struct Function {
    /// The name in Lua and in errors.
    pub(crate) name: &'static str,
    access: Access,
}

impl Function {
    pub(crate) fn is_read(&self) -> bool {
        self.access == Access::Reads
    }

    /// Returns the name on the server.
    pub(crate) fn full_name(&self) -> String {
        format!("longshore_{}_{}", self.name, LIBRARY.hash)
    }
}

macro_rules! functions {
    ($($name:ident = $lua:literal $access:ident;)+) => {
        $(pub(crate) static $name: Function = Function { name: $lua, access: Access::$access };)+

        static FUNCTIONS: &[&Function] = &[$(&$name),+];
    };
}

functions! {
    PUSH = "push" NeedsMemory;
    CLAIM = "claim" Writes;
    RENEW = "renew" Writes;
    SETTLE = "settle" Writes;
    RELEASE = "release" Writes;
    UPKEEP = "upkeep" Writes;
    DUE = "due" Reads;
    FORGET_QUEUE = "forget_queue" Writes;
    ACT = "act" Writes;
    CHANGE_RULES = "change_rules" Writes;
    NOTIFY = "notify" Writes;
    WRITE_LOG = "write_log" Writes;
    QUEUE = "queue" Reads;
    GET = "get" Reads;
    STATUS = "status" Reads;
    LIST_BY_ORDER = "list_by_order" Reads;
    LIST_FEW = "list_few" Reads;
    LOG = "log" Reads;
    SHOW = "show" Reads;
    NOTE_QUEUES = "note_queues" Writes;
    LIST_QUEUES = "list_queues" Reads;
    UNUSED_QUEUES = "unused_queues" Reads;
    DROP_QUEUES = "drop_queues" Writes;
    BEGIN_UPKEEP = "begin_upkeep" Writes;
    MARK_RELEASED = "mark_released" Writes;
    IS_RELEASED = "is_released" Reads;
    NOTE_WORKER = "note_worker" Writes;
    DROP_WORKERS = "drop_workers" Writes;
    LIST_WORKERS = "list_workers" Reads;
    BEGIN_ARTIFACT = "begin_artifact" NeedsMemory;
    WRITE_ARTIFACT = "write_artifact" NeedsMemory;
    FINISH_ARTIFACT = "finish_artifact" Writes;
    OPEN_ARTIFACT = "open_artifact" Reads;
    DELETE_ARTIFACT = "delete_artifact" Writes;
    LIST_ARTIFACTS = "list_artifacts" Reads;
    NOTE_ARTIFACT_TAG = "note_artifact_tag" NeedsMemory;
    LIST_ARTIFACT_TAGS = "list_artifact_tags" Reads;
    LAYOUT_OF = "layout_of" Writes;
    UPGRADE_QUEUE = "upgrade_queue" Writes;
    REPAIR_KEYS = "repair_keys" Writes;
    REPAIR_SET = "repair_set" Writes;
    CLOCK = "clock" Reads;
    TEST_STEP = "test_step" Reads;
    TEST_ADMIT = "test_admit" Reads;
}

macro_rules! files {
    ($($name:literal)+) => { &[$(($name, include_str!(concat!("../lua/", $name)))),+] };
}

/// The files in the order in which they are assembled. Each file uses definitions of the files before it.
const FILES: &[(&str, &str)] = files! {
    "call.lua" "labels.lua" "record.lua" "writes.lua" "notify.lua" "step.lua" "admit.lua" "transition.lua"
    "places.lua" "push.lua" "claim.lua" "settle.lua" "renew.lua" "release.lua" "upkeep.lua" "act.lua" "rules.lua" "log.lua" "read.lua"
    "registry.lua" "artifacts.lua" "upgrade.lua" "repair.lua" "testing.lua"
};

/// The library of this program.
pub(crate) static LIBRARY: LazyLock<Library> = LazyLock::new(Library::new);

/// The assembled library.
pub(crate) struct Library {
    pub(crate) source: String,
    hash: String,
    /// For each file, the number of lines before it.
    starts: Vec<(usize, &'static str)>,
}

impl Library {
    fn new() -> Library {
        let constants: HashMap<String, String> =
            [keys::words(), shared::words(), layout::words()].concat().into_iter().collect();
        let (mut body, mut starts) = (String::new(), Vec::new());
        for (name, text) in FILES {
            starts.push((1 + body.lines().count(), *name));
            body.push_str(&with_constants(text, &constants));
        }
        let hash = redis::Script::new(&body).get_hash()[..12].to_owned();
        for function in FUNCTIONS {
            let flags = match function.access {
                Access::NeedsMemory => "",
                Access::Writes => "'allow-oom'",
                Access::Reads => "'no-writes'",
            };
            let (name, lua) = (format!("longshore_{}_{hash}", function.name), function.name);
            body.push_str(&format!(
                "redis.register_function({{ function_name = '{name}', flags = {{ {flags} }}, \
                 callback = function(keys, args) if not call then prepare() end root = keys[1] return {lua}(args) end }})\n"
            ));
        }
        Library { source: format!("#!lua name=longshore_{hash}\n{body}"), hash, starts }
    }

    /// Returns the text of an error with a file and its line instead of the line of the whole library.
    pub(crate) fn locate(&self, error: &str) -> String {
        let Some((before, line, after)) = line_in(error) else { return error.to_owned() };
        match self.starts.iter().rev().find(|(start, _)| *start < line) {
            Some((start, file)) => format!("{before}{file}:{}{after}", line - start),
            None => error.to_owned(),
        }
    }
}

/// Finds the line of the library in an error. Returns the text before it, the line, and the text after it.
fn line_in(error: &str) -> Option<(&str, usize, &str)> {
    const MARK: &str = "user_function:";
    let (before, rest) = error.split_once(MARK)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    // The server appends the name of the function and repeats the line.
    let after = rest[digits..].split(" script: ").next().unwrap_or_default();
    Some((before, rest[..digits].parse().ok()?, after))
}

/// Replaces constants by their values, line by line. Comments are removed, so that no word in them is replaced.
fn with_constants(text: &str, constants: &HashMap<String, String>) -> String {
    let mut source = String::with_capacity(text.len());
    for line in text.lines() {
        let (mut rest, mut quote) = (if line.trim_start().starts_with("--") { "" } else { line }, None);
        while let Some(c) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            if quote.is_none() && word > 0 {
                source.push_str(constants.get(&rest[..word]).map_or(&rest[..word], String::as_str));
                rest = &rest[word..];
                continue;
            }
            match quote {
                Some(open) if open == c => quote = None,
                None if c == '\'' || c == '"' => quote = Some(c),
                _ => {}
            }
            source.push(c);
            rest = &rest[c.len_utf8()..];
        }
        source.push('\n');
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_in_capitals_is_known() {
        let (_, body) = LIBRARY.source.split_once('\n').unwrap();
        let unquoted: String = body.lines().map(|line| strip(line) + "\n").collect();
        let words = unquoted.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        // Words that the library defines itself.
        let known = ["EARLIER", "STATES"];
        let unknown: Vec<_> = words
            .filter(|word| word.len() > 1 && word.starts_with(|c: char| c.is_ascii_uppercase()))
            .filter(|word| !known.contains(word))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    /// Returns a line without what is quoted, and without a comment at its end.
    fn strip(line: &str) -> String {
        let quoted: Vec<&str> = line.split('\'').step_by(2).collect();
        quoted.join("").split("--").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn only_pushes_and_artifacts_need_memory() {
        let functions: Vec<_> = FUNCTIONS
            .iter()
            .filter(|function| function.access == Access::NeedsMemory)
            .map(|function| function.name)
            .collect();
        assert_eq!(functions, ["push", "begin_artifact", "write_artifact", "note_artifact_tag"]);
    }

    #[test]
    fn each_function_documents_its_arguments_or_its_answer() {
        for function in FUNCTIONS {
            let opening = format!("local function {}(", function.name);
            let lines: Vec<_> = FILES.iter().flat_map(|(_, text)| text.lines()).collect();
            let at = lines.iter().position(|line| line.starts_with(&opening)).expect(function.name);
            let head: Vec<_> = lines[..at].iter().rev().take_while(|line| line.starts_with("--")).collect();
            assert!(
                head.iter().any(|line| line.starts_with("-- In:") || line.starts_with("-- Out:")),
                "{}",
                function.name
            );
        }
    }

    #[test]
    fn error_names_file_and_line() {
        let (start, _) = LIBRARY.starts.iter().find(|(_, name)| *name == "step.lua").unwrap();
        let error = format!(
            "user_function:{}: attempt to index a nil value script: longshore_claim, on @user_function:9.",
            start + 7
        );
        assert_eq!(LIBRARY.locate(&error), "step.lua:7: attempt to index a nil value");
        let error = format!("wrong kind of value script: longshore_queue, on @user_function:{}.", start + 7);
        assert_eq!(LIBRARY.locate(&error), "wrong kind of value script: longshore_queue, on @step.lua:7.");
        assert_eq!(LIBRARY.locate("no line"), "no line");
        assert_eq!(
            LIBRARY.source.lines().nth(start + 2 - 1).unwrap().trim(),
            "",
            "the second line of each file is a comment"
        );
    }
}
