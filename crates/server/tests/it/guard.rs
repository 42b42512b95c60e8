//! Access control: the token, the host name, and requests from other sites.

use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore_core::artifact::InMemory;
use longshore_core::{Backend, Memory};
use longshore_server::{Config, Error, Secret, Server};
use std::sync::Arc;

use crate::service::Service;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn guarded() -> Service {
    Service::with(|config| {
        config.token = Some(Secret::new(TOKEN).unwrap());
        config.demo = true;
        config.wrong_tokens = 0;
    })
    .await
}

#[tokio::test]
async fn with_a_token_nothing_but_health_is_answered_without_it() {
    let service = guarded().await;
    for path in [
        "/",
        "/assets/demo.js",
        "/favicon.ico",
        "/image_status",
        "/image/x.gif",
        "/v1/jobs",
        "/v1/jobs/x",
        "/v1/jobs/x/events",
        "/v1/jobs/x/result",
        "/v1/queues",
        "/openapi.json",
        "/nowhere",
        "/healthz/",
        "/readyz/x",
        "/HEALTHZ",
    ] {
        let answer = service.get(path).await;
        answer.problem(401, "unauthorized");
        let ways: Vec<_> = answer.headers.get_all("www-authenticate").iter().map(|way| way.to_str().unwrap()).collect();
        assert_eq!(ways, ["Bearer realm=\"longshore\"", "Basic realm=\"longshore\", charset=\"UTF-8\""]);
    }
    for path in [
        "/v1/jobs",
        "/v1/jobs/batch",
        "/v1/jobs/x/cancel",
        "/v1/jobs/x/retry",
        "/v1/queues/x/pause",
        "/v1/queues/x/resume",
        "/image_queue",
    ] {
        service.post(path, "{}").await.problem(401, "unauthorized");
    }
    service.send(Request::delete("/v1/jobs/x"), "").await.problem(401, "unauthorized");
    assert_eq!(service.get("/healthz").await.status, 200);
    assert_eq!(service.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn only_the_exact_token_is_accepted() {
    let service = guarded().await;
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    for right in [
        format!("Bearer {TOKEN}"),
        format!("bearer  {TOKEN}"),
        basic(&format!("anybody:{TOKEN}")),
        basic(&format!(":{TOKEN}")),
    ] {
        let answer = service.send(Request::get("/v1/jobs").header("authorization", &right), "").await;
        assert_eq!(answer.status, 200, "{right}");
    }
    for wrong in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        TOKEN.into(),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {}", &TOKEN[1..]),
        format!("Bearer {}", TOKEN.to_uppercase()),
        format!("Token {TOKEN}"),
        format!("Basic {TOKEN}"),
        basic(TOKEN),
        basic(&format!("{TOKEN}:")),
        basic(&format!("a:{TOKEN}:")),
        "Basic !!!".into(),
        format!("Basic {}", STANDARD.encode([b':', 0xff, 0xfe])),
    ] {
        let answer = service.send(Request::get("/v1/jobs").header("authorization", &wrong), "").await;
        answer.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_caller_that_guesses_tokens_is_refused_for_a_while() {
    let service = Service::with(|config| config.token = Some(Secret::new(TOKEN).unwrap())).await;
    let show = |token: String| service.send(Request::get("/v1/jobs").header("authorization", token), "");
    for _ in 0..30 {
        service.get("/v1/jobs").await.problem(401, "unauthorized"); // a request without a token is not a wrong guess
    }
    assert_eq!(show(format!("Bearer {TOKEN}")).await.status, 200);
    for n in 0..10 {
        show(format!("Bearer guess-{n}")).await.problem(401, "unauthorized");
    }

    for token in ["guess", TOKEN] {
        let answer = show(format!("Bearer {token}")).await;
        answer.problem(429, "too_many_wrong_tokens");
        assert!((1..=60).contains(&answer.header("retry-after").parse::<u32>().unwrap()));
    }
    service.get("/v1/jobs").await.problem(429, "too_many_wrong_tokens");
    assert_eq!(service.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn with_a_token_any_host_is_answered() {
    let service = guarded().await;
    let request = Request::get("/v1/jobs").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(service.send(request.header("host", "jobs.example"), "").await.status, 200);
}

#[tokio::test]
async fn without_a_token_only_loopback_names_are_answered() {
    let service = Service::start().await;
    for right in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]", "127.0.0.1"] {
        let answer = service.send(Request::get("/v1/jobs").header("host", right), "").await;
        assert_eq!(answer.status, 200, "{right}");
    }
    for wrong in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80", "10.0.0.1", "[::2]", "", "0.0.0.0"] {
        for path in ["/v1/jobs", "/healthz", "/nowhere"] {
            let answer = service.send(Request::get(path).header("host", wrong), "").await;
            answer.problem(403, "forbidden_host");
        }
    }
    for head in [
        "GET /v1/jobs HTTP/1.1\r\n",
        "GET /v1/jobs HTTP/1.0\r\n",
        "GET /v1/jobs HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n",
        "GET http://evil.example/v1/jobs HTTP/1.1\r\nhost: localhost\r\n",
    ] {
        let mut raw = service.raw().await;
        raw.send(format!("{head}connection: close\r\n\r\n")).await;
        let answer = raw.rest().await;
        assert!(answer.contains("403") && answer.contains("forbidden_host"), "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn requests_from_other_sites_change_nothing() {
    let service = Service::start().await;
    let own = format!("http://{}", service.addr);
    let other_port = format!("http://127.0.0.1:{}", service.addr.port() ^ 1);
    let (site, origin) = ("sec-fetch-site", "origin");
    for headers in [
        vec![],
        vec![(site, "same-origin")],
        vec![(site, "none")],
        vec![(origin, own.as_str())],
        vec![(site, "same-origin"), (origin, own.as_str())],
        vec![(site, "same-origin"), (origin, "https://behind.a.proxy.example")],
    ] {
        let mut request = Request::post("/v1/jobs").header("content-type", "application/json");
        request.headers_mut().unwrap().extend(
            headers.iter().map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap())),
        );
        assert_eq!(service.send(request, r#"{"kind":"k"}"#).await.status, 202, "{headers:?}");
    }
    for (name, value) in [
        (site, "cross-site"),
        (site, "same-site"),
        (site, "whatever"),
        (site, ""),
        (origin, "null"),
        (origin, "http://evil.example"),
        (origin, other_port.as_str()),
        (origin, ""),
    ] {
        let id = service.get("/v1/jobs?limit=1").await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
        for (method, path) in [
            ("POST", "/v1/jobs".to_owned()),
            ("POST", format!("/v1/jobs/{id}/cancel")),
            ("POST", format!("/v1/jobs/{id}/retry")),
            ("DELETE", format!("/v1/jobs/{id}")),
            ("POST", "/v1/jobs/batch".to_owned()),
            ("POST", "/v1/queues/default/pause".to_owned()),
            ("POST", "/v1/queues/default/resume".to_owned()),
            ("POST", "/image_queue".to_owned()),
        ] {
            let request = Request::builder().method(method).uri(&path).header(name, value);
            let answer = service.send(request.header("content-type", "application/json"), r#"{"kind":"k"}"#).await;
            answer.problem(403, "forbidden_origin");
        }
        let read = service.send(Request::get("/v1/jobs").header(name, value), "").await;
        assert_eq!(read.status, 200, "reading is for the browser to forbid");
        assert_eq!(read.header("access-control-allow-origin"), "");
        assert_eq!(read.header("cross-origin-resource-policy"), "same-origin");
    }
    assert_eq!(service.get("/v1/jobs?state=ready").await.json()["jobs"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_reachable_address_needs_a_token() {
    let backend = || Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let error = Server::bind(open.parse().unwrap(), backend(), Config::default()).await.unwrap_err();
        assert!(matches!(error, Error::Open { .. }));
        assert!(error.to_string().contains(open) && error.to_string().contains("127.0.0.1"), "{error}");
    }
    let mut config = Config::default();
    config.token = Some(Secret::new(TOKEN).unwrap());
    assert!(!format!("{config:?}").contains(TOKEN));
    assert!(Server::bind("0.0.0.0:0".parse().unwrap(), backend(), config.clone()).await.is_ok());
    let error = Server::bind("192.0.2.1:80".parse().unwrap(), backend(), config).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot listen on 192.0.2.1:80; no interface of this machine has that address");
}

#[tokio::test]
async fn a_port_in_use_is_reported_with_a_hint() {
    let service = Service::start().await;
    let error = Server::bind(service.addr, service.backend.clone(), Config::default()).await.unwrap_err();
    let text = format!(
        "cannot listen on {}: the address is in use by another program; stop it, or choose another port (port 0 selects a free one)",
        service.addr
    );
    assert_eq!(error.to_string(), text);
}
