//! Parses JSON objects. Errors name the field and use the terms of JSON, not names of Rust types or messages of a
//! library.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::WrongField;
use crate::object::Object;
use crate::wrong_field::cut;

/// Why a text could not be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text is not JSON. The message contains the position: `expected value at line 1 column 9`.
    Syntax(String),
    /// The text is JSON, but not an object.
    Shape(String),
    /// A field is missing, unknown or invalid.
    Field(WrongField),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Syntax(why) | Error::Shape(why) => f.write_str(why),
            Error::Field(wrong) => wrong.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for longshore_core::Error {
    fn from(error: Error) -> Self {
        longshore_core::Error::invalid(error.to_string())
    }
}

/// Parses a JSON object. No text may follow it.
///
/// # Errors
///
/// If the text is not JSON, the error contains the line and column. Otherwise it names the first invalid field.
///
/// # Examples
///
/// ```
/// use longshore_wire::{NewJob, WrongField, json};
///
/// let missing = json::parse::<NewJob>(br#"{"queue": "mail"}"#).unwrap_err();
/// assert_eq!(missing, json::Error::Field(WrongField::new("kind", "this field is required")));
/// ```
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    if let Some(encoding) = byte_order_mark(text) {
        return Err(Error::Syntax(format!(
            "the text begins with a byte order mark of {encoding}; send UTF-8 without a byte order mark"
        )));
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            Category::Data => data_error(&place, &inner),
            _ => Error::Syntax(inner.to_string()),
        }
    })?;
    json.end().map_err(|error| Error::Syntax(error.to_string()))?;
    Ok(value)
}

/// Returns the encoding whose byte order mark the text begins with.
fn byte_order_mark(text: &[u8]) -> Option<&'static str> {
    let marks: [(&[u8], _); 3] = [(b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")];
    marks.into_iter().find_map(|(mark, encoding)| text.starts_with(mark).then_some(encoding))
}

/// Converts an error about the content of valid JSON to an error about its field.
fn data_error(place: &str, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&position).unwrap_or(&text);
    let place = Some(place).filter(|place| !matches!(*place, "." | "?"));
    // serde reports these two at the object, not at the field.
    let of_object = [("missing field `", "this field is required"), ("duplicate field `", "this field appears twice")];
    for (start, why) in of_object {
        if let Some(field) = text.strip_prefix(start).and_then(|rest| rest.strip_suffix('`')) {
            let wrong = WrongField::new(field, why);
            return Error::Field(match place {
                Some(place) => wrong.within(place),
                None => wrong,
            });
        }
    }
    match place {
        Some(field) => Error::Field(WrongField::new(field, describe(text))),
        None => Error::Shape(describe(text)),
    }
}

/// The largest part of an invalid value that an error shows, in bytes.
const SHOWN: usize = 80;

/// Rewrites serde's message about an invalid value in the terms of JSON.
fn describe(text: &str) -> String {
    let found = ["invalid type: ", "invalid value: "].iter().find_map(|start| text.strip_prefix(start));
    // The value may itself contain this text, so search for the last occurrence.
    match found.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, expected)) => format!("expected {}, got {}", describe_expected(expected), describe_found(found)),
        None => describe_unknown(text),
    }
}

/// Shortens the name in a message about an unknown field or value. The list of the expected names stays whole.
fn describe_unknown(text: &str) -> String {
    for start in ["unknown field `", "unknown variant `"] {
        // The name may itself contain this text, so search for the last occurrence.
        if let Some((name, expected)) = text.strip_prefix(start).and_then(|rest| rest.rsplit_once("`, expected ")) {
            return format!("{start}{}`, expected {expected}", cut(name, SHOWN));
        }
    }
    text.to_owned()
}

fn describe_expected(expected: &str) -> &str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a map" => "an object",
        "a sequence" => "a list",
        "a borrowed string" => "a string",
        "unit" | "unit variant" => "nothing",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

