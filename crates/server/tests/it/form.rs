//! The form of requests: versions, `Host`, encodings, query parameters, numbers, and what is no HTTP at all.

use axum::http::{Method, Request};
use longshore_server::Secret;
use serde_json::json;

use crate::service::Service;

const TOKEN: &str = "0123456789abcdef";

async fn raw(service: &Service, request: &str) -> String {
    let mut raw = service.raw().await;
    raw.send(request).await;
    raw.rest().await
}

#[tokio::test]
async fn a_health_check_by_http_1_0_needs_no_host() {
    for token in [None, Some(Secret::new(TOKEN).unwrap())] {
        let service = Service::with(|config| config.token = token).await;
        for path in ["/healthz", "/readyz"] {
            let answer = raw(&service, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let answer = raw(&service, "GET /v1/queues HTTP/1.0\r\n\r\n").await;
        assert!(answer.contains(" 403 ") || answer.contains(" 401 "), "{answer}");
        let foreign = raw(&service, "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
        assert_eq!(foreign.contains(" 403 "), service.get("/v1/queues").await.status == 200, "{foreign}");
    }
}

#[tokio::test]
async fn http_1_1_needs_exactly_one_host() {
    for token in [None, Some(Secret::new(TOKEN).unwrap())] {
        let service = Service::with(|config| config.token = token).await;
        let head = format!("GET /v1/queues HTTP/1.1\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n");
        for hosts in ["", "host: localhost\r\nhost: localhost\r\n"] {
            let answer = raw(&service, &format!("{head}{hosts}\r\n")).await;
            assert!(answer.contains(" 400 ") || answer.contains(" 403 "), "{answer}");
        }
        let answer = raw(&service, &format!("{head}host: localhost\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_in_an_encoding_that_is_not_supported_is_refused() {
    let service = Service::start().await;
    let head = "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
    for coding in ["gzip, chunked", "identity, chunked"] {
        let body = format!("{head}transfer-encoding: {coding}\r\n\r\nc\r\n{{\"kind\":\"k\"}}\r\n0\r\n\r\n");
        let answer = raw(&service, &body).await;
        assert!(answer.starts_with("HTTP/1.1 501") && answer.contains("unsupported_transfer_encoding"), "{answer}");
    }
    let chunked = format!("{head}transfer-encoding: Chunked\r\n\r\nc\r\n{{\"kind\":\"k\"}}\r\n0\r\n\r\n");
    assert!(raw(&service, &chunked).await.starts_with("HTTP/1.1 202"));
    for (coding, status) in [("gzip", 415), ("br", 415), ("identity, gzip", 415), ("identity", 202)] {
        let request = Request::post("/v1/jobs").header("content-type", "application/json");
        let answer = service.send(request.header("content-encoding", coding), r#"{"kind":"k"}"#).await;
        assert_eq!(answer.status, status, "{coding}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_answered_with_a_problem() {
    let service = Service::start().await;
    let huge = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    for (request, status, code) in [
        ("GET\r\n\r\n", "400 Bad Request", "invalid_request"),
        ("GET /healthz HTTP/1.1\r\nhost localhost\r\n\r\n", "400 Bad Request", "invalid_request"),
        (huge.as_str(), "431 Request Header Fields Too Large", "head_too_large"),
    ] {
        let answer = raw(&service, request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{head}");
        assert!(
            head.contains("content-type: application/problem+json") && head.contains("connection: close"),
            "{head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], code);
    }
    // Also after a good request on the same connection.
    let mut raw = service.raw().await;
    raw.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    raw.until("{\"status\":\"ok\"}").await;
    raw.send("nonsense\r\n\r\n").await;
    assert!(raw.rest().await.contains("\"invalid_request\""));
}

#[tokio::test]
async fn options_are_answered_with_the_methods_of_the_route() {
    let service = Service::start().await;
    for (path, allowed) in [("/v1/jobs", "GET,HEAD,POST"), ("/v1/jobs/x", "GET,HEAD,DELETE"), ("/healthz", "GET,HEAD")]
    {
        let answer = service.send(Request::options(path), "").await;
        assert_eq!((answer.status.as_u16(), answer.header("allow"), answer.body.len()), (204, allowed, 0));
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let all = raw(&service, "OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(all.starts_with("HTTP/1.1 204") && all.contains("allow: "), "{all}");
}

#[tokio::test]
async fn an_unknown_query_parameter_is_refused_on_every_route() {
    let service = Service::start().await;
    let document = service.get("/openapi.json").await.json();
    let mut checked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x").replace("{queue}", "q");
        for method in operations.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let request = Request::builder().method(method.clone()).uri(format!("{path}?quux=1"));
            let problem = service.send(request, "").await.problem(400, "invalid_query");
            assert_eq!(problem["field"], "quux", "{method} {path}");
            checked += 1;
        }
        let head = service.send(Request::head(format!("{path}?quux=1")), "").await;
        assert!(head.status == 400 || head.status == 405, "{path}");
    }
    assert!(checked >= 17, "{checked} routes");
    assert_eq!(service.get("/healthz?").await.status, 200);
    assert_eq!(service.get("/v1/jobs?limit=1").await.status, 200);
}

#[tokio::test]
async fn a_number_with_a_fraction_of_zero_is_a_whole_number() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k", "priority": 5.0, "timeout_ms": 60_000.0, "max_attempts": 3.0})).await;
    let job = service.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!([&job["priority"], &job["timeout_ms"], &job["max_attempts"]], [&json!(5), &json!(60_000), &json!(3)]);
    let mark = service.post("/v1/jobs", &b"\xef\xbb\xbf{\"kind\":\"k\"}"[..]).await.problem(400, "invalid_json");
    assert!(mark["detail"].as_str().unwrap().contains("byte order mark"), "{mark}");
}

#[tokio::test]
async fn a_job_with_the_alias_batch_is_found() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k", "alias": "batch"})).await;
    assert_eq!(service.get("/v1/jobs/batch").await.json()["id"], id);
    assert_eq!(service.get("/v1/jobs/batch?wait=1ms").await.json()["id"], id);
    assert_eq!(service.get("/v1/jobs/batch/log").await.status, 200);
    assert_eq!(service.post("/v1/jobs/batch/cancel", "{}").await.json()["id"], id);
    assert_eq!(service.send(Request::delete("/v1/jobs/batch"), "").await.status, 204);
    service.get("/v1/jobs/batch").await.problem(404, "unknown_job");
    assert_eq!(service.post("/v1/jobs/batch", r#"{"jobs":[{"kind":"k"}]}"#).await.status, 202);
}
