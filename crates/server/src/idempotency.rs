//! `Idempotency-Key`: a repeated request gets the first answer again (draft-ietf-httpapi-idempotency-key-header).

use axum::http::{HeaderMap, HeaderName};
use longshore_core::{Idempotency, Label};
use longshore_wire as wire;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::problem::{Code, Problem};

/// The name of the header.
pub(crate) const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// The maximum length of a key, in bytes.
const MAX_BYTES: usize = 255;

/// Returns the stored form of the key of a push, if the request has one.
///
/// The store keeps a hash of the key and the token. So keys may be long, callers with different tokens never share a
/// key, and the store reveals no keys. The fingerprint identifies the request: it is a hash of the request in a normal
/// form. The order of fields and the whitespace between them do not matter, but every byte of the payload does.
pub(crate) fn of(app: &App, headers: &HeaderMap, push: &wire::NewJob) -> Result<Option<Idempotency>, Problem> {
    let Some(key) = key(headers)? else { return Ok(None) };
    Ok(Some(Idempotency { key: stored(scoped(app, &key)), fingerprint: fingerprint(push) }))
}

/// Returns the stored forms of the key of a batch, one for each of its jobs, if the request has one.
///
/// Each job has a key of its own, made of the key of the batch and its place. So a repeat finds the jobs that the first
/// request pushed, and pushes the others. The fingerprint identifies the whole batch.
pub(crate) fn of_batch(app: &App, headers: &HeaderMap, batch: &wire::Batch) -> Result<Vec<Idempotency>, Problem> {
    let Some(key) = key(headers)? else { return Ok(Vec::new()) };
    let (scoped, fingerprint) = (scoped(app, &key), fingerprint(batch));
    let of_job = |index: usize| {
        // No key of a push contains a line break, so none is equal to this one.
        let key = stored(scoped.clone().chain_update(format!("\nbatch\n{index}")));
        Idempotency { key, fingerprint }
    };
    Ok((0..batch.jobs.len()).map(of_job).collect())
}

/// Begins the hash of a key, which belongs to the token.
fn scoped(app: &App, key: &str) -> Sha256 {
    let scoped = match &app.config.token {
        Some(token) => Sha256::new().chain_update(token.digest()),
        None => Sha256::new(),
    };
    scoped.chain_update(key)
}

fn stored(key: Sha256) -> Label {
    let key = key.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    key.parse().expect("64 hex digits are a label")
}

fn fingerprint(request: &impl Serialize) -> [u8; 32] {
    Sha256::digest(serde_json::to_vec(request).expect("a parsed request can be serialized")).into()
}

/// Returns the key of a request: a quoted string, as in the draft, or the unquoted token that many clients send.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong("the header appears more than once"));
    }
    let text = value.to_str().map_err(|_| wrong("only visible ASCII characters and spaces are allowed"))?.trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => quoted(rest).ok_or_else(|| wrong("the quoted string is malformed"))?,
        None if text.bytes().all(is_bare) => text.to_owned(),
        None => return Err(wrong("send a quoted string such as \"8e03978e-40d5-43dd-bc93-6894a57f9324\"")),
    };
    if key.is_empty() || key.len() > MAX_BYTES {
        return Err(wrong(format!("the key must have 1 to {MAX_BYTES} characters, but has {}", key.len())));
    }
    Ok(Some(key))
}

/// Parses a string up to its closing quote, which must be the last character (RFC 9651, section 3.3.3).
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

/// Returns whether this byte may be in an unquoted key.
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
        assert_eq!(read(&[&"x".repeat(MAX_BYTES)]).unwrap().unwrap().len(), MAX_BYTES);
    }

    #[test]
    fn what_is_neither_is_refused() {
        let long = "x".repeat(MAX_BYTES + 1);
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
