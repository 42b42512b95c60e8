//! A text that can be drawn.

use crate::font::Font;

/// The maximum number of lines of a [`Text`].
pub const MAX_LINES: usize = 4;

/// The maximum number of characters in a line of a [`Text`].
pub const MAX_LINE_CHARS: usize = 64;

/// A text that can be drawn: it has a visible character, it fits, and the font contains all its characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    lines: Vec<String>,
}

impl Text {
    /// Parses a text. An underscore starts a new line.
    ///
    /// Whitespace at both ends of a line is removed. An empty line between two others is kept.
    ///
    /// # Errors
    ///
    /// [`Refused`] says what is wrong with the text and how to correct it.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_demo::Text;
    ///
    /// let text = Text::parse("hello_world")?;
    /// assert_eq!(text.lines(), ["hello", "world"]);
    /// # Ok::<(), longshore_demo::Refused>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.chars().all(|c| c == '_' || c.is_whitespace()) {
            return Err(Refused::Empty);
        }
        let lines = text.split('_').count();
        if lines > MAX_LINES {
            return Err(Refused::TooManyLines { lines });
        }
        for (index, line) in text.split('_').enumerate() {
            let chars = line.chars().count();
            if chars > MAX_LINE_CHARS {
                return Err(Refused::LineTooLong { line: index + 1, chars });
            }
        }
        let font = Font::open();
        if let Some((index, character)) = text.chars().enumerate().find(|&(_, c)| !font.has(c)) {
            return Err(Refused::UnknownCharacter { character, position: index + 1 });
        }
        let lines = text.split('_').map(|line| line.trim().to_owned()).collect();
        Ok(Self { lines })
    }

    /// Returns the lines from top to bottom, without underscores.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// The reason why a text cannot be drawn.
///
/// Its `Display` is a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The text has no visible character: it is empty, or has only blanks and underscores.
    #[error("the text is empty: write at least one letter")]
    Empty,

    /// The text has more than [`MAX_LINES`] lines.
    #[error("the text has {lines} lines and at most {MAX_LINES} fit: use fewer underscores")]
    TooManyLines {
        /// The number of lines of the text.
        lines: usize,
    },

    /// A line has more than [`MAX_LINE_CHARS`] characters.
    #[error(
        "line {line} of the text has {chars} characters and at most {MAX_LINE_CHARS} fit: \
         break it with an underscore or shorten it"
    )]
    LineTooLong {
        /// The number of the line. The first is 1.
        line: usize,
        /// The number of characters in the line.
        chars: usize,
    },

    /// The font lacks a character.
    #[error(
        "character {position} of the text is {character:?}, which the font does not have: \
         use unaccented letters, digits and punctuation"
    )]
    UnknownCharacter {
        /// The first such character.
        character: char,
        /// The character's position in the whole text. The first is 1.
        position: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Text::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_underscore_breaks_the_line() {
        assert_eq!(Text::parse("a_b c_d").unwrap().lines(), ["a", "b c", "d"]);
    }

    #[test]
    fn blanks_around_a_line_are_dropped_and_blank_lines_kept() {
        assert_eq!(Text::parse(" a _  _b").unwrap().lines(), ["a", "", "b"]);
    }

    #[test]
    fn every_printable_ascii_character_is_drawn() {
        for character in ('!'..='~').filter(|&c| c != '_') {
            assert!(Text::parse(&character.to_string()).is_ok(), "{character:?}");
        }
    }

    #[test]
    fn an_empty_text_is_refused() {
        for text in ["", "_", "____", "  ", " _\t_\n"] {
            assert_eq!(refused(text), "the text is empty: write at least one letter");
        }
    }

    #[test]
    fn the_fifth_line_is_refused() {
        assert!(Text::parse("a_b_c_d").is_ok());
        assert_eq!(refused("a_b_c_d_e"), "the text has 5 lines and at most 4 fit: use fewer underscores");
    }

    #[test]
    fn the_sixty_fifth_character_of_a_line_is_refused() {
        assert!(Text::parse(&"w".repeat(64)).is_ok());
        assert_eq!(
            refused(&format!("a_{}", "w".repeat(65))),
            "line 2 of the text has 65 characters and at most 64 fit: \
             break it with an underscore or shorten it"
        );
    }

    #[test]
    fn the_first_character_the_font_lacks_is_named() {
        assert_eq!(
            refused("a_caféñ"),
            "character 6 of the text is 'é', which the font does not have: \
             use unaccented letters, digits and punctuation"
        );
    }

    #[test]
    fn an_invisible_character_is_named_by_its_escape() {
        assert_eq!(Text::parse("a\nb"), Err(Refused::UnknownCharacter { character: '\n', position: 2 }));
        assert!(refused("a\nb").starts_with(r"character 2 of the text is '\n', "));
    }
}
