//! What the web application and its worker share: the job, and where it is kept.

use longshore::Job;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Counts words, slowly: the kind of work that a web request should not wait for.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "count_words", output = Counted, max_attempts = 3, timeout = Duration::from_secs(60))]
pub struct CountWords {
    /// What to count.
    pub text: String,
}

/// What comes of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How many words there were.
    pub words: usize,
}

/// Returns the URL of the store: the first argument, or a file in this folder.
pub fn store() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "sqlite:example.db".into())
}
