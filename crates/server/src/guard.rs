//! Who may ask: the token, the host name, and whether a browser asks for another site.

mod origin;
mod strikes;
mod token;

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Code, Problem};
use crate::server::is_loopback;

pub(crate) use strikes::Strikes;

/// Lets a request through, or answers why not.
pub(crate) async fn guard(State(app): State<App>, caller: Caller, request: Request, next: Next) -> Response {
    let (headers, uri) = (request.headers(), request.uri());
    let open = matches!(uri.path(), "/healthz" | "/readyz");
    match &app.config.token {
        Some(secret) if !open => {
            if let Some(left) = app.strikes.out(caller) {
                return out(left).into_response();
            }
            if !token::is_shown(headers, secret) {
                // Who shows nothing, as a browser does at first, guesses nothing.
                if headers.contains_key(header::AUTHORIZATION) {
                    app.strikes.strike(caller);
                }
                return unauthorized();
            }
        }
        Some(_) => {}
        None => {
            if let Err(problem) = check_host(headers, uri) {
                return problem.into_response();
            }
        }
    }
    if let Err(problem) = origin::check(request.method(), headers) {
        return problem.into_response();
    }
    next.run(request).await
}

/// Hears nobody who guesses; not even a right token, since the answer to it would tell that it is right.
fn out(left: Duration) -> Problem {
    let seconds = u32::try_from(left.as_secs() + 1).unwrap_or(u32::MAX);
    Problem::new(Code::TooManyWrongTokens, "too many wrong tokens came from this address").retry_after(seconds)
}

/// Offers both ways to show a token: programs take the first, browsers the second.
fn unauthorized() -> Response {
    let mut response = Problem::new(Code::Unauthorized, "send the server's token in `Authorization`").into_response();
    for way in ["Bearer realm=\"longshore\"", "Basic realm=\"longshore\", charset=\"UTF-8\""] {
        response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(way));
    }
    response
}

/// Without a token only requests to loopback names are answered: a web page whose own name was made to lead to this
/// machine (DNS rebinding) sends that name.
fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let forbidden = |detail: String| Err(Problem::new(Code::ForbiddenHost, detail));
    let Some(host) = host.filter(|_| hosts.next().is_none()) else {
        return forbidden("the request must name one host".into());
    };
    if let Some(wrong) = [Some(host), uri.authority().map(|target| target.as_str())]
        .into_iter()
        .flatten()
        .find(|host| !is_loopback_name(host))
    {
        return forbidden(format!("a server without a token does not answer to {wrong:?}, only to localhost"));
    }
    Ok(())
}

/// Returns whether that is `localhost` or a loopback address, with any port or none.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(name) => name.parse().is_ok_and(|ip: std::net::Ipv6Addr| is_loopback(ip.into())),
        None => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse().is_ok_and(|ip: std::net::Ipv4Addr| is_loopback(ip.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_loopback_names() {
        for right in
            ["localhost", "LocalHost:80", "127.0.0.1", "127.9.9.9:8080", "[::1]", "[::1]:1", "[::ffff:127.0.0.1]"]
        {
            assert!(is_loopback_name(right), "{right:?} must be accepted");
        }
        for wrong in [
            "",
            ":80",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "localhost:80.evil.example",
            "::1",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "user@localhost",
            "localhost:80@evil.example",
            "[::1",
            "127.1",
        ] {
            assert!(!is_loopback_name(wrong), "{wrong:?} must be refused");
        }
    }
}
