//! Logging goes to standard error, so that standard output contains only results.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;

/// Parses a log filter.
pub fn parse(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|e| format!("must be a log filter such as info or warn,longshore_core=debug: {e}"))
}

/// Starts logging as configured. A second call has no effect.
pub fn start(config: &Config) {
    let targets = parse(&config.log).unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = match config.log_json {
        true => lines.json().boxed(),
        false => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    let _ = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
}
