//! Foreign text on its way to a terminal or a log.

use std::fmt;

/// Shows foreign text on one line: line feeds, other control characters, and characters that turn the direction of writing are shown as escapes,
/// so that a message can forge neither a line of a log nor what stands beside it.
///
/// # Examples
///
/// ```
/// use longshore_core::one_line;
///
/// assert_eq!(one_line("it's \u{1b}[31mred\n").to_string(), r"it's \u{1b}[31mred\n");
/// ```
pub fn one_line(text: &str) -> impl fmt::Display + '_ {
    OneLine(text)
}

struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_shown = |c: char| !c.is_control() && !turns(c);
        for part in self.0.split_inclusive(|c| !is_shown(c)) {
            match part.chars().next_back().filter(|last| !is_shown(*last)) {
                None => f.write_str(part)?,
                Some(last) => write!(f, "{}{}", &part[..part.len() - last.len_utf8()], last.escape_default())?,
            }
        }
        Ok(())
    }
}

/// Returns whether a character turns the direction in which text is written.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_of_many_lines_is_one_and_letters_stay_as_they_are() {
        let text = "exit code 1:\n  File \"x\", line 1\r\n\tKeyError: 'é' \u{202e}evil\u{0}";
        assert_eq!(
            one_line(text).to_string(),
            r#"exit code 1:\n  File "x", line 1\r\n\tKeyError: 'é' \u{202e}evil\u{0}"#
        );
        assert_eq!(one_line("").to_string(), "");
    }
}
