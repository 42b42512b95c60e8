//! The field that makes a request wrong.

use std::fmt::Display;

use longshore_core::Error;

/// The field that makes a request wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongField {
    /// The field: one inside another with a dot, an item of a list with its index, as in `jobs[1].unique.key`.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl WrongField {
    /// Says what is wrong with a field.
    pub fn new(field: impl Into<String>, why: impl Display) -> Self {
        WrongField { field: field.into(), why: why.to_string() }
    }

    /// Returns the same error for the object that lies at that place: `priority` of the one at `jobs[1]` is `jobs[1].priority`.
    pub fn within(self, place: &str) -> Self {
        WrongField { field: format!("{place}.{}", self.field), ..self }
    }

    /// Returns a function that blames a field for an error.
    pub(crate) fn of<E: Display>(field: &str) -> impl FnOnce(E) -> WrongField {
        move |error| WrongField::new(field, error)
    }
}

impl Display for WrongField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Most errors name the thing already: `priority 500 is not within …`.
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
