//! Shared by the web application and its worker: the job and the URL of the store.

use longshore::Job;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Counts words slowly: an example of work that a web request should not wait for.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "count_words", output = Counted, max_attempts = 3, timeout = Duration::from_secs(60))]
pub struct CountWords {
    /// The text.
    pub text: String,
}

/// The result.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The number of words.
    pub words: usize,
}

/// Returns the URL of the store: the first argument, or a file in this folder.
pub fn store() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "sqlite:example.db".into())
}
