//! The id of an image, which names a text in the queue, in the cache and on disk.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Returns the id of the image of a text: the SHA-256 of its [`php_json`], in lower-case hex.
///
/// So the same text is always the same job.
///
/// # Examples
///
/// ```
/// let id = longshore_demo::id_of("hello_world");
/// assert_eq!(id, "98575dd2166e9d2872db80dd64552782fa23e608e4df08a90e78e2a66ac9de0d");
/// ```
#[must_use]
pub fn id_of(text: &str) -> String {
    let digest = Sha256::digest(php_json(text));
    digest.iter().fold(String::with_capacity(64), |mut id, byte| {
        write!(id, "{byte:02x}").expect("writing to a string cannot fail");
        id
    })
}

/// Returns `{"text":"…"}`, byte for byte as PHP's `json_encode` writes it.
///
/// The result is ASCII only: a slash is `\/`, and a character beyond ASCII is `\u` with four lower-case hex digits,
/// twice for a character beyond the first 65,536.
///
/// # Examples
///
/// ```
/// let json = longshore_demo::php_json("a/é");
/// assert_eq!(json, r#"{"text":"a\/\u00e9"}"#);
/// ```
#[must_use]
pub fn php_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 11);
    json.push_str(r#"{"text":""#);
    for character in text.chars() {
        escape(character, &mut json);
    }
    json.push_str(r#""}"#);
    json
}

fn escape(character: char, json: &mut String) {
    match character {
        '"' => json.push_str(r#"\""#),
        '\\' => json.push_str(r"\\"),
        '/' => json.push_str(r"\/"),
        '\u{8}' => json.push_str(r"\b"),
        '\u{c}' => json.push_str(r"\f"),
        '\n' => json.push_str(r"\n"),
        '\r' => json.push_str(r"\r"),
        '\t' => json.push_str(r"\t"),
        ' '..='\u{7f}' => json.push(character),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(json, "\\u{unit:04x}").expect("writing to a string cannot fail");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_escaped(text: &str, expected: &str) {
        assert_eq!(php_json(text), format!(r#"{{"text":"{expected}"}}"#));
    }

    #[test]
    fn plain_text_stays() {
        assert_escaped("", "");
        assert_escaped("hello_world", "hello_world");
        assert_escaped("it's <b> & 100%~", "it's <b> & 100%~");
    }

    #[test]
    fn quotes_and_slashes_are_escaped() {
        assert_escaped(r#"a"b\c/d"#, r#"a\"b\\c\/d"#);
    }

    #[test]
    fn controls_are_escaped_but_not_del() {
        assert_escaped("\u{8}\u{c}\n\r\t", r"\b\f\n\r\t");
        assert_escaped("\0\u{b}\u{1f}", r"\u0000\u000b\u001f");
        assert_escaped("\u{7f}", "\u{7f}");
    }

    #[test]
    fn beyond_ascii_is_written_in_utf_16() {
        assert_escaped("\u{80}é€", r"\u0080\u00e9\u20ac");
        assert_escaped("\u{2028}\u{ffff}", r"\u2028\uffff");
        assert_escaped("😀\u{10ffff}", r"\ud83d\ude00\udbff\udfff");
    }

    #[test]
    fn the_id_is_the_hash_of_the_escaped_text() {
        assert_eq!(id_of("hello_world"), "98575dd2166e9d2872db80dd64552782fa23e608e4df08a90e78e2a66ac9de0d");
        assert_eq!(id_of("a/é"), "444166561df1d847b5cc05b6e988a94d78083708fc5f3abe3ea63c0acb005d1e");
    }
}
