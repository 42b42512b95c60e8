//! Cross-origin requests of web pages (CORS), for the origins that the configuration names.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;

/// The methods and headers that a page may send.
const METHODS: &str = "GET, HEAD, POST, DELETE";
const HEADERS: &str = "authorization, content-type, idempotency-key, if-none-match, if-range, last-event-id, range";
/// The headers of an answer that a page may read.
const EXPOSED: &str =
    "accept-ranges, content-disposition, content-range, etag, location, retry-after, www-authenticate";
/// How long a browser may remember the answer to a preflight request, in seconds.
const MAX_AGE: &str = "600";

/// Adds the headers that let pages of a named origin read the answer, and answers their preflight requests. A browser
/// sends no token with a preflight request, so it is answered before the token is checked.
pub(crate) async fn cors(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.config.cors_origins.is_empty() {
        return next.run(request).await;
    }
    let origin = allowed_origin(&app.config.cors_origins, request.headers());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match is_preflight && origin.is_some() {
        true => preflight(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

/// Returns the `Origin` of the request if the configuration names it. Nothing but the very same text counts.
pub(crate) fn allowed_origin(origins: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let mut sent = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (sent.next(), sent.next()) else { return None };
    origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Checks that this is an origin as browsers send it: scheme, host and port, in lower case, without a path.
///
/// # Errors
///
/// Says how an origin is written.
pub fn check_origin(text: &str) -> Result<(), String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':' | b'[' | b']'))
    };
    match host {
        Some(host) if is_host(host) => Ok(()),
        _ => Err(
            "must be an origin such as `https://app.example` or `http://localhost:3000`: in lower case, without a path"
                .into(),
        ),
    }
}

fn preflight() -> Response {
    let max_age = HeaderName::from_static("access-control-max-age");
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
        (max_age, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for right in ["https://app.example", "http://localhost:3000", "http://[::1]:8080", "https://xn--e1a.example"] {
            assert_eq!(check_origin(right), Ok(()), "{right}");
        }
        for wrong in [
            "*",
            "null",
            "",
            "app.example",
            "https://",
            "https://App.example",
            "https://app.example/",
            "ftp://a",
            "https://a b",
        ] {
            assert!(check_origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_the_very_same_origin_is_allowed() {
        let origins = ["https://app.example".to_owned()];
        let sent = |values: &[&str]| -> HeaderMap {
            values.iter().map(|value| (header::ORIGIN, value.parse().unwrap())).collect()
        };
        assert!(allowed_origin(&origins, &sent(&["https://app.example"])).is_some());
        for other in [
            &["http://app.example"][..],
            &["https://app.example:443"],
            &["https://app.example.evil.example"],
            &["null"],
            &[],
            &["https://app.example", "https://app.example"],
        ] {
            assert!(allowed_origin(&origins, &sent(other)).is_none(), "{other:?}");
        }
    }
}
