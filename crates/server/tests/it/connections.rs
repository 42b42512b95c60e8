//! The number of connections: in total, of one caller, and above the limit.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::http::Raw;
use crate::service::Service;

const OTHER: &str = "127.0.0.2";
const HEAD: &str = "HTTP/1.1\r\nhost: localhost\r\n\r\n";
const LAST: &str = "HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// Opens a connection that waits for a job, so that no other may take its place.
async fn busy(service: &Service, ip: &str) -> Raw {
    let id = service.push(json!({"kind": "steps"})).await;
    let mut raw = Raw::connect_from(ip, service.addr).await;
    raw.send(format!("GET /healthz {HEAD}GET /v1/jobs/{id}?wait=1m {HEAD}")).await;
    raw.until("{\"status\":\"ok\"}").await;
    raw
}

async fn answer(mut raw: Raw, request: &str) -> String {
    raw.send(request).await;
    raw.rest().await
}

#[tokio::test]
async fn a_connection_above_the_limit_gets_an_answer_and_health_checks_are_answered() {
    let service = Service::with(|config| {
        config.connections = 2;
        config.connections_per_caller = 2;
    })
    .await;
    let (mut first, _second) = (busy(&service, "127.0.0.1").await, busy(&service, "127.0.0.1").await);

    let refused = answer(service.raw().await, &format!("GET /v1/queues {HEAD}")).await;
    let (head, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("connection: close"), "{head}");
    assert!(["2", "3", "4", "5", "6"].iter().any(|n| head.contains(&format!("retry-after: {n}\r\n"))), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
    assert!(body.contains("\"too_many_connections\""), "{body}");
    for silent in ["", "GET /v1/jo"] {
        assert!(answer(service.raw().await, silent).await.starts_with("HTTP/1.1 503"), "also without a whole head");
    }
    let late = "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n123";
    assert!(answer(service.raw().await, late).await.starts_with("HTTP/1.1 503"), "also in the middle of a request");

    for (path, text) in [("/healthz", "{\"status\":\"ok\"}"), ("/readyz", "{\"status\":\"ready\"}")] {
        let healthy = answer(service.raw().await, &format!("GET {path} {HEAD}")).await;
        assert!(healthy.starts_with("HTTP/1.1 200") && healthy.ends_with(text), "{healthy}");
        let head = answer(service.raw().await, &format!("HEAD {path} {HEAD}")).await;
        assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    }

    first.0.shutdown().await.unwrap();
    first.rest().await;
    let again = async {
        while !answer(service.raw().await, &format!("GET /v1/queues {LAST}")).await.starts_with("HTTP/1.1 200") {}
    };
    crate::http::soon(again).await;
}

#[tokio::test]
async fn one_caller_cannot_take_the_connections_of_others() {
    let service = Service::with(|config| {
        config.connections = 4;
        config.connections_per_caller = 2;
        config.head_timeout = Duration::from_secs(60);
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(busy(&service, "127.0.0.1").await);
    }

    assert!(answer(service.raw().await, &format!("GET /v1/queues {LAST}")).await.starts_with("HTTP/1.1 503"));
    let other = Raw::connect_from(OTHER, service.addr).await;
    assert!(answer(other, &format!("GET /v1/queues {LAST}")).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn half_sent_heads_and_idle_connections_make_room_for_requests() {
    let service = Service::with(|config| {
        config.connections = 3;
        config.head_timeout = Duration::from_secs(60);
    })
    .await;
    let mut idle = service.raw().await;
    idle.send(format!("GET /healthz {HEAD}")).await;
    idle.until("{\"status\":\"ok\"}").await;
    let mut half = service.raw().await;
    half.send("GET /v1/queues HTTP/1.1\r\nhost: lo").await;
    let _busy = busy(&service, "127.0.0.1").await;

    let _newer = busy(&service, "127.0.0.1").await;
    assert_eq!(idle.rest().await, "", "the idle connection made room");

    // A head may be incomplete for a second before its connection makes room.
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let mut ended = std::pin::pin!(half.rest());
    loop {
        tokio::select! {
            rest = ended.as_mut() => return assert_eq!(rest, ""),
            _ = ticks.tick() => {}
        }
        let answer = answer(service.raw().await, &format!("GET /v1/queues {LAST}")).await;
        assert!(answer.contains(" 503 ") || answer.contains(" 200 "), "{answer}");
    }
}

#[tokio::test]
async fn by_default_waits_and_streams_leave_connections_free() {
    let config = longshore_server::Config::default();
    assert!(config.connections > config.streams + config.waits);
    assert!(config.connections_per_caller < config.connections);
}
