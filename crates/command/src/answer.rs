//! What a command's standard output is, as a result.

use longshore_core::Output;
use serde::de::IgnoredAny;

/// Returns the output as what it was declared to be; or, if it was not, as JSON where it is that, else text where it is UTF-8,
/// else bytes. No output at all is no result.
pub(crate) fn of(output: Vec<u8>, declared: Option<&str>) -> Result<Output, String> {
    if output.is_empty() {
        return Ok(Output::new("application/json", "null"));
    }
    match declared {
        Some(declared) if is_json(declared) => match serde_json::from_slice::<IgnoredAny>(&output) {
            Ok(_) => Ok(Output::new(declared, trimmed(output))),
            Err(e) => Err(format!("its standard output should be {declared}, but is none: {e}")),
        },
        Some(declared) => Ok(Output::new(declared, output)),
        None if serde_json::from_slice::<IgnoredAny>(&output).is_ok() => {
            Ok(Output::new("application/json", trimmed(output)))
        }
        None if std::str::from_utf8(&output).is_ok() => Ok(Output::new("text/plain; charset=utf-8", output)),
        None => Ok(Output::new("application/octet-stream", output)),
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.ends_with("+json")
}

/// Takes off the line feed that most programs print last.
fn trimmed(mut output: Vec<u8>) -> Vec<u8> {
    let end = output.trim_ascii_end().len();
    output.truncate(end);
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(output: &[u8], declared: Option<&str>) -> (String, Vec<u8>) {
        let output = of(output.to_vec(), declared).unwrap();
        (output.content_type, output.body.to_vec())
    }

    #[test]
    fn output_without_a_declared_type_is_looked_at() {
        assert_eq!(typed(b"{\"a\": 1}\n", None), ("application/json".into(), b"{\"a\": 1}".to_vec()));
        assert_eq!(typed(b"3 files\n", None), ("text/plain; charset=utf-8".into(), b"3 files\n".to_vec()));
        assert_eq!(typed(b"GIF89a\xff", None), ("application/octet-stream".into(), b"GIF89a\xff".to_vec()));
        assert_eq!(typed(b"", None), ("application/json".into(), b"null".to_vec()));
    }

    #[test]
    fn a_declared_type_is_kept_and_json_must_be_json() {
        assert_eq!(typed(b"42\n", Some("text/plain")), ("text/plain".into(), b"42\n".to_vec()));
        assert_eq!(typed(b"42\n", Some("application/json")), ("application/json".into(), b"42".to_vec()));
        assert!(of(b"oh".to_vec(), Some("application/json")).unwrap_err().contains("should be application/json"));
        assert!(of(b"oh".to_vec(), Some("application/problem+json")).is_err());
    }
}
