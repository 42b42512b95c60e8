//! The demo page and its assets, which are compiled into the program.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::openapi::{Answer, Content, Operation, Takes};

/// The page loads everything from this server and contains no inline code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The OpenAPI description of [`html`].
pub(crate) const HTML: Operation = Operation {
    method: "get",
    path: "/",
    id: "demo",
    summary: "The demo page",
    public: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, description: "The page.", content: Content::Text("text/html"), headers: &[] },
        Answer::empty(304, "The browser's copy is current."),
    ],
    errors: &[],
};

pub(super) async fn html(headers: HeaderMap) -> Response {
    asset(&headers, "text/html; charset=utf-8", include_bytes!("../../assets/demo.html"))
}

/// The OpenAPI description of [`css`].
pub(crate) const CSS: Operation = Operation {
    method: "get",
    path: "/assets/demo.css",
    id: "demoCss",
    summary: "The style sheet of the demo page",
    public: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, description: "The style sheet.", content: Content::Text("text/css"), headers: &[] },
        Answer::empty(304, "The browser's copy is current."),
    ],
    errors: &[],
};

pub(super) async fn css(headers: HeaderMap) -> Response {
    asset(&headers, "text/css; charset=utf-8", include_bytes!("../../assets/demo.css"))
}

/// The OpenAPI description of [`js`].
pub(crate) const JS: Operation = Operation {
    method: "get",
    path: "/assets/demo.js",
    id: "demoJs",
    summary: "The script of the demo page",
    public: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, description: "The script.", content: Content::Text("text/javascript"), headers: &[] },
        Answer::empty(304, "The browser's copy is current."),
    ],
    errors: &[],
};

pub(super) async fn js(headers: HeaderMap) -> Response {
    asset(&headers, "text/javascript; charset=utf-8", include_bytes!("../../assets/demo.js"))
}

/// The OpenAPI description of [`icon`].
pub(crate) const ICON: Operation = Operation {
    method: "get",
    path: "/assets/favicon.svg",
    id: "demoIcon",
    summary: "The icon of the demo page",
    public: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[
        Answer { status: 200, description: "The icon.", content: Content::Text("image/svg+xml"), headers: &[] },
        Answer::empty(304, "The browser's copy is current."),
    ],
    errors: &[],
};

pub(super) async fn icon(headers: HeaderMap) -> Response {
    asset(&headers, "image/svg+xml", include_bytes!("../../assets/favicon.svg"))
}

/// The OpenAPI description of [`no_icon`].
pub(crate) const NO_ICON: Operation = Operation {
    method: "get",
    path: "/favicon.ico",
    id: "noIcon",
    summary: "No content, for browsers that request this path by default",
    public: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[Answer::empty(204, "Nothing.")],
    errors: &[],
};

/// Answers browsers that request this path by default.
pub(super) async fn no_icon() -> Response {
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "max-age=86400")]).into_response()
}

/// Answers an asset of the page. The name of an asset never changes, so browsers keep it and ask each time whether it
/// has changed.
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
