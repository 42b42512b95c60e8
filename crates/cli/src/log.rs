//! Logging goes to standard error, so that standard output contains only results.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;
use crate::printer::LogOutput;

/// The levels of a log filter.
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
/// What people write who mean one of [`LEVELS`].
const SYNONYMS: &[(&str, &str)] = &[
    ("warning", "warn"),
    ("err", "error"),
    ("none", "off"),
    ("information", "info"),
    ("verbose", "debug"),
    ("all", "trace"),
];
/// The targets that begin with our name: the crates that log.
const TARGETS: &[&str] = &[
    "longshore",
    "longshore_command",
    "longshore_core",
    "longshore_postgres",
    "longshore_redis",
    "longshore_server",
    "longshore_sqlite",
];

/// Parses a log filter: a level, or levels of targets, such as `warn,longshore_core=debug`.
///
/// The parser of the log library takes a misspelt level for a target, and then nothing is logged at all.
pub fn parse(text: &str) -> Result<Targets, String> {
    let mut targets = Targets::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            None => targets = targets.with_default(level(part)?),
            Some((target, of_target)) => {
                let target = known(target.trim())?;
                targets = targets.with_target(target, level(of_target.trim())?);
            }
        }
    }
    Ok(targets)
}

fn level(text: &str) -> Result<LevelFilter, String> {
    let lower = text.to_ascii_lowercase();
    if LEVELS.contains(&lower.as_str()) {
        return lower.parse().map_err(|e| format!("contains the level `{text}`: {e}"));
    }
    let synonym = SYNONYMS.iter().find(|(wrong, _)| *wrong == lower).map(|(_, right)| *right);
    let like = LEVELS.iter().map(|level| (strsim::jaro(&lower, level), *level)).max_by(|a, b| a.0.total_cmp(&b.0));
    let meant = synonym.or(like.filter(|(likeness, _)| *likeness > 0.7).map(|(_, level)| level));
    Err(match meant {
        Some(meant) => format!("contains `{text}`, which is no level; did you mean `{meant}`?"),
        None if TARGETS.contains(&text) => format!("contains a target without a level; write `{text}=debug`"),
        None => format!("contains `{text}`, which is no level; the levels are {}", LEVELS.join(", ")),
    })
}

/// Checks a target that begins with our name. Those of other crates are not known here.
fn known(target: &str) -> Result<&str, String> {
    let krate = target.split("::").next().unwrap_or_default();
    match krate.starts_with("longshore") && !TARGETS.contains(&krate) {
        true => Err(format!("contains the unknown target `{target}`; the targets are {}", TARGETS.join(", "))),
        false => Ok(target),
    }
}

/// Starts logging as configured. A second call has no effect.
pub fn start(config: &Config) {
    let targets = parse(&config.log).unwrap_or_default();
    let output = LogOutput::new();
    let lines = tracing_subscriber::fmt::layer().with_writer(move || output).with_target(false);
    let layer = match config.log_json {
        true => lines.json().boxed(),
        false => lines.with_ansi(output.is_terminal()).boxed(),
    };
    let _ = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_read() {
        for text in
            ["info", "OFF", "warn,longshore_core=debug", "longshore_core::worker=trace", "hyper=debug, warn", ""]
        {
            parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        }
        assert_eq!(parse("warn").unwrap().default_level(), Some(LevelFilter::WARN));
    }

    #[test]
    fn a_misspelt_level_or_target_is_refused_with_a_suggestion() {
        for (text, meant) in [
            ("warning", "did you mean `warn`?"),
            ("inof", "did you mean `info`?"),
            ("longshore_core", "write `longshore_core=debug`"),
            ("longshore_core=loud", "the levels are off, error"),
            ("longshor_core=debug,longshore_cor=debug", "unknown target `longshore_cor`"),
            ("7", "the levels are off"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert!(wrong.contains(meant), "{text}: {wrong}");
        }
    }
}
