//! Access control: the token, the host name, and requests on behalf of other sites.

mod origin;
mod wrong_tokens;
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

pub(crate) use wrong_tokens::WrongTokens;

/// Lets a request pass or refuses it.
pub(crate) async fn guard(State(app): State<App>, caller: Caller, request: Request, next: Next) -> Response {
    let (headers, uri) = (request.headers(), request.uri());
    let open = matches!(uri.path(), "/healthz" | "/readyz");
    match &app.config.token {
        Some(secret) if !open => {
            if let Some(left) = app.wrong_tokens.refused_for(caller) {
                return too_many(left).into_response();
            }
            if !token::is_shown(headers, secret) {
                // A request without a token, as a browser sends first, is not a wrong guess.
                if headers.contains_key(header::AUTHORIZATION) {
                    app.wrong_tokens.count(caller);
                }
                return unauthorized();
            }
        }
        Some(_) => {}
        // A health check by HTTP/1.0 may have no `Host`.
        None if open && !headers.contains_key(header::HOST) => {}
        None => {
            if let Err(problem) = check_host(headers, uri) {
                return problem.into_response();
            }
        }
    }
    if let Err(problem) = origin::check(request.method(), headers, &app.config.cors_origins) {
        return problem.into_response();
    }
    next.run(request).await
}

/// Refuses a caller that sent too many wrong tokens. Even the right token is refused, since another answer would reveal
/// that it is right.
fn too_many(left: Duration) -> Problem {
    let seconds = u32::try_from(left.as_secs() + 1).unwrap_or(u32::MAX);
    Problem::new(Code::TooManyWrongTokens, "this address sent too many wrong tokens").retry_after(seconds)
}

/// Offers both ways to send a token: programs use the first, browsers the second.
fn unauthorized() -> Response {
    let mut response =
        Problem::new(Code::Unauthorized, "send the server's token in the `Authorization` header").into_response();
    for way in ["Bearer realm=\"longshore\"", "Basic realm=\"longshore\", charset=\"UTF-8\""] {
        response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(way));
    }
    response
}

/// Refuses requests to other than loopback names. A server without a token needs this against DNS rebinding: a web page
/// whose own domain name was pointed at this machine sends that name.
fn check_host(headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let forbidden = |detail: String| Err(Problem::new(Code::ForbiddenHost, detail));
    let Some(host) = host.filter(|_| hosts.next().is_none()) else {
        return forbidden("the request must have exactly one `Host`".into());
    };
    if let Some(wrong) = [Some(host), uri.authority().map(|target| target.as_str())]
        .into_iter()
        .flatten()
        .find(|host| !is_loopback_name(host))
    {
        return forbidden(format!(
            "the server has no token, so it answers only requests to localhost, not to {wrong:?}"
        ));
    }
    Ok(())
}

/// Returns whether this is `localhost` or a loopback address, with or without a port.
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
