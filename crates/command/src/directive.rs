//! Directives of a command to its worker: lines of its standard error that begin with `::`.

use std::time::Duration;

use longshore_core::Progress;

/// One directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Directive {
    /// `::progress 3/20 message`, `::progress 3/20` or `::progress message`.
    Progress(Progress),
    /// `::retry-in 30s`. It is used with exit code 75 or 69.
    RetryIn(Duration),
}

impl Directive {
    /// Parses a line; `None` if it is an ordinary log line.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.strip_prefix("::")?.split_once([' ', '\t'])?;
        let rest = rest.trim();
        match name {
            "progress" if !rest.is_empty() => Some(Directive::Progress(progress(rest))),
            "retry-in" => humantime::parse_duration(rest).ok().map(Directive::RetryIn),
            _ => None,
        }
    }
}

fn progress(text: &str) -> Progress {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match count(first) {
        Some((done, total)) => Progress::of(done, total).with_message(rest.trim_start()),
        None => Progress::from_message(text),
    }
}

fn count(text: &str) -> Option<(u64, u64)> {
    let (done, total) = text.split_once('/')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(done) || !digits(total) {
        return None;
    }
    let (done, total) = (done.parse().ok()?, total.parse().ok()?);
    (total > 0).then_some((done, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(line: &str) -> Option<String> {
        match Directive::parse(line)? {
            Directive::Progress(progress) => Some(progress.to_string()),
            Directive::RetryIn(delay) => Some(format!("{delay:?}")),
        }
    }

    #[test]
    fn progress_has_a_count_a_message_or_both() {
        assert_eq!(
            Directive::parse("::progress 3/20 Drawing it"),
            Some(Directive::Progress(Progress::of(3, 20).with_message("Drawing it")))
        );
        assert_eq!(Directive::parse("::progress 3/20"), Some(Directive::Progress(Progress::of(3, 20))));
        assert_eq!(says("::progress Writing file").unwrap(), "Writing file");
        assert_eq!(says("::progress\t 3/20\t Drawing ").unwrap(), "Drawing 3/20");
    }

    #[test]
    fn text_that_only_resembles_a_count_is_a_message() {
        for text in ["3/0", "-1/20", "3/x", "+3/4", "/", "1/2/3", "99999999999999999999/2", "3"] {
            assert_eq!(says(&format!("::progress {text}")).unwrap(), text);
        }
    }

    #[test]
    fn a_delay_has_a_unit() {
        assert_eq!(says("::retry-in 30s").unwrap(), "30s");
        assert_eq!(says("::retry-in 1m 30s").unwrap(), "90s");
        assert_eq!(says("::retry-in 30"), None);
        assert_eq!(says("::retry-in soon"), None);
    }

    #[test]
    fn all_other_lines_are_log() {
        for line in [
            "",
            "::",
            "::progress",
            "::progress ",
            "::frobnicate 3",
            " ::progress 1/2",
            ":progress 1/2",
            "::Progress 1/2",
        ] {
            assert_eq!(says(line), None, "{line:?}");
        }
    }
}
