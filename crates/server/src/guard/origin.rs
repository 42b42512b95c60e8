//! Protection against requests on behalf of another site (CSRF).

use axum::http::{HeaderMap, Method, header};

use crate::cors::allowed_origin;
use crate::problem::{Code, Problem};

/// Refuses requests that change something and come from another site.
///
/// Browsers set `Sec-Fetch-Site`, and no page can forge it. If it is present, it alone decides, so that a proxy may
/// rewrite `Host`. Older browsers send `Origin`, which must match the host. Programs send neither. Origins that the
/// configuration allows may send anything.
pub(super) fn check(method: &Method, headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || allowed_origin(allowed, headers).is_some() {
        return Ok(());
    }
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let forbidden = |detail: String| Err(Problem::new(Code::ForbiddenOrigin, detail));
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some("same-origin" | "none"), _) | (None, None) => Ok(()),
        (Some(site), _) => forbidden(format!("the request comes from another site ({site})")),
        (None, Some(origin)) if names_host(origin, text(header::HOST.as_str()).unwrap_or("")) => Ok(()),
        (None, Some(origin)) => forbidden(format!("the request comes from another site ({origin})")),
    }
}

/// Returns whether an origin, `scheme://host[:port]`, matches the host. The default port of the scheme may be missing.
fn names_host(origin: &str, host: &str) -> bool {
    let Some((scheme, name)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |name: &str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
    !name.is_empty() && bare(name) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_must_name_the_very_host() {
        assert!(names_host("http://localhost:8080", "LOCALHOST:8080"));
        assert!(names_host("https://jobs.example", "jobs.example"));
        assert!(names_host("https://jobs.example", "jobs.example:443"));
        assert!(names_host("http://[::1]:80", "[::1]"));
        for (origin, host) in [
            ("null", "localhost"),
            ("http://localhost", "localhost:8080"),
            ("http://localhost:8081", "localhost:8080"),
            ("http://localhost.evil.example", "localhost"),
            ("https://evil.example", "jobs.example"),
            ("file://", ""),
            ("http://", ""),
        ] {
            assert!(!names_host(origin, host), "{origin:?} is not {host:?}");
        }
    }
}
