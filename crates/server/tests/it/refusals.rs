//! Refusals that reach their client while it is still sending, and clients that close their side early.

use axum::http::Request;
use longshore_server::Secret;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http::{Raw, soon};
use crate::service::Service;

const TOKEN: &str = "0123456789abcdef";

/// Sends everything before it reads anything, as many clients do, and returns the answer. Panics if sending fails.
async fn send_all(stream: &mut TcpStream, head: &str, bytes: usize) -> String {
    let part = vec![b' '; 64 * 1024];
    soon(async {
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut left = bytes;
        while left > 0 {
            let now = left.min(part.len());
            stream.write_all(&part[..now]).await.expect("the server reads what it does not need");
            left -= now;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the connection is not reset");
        String::from_utf8(answer).unwrap()
    })
    .await
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let service = Service::with(|config| config.token = Some(Secret::new(TOKEN).unwrap())).await;
    let bytes = 12 * 1024 * 1024;
    let (right, json) = (format!("authorization: Bearer {TOKEN}\r\n"), "content-type: application/json\r\n");
    for (line, headers, status) in [
        ("POST /v1/jobs", json.to_owned(), 401),
        ("POST /v1/jobs", right.clone(), 415),
        ("POST /v1/jobs", format!("{right}{json}"), 413),
        ("POST /v1/jobs/batch", format!("{right}{json}"), 413),
        ("POST /v1/jobs", format!("{right}{json}content-encoding: gzip\r\n"), 415),
        ("POST /v1/jobs?x=1", format!("{right}{json}"), 400),
        ("PUT /v1/jobs", right.clone(), 405),
        ("POST /nowhere", right.clone(), 404),
        ("POST /v1/jobs", format!("{right}{json}sec-fetch-site: cross-site\r\n"), 403),
    ] {
        for length in [format!("content-length: {bytes}\r\n"), "transfer-encoding: chunked\r\n".to_owned()] {
            let chunk = if length.starts_with('c') { String::new() } else { format!("{bytes:x}\r\n") };
            let head = format!("{line} HTTP/1.1\r\nhost: localhost\r\n{headers}{length}\r\n{chunk}");
            let mut stream = TcpStream::connect(service.addr).await.unwrap();
            let answer = send_all(&mut stream, &head, bytes).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line} {headers}: {answer}");
            assert!(answer.contains("connection: close") && answer.contains("\"code\""), "{answer}");
        }
    }
    let small = service.send(Request::post("/v1/jobs").header("content-type", "text/plain"), "x").await;
    small.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_refusal_of_a_small_body_keeps_the_connection() {
    let service = Service::start().await;
    let mut raw = service.raw().await;
    let head = "HTTP/1.1\r\nhost: localhost\r\n";
    raw.send(format!("POST /v1/jobs {head}content-length: 3\r\n\r\nabc")).await;
    let refused = raw.until("accordingly\"}").await;
    assert!(refused.starts_with("HTTP/1.1 415") && !refused.contains("connection: close"), "{refused}");
    raw.send(format!("GET /healthz {head}connection: close\r\n\r\n")).await;
    assert!(raw.rest().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_closes_its_side_after_a_push_gets_the_answer() {
    let service = Service::start().await;
    let body = r#"{"kind":"k"}"#;
    let head = "HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    for _ in 0..20 {
        let mut raw = service.raw().await;
        raw.send(format!("POST /v1/jobs {head}content-length: {}\r\n\r\n{body}", body.len())).await;
        raw.0.shutdown().await.unwrap();
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer:?}");
    }
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_client_that_closes_its_side_while_it_waits_gets_the_job_at_once() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps"})).await;
    for path in [format!("/v1/jobs/{id}?wait=1m"), format!("/v1/jobs/{id}/events")] {
        let mut raw: Raw = service.raw().await;
        raw.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        raw.0.shutdown().await.unwrap();
        let answer = raw.rest().await; // within the time limit of every wait, which is shorter than a minute
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"ready\""), "{answer}");
    }
}
