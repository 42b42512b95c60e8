//! Clients that are slow, use many resources, or send invalid requests.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::http::{Raw, soon};
use crate::service::Service;

#[tokio::test]
async fn a_head_that_takes_too_long_and_a_connection_that_is_idle_end() {
    let service = Service::with(|config| {
        config.head_timeout = Duration::from_millis(100);
        config.idle_timeout = Duration::from_millis(1_500);
    })
    .await;
    let mut silent = service.raw().await;
    let mut slow = service.raw().await;
    slow.send("GET /healthz HTTP/1.1\r\nhost: local").await;
    let mut idle = service.raw().await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    idle.until("{\"status\":\"ok\"}").await;
    let began = Instant::now();
    assert!(!slow.rest().await.contains("200 OK"));
    assert!(!silent.rest().await.contains("200 OK"));
    let early = began.elapsed() < Duration::from_millis(1_000); // else the machine is too slow for the next check
    idle.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    if early {
        idle.until("{\"status\":\"ok\"}").await; // an idle connection has another time-out
    }
    idle.rest().await;
    assert!(began.elapsed() >= Duration::from_millis(1_500), "an idle connection is closed, too");
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_refused() {
    let service = Service::with(|config| config.body_timeout = Duration::from_millis(100)).await;
    let mut slow = service.raw().await;
    slow.send(
        "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n{",
    )
    .await;
    let answer = slow.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
}

#[tokio::test]
async fn an_incomplete_body_does_nothing() {
    let service = Service::start().await;
    let mut broken = service.raw().await;
    broken
        .send("POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"kind\":\"k\"}")
        .await;
    broken.0.shutdown().await.unwrap();
    assert!(!broken.rest().await.starts_with("HTTP/1.1 202"));
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], json!([]));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let service = Service::start().await;
    let many = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    for headers in [format!("x: {}\r\n", "x".repeat(20_000)), many] {
        let mut raw = service.raw().await;
        raw.send(format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let mut raw = service.raw().await;
    raw.send(format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(20_000))).await;
    let answer = raw.rest().await;
    assert!(answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414"), "{answer}");
}

#[tokio::test]
async fn an_invalid_request_ends_only_its_connection() {
    let service = Service::start().await;
    let good = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for nonsense in [
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
        "GET\r\n\r\n",
        "GET /healthz HTTP/9.9\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost localhost\r\n\r\n",
        "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: x\r\n\r\n",
        "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut raw = service.raw().await;
        raw.send(format!("{good}{nonsense}{good}")).await;
        let answer = raw.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(answer.matches("200 OK").count(), 1, "nothing is answered after {nonsense:?}: {answer}");
    }
    let mut both = service.raw().await;
    both.send("POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    both.0.shutdown().await.unwrap();
    assert!(!both.rest().await.contains("202 Accepted"), "a request with two lengths is refused");
    assert_eq!(service.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn deeply_nested_json_does_no_harm() {
    let service = Service::start().await;
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    for n in [65, 100, 1_000, 100_000] {
        let answer = service.post("/v1/jobs", format!(r#"{{"kind":"k","payload":{}}}"#, deep(n))).await;
        answer.problem(422, "invalid_job");
        for path in ["/v1/jobs", "/v1/jobs/batch", "/v1/queues/q/pause"] {
            for body in [deep(n), format!(r#"{{"kind":{}}}"#, deep(n)), "[".repeat(n), "{\"jobs\":[".repeat(n)] {
                let answer = service.post(path, body).await;
                assert!(answer.status == 400 || answer.status == 422, "{}", answer.text());
            }
        }
    }
    assert_eq!(service.post("/v1/jobs", format!(r#"{{"kind":"k","payload":{}}}"#, deep(64))).await.status, 202);
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let service = Service::start().await;
    let mut raw = service.raw().await;
    raw.send(
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    )
    .await;
    let answers = raw.rest().await;
    assert!(answers.find("\"ok\"").unwrap() < answers.find("\"ready\"").unwrap(), "{answers}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let service = Service::with(|config| {
        config.connections = 2;
        config.stall_timeout = Duration::from_millis(100);
    })
    .await;
    let (_worker, _) = service.work();
    let id = service.push(json!({"kind": "bulk", "payload": {"bytes": 32 * 1024 * 1024}})).await;
    service.finished(&id).await;
    let mut greedy = Vec::new();
    while greedy.len() < 2 {
        let mut raw = service.raw().await;
        raw.send(format!("GET /v1/jobs/{id}/result HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        if raw.until("\r\n\r\n").await.starts_with("HTTP/1.1 200") {
            greedy.push(raw); // the client reads the head but never the body
        }
    }
    answered_again(&service).await;
}

#[tokio::test]
async fn a_client_that_goes_away_while_waiting_frees_its_connection() {
    let service = Service::with(|config| config.connections = 1).await;
    let id = service.push(json!({"kind": "steps"})).await;
    let mut waiting: Option<Raw> = None;
    for end in ["half", "whole"] {
        answered_again(&service).await;
        let mut raw = service.raw().await;
        raw.send(format!("GET /v1/jobs/{id}?wait=1m HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        match end {
            "half" => {
                raw.0.shutdown().await.unwrap();
                waiting = Some(raw);
            }
            _ => drop(raw),
        }
    }
    answered_again(&service).await;
    drop(waiting);
}

/// Retries until a connection is available again.
async fn answered_again(service: &Service) {
    let answered = async {
        loop {
            let mut raw = service.raw().await;
            raw.send("GET /v1/queues HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
            if raw.rest().await.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    soon(answered).await;
}
