//! Safe display of untrusted text in a terminal or log.

use std::fmt;

/// Displays untrusted text on one line. Line feeds, other control characters and characters that change the direction
/// of writing are escaped, so that the text can forge neither a log line nor the text next to it.
///
/// # Examples
///
/// ```
/// use longshore_core::one_line;
///
/// assert_eq!(one_line("it's \u{1b}[31mred\n").to_string(), r"it's \u{1b}[31mred\n");
/// ```
pub fn one_line(text: &str) -> impl fmt::Display + '_ {
    Escaped { text, is_kept: |_| false }
}

/// Displays untrusted text of several lines. Line feeds and tabs stay; everything else is escaped as by [`one_line`].
///
/// # Examples
///
/// ```
/// use longshore_core::printable;
///
/// assert_eq!(printable("a\tb\n\u{1b}[31mred\n").to_string(), "a\tb\n\\u{1b}[31mred\n");
/// ```
pub fn printable(text: &str) -> impl fmt::Display + '_ {
    Escaped { text, is_kept: |c| matches!(c, '\n' | '\t') }
}

/// A text whose characters that a terminal obeys are escaped, except those that are kept.
struct Escaped<'a> {
    text: &'a str,
    is_kept: fn(char) -> bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_shown = |c: char| (self.is_kept)(c) || !commands_a_terminal(c);
        for part in self.text.split_inclusive(|c| !is_shown(c)) {
            match part.chars().next_back().filter(|last| !is_shown(*last)) {
                None => f.write_str(part)?,
                Some(last) => write!(f, "{}{}", &part[..part.len() - last.len_utf8()], last.escape_default())?,
            }
        }
        Ok(())
    }
}

/// Returns whether a terminal obeys the character instead of showing it: a control character, or one that changes the
/// direction of writing.
pub fn commands_a_terminal(c: char) -> bool {
    c.is_control() || turns(c)
}

/// Returns whether a character changes the direction of writing.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_letters_stay_unchanged() {
        let text = "exit code 1:\n  File \"x\", line 1\r\n\tKeyError: 'é' \u{202e}evil\u{0}";
        assert_eq!(
            one_line(text).to_string(),
            r#"exit code 1:\n  File "x", line 1\r\n\tKeyError: 'é' \u{202e}evil\u{0}"#
        );
        assert_eq!(one_line("").to_string(), "");
    }
}
