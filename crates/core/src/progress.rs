//! The progress of a running job. Only the latest value is kept.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{limits, name::cut};

/// A handler's progress: a count, a message, or both. Displays as `Processing 7/20`.
///
/// # Examples
///
/// ```
/// use longshore_core::Progress;
///
/// assert_eq!(Progress::of(7, 20).with_message("Processing").to_string(), "Processing 7/20");
/// assert_eq!(Progress::from_message("Writing file").to_string(), "Writing file");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub done: u64,
    /// Total number of steps, if it is known.
    pub total: Option<u64>,
    /// A short message for people; at most 200 bytes.
    pub message: String,
}

impl Progress {
    /// Creates progress with `done` of `total` steps.
    pub fn of(done: u64, total: u64) -> Self {
        Progress { done, total: Some(total), message: String::new() }
    }

    /// Creates progress with a message and without a count.
    pub fn from_message(message: &str) -> Self {
        Progress::default().with_message(message)
    }

    /// Adds a message. It is cut at 200 bytes.
    pub fn with_message(mut self, message: &str) -> Self {
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
