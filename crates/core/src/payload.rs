//! Payloads: JSON text that is checked once and passed on without parsing.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{Error, limits};

/// JSON text of at most 256 KiB and 64 levels.
///
/// # Examples
///
/// ```
/// use longshore_core::Payload;
///
/// let payload = Payload::parse(r#"{"text":"hello_world"}"#).unwrap();
/// assert_eq!(payload.as_str(), r#"{"text":"hello_world"}"#);
/// assert!(Payload::parse("{text}").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<str>);

impl Payload {
    /// Converts a value to a payload.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be written as JSON, or is larger or deeper than a payload may be.
    pub fn of(value: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_string(value)
            .map_err(|e| Error::invalid("payload cannot be written as JSON").caused_by(e))?;
        check_bounds(&text)?;
        Ok(Payload(text.into()))
    }

    /// Creates a payload from JSON text, which is kept unchanged.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not JSON, or is larger or deeper than a payload may be.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_bounds(text)?;
        let wrong = |e: serde_json::Error| {
            let why = match e.is_eof() {
                true => format!("it ends too early, at line {} column {}", e.line(), e.column()),
                false => e.to_string(),
            };
            Error::invalid(format!("payload is no JSON: {why}")).caused_by(e)
        };
        serde_json::from_str::<IgnoredAny>(text).map_err(wrong)?;
        Ok(Payload(text.into()))
    }

    /// Creates a payload from a store's text without checks. If it is invalid, the handler fails to decode it.
    pub fn from_store(text: &str) -> Self {
        Payload(text.into())
    }

    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Decodes the payload into a value.
    ///
    /// # Errors
    ///
    /// Returns an error if the JSON does not fit the type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.0)
            .map_err(|e| Error::invalid(format!("payload does not fit the type: {e}")).caused_by(e))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

fn check_bounds(text: &str) -> Result<(), Error> {
    if text.len() > limits::PAYLOAD_BYTES {
        return Err(Error::invalid(format!(
            "payload has {} bytes; the limit is {}: store large data elsewhere and push a reference",
            text.len(),
            limits::PAYLOAD_BYTES
        )));
    }
    if depth(text) > limits::PAYLOAD_DEPTH {
        return Err(Error::invalid(format!("payload is nested deeper than {} levels", limits::PAYLOAD_DEPTH)));
    }
    Ok(())
}

/// Returns the nesting depth of arrays and objects in JSON text. Brackets inside strings do not count.
fn depth(text: &str) -> usize {
    let (mut deepest, mut depth, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_depth_are_bounded() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(Payload::parse(&deep(64)).is_ok());
        assert!(Payload::parse(&deep(65)).is_err());
        let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(Payload::parse(&long(limits::PAYLOAD_BYTES)).is_ok());
        assert!(Payload::parse(&long(limits::PAYLOAD_BYTES + 1)).is_err());
    }

    #[test]
    fn brackets_and_quotes_inside_strings_do_not_count() {
        assert_eq!(depth(r#"{"a[[[":"\"{{{"}"#), 1);
    }
}
