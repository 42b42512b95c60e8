//! How far a running job has come. The latest word wins; nothing is kept of earlier ones.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{limits, name::cut};

/// What a handler says of its way: a count, a message, or both. Displays as `Processing 7/20`.
///
/// # Examples
///
/// ```
/// use longshore_core::Progress;
///
/// assert_eq!(Progress::of(7, 20).saying("Processing").to_string(), "Processing 7/20");
/// assert_eq!(Progress::saying_only("Writing file").to_string(), "Writing file");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub done: u64,
    /// Steps in all, where that is known.
    pub total: Option<u64>,
    /// A few words for people; at most 200 bytes.
    pub message: String,
}

impl Progress {
    /// Says how many steps of how many are done.
    pub fn of(done: u64, total: u64) -> Self {
        Progress { done, total: Some(total), message: String::new() }
    }

    /// Says a few words without a count.
    pub fn saying_only(message: &str) -> Self {
        Progress::default().saying(message)
    }

    /// Adds a few words; what is over 200 bytes is cut.
    pub fn saying(mut self, message: &str) -> Self {
        self.message = cut(message, limits::PROGRESS_BYTES).to_owned();
        self
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(total) = self.total {
            let gap = if self.message.is_empty() { "" } else { " " };
            write!(f, "{gap}{}/{total}", self.done)?;
        }
        Ok(())
    }
}
