//! A command's standard error: directives are executed, and the end of the rest is kept.

use std::time::Duration;

use longshore_core::handler::Ctx;
use longshore_core::{Progress, limits};

use crate::directive::Directive;

/// The number of bytes that are kept: as much as fits into a failure message, with space for the reason.
const KEPT_BYTES: usize = limits::FAILURE_BYTES - 512;
/// A longer line is split into parts of this size, so that memory is limited.
const LINE_BYTES: usize = 2 * 1024;

/// Something that a command wrote to standard error.
pub(crate) enum Written<'a> {
    Progress(Progress),
    /// A line of the log, without control characters that could affect a terminal.
    Line(&'a str),
}

impl Written<'_> {
    /// Passes it to the attempt's context.
    pub(crate) fn report(self, ctx: &Ctx) {
        match self {
            Written::Progress(progress) => ctx.progress(progress),
            Written::Line(line) => {
                tracing::debug!("{line}");
                ctx.log(line);
            }
        }
    }
}

/// The log of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The beginning of an incomplete line.
    unfinished: Vec<u8>,
    /// Whether the beginning of this line was already taken as a part of its own.
    within_a_line: bool,
    kept: String,
    forgot: bool,
    retry_in: Option<Duration>,
}

impl Log {
    /// Takes the next bytes and reports the lines in them.
    pub(crate) fn take(&mut self, bytes: &[u8], report: &mut dyn FnMut(Written<'_>)) {
        for chunk in bytes.split_inclusive(|byte| *byte == b'\n') {
            match chunk.strip_suffix(b"\n") {
                Some(rest) => {
                    self.unfinished.extend_from_slice(rest);
                    self.line(report);
                    self.within_a_line = false;
                }
                None => self.unfinished.extend_from_slice(chunk),
            }
            if self.unfinished.len() >= LINE_BYTES {
                self.line(report);
                self.within_a_line = true;
            }
        }
    }

    /// Takes the last line, even without a line feed.
    pub(crate) fn end(&mut self, report: &mut dyn FnMut(Written<'_>)) {
        if !self.unfinished.is_empty() {
            self.line(report);
        }
    }

    /// Returns the delay of the last `::retry-in`.
    pub(crate) fn retry_in(&self) -> Option<Duration> {
        self.retry_in
    }

    /// Returns a message followed by the kept log: on the same line if the log has one line, otherwise below it.
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

    fn line(&mut self, report: &mut dyn FnMut(Written<'_>)) {
        let line = std::mem::take(&mut self.unfinished);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        match Directive::parse(line).filter(|_| !self.within_a_line) {
            Some(Directive::Progress(progress)) => report(Written::Progress(progress)),
            Some(Directive::RetryIn(delay)) => self.retry_in = Some(delay),
            None => {
                let from = self.kept.len();
                self.keep(line);
                report(Written::Line(self.kept[from..].trim_end_matches('\n')));
                self.forget();
            }
        }
    }

    fn keep(&mut self, line: &str) {
        // Control characters could make a terminal execute commands of the log's author.
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

    /// Feeds chunks to a log; returns the log and the reported progress.
    fn taken(portions: &[&[u8]]) -> (Log, Vec<String>) {
        let (mut log, mut reported) = (Log::default(), Vec::new());
        let mut report = |written: Written<'_>| {
            if let Written::Progress(progress) = written {
                reported.push(progress.to_string());
            }
        };
        portions.iter().for_each(|portion| log.take(portion, &mut report));
        log.end(&mut report);
        (log, reported)
    }

    #[test]
    fn lines_may_be_split_anywhere_and_the_last_needs_no_line_feed() {
        let (log, reported) = taken(&[b"one\n::prog", b"ress 1/2 half\r\ntw", b"o\n\n::retry-in 5s\n::progress done"]);
        assert_eq!(reported, ["half 1/2", "done"]);
        assert_eq!(log.below("failed"), "failed:\none\ntwo");
        assert_eq!(log.retry_in(), Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_end_of_a_long_log_is_kept() {
        let lines: Vec<String> = (0..100_000).map(|n| format!("line {n} ä")).collect();
        let (log, _) = taken(&[lines.join("\n").as_bytes()]);
        assert!(log.kept.len() <= 4 * KEPT_BYTES + LINE_BYTES * 3);
        let message = log.below("failed");
        assert!(message.len() <= limits::FAILURE_BYTES && message.starts_with("failed:\n…"), "{message}");
        assert!(message.ends_with("line 99998 ä\nline 99999 ä"), "{message}");
    }

    #[test]
    fn an_endless_line_takes_little_memory_and_contains_no_directive() {
        let mut endless = vec![b'x'; LINE_BYTES];
        endless.extend_from_slice(b"::progress 1/2");
        endless.extend(std::iter::repeat_n(b'y', 1_000_000));
        let portions: Vec<&[u8]> = endless.chunks(LINE_BYTES).collect();
        let (log, reported) = taken(&portions);
        assert_eq!(reported, [""; 0]);
        assert!(log.unfinished.capacity() <= 4 * LINE_BYTES && log.kept.len() <= 5 * KEPT_BYTES);
    }

    #[test]
    fn invalid_utf8_and_control_characters_are_replaced() {
        let (log, _) = taken(&[b"a\xff\x1b[2Jb\0\tc\n"]);
        assert_eq!(log.below("failed"), "failed: a\u{fffd}\u{fffd}[2Jb\u{fffd}\tc");
        assert_eq!(Log::default().below("failed"), "failed");
    }
}
