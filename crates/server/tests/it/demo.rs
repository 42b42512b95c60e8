//! The demo page and its routes, whose answers have an exact format.

use std::sync::Arc;

use axum::http::Request;
use longshore_core::ErrorKind;
use longshore_core::artifact::InMemory;
use longshore_core::worker::Worker;
use longshore_demo::Pace;
use serde_json::json;

use crate::faulty::{Faulty, Mood};
use crate::http::Answer;
use crate::service::Service;

const HELLO: &str = "98575dd2166e9d2872db80dd64552782fa23e608e4df08a90e78e2a66ac9de0d";

async fn demo() -> Service {
    Service::with(|config| config.demo = true).await
}

async fn submit(service: &Service, form: &'static str) -> Answer {
    let request = Request::post("/image_queue").header("content-type", "application/x-www-form-urlencoded");
    service.send(request, form).await
}

async fn status(service: &Service, id: &str) -> String {
    let answer = service.get(&format!("/image_status?job_id={id}")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    answer.text().to_owned()
}

#[tokio::test]
async fn a_text_becomes_an_image_step_by_step() {
    let service = demo().await;

    let queued = submit(&service, "text=hello_world").await;
    assert_eq!((queued.status.as_u16(), queued.header("content-type")), (200, "application/json"));
    assert_eq!(queued.text(), format!(r#"{{"job_status":"queued","id":"{HELLO}","filename":"{HELLO}.gif"}}"#));
    assert_eq!(status(&service, HELLO).await, r#"{"job_status":"queued"}"#);
    let picture = service.get(&format!("/image/{HELLO}.gif")).await;
    assert_eq!((picture.status.as_u16(), picture.text()), (404, r#"{"error":"not found"}"#));
    assert_eq!(submit(&service, "text=hello_world").await.text(), queued.text(), "the same text is the same job");
    let jobs = service.get("/v1/jobs").await.json();
    let job = &jobs["jobs"][0];
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
    for (field, value) in [
        ("kind", json!("image")),
        ("queue", json!("default")),
        ("alias", json!(HELLO)),
        ("max_attempts", json!(3)),
        ("timeout_ms", json!(60_000)),
        ("unique_key", json!(format!("image:{HELLO}"))),
    ] {
        assert_eq!(job[field], value);
    }
    assert!(service.get("/v1/jobs").await.text().contains(r#""payload":{"text":"hello_world"},"#));

    let (_worker, gate) = service.work();
    let mut events = service.events(HELLO).await;
    while events.next().await.unwrap().data["progress"].is_null() {}
    assert_eq!(status(&service, HELLO).await, r#"{"job_status":"Processing 7/20"}"#);
    gate.open();
    while events.next().await.is_some() {}
    assert_eq!(status(&service, HELLO).await, r#"{"job_status":"complete"}"#);

    let path = format!("/image/{HELLO}.gif");
    let picture = service.get(&path).await;
    assert_eq!((picture.status.as_u16(), picture.text()), (200, "GIF89a of hello_world"));
    assert_eq!(picture.header("content-type"), "image/gif");
    assert_eq!(picture.header("cache-control"), "private, max-age=3600");
    let etag = picture.header("etag");
    let again = service.send(Request::get(&path).header("if-none-match", etag), "").await;
    assert_eq!(again.status, 304);
    let done = submit(&service, "text=hello_world").await;
    assert_eq!(done.text(), format!(r#"{{"job_status":"done","filename":"{HELLO}.gif"}}"#));
}

#[tokio::test]
async fn the_real_renderer_draws() {
    let service = demo().await;
    let painter = Worker::new(service.backend.clone()).share(Pace::default()).handle_blocking(longshore_demo::draw);
    let _worker = painter.start().unwrap();
    submit(&service, "text=hello_world").await;
    service.finished(HELLO).await;
    let picture = service.get(&format!("/image/{HELLO}.gif")).await;
    assert_eq!((picture.status.as_u16(), picture.header("content-type")), (200, "image/gif"));
    assert!(picture.body.starts_with(b"GIF89a") && picture.body.len() > 10_000);
}

#[tokio::test]
async fn a_text_may_come_as_json() {
    let service = demo().await;
    let answer = service.post("/image_queue", r#"{"text":"hello_world"}"#).await;
    assert_eq!(answer.json()["id"], HELLO);
    service.post("/image_queue", r#"{"text":7}"#).await.problem(422, "invalid_job");
    service.post("/image_queue", "{").await.problem(400, "invalid_json");
    for media in ["multipart/form-data; boundary=x", "text/plain", ""] {
        let request = Request::post("/image_queue").header("content-type", media);
        service.send(request, "text=a").await.problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_text_that_cannot_be_drawn_is_refused_with_a_sentence() {
    let service = demo().await;
    for (form, sentence) in [
        ("", "the text is empty: write at least one letter"),
        ("text=+_+", "the text is empty: write at least one letter"),
        ("txet=hello", "the text is empty: write at least one letter"),
        ("text=a_b_c_d_e", "the text has 5 lines and at most 4 fit: use fewer underscores"),
    ] {
        let answer = submit(&service, form).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (422, "application/json"));
        assert_eq!(answer.text(), json!({"error": sentence}).to_string());
    }
    let strange = submit(&service, "text=%F0%9F%98%80%00%FF").await;
    assert_eq!(strange.status, 422);
    let markup = submit(&service, "text=%3Cb%3E%22'").await;
    assert_eq!(markup.status, 200, "markup can be drawn like anything else");
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"][0]["payload"]["text"], "<b>\"'");
}

#[tokio::test]
async fn the_status_of_an_unknown_id_is_unknown_and_a_missing_id_is_an_error() {
    let service = demo().await;
    for id in [HELLO, "nope", "%00", "..%2F", "0199c0de-0000-8000-8000-000000000000", &"x".repeat(999), "%ff"] {
        assert_eq!(status(&service, id).await, r#"{"job_status":"Unknown"}"#);
    }
    for path in ["/image_status", "/image_status?", "/image_status?job_id=", "/image_status?id=7"] {
        let answer = service.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (400, r#"{"error":"job_id not set"}"#));
    }
}

#[tokio::test]
async fn the_status_of_a_failed_or_cancelled_image_says_so() {
    let service = demo().await;
    let cancelled = submit(&service, "text=no").await.json()["id"].as_str().unwrap().to_owned();
    service.post(&format!("/v1/jobs/{cancelled}/cancel"), "{}").await;
    assert_eq!(status(&service, &cancelled).await, r#"{"job_status":"cancelled"}"#);

    let (_worker, gate) = service.work();
    let failed = submit(&service, "text=fail").await.json()["id"].as_str().unwrap().to_owned();
    gate.open();
    service.finished(&failed).await;
    assert_eq!(status(&service, &failed).await, r#"{"job_status":"Failed: <b>no ink</b>"}"#);
    assert_eq!(service.get(&format!("/image/{failed}.gif")).await.status, 404);
}

#[tokio::test]
async fn only_results_of_image_jobs_are_served_as_images() {
    let service = demo().await;
    let (_worker, _) = service.work();
    let html = json!({"kind": "echo", "alias": "page", "payload": {"text": "<script>", "media": "text/html"}});
    let id = service.push(html).await;
    service.finished(&id).await;
    for file in
        ["page.gif", &format!("{id}.gif"), "page", ".gif", "nope.gif", "..%2Fpage.gif", "%00.gif", "page.gif.html"]
    {
        let answer = service.get(&format!("/image/{file}")).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, r#"{"error":"not found"}"#));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn the_page_and_its_assets_are_served_with_their_policy() {
    let service = demo().await;
    for (path, media, start) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/assets/demo.css", "text/css; charset=utf-8", ""),
        ("/assets/demo.js", "text/javascript; charset=utf-8", "//"),
        ("/assets/favicon.svg", "image/svg+xml", "<svg"),
    ] {
        let answer = service.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, media));
        assert!(answer.text().starts_with(start));
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-cache");
        let again = service.send(Request::get(path).header("if-none-match", answer.header("etag")), "").await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    }
    assert_eq!(service.get("/favicon.ico").await.status, 204);
}

#[tokio::test]
async fn an_unavailable_store_is_a_problem_with_retry_after() {
    let store = Arc::new(Faulty::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |config| config.demo = true).await;
    store.be(Mood::Fails(ErrorKind::Unavailable));
    let answer = submit(&service, "text=hello").await;
    answer.problem(503, "unavailable");
    answer.comes_back(5..=15);
    service.get(&format!("/image_status?job_id={HELLO}")).await.problem(503, "unavailable");
    service.get(&format!("/image/{HELLO}.gif")).await.problem(503, "unavailable");
}
