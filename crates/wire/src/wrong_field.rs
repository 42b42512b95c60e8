//! The field that makes a request invalid.

use std::borrow::Cow;
use std::fmt::Display;

use longshore_core::Error;

/// The longest text from a request that an error shows, in characters.
const SHOWN: usize = 200;

/// The longest reason, in characters. Reasons may quote the wrong value.
const WHY: usize = 600;

/// Returns a text from a request as an error shows it: its first 200 characters, and `…` if there are more.
pub fn shown(text: &str) -> Cow<'_, str> {
    cut(text, SHOWN)
}

/// Returns the first `length` characters of a text, and `…` if there are more.
pub(crate) fn cut(text: &str, length: usize) -> Cow<'_, str> {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The field that makes a request invalid, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongField {
    /// The name of the field. A nested field has a dot, an item of a list its index, as in `jobs[1].unique.key`. A name
    /// of more than 200 characters is cut.
    pub field: String,
    /// The reason.
    pub why: String,
}

impl WrongField {
    /// Creates an error about a field.
    pub fn new(field: impl Into<String>, why: impl Display) -> Self {
        let field = field.into();
        WrongField { field: shown(&field).into_owned(), why: cut(&why.to_string(), WHY).into_owned() }
    }

    /// Returns the same error with the path of the enclosing object: `priority` within `jobs[1]` becomes
    /// `jobs[1].priority`.
    pub fn within(self, place: &str) -> Self {
        WrongField { field: format!("{place}.{}", self.field), ..self }
    }

    /// Returns a function that converts an error to an error about this field.
    pub(crate) fn of<E: Display>(field: &str) -> impl FnOnce(E) -> WrongField {
        move |error| WrongField::new(field, error)
    }
}

impl Display for WrongField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Most errors already begin with the name: `priority 500 is not within …`.
        match self.why.strip_prefix(self.field.as_str()) {
            Some(_) => f.write_str(&self.why),
            None => write!(f, "{}: {}", self.field, self.why),
        }
    }
}

impl std::error::Error for WrongField {}

impl From<WrongField> for Error {
    fn from(wrong: WrongField) -> Self {
        Error::invalid(wrong.to_string())
    }
}
