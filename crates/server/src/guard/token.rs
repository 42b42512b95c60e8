//! Checks the token of a request.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Secret;

/// Returns whether the request contains the token, as a bearer token or as the password of HTTP Basic. The user name of
/// HTTP Basic is ignored.
pub(super) fn is_shown(headers: &HeaderMap, secret: &Secret) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, rest)) = shown.and_then(|shown| shown.split_once(' ')) else { return false };
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return secret.is(rest);
    }
    scheme.eq_ignore_ascii_case("basic") && password(rest).is_some_and(|password| secret.is(&password))
}

fn password(encoded: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}
