//! `Idempotency-Key` on `POST /v1/jobs`.

use std::sync::Arc;

use axum::http::Request;
use longshore_core::artifact::InMemory;
use longshore_core::{Memory, Store};
use longshore_server::Secret;
use serde_json::json;

use crate::http::Answer;
use crate::service::Service;

async fn push(service: &Service, key: &str, body: &str) -> Answer {
    let request = Request::post("/v1/jobs").header("content-type", "application/json").header("idempotency-key", key);
    service.send(request, body.to_owned()).await
}

fn same(one: &Answer, other: &Answer) {
    assert_eq!((one.status, one.header("location")), (other.status, other.header("location")));
    assert_eq!(one.body, other.body);
}

async fn count(service: &Service) -> usize {
    service.get("/v1/jobs").await.json()["jobs"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer() {
    let service = Service::start().await;
    let body = r#"{"kind":"nothing","payload":{"a":1},"unique":{"key":"u"},"delay_ms":50}"#;

    let first = push(&service, "\"8e03978e-40d5\"", body).await;

    assert_eq!(first.status, 202);
    assert_eq!(first.json()["state"], "scheduled");
    same(&first, &push(&service, "\"8e03978e-40d5\"", body).await);
    same(&first, &push(&service, "8e03978e-40d5", body).await);
    let rewritten = r#"{ "delay_ms": 50, "unique": {"scope": "until_finished", "key": "u"}, "payload": {"a":1}, "kind": "nothing" }"#;
    same(&first, &push(&service, "8e03978e-40d5", rewritten).await);
    let (_worker, _) = service.work();
    service.finished(first.json()["id"].as_str().unwrap()).await;
    same(&first, &push(&service, "8e03978e-40d5", body).await);
    assert_eq!(count(&service).await, 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let service = Service::start().await;
    let first = push(&service, "k", r#"{"kind":"a"}"#).await.json();
    for other in [r#"{"kind":"b"}"#, r#"{"kind":"a","payload":{ }}"#, r#"{"kind":"a","priority":1}"#] {
        let problem = push(&service, "k", other).await.problem(422, "idempotency_conflict");
        assert_eq!(problem["other"], first["id"]);
    }
    assert_eq!(push(&service, "k", r#"{"kind":"a","queue":"other"}"#).await.status, 202, "keys belong to a queue");
    assert_eq!(push(&service, "K", r#"{"kind":"a"}"#).await.status, 202);
    assert_eq!(count(&service).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_repeats_create_one_job() {
    let service = Arc::new(Service::start().await);
    let pushes = (0..20).map(|_| {
        let service = Arc::clone(&service);
        tokio::spawn(async move { push(&service, "\"once\"", r#"{"kind":"a"}"#).await })
    });
    let mut answers = Vec::new();
    for push in pushes.collect::<Vec<_>>() {
        answers.push(push.await.unwrap());
    }
    answers.iter().for_each(|answer| same(&answers[0], answer));
    assert_eq!(count(&service).await, 1);
}

#[tokio::test]
async fn a_repeat_returns_the_existing_job_of_the_first_request() {
    let service = Service::start().await;
    let body = r#"{"kind":"nothing","unique":{"key":"u"}}"#;
    let older = service.post("/v1/jobs", body).await.json();
    let first = push(&service, "k", body).await;
    assert_eq!((first.status.as_u16(), &first.json()["existing"]), (200, &json!("unique")));
    same(&first, &push(&service, "k", body).await);

    let path = format!("/v1/jobs/{}", older["id"].as_str().unwrap());
    service.post(&format!("{path}/cancel"), "").await;
    assert_eq!(push(&service, "k", body).await.json()["id"], older["id"], "although the unique key is free by now");
    service.send(Request::delete(&path), "").await;

    push(&service, "k", body).await.problem(404, "unknown_job");
    assert_eq!(push(&service, "fresh", body).await.status, 202);
}

#[tokio::test]
async fn callers_with_different_tokens_do_not_share_keys() {
    let store: Arc<dyn Store> = Arc::new(Memory::default());
    let tokens = ["0123456789abcdef-one", "0123456789abcdef-two"];
    let mut ids = Vec::new();
    for token in tokens {
        let service = Service::on(Arc::clone(&store), Arc::new(InMemory::default()), |config| {
            config.token = Some(Secret::new(token).unwrap());
        })
        .await;
        let request =
            Request::post("/v1/jobs").header("content-type", "application/json").header("idempotency-key", "k");
        let answer = service.send(request.header("authorization", format!("Bearer {token}")), r#"{"kind":"a"}"#).await;
        assert_eq!(answer.status, 202);
        ids.push(answer.json()["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_malformed_key_is_refused_and_an_invalid_push_uses_no_key() {
    let service = Service::start().await;
    let long = format!("\"{}\"", "x".repeat(256));
    for wrong in ["", "\"", "\"a", "\"\"", "a b", "\"a\", \"b\"", "\"a\";x", &long] {
        let problem = push(&service, wrong, r#"{"kind":"a"}"#).await.problem(400, "invalid_header");
        assert_eq!(problem["field"], "Idempotency-Key");
    }
    assert_eq!(count(&service).await, 0);
    push(&service, "k", r#"{"kind":"a","priority":500}"#).await.problem(422, "invalid_job");
    assert_eq!(push(&service, "k", r#"{"kind":"a"}"#).await.status, 202);
    let longest = format!("\"{}\"", "\\\\".repeat(255));
    assert_eq!(push(&service, &longest, r#"{"kind":"a"}"#).await.status, 202);
}