fn describe_found(found: &str) -> Cow<'_, str> {
    for number in ["integer `", "floating point `"] {
        if let Some(number) = found.strip_prefix(number).and_then(|rest| rest.strip_suffix('`')) {
            return format!("the number {number}").into();
        }
    }
    match found {
        "map" => "an object".into(),
        "sequence" => "a list".into(),
        "boolean `true`" => "true".into(),
        "boolean `false`" => "false".into(),
        "unit" | "unit value" | "Option value" => "null".into(),
        _ => cut(found, SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, NewJob, NewPause};

    fn field<T: DeserializeOwned + fmt::Debug>(text: &str) -> (String, String) {
        match parse::<T>(text.as_bytes()).expect_err(text) {
            Error::Field(wrong) => (wrong.field, wrong.why),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn an_invalid_field_is_named_in_terms_of_json() {
        let long = "x".repeat(1000);
        let cut = format!("expected a whole number from -100 to 100, got string \"{}…", "x".repeat(SHOWN - 8));
        for (text, name, why) in [
            (r#"{}"#, "kind", "this field is required"),
            (r#"{"kind":"k","kind":"k"}"#, "kind", "this field appears twice"),
            (r#"{"kind":7}"#, "kind", "expected a string, got the number 7"),
            (r#"{"kind":null}"#, "kind", "expected a string, got null"),
            (r#"{"kind":"k","queue":["a"]}"#, "queue", "expected a string, got a list"),
            (
                r#"{"kind":"k","priority":101}"#,
                "priority",
                "expected a whole number from -100 to 100, got the number 101",
            ),
            (
                r#"{"kind":"k","priority":99999}"#,
                "priority",
                "expected a whole number from -100 to 100, got the number 99999",
            ),
            (
                r#"{"kind":"k","priority":1.5}"#,
                "priority",
                "expected a whole number from -100 to 100, got the number 1.5",
            ),
            (r#"{"kind":"k","priority":{}}"#, "priority", "expected a whole number from -100 to 100, got an object"),
            (&format!(r#"{{"kind":"k","priority":"{long}"}}"#), "priority", &cut),
            (
                r#"{"kind":"k","max_attempts":0}"#,
                "max_attempts",
                "expected a whole number from 1 to 1000, got the number 0",
            ),
            (
                r#"{"kind":"k","timeout_ms":"1, expected 2"}"#,
                "timeout_ms",
                r#"expected a whole number of milliseconds from 1 to 86400000, got string "1, expected 2""#,
            ),
            (
                r#"{"kind":"k","delay_ms":-1}"#,
                "delay_ms",
                "expected a whole number of milliseconds from 0 to 158112000000, got the number -1",
            ),
            (r#"{"kind":"k","unique":{}}"#, "unique.key", "this field is required"),
            (r#"{"kind":"k","unique":[1]}"#, "unique", "expected an object, got a list"),
            (
                r#"{"kind":"k","unique":{"key":"u","scope":"ever"}}"#,
                "unique.scope",
                r#"expected "until_started", "until_finished" or {"for_ms": 60000}, got string "ever""#,
            ),
            (
                r#"{"kind":"k","unique":{"key":"u","scope":7}}"#,
                "unique.scope",
                r#"expected "until_started", "until_finished" or {"for_ms": 60000}, got the number 7"#,
            ),
            (
                r#"{"kind":"k","unique":{"key":"u","scope":["for_ms",1]}}"#,
                "unique.scope",
                r#"expected "until_started", "until_finished" or {"for_ms": 60000}, got a list"#,
            ),
            (
                r#"{"kind":"k","unique":{"key":"u","scope":{"for_ms":null}}}"#,
                "unique.scope.for_ms",
                "expected a whole number of milliseconds from 0 to 158112000000, got null",
            ),
            (r#"{"kind":"k","unique":{"key":"u","scope":{}}}"#, "unique.scope.for_ms", "this field is required"),
            (r#"{"kind":"k","tags":"a"}"#, "tags", r#"expected a list of at most 16 items, got string "a""#),
            (r#"{"kind":"k","tags":[true]}"#, "tags[0]", "expected a string, got true"),
        ] {
            assert_eq!(field::<NewJob>(text), (name.to_owned(), why.to_owned()), "{text}");
        }
        assert_eq!(field::<Batch>(r#"{"jobs":[{"kind":"k"},{}]}"#).0, "jobs[1].kind");
        assert_eq!(field::<Batch>(r#"{"jobs":[{"kind":"k"},{"kind":"k","quux":1}]}"#).0, "jobs[1].quux");
        assert_eq!(field::<NewPause>(r#"{"for_ms":"1s"}"#).0, "for_ms");
    }

    #[test]
    fn a_long_name_in_an_error_is_cut() {
        let name = "\u{e4}".repeat(1_000_000);
        for text in [format!(r#"{{"kind":"k","{name}":1}}"#), format!(r#"{{"kind":"k","unique":{{"{name}":1}}}}"#)] {
            let Error::Field(wrong) = parse::<NewJob>(text.as_bytes()).unwrap_err() else { panic!("it names a field") };
            assert!(
                wrong.field.chars().count() <= 201 && wrong.field.contains("\u{e4}\u{e4}"),
                "{}",
                wrong.field.len()
            );
            assert!(wrong.why.contains("`, expected ") && wrong.why.len() < 1_000, "{}", wrong.why);
        }
        for text in [format!(r#"{{"kind":"k","deadline":"{name}"}}"#), format!(r#"{{"kind":"k","queue":"{name}"}}"#)] {
            let wrong = parse::<NewJob>(text.as_bytes()).unwrap().into_new().unwrap_err();
            assert!(wrong.to_string().len() < 1_500, "{} bytes", wrong.to_string().len());
        }
    }

    #[test]
    fn a_byte_order_mark_is_named() {
        for (text, encoding) in
            [(&b"\xef\xbb\xbf{\"kind\":\"k\"}"[..], "UTF-8"), (b"\xff\xfe{\0", "UTF-16"), (b"\xfe\xff\0{", "UTF-16")]
        {
            let Error::Syntax(why) = parse::<NewJob>(text).unwrap_err() else { panic!("it is not JSON") };
            assert!(why.contains("byte order mark") && why.contains(encoding), "{why}");
        }
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        let text = r#"{"kind":"k","priority":5.0,"max_attempts":3e0,"delay_ms":1656.0,"timeout_ms":6.0e4}"#;
        let job = parse::<NewJob>(text.as_bytes()).unwrap();
        assert_eq!(
            (job.priority, job.max_attempts, job.delay_ms, job.timeout_ms),
            (Some(5), Some(3), Some(1656), Some(60_000))
        );
        for wrong in ["1.5", "1e300", "-1e300", "1e17", "-0.5"] {
            let text = format!(r#"{{"kind":"k","delay_ms":{wrong}}}"#);
            assert_eq!(field::<NewJob>(&text).0, "delay_ms", "{wrong}");
        }
        assert_eq!(parse::<NewPause>(br#"{"for_ms":60000.0}"#).unwrap().for_ms, Some(60_000));
    }

    #[test]
    fn an_error_names_no_field_without_an_object_and_a_position_without_json() {
        for (text, why) in [("[1]", "expected an object, got a list"), ("null", "expected an object, got null")] {
            assert_eq!(parse::<NewJob>(text.as_bytes()).unwrap_err(), Error::Shape(why.into()));
        }
        for (text, place) in
            [("", "line 1 column 0"), ("{\"kind\":\n nope}", "line 2"), (r#"{"kind":"k"} {}"#, "column 14")]
        {
            let error = parse::<NewJob>(text.as_bytes()).unwrap_err();
            assert!(matches!(&error, Error::Syntax(why) if why.contains(place)), "{error:?}");
        }
    }
}
