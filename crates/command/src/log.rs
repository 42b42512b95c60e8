//! What a command writes to its standard error: directives are obeyed, the last of the rest is kept.

use std::time::Duration;

use longshore_core::handler::Ctx;
use longshore_core::{Progress, limits};

use crate::directive::Directive;

/// How much is kept: what fits into the message of a failure, with room for the reason in front of it.
const KEPT_BYTES: usize = limits::FAILURE_BYTES - 512;
/// A longer line is taken in pieces of this size, so that one without an end takes no memory.
const LINE_BYTES: usize = 2 * 1024;

/// Something that a command said.
pub(crate) enum Said<'a> {
    Progress(Progress),
    /// A line of its log, without what could steer a terminal.
    Line(&'a str),
}

impl Said<'_> {
    /// Hands it on to whom it may concern.
    pub(crate) fn tell(self, ctx: &Ctx) {
        match self {
            Said::Progress(progress) => ctx.progress(progress),
            Said::Line(line) => {
                tracing::debug!("{line}");
                ctx.log(line);
            }
        }
    }
}

/// The log of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The beginning of a line whose end is not there yet.
    unfinished: Vec<u8>,
    /// Whether the beginning of that line was taken as a piece of its own.
    within_a_line: bool,
    kept: String,
    forgot: bool,
    retry_in: Option<Duration>,
}

impl Log {
    /// Takes a few bytes, in any portion, and tells what is in them.
    pub(crate) fn take(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Said<'_>)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(rest) => {
                    self.unfinished.extend_from_slice(rest);
                    self.line(tell);
                    self.within_a_line = false;
                }
                None => self.unfinished.extend_from_slice(piece),
            }
            if self.unfinished.len() >= LINE_BYTES {
                self.line(tell);
                self.within_a_line = true;
            }
        }
    }

    /// Takes what came last, even without a line feed.
    pub(crate) fn end(&mut self, tell: &mut dyn FnMut(Said<'_>)) {
        if !self.unfinished.is_empty() {
            self.line(tell);
        }
    }

    /// Returns the delay it asked for last.
    pub(crate) fn retry_in(&self) -> Option<Duration> {
        self.retry_in
    }

    /// Returns a message with what is kept below it, or behind it where that is one line.
    pub(crate) fn below(&self, head: &str) -> String {
        let from = self.kept.ceil_char_boundary(self.kept.len().saturating_sub(KEPT_BYTES));
        let kept = &self.kept[from..];
        match kept.trim() {
            "" => head.to_owned(),
            kept if self.forgot || from > 0 => format!("{head}:\n…{kept}"),
            kept if kept.contains('\n') => format!("{head}:\n{kept}"),
            kept => format!("{head}: {kept}"),
        }
    }

    fn line(&mut self, tell: &mut dyn FnMut(Said<'_>)) {
        let line = std::mem::take(&mut self.unfinished);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        match Directive::parse(line).filter(|_| !self.within_a_line) {
            Some(Directive::Progress(progress)) => tell(Said::Progress(progress)),
            Some(Directive::RetryIn(delay)) => self.retry_in = Some(delay),
            None => {
                let from = self.kept.len();
                self.keep(line);
                tell(Said::Line(self.kept[from..].trim_end_matches('\n')));
                self.forget();
            }
        }
    }

    fn keep(&mut self, line: &str) {
        // Control characters could make a terminal do what the log's writer wants.
        self.kept.extend(line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }));
        self.kept.push('\n');
    }

    fn forget(&mut self) {
        if self.kept.len() > 4 * KEPT_BYTES {
            let from = self.kept.ceil_char_boundary(self.kept.len() - KEPT_BYTES);
            self.kept.drain(..from);
            self.forgot = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes portions; returns the log and the progress that was told.
    fn taken(portions: &[&[u8]]) -> (Log, Vec<String>) {
        let (mut log, mut told) = (Log::default(), Vec::new());
        let mut tell = |said: Said<'_>| {
            if let Said::Progress(progress) = said {
                told.push(progress.to_string());
            }
        };
        portions.iter().for_each(|portion| log.take(portion, &mut tell));
        log.end(&mut tell);
        (log, told)
    }

    #[test]
    fn lines_may_come_in_any_portions_and_the_last_without_an_end() {
        let (log, told) = taken(&[b"one\n::prog", b"ress 1/2 half\r\ntw", b"o\n\n::retry-in 5s\n::progress done"]);
        assert_eq!(told, ["half 1/2", "done"]);
        assert_eq!(log.below("failed"), "failed:\none\ntwo");
        assert_eq!(log.retry_in(), Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_last_of_a_flood_is_kept() {
        let lines: Vec<String> = (0..100_000).map(|n| format!("line {n} ä")).collect();
        let (log, _) = taken(&[lines.join("\n").as_bytes()]);
        assert!(log.kept.len() <= 4 * KEPT_BYTES + LINE_BYTES * 3);
        let message = log.below("failed");
        assert!(message.len() <= limits::FAILURE_BYTES && message.starts_with("failed:\n…"), "{message}");
        assert!(message.ends_with("line 99998 ä\nline 99999 ä"), "{message}");
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory_and_nothing_within_it_is_a_directive() {
        let mut endless = vec![b'x'; LINE_BYTES];
        endless.extend_from_slice(b"::progress 1/2");
        endless.extend(std::iter::repeat_n(b'y', 1_000_000));
        let portions: Vec<&[u8]> = endless.chunks(LINE_BYTES).collect();
        let (log, told) = taken(&portions);
        assert_eq!(told, [""; 0]);
        assert!(log.unfinished.capacity() <= 4 * LINE_BYTES && log.kept.len() <= 5 * KEPT_BYTES);
    }

    #[test]
    fn what_is_no_text_and_what_steers_terminals_is_replaced() {
        let (log, _) = taken(&[b"a\xff\x1b[2Jb\0\tc\n"]);
        assert_eq!(log.below("failed"), "failed: a\u{fffd}\u{fffd}[2Jb\u{fffd}\tc");
        assert_eq!(Log::default().below("failed"), "failed");
    }
}
