//! The page and its parts, which are inside the program.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::openapi::{Answer, Content, Operation, Takes};

/// Everything the page needs comes from here, and nothing of it is inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the API's document says of [`html`].
pub(crate) const HTML: Operation = Operation {
    method: "get",
    path: "/",
    id: "demo",
    summary: "The demo page",
    open: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, says: "The page.", content: Content::Text("text/html"), headers: &[] },
        Answer::empty(304, "The browser has it."),
    ],
    fails: &[],
};

pub(super) async fn html(headers: HeaderMap) -> Response {
    asset(&headers, "text/html; charset=utf-8", include_bytes!("../../assets/demo.html"))
}

/// What the API's document says of [`css`].
pub(crate) const CSS: Operation = Operation {
    method: "get",
    path: "/assets/demo.css",
    id: "demoCss",
    summary: "Its style",
    open: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, says: "The page.", content: Content::Text("text/css"), headers: &[] },
        Answer::empty(304, "The browser has it."),
    ],
    fails: &[],
};

pub(super) async fn css(headers: HeaderMap) -> Response {
    asset(&headers, "text/css; charset=utf-8", include_bytes!("../../assets/demo.css"))
}

/// What the API's document says of [`js`].
pub(crate) const JS: Operation = Operation {
    method: "get",
    path: "/assets/demo.js",
    id: "demoJs",
    summary: "Its script",
    open: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, says: "The page.", content: Content::Text("text/javascript"), headers: &[] },
        Answer::empty(304, "The browser has it."),
    ],
    fails: &[],
};

pub(super) async fn js(headers: HeaderMap) -> Response {
    asset(&headers, "text/javascript; charset=utf-8", include_bytes!("../../assets/demo.js"))
}

/// What the API's document says of [`icon`].
pub(crate) const ICON: Operation = Operation {
    method: "get",
    path: "/assets/favicon.svg",
    id: "demoIcon",
    summary: "Its icon",
    open: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, says: "The page.", content: Content::Text("image/svg+xml"), headers: &[] },
        Answer::empty(304, "The browser has it."),
    ],
    fails: &[],
};

pub(super) async fn icon(headers: HeaderMap) -> Response {
    asset(&headers, "image/svg+xml", include_bytes!("../../assets/favicon.svg"))
}

/// What the API's document says of [`no_icon`].
pub(crate) const NO_ICON: Operation = Operation {
    method: "get",
    path: "/favicon.ico",
    id: "noIcon",
    summary: "Nothing, for browsers that ask by habit",
    open: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[Answer::empty(204, "Nothing.")],
    fails: &[],
};

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
