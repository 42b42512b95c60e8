//! `GET /v1/jobs/{id}/events`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use http_body_util::Full;
use longshore_core::artifact::InMemory;
use serde_json::json;

use crate::faulty::{Faulty, Mood};
use crate::http::{Events, open};
use crate::service::Service;

#[tokio::test]
async fn a_stream_sends_every_state_and_ends_with_the_final_one() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps", "alias": "a1"})).await;

    let mut events = service.events("a1").await;
    let head = &events.head.headers;
    assert_eq!(head["content-type"], "text/event-stream");
    assert_eq!(
        (&head["cache-control"], &head["x-accel-buffering"]),
        (&"no-store".parse().unwrap(), &"no".parse().unwrap())
    );
    let first = events.next().await.unwrap();
    assert_eq!((first.name.as_str(), first.id.as_str()), ("status", "1"));
    assert_eq!(
        first.data,
        json!({
            "id": id, "state": "ready", "status": "queued", "attempt": 0, "max_attempts": 20, "progress": null,
            "reason": null, "message": null, "version": 1,
        })
    );

    let (_worker, gate) = service.work();
    let mut told = vec![first];
    while let Some(event) = events.next().await {
        if event.data["progress"]["done"] == 7 && event.data["state"] == "running" {
            assert_eq!(event.data["status"], "Processing 7/20");
            assert_eq!(event.data["progress"], json!({"done": 7, "total": 20, "message": "Processing"}));
            gate.open();
        }
        told.push(event);
    }
    let last = told.last().unwrap();
    assert_eq!([&last.data["state"], &last.data["status"]], [&json!("succeeded"), &json!("complete")]);
    for pair in told.windows(2) {
        assert!(pair[0].data["version"].as_u64() < pair[1].data["version"].as_u64(), "{pair:?}");
        assert_eq!(pair[1].id, pair[1].data["version"].to_string());
    }
}

#[tokio::test]
async fn a_finished_job_is_sent_once_and_a_reconnecting_browser_is_told_to_stop() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    let id = service.push(json!({"kind": "fail", "payload": {"message": "<i>\nno"}})).await;
    service.finished(&id).await;

    let mut events = service.events(&id).await;
    let last = events.next().await.unwrap();
    assert_eq!(events.next().await, None);
    assert_eq!([&last.data["reason"], &last.data["message"]], [&json!("fatal"), &json!("<i>\nno")]);

    let path = format!("/v1/jobs/{id}/events");
    let again = service.send(Request::get(&path).header("last-event-id", &last.id), "").await;
    assert_eq!(again.status, 204);
    let other = service.send(Request::get(&path).header("last-event-id", "0"), "").await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn a_stream_of_an_unknown_job_is_refused() {
    let service = Service::start().await;
    service.get("/v1/jobs/nope/events").await.problem(404, "unknown_job");
}

#[tokio::test]
async fn a_deleted_job_ends_its_stream_with_gone() {
    let store = Arc::new(Faulty::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |_| ()).await;
    let id = service.push(json!({"kind": "steps"})).await;
    let mut events = service.events(&id).await;
    events.next().await.unwrap();

    store.be(Mood::Forgets);
    service.backend.notifications().notify_news(&longshore_core::News::All);

    let gone = events.next().await.unwrap();
    assert_eq!((gone.name.as_str(), gone.data), ("gone", json!({})));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn an_idle_stream_sends_comments() {
    let service = Service::with(|config| config.stream_comment = Duration::from_millis(20)).await;
    let id = service.push(json!({"kind": "steps"})).await;
    let mut events = service.events(&id).await;
    events.next().await.unwrap();
    events.comment().await;
    events.comment().await;
}

#[tokio::test]
async fn a_stream_above_the_limit_is_refused_until_another_ends() {
    let service = Service::with(|config| config.streams = 1).await;
    let id = service.push(json!({"kind": "steps"})).await;
    let path = format!("/v1/jobs/{id}/events");
    let mut events = service.events(&id).await;
    events.next().await.unwrap();

    let refused = service.get(&path).await;
    refused.problem(503, "too_many_streams");
    refused.comes_back(5..=15);
    assert_eq!(service.get("/v1/jobs").await.status, 200, "everything else goes on");

    drop(events); // the client disconnects, and the server notices
    loop {
        let answer = open(service.addr, Request::get(&path).body(Full::default()).unwrap()).await;
        if answer.status() == 200 {
            assert!(Events::of(answer).next().await.is_some());
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_of_one_job_all_receive_the_end() {
    let service = Service::with(|config| config.streams_per_caller = 50).await;
    let id = service.push(json!({"kind": "steps"})).await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(service.events(&id).await);
    }
    service.post(&format!("/v1/jobs/{id}/cancel"), "{}").await;
    for events in &mut streams {
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        assert_eq!(last.unwrap().data["state"], "cancelled");
    }
}

#[tokio::test]
async fn the_streams_of_one_caller_are_limited() {
    let service = Service::with(|config| config.streams_per_caller = 2).await;
    let id = service.push(json!({"kind": "steps"})).await;
    let _open = [service.events(&id).await, service.events(&id).await];

    let refused = service.get(&format!("/v1/jobs/{id}/events")).await;

    refused.problem(429, "too_many_of_your_streams");
    refused.comes_back(5..=15);
}

#[tokio::test]
async fn a_stream_ends_when_its_time_is_over_and_can_be_opened_again() {
    let service = Service::with(|config| config.stream_lifetime = Duration::from_millis(50)).await;
    let id = service.push(json!({"kind": "steps"})).await;
    for _ in 0..2 {
        let mut events = service.events(&id).await;
        assert_eq!(events.next().await.unwrap().data["state"], "ready");
        assert_eq!(events.next().await, None);
    }
}
