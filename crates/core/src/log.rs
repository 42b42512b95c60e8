//! What a handler has to say beside its result: lines for people, of which the last are kept.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits;
use crate::name::cut;

/// The log of one attempt, on its way to the store.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Tail>);

#[derive(Debug, Default)]
struct Tail {
    text: String,
    /// Whether there were earlier lines.
    forgot: bool,
    /// Whether there is something that the store does not have.
    unwritten: bool,
}

impl Log {
    /// Adds a line; what is over the bounds is cut, the oldest lines first.
    pub(crate) fn say(&self, line: &str) {
        let mut tail = self.tail();
        tail.text.push_str(cut(line, limits::LOG_LINE_BYTES));
        tail.text.push('\n');
        tail.unwritten = true;
        if tail.text.len() > 2 * limits::LOG_BYTES {
            tail.forgot = true;
            let from = start_of_a_line(&tail.text);
            tail.text.drain(..from);
        }
    }

    /// Returns what is to be written, where there is something new.
    pub(crate) fn take(&self) -> Option<String> {
        let mut tail = self.tail();
        let from = if tail.text.len() > limits::LOG_BYTES { start_of_a_line(&tail.text) } else { 0 };
        let mark = if tail.forgot || from > 0 { "…\n" } else { "" };
        std::mem::take(&mut tail.unwritten).then(|| format!("{mark}{}", &tail.text[from..]))
    }

    /// Says that what was taken could not be written.
    pub(crate) fn put_back(&self) {
        self.tail().unwritten = true;
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns where the first whole line begins of what fits.
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
        log.say("one");
        assert_eq!((log.take().as_deref(), log.take()), (Some("one\n"), None));
        (0..100_000).for_each(|n| log.say(&format!("line {n}")));
        let text = log.take().unwrap();
        assert!(text.len() <= limits::LOG_BYTES + 8 && text.starts_with("…\nline ") && text.ends_with("line 99999\n"));
    }
}
