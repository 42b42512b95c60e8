//! The form of a request: what HTTP/1.1 demands of it, and what no route accepts.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method, Uri, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::openapi::Place;
use crate::problem::{Code, Problem};
use crate::routes;

/// The query parameters of each route, by method and path.
static PARAMETERS: LazyLock<HashMap<(&str, &str), Vec<&str>>> = LazyLock::new(|| {
    let route = |operation: &'static crate::openapi::Operation| {
        let query = operation.parameters.iter().filter(|parameter| parameter.place == Place::Query);
        ((operation.method, operation.path), query.map(|parameter| parameter.name).collect())
    };
    routes::OPERATIONS.iter().chain([&crate::openapi::OPENAPI]).map(route).collect()
});

/// Lets a request pass, or refuses it.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let checked = check_host(request.version(), request.headers())
        .and_then(|()| check_encodings(request.headers()))
        .and_then(|()| check_query(request.method(), path, request.uri()));
    match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// HTTP/1.1 demands exactly one `Host` (RFC 9112, section 3.2).
fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get_all(header::HOST).iter().count() {
        1 => Ok(()),
        0 if version < Version::HTTP_11 => Ok(()),
        _ => Err(Problem::field(Code::InvalidRequest, "Host", "the request must have exactly one `Host`")),
    }
}

/// Refuses bodies that are encoded in a way that this server does not decode.
fn check_encodings(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        let why = "the server supports only `chunked`";
        return Err(Problem::field(Code::UnsupportedTransferEncoding, "Transfer-Encoding", why));
    }
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
        let why = "the server decompresses no bodies; send the body as it is";
        return Err(Problem::field(Code::UnsupportedMediaType, "Content-Encoding", why));
    }
    Ok(())
}

/// Refuses query parameters that the route does not have, so that a misspelt one is never ignored silently. The demo's
/// routes ignore them, as the reference demo does.
fn check_query(method: &Method, path: Option<&str>, uri: &Uri) -> Result<(), Problem> {
    let Some(query) = uri.query().filter(|query| !query.is_empty()) else { return Ok(()) };
    let method = if method == Method::HEAD { "get" } else { &method.as_str().to_ascii_lowercase() };
    let Some(known) = path.and_then(|path| PARAMETERS.get(&(method, path))) else { return Ok(()) };
    let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let Some(unknown) = names.find(|name| !known.contains(&name.as_ref())) else { return Ok(()) };
    let why = match known.as_slice() {
        [] => "this route has no query parameters".to_owned(),
        known => format!("unknown parameter; this route has {}", known.join(", ")),
    };
    Err(Problem::field(Code::InvalidQuery, &unknown, why))
}
