//! The scripts: one Lua file a verb in `lua/`, put together when first used.
//!
//! A script is put together of the parts it needs, and of what is its own: `slot.lua` (what all keys begin with), `base.lua` (the
//! clock, and what is to be written), `words.lua` (keys, alias, tags), `step.lua` and `move.lua` (where jobs go), `admit.lua` (what
//! rules admit), `lose.lua` (what a worker held), `ranks.lua` (a seek a priority). Words in capitals are constants
//! ([`shared`](crate::shared), [`keys`](crate::keys)) and are replaced by what they stand for: a local variable of Lua would cost each
//! call more than that.
//!
//! The first line says what Redis may do with a script: `allow-oom` lets it go through when memory is full.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::{keys, shared};

/// A script, ready to be called.
pub(crate) struct Script {
    /// What it is called in errors.
    pub(crate) name: &'static str,
    pub(crate) source: String,
    /// The hash that Redis knows it by.
    pub(crate) sha: String,
}

macro_rules! scripts {
    ($($name:ident = $file:literal [$($part:ident),*];)+) => {
        $(pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new($file, include_str!(concat!("../lua/", $file, ".lua")), &[$($part),*]));)+

        #[cfg(test)]
        pub(crate) fn all() -> Vec<&'static Script> {
            vec![$(&$name),+]
        }
    };
}

scripts! {
    PUSH = "push" [SLOT, BASE, WORDS];
    CLAIM = "claim" [SLOT, STEP, ADMIT, BASE, WORDS, MOVE];
    RENEW = "renew" [SLOT, STEP, BASE, WORDS, MOVE];
    SETTLE = "settle" [SLOT, STEP, BASE, WORDS, MOVE];
    WRITE_LOG = "write_log" [SLOT, BASE];
    RELEASE = "release" [SLOT, STEP, BASE, WORDS, MOVE, LOSE];
    UPKEEP = "upkeep" [SLOT, STEP, BASE, WORDS, MOVE, LOSE, RANKS];
    UNKNOWN = "unknown" [SLOT, STEP, BASE, WORDS, MOVE, RANKS];
    ACT = "act" [SLOT, STEP, BASE, WORDS, MOVE];
    RULES = "rules" [SLOT, BASE];
    NOTIFY = "notify" [SLOT, BASE];
    QUEUE = "queue" [SLOT, BASE, RANKS];
    GET = "get" [SLOT];
    STATUS = "status" [SLOT];
    LIST = "list" [SLOT];
    LOG = "log" [SLOT];
    REGISTER = "register" [];
    NOTE_KINDS = "note_kinds" [];
    MARK_RELEASED = "mark_released" [];
    CLOCK = "clock" [];
    NOTE_WORKER = "note_worker" [];
    FORGET_WORKERS = "forget_workers" [];
    LIST_WORKERS = "list_workers" [];
    BEGIN_ARTIFACT = "begin_artifact" [];
    WRITE_ARTIFACT = "write_artifact" [];
    FINISH_ARTIFACT = "finish_artifact" [];
    OPEN_ARTIFACT = "open_artifact" [];
    DELETE_ARTIFACT = "delete_artifact" [];
    LIST_ARTIFACTS = "list_artifacts" [];
}

/// Where an event takes a job, in Lua.
pub(crate) const STEP: &str = include_str!("../lua/step.lua");
/// What rules admit, in Lua.
pub(crate) const ADMIT: &str = include_str!("../lua/admit.lua");
const SLOT: &str = include_str!("../lua/slot.lua");
const BASE: &str = include_str!("../lua/base.lua");
const WORDS: &str = include_str!("../lua/words.lua");
const MOVE: &str = include_str!("../lua/move.lua");
const LOSE: &str = include_str!("../lua/lose.lua");
const RANKS: &str = include_str!("../lua/ranks.lua");

impl Script {
    fn new(name: &'static str, text: &str, parts: &[&str]) -> Script {
        let (flags, body) = text.split_once('\n').expect("a script has lines");
        Script::of(name, &format!("{flags}\n{}{body}", parts.concat()))
    }

    /// Makes a script of a text with constants in it.
    pub(crate) fn of(name: &'static str, text: &str) -> Script {
        let source = with_constants(text);
        let sha = redis::Script::new(&source).get_hash().to_owned();
        Script { name, source, sha }
    }
}

/// Puts what constants stand for in their place. Comments go, so that no word in them is taken for one.
fn with_constants(text: &str) -> String {
    let constants: HashMap<String, String> = keys::words()
        .into_iter()
        .chain(shared::words().into_iter().map(|(word, value)| (word.to_owned(), value)))
        .collect();
    let mut source = String::with_capacity(text.len());
    for line in text.lines() {
        if line.trim_start().starts_with("--") {
            continue;
        }
        let (mut rest, mut quote) = (line, None);
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
        for script in all() {
            let (flags, body) = script.source.split_once('\n').unwrap();
            assert!(flags.starts_with("#!lua"), "{}: {flags}", script.name);
            let unquoted: String = body.split('\n').map(|line| strip(line) + "\n").collect();
            let words = unquoted.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let unknown: Vec<_> = words
                .filter(|word| word.len() > 1 && word.starts_with(|c: char| c.is_ascii_uppercase()))
                .filter(|word| !matches!(*word, "KEYS" | "ARGV"))
                .collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", script.name);
        }
    }

    /// Returns a line without what is quoted, and without a comment at its end.
    fn strip(line: &str) -> String {
        let quoted: Vec<&str> = line.split('\'').step_by(2).collect();
        quoted.join("").split("--").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn only_pushes_and_artifacts_wait_for_memory() {
        for script in all() {
            let flags = script.source.lines().next().unwrap();
            let waits = matches!(script.name, "push" | "begin_artifact" | "write_artifact");
            assert_eq!(flags == "#!lua", waits, "{}: {flags}", script.name);
        }
    }

    #[test]
    fn each_file_opens_with_what_goes_in_and_what_comes_out() {
        for script in all() {
            let path = format!("{}/lua/{}.lua", env!("CARGO_MANIFEST_DIR"), script.name);
            let text = std::fs::read_to_string(path).unwrap();
            let head: Vec<_> = text.lines().skip(1).take_while(|line| line.starts_with("--")).collect();
            assert!(head.iter().any(|line| line.starts_with("-- KEYS")), "{}", script.name);
            assert!(head.iter().any(|line| line.starts_with("-- Out:")), "{}", script.name);
        }
    }
}
