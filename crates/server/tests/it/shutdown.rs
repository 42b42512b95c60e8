//! The shutdown of a server.

use std::time::{Duration, Instant};

use axum::http::Request;
use http_body_util::Full;
use serde_json::json;
use tokio::net::TcpStream;

use crate::http::{open, soon};
use crate::service::Service;

const PUSH: &str = "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
    content-length: 12\r\nexpect: 100-continue\r\n\r\n";

#[tokio::test]
async fn streams_and_waits_end_immediately() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps"})).await;
    let mut events = service.events(&id).await;
    events.next().await.unwrap();
    let mut waiting = service.raw().await;
    let head = "HTTP/1.1\r\nhost: localhost\r\n\r\n";
    waiting.send(format!("GET /healthz {head}GET /v1/jobs/{id}?wait=1m {head}")).await;
    waiting.until("{\"status\":\"ok\"}").await;
    let mut idle = service.raw().await;
    idle.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    idle.until("{\"status\":\"ok\"}").await;
    let _unused = service.raw().await;
    let addr = service.addr;
    let started = Instant::now();

    let (waited, ()) = tokio::join!(waiting.rest(), service.end());

    assert!(started.elapsed() < Duration::from_secs(5), "nothing delayed the shutdown");
    assert_eq!(events.next().await, None);
    assert!(waited.starts_with("HTTP/1.1 200") && waited.contains("\"ready\""), "{waited}");
    assert_eq!(idle.rest().await, "");
    assert!(TcpStream::connect(addr).await.is_err(), "the server no longer listens");
}

#[tokio::test]
async fn a_running_request_is_finished() {
    let service = Service::start().await;
    let mut push = service.raw().await;
    push.send(PUSH).await;
    push.until("\r\n\r\n").await; // `100 Continue`: the handler waits for the body
    let backend = service.backend.clone();

    service.stop.cancel();
    push.send("{\"kind\":").await;
    push.send("\"k\"}").await;

    let answer = push.rest().await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    soon(service.running).await.unwrap();
    assert_eq!(backend.queues(None, 10).await.unwrap()[0].counts.iter().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_aborted() {
    let service = Service::with(|config| config.grace = Duration::from_millis(100)).await;
    let mut push = service.raw().await;
    push.send(PUSH).await;
    push.until("\r\n\r\n").await;
    let started = Instant::now();

    service.end().await;

    assert!(started.elapsed() >= Duration::from_millis(100));
    assert_eq!(push.rest().await, "");
}

#[tokio::test]
async fn a_dropped_server_closes_everything() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps"})).await;
    let mut events = service.events(&id).await;
    events.next().await.unwrap();

    service.running.abort();

    assert!(service.running.await.unwrap_err().is_cancelled());
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_connection_from_before_run_is_answered() {
    let server = longshore_server::Server::bind(
        "127.0.0.1:0".parse().unwrap(),
        Service::start().await.backend,
        longshore_server::Config::default(),
    )
    .await
    .unwrap();
    let addr = server.local_addr();
    let early = tokio::spawn(open(addr, Request::get("/healthz").body(Full::default()).unwrap()));
    tokio::spawn(server.run(std::future::pending()));
    assert_eq!(early.await.unwrap().status(), 200);
}
