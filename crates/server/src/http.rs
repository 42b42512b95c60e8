//! Answers as bytes, for connections that hyper does not serve.

use axum::http::{HeaderMap, StatusCode};

/// Returns an answer after which the connection is closed.
pub(crate) fn answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or("")).into_bytes();
    for (name, value) in headers {
        answer.extend_from_slice(name.as_str().as_bytes());
        answer.extend_from_slice(b": ");
        answer.extend_from_slice(value.as_bytes());
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"connection: close\r\n\r\n");
    answer.extend_from_slice(body);
    answer
}
