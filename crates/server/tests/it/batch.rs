//! `POST /v1/jobs/batch`.

use axum::http::Request;
use serde_json::{Value, json};

use crate::service::Service;

async fn push(service: &Service, jobs: Value) -> crate::http::Answer {
    service.post("/v1/jobs/batch", json!({ "jobs": jobs }).to_string()).await
}

#[tokio::test]
async fn jobs_are_accepted_in_their_order() {
    let service = Service::start().await;
    let older = service.push(json!({"kind": "k", "unique": {"key": "u"}})).await;

    let answer = push(
        &service,
        json!([
            {"kind": "k", "payload": 1},
            {"kind": "k", "unique": {"key": "u"}},
            {"kind": "k", "queue": "mail", "delay_ms": 60_000},
            {"kind": "k", "unique": {"key": "new"}},
            {"kind": "k", "unique": {"key": "new"}},
        ]),
    )
    .await;

    assert_eq!(answer.status, 202);
    let jobs = answer.json()["jobs"].clone();
    let seen: Vec<_> = jobs.as_array().unwrap().iter().map(|job| (&job["state"], &job["existing"])).collect();
    let (ready, later, none, unique) = (json!("ready"), json!("scheduled"), Value::Null, json!("unique"));
    assert_eq!(seen, [(&ready, &none), (&ready, &unique), (&later, &none), (&ready, &none), (&ready, &unique)]);
    assert_eq!(jobs[1]["id"], older);
    assert_eq!(jobs[4]["id"], jobs[3]["id"]);
    let first = service.get(&format!("/v1/jobs/{}", jobs[0]["id"].as_str().unwrap())).await.json();
    assert_eq!(first["payload"], 1);
}

#[tokio::test]
async fn one_invalid_job_refuses_the_batch_and_is_named() {
    let service = Service::start().await;
    let good = json!({"kind": "k"});
    for (field, wrong) in [
        ("jobs[2].priority", json!({"kind": "k", "priority": 101})),
        ("jobs[2].priority", json!({"kind": "k", "priority": "high"})),
        ("jobs[2].kind", json!({"kind": "a b"})),
        ("jobs[2].unique.key", json!({"kind": "k", "unique": {"key": ""}})),
        ("jobs[2].quux", json!({"kind": "k", "quux": 1})),
        ("jobs[2].kind", json!({})),
        ("jobs[2]", json!("k")),
        ("jobs[2]", json!(["k"])),
    ] {
        let problem = push(&service, json!([good, good, wrong])).await.problem(422, "invalid_job");
        assert_eq!(problem["field"], field, "{problem}");
    }
    for (jobs, field) in
        [(json!([]), "jobs"), (json!(vec![good; 1001]), "jobs"), (json!({}), "jobs"), (json!(null), "jobs")]
    {
        assert_eq!(push(&service, jobs).await.problem(422, "invalid_job")["field"], field);
    }
    service.post("/v1/jobs/batch", "{}").await.problem(422, "invalid_job");
    service.post("/v1/jobs/batch", "{\"jobs\":[").await.problem(400, "invalid_json");
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], json!([]), "no job was accepted");
}

#[tokio::test]
async fn a_thousand_jobs_and_eight_mebibytes_are_allowed_and_no_more() {
    let service = Service::start().await;
    let answer = push(&service, json!(vec![json!({"kind": "k", "payload": "x".repeat(7_000)}); 1000])).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["jobs"].as_array().unwrap().len(), 1000);

    let large = json!(vec![json!({"kind": "k", "payload": "x".repeat(9_000)}); 1000]);
    push(&service, large).await.problem(413, "body_too_large");

    let queues = service.get("/v1/queues").await.json();
    assert_eq!(queues["queues"][0]["counts"]["ready"], 1000);
}

#[tokio::test]
async fn a_job_that_the_store_refuses_is_reported_in_its_place() {
    let service = Service::on(
        std::sync::Arc::new(crate::faulty::Faulty::default()),
        std::sync::Arc::new(longshore_core::artifact::InMemory::default()),
        |_| (),
    )
    .await;
    let answer = push(&service, json!([{"kind": "unwelcome"}])).await;
    assert_eq!(answer.status, 202);
    let error = &answer.json()["jobs"][0]["error"];
    assert_eq!([&error["code"], &error["detail"]], ["invalid_job", "that kind is not welcome"]);
}

#[tokio::test]
async fn a_batch_takes_no_idempotency_key_and_only_json() {
    let service = Service::start().await;
    let body = r#"{"jobs":[{"kind":"k"}]}"#;
    let request = Request::post("/v1/jobs/batch").header("content-type", "application/json");
    let problem = service.send(request.header("idempotency-key", "\"k\""), body).await.problem(400, "invalid_header");
    assert_eq!(problem["field"], "Idempotency-Key");
    service.send(Request::post("/v1/jobs/batch"), body).await.problem(415, "unsupported_media_type");
}
