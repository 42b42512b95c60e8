//! The page and its parts, which are inside the program.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Everything the page needs comes from here, and nothing of it is inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) async fn html(headers: HeaderMap) -> Response {
    asset(&headers, "text/html; charset=utf-8", include_bytes!("../../assets/demo.html"))
}

pub(super) async fn css(headers: HeaderMap) -> Response {
    asset(&headers, "text/css; charset=utf-8", include_bytes!("../../assets/demo.css"))
}

pub(super) async fn js(headers: HeaderMap) -> Response {
    asset(&headers, "text/javascript; charset=utf-8", include_bytes!("../../assets/demo.js"))
}

pub(super) async fn icon(headers: HeaderMap) -> Response {
    asset(&headers, "image/svg+xml", include_bytes!("../../assets/favicon.svg"))
}

/// Answers browsers that ask for an icon by habit.
pub(super) async fn no_icon() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "max-age=86400")]).into_response()
}

/// Answers a part of the page. Browsers keep it and ask each time whether it is still the same, as its name never changes.
fn asset(headers: &HeaderMap, media: &'static str, bytes: &'static [u8]) -> Response {
    let hash = Sha256::digest(bytes);
    let etag = format!("\"{:x}\"", u64::from_be_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes")));
    let common = [
        (header::ETAG, HeaderValue::from_str(&etag).expect("hex is header text")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, media)], bytes).into_response()
}
