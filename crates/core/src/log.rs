//! The log of an attempt: lines for people, of which the last ones are kept.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits;
use crate::name::cut;

/// The log of one attempt, on its way to the store.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Tail>);

#[derive(Debug, Default)]
struct Tail {
    text: String,
    /// Whether earlier lines were dropped.
    truncated: bool,
    /// Whether there are lines that are not in the store yet.
    unwritten: bool,
}

impl Log {
    /// Appends a line. Long lines are cut, and the oldest lines are dropped.
    pub(crate) fn push(&self, line: &str) {
        let mut tail = self.tail();
        tail.text.push_str(cut(line, limits::LOG_LINE_BYTES));
        tail.text.push('\n');
        tail.unwritten = true;
        if tail.text.len() > 2 * limits::LOG_BYTES {
            tail.truncated = true;
            let from = start_of_a_line(&tail.text);
            tail.text.drain(..from);
        }
    }

    /// Returns the text to write, if there are new lines.
    pub(crate) fn take(&self) -> Option<String> {
        let mut tail = self.tail();
        let from = if tail.text.len() > limits::LOG_BYTES { start_of_a_line(&tail.text) } else { 0 };
        let mark = if tail.truncated || from > 0 { "…\n" } else { "" };
        std::mem::take(&mut tail.unwritten).then(|| format!("{mark}{}", &tail.text[from..]))
    }

    /// Returns the whole text.
    #[cfg(feature = "testing")]
    pub(crate) fn text(&self) -> String {
        self.tail().text.clone()
    }

    /// Marks the text as not written, after a write failed.
    pub(crate) fn mark_unwritten(&self) {
        self.tail().unwritten = true;
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the start of the first whole line in the part that fits.
fn start_of_a_line(text: &str) -> usize {
    let from = text.ceil_char_boundary(text.len() - limits::LOG_BYTES);
    text[from..].find('\n').map_or(text.len(), |end| from + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_whole() {
        let log = Log::default();
        assert_eq!(log.take(), None);
        log.push("one");
        assert_eq!((log.take().as_deref(), log.take()), (Some("one\n"), None));
        (0..100_000).for_each(|n| log.push(&format!("line {n}")));
        let text = log.take().unwrap();
        assert!(text.len() <= limits::LOG_BYTES + 8 && text.starts_with("…\nline ") && text.ends_with("line 99999\n"));
    }
}
