//! `Idempotency-Key`: a request that is sent again gets the first answer again (draft-ietf-httpapi-idempotency-key-header).

use axum::http::{HeaderMap, HeaderName};
use longshore_core::Idempotency;
use longshore_wire as wire;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::problem::{Code, Problem};

/// The header.
pub(crate) const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key, in bytes.
const LONGEST: usize = 255;

/// Returns what tells a repeat of a push, where the request has a key.
///
/// What is stored is a hash of the key and the token, so that a key of any length fits, callers with different tokens never
/// meet, and nobody reads keys out of the store. The request is told by its own hash, written anew: neither the order of its
/// fields nor the blanks between them count, while every byte of the payload does.
pub(crate) fn of(app: &App, headers: &HeaderMap, push: &wire::NewJob) -> Result<Option<Idempotency>, Problem> {
    let Some(key) = key(headers)? else { return Ok(None) };
    let mut scoped = Sha256::new();
    if let Some(token) = &app.config.token {
        scoped.update(token.digest());
    }
    scoped.update(key);
    let key = scoped.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let key = key.parse().expect("64 hex digits are a label");
    let request = serde_json::to_vec(push).expect("what was read can be written");
    Ok(Some(Idempotency { key, fingerprint: Sha256::digest(request).into() }))
}

/// Refuses a key where it would promise what is not kept.
pub(crate) fn none(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(NAME) {
        return Err(wrong("a batch takes no key: give its jobs unique keys, or push them one by one"));
    }
    Ok(())
}

/// Returns the key of a request: a string in quotes, as the draft has it, or the bare token that many clients send.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong("the header is there more than once"));
    }
    let text = value.to_str().map_err(|_| wrong("only visible ASCII and blanks are allowed"))?.trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => quoted(rest).ok_or_else(|| wrong("the string in quotes is not well-formed"))?,
        None if text.bytes().all(is_bare) => text.to_owned(),
        None => return Err(wrong("send a string in quotes, as in \"8e03978e-40d5-43dd-bc93-6894a57f9324\"")),
    };
    if key.is_empty() || key.len() > LONGEST {
        return Err(wrong(format!("a key has 1 to {LONGEST} characters, not {}", key.len())));
    }
    Ok(Some(key))
}

/// Reads a string up to its closing quote, which must be the last character (RFC 9651, section 3.3.3).
fn quoted(rest: &str) -> Option<String> {
    let mut key = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(key),
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            character @ ' '..='~' => key.push(character),
            _ => return None,
        }
    }
}

/// Returns whether that may be in a token without quotes.
fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/=".contains(&byte)
}

fn wrong(why: impl std::fmt::Display) -> Problem {
    Problem::field(Code::InvalidHeader, "Idempotency-Key", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Problem> {
        let headers = values.iter().map(|value| (NAME, value.parse().unwrap())).collect();
        key(&headers)
    }

    #[test]
    fn a_key_is_a_string_in_quotes_or_a_bare_token() {
        for (text, expected) in [
            (r#""8e03978e""#, "8e03978e"),
            ("8e03978e", "8e03978e"),
            (r#"  "a b"  "#, "a b"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#""a;b""#, "a;b"),
            ("order/7:1=+.~", "order/7:1=+.~"),
        ] {
            assert_eq!(read(&[text]).unwrap().as_deref(), Some(expected), "{text}");
        }
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[&"x".repeat(LONGEST)]).unwrap().unwrap().len(), LONGEST);
    }

    #[test]
    fn what_is_neither_is_refused() {
        let long = "x".repeat(LONGEST + 1);
        let words = [
            "",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "\"a\"b",
            "\"a\";p=1",
            "\"a\\b\"",
            "a b",
            "a,b",
            "a;b",
            "(a)",
            "\"a\", \"b\"",
            "\"ä\"",
            "\"a\tb\"",
            &long,
        ];
        for wrong in words {
            assert_eq!(read(&[wrong]).unwrap_err().code(), Code::InvalidHeader, "{wrong:?} must be refused");
        }
        assert!(read(&["a", "a"]).is_err());
    }
}
