//! `POST /v1/jobs/batch`.

use std::sync::Arc;

use axum::http::Request;
use longshore_core::artifact::InMemory;
use serde_json::{Value, json};

use crate::faulty::{Faulty, Mood};
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
async fn a_batch_that_the_store_takes_in_part_says_which_jobs_it_has_and_a_repeat_pushes_the_others() {
    let store = Arc::new(Faulty::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |_| ()).await;
    store.be(Mood::IsPartlyUnreachable);
    let body =
        json!({"jobs": [{"kind": "k"}, {"kind": "k", "queue": "unreachable"}, {"kind": "k", "delay_ms": 9_000}]});
    let push = async |key: &str| {
        let request = Request::post("/v1/jobs/batch").header("content-type", "application/json");
        service.send(request.header("idempotency-key", key), body.to_string()).await
    };

    let first = push("\"one\"").await;

    assert_eq!(first.status, 202);
    let first = first.json()["jobs"].clone();
    assert_eq!((&first[0]["state"], &first[2]["state"]), (&json!("ready"), &json!("scheduled")));
    assert_eq!((&first[1]["error"]["code"], &first[1]["id"]), (&json!("unavailable"), &Value::Null));
    store.be(Mood::Fine);
    let (_worker, _) = service.work();
    let again = push("one").await.json()["jobs"].clone();
    assert_eq!((&again[0], &again[2]), (&first[0], &first[2]), "a repeat gets the answers of the first request");
    assert_eq!(again[1]["state"], "ready");
    assert_eq!(push("one").await.json()["jobs"], again);
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_key_belongs_to_one_batch_and_is_no_key_of_a_single_push() {
    let service = Service::start().await;
    let post = async |path: &str, body: Value| {
        let request = Request::post(path).header("content-type", "application/json").header("idempotency-key", "k");
        service.send(request, body.to_string()).await
    };
    let first = post("/v1/jobs/batch", json!({"jobs": [{"kind": "a"}, {"kind": "a"}]})).await.json()["jobs"].clone();
    assert_ne!(first[0]["id"], first[1]["id"], "equal jobs of a batch are different jobs");

    let other = post("/v1/jobs/batch", json!({"jobs": [{"kind": "a"}, {"kind": "b"}]})).await.json()["jobs"].clone();

    for place in [0, 1] {
        assert_eq!(other[place]["error"]["code"], "idempotency_conflict", "{other}");
        assert_eq!(other[place]["error"]["other"], first[place]["id"]);
    }
    assert_eq!(post("/v1/jobs", json!({"kind": "a"})).await.status, 202);
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_batch_takes_only_json_and_valid_keys() {
    let service = Service::start().await;
    let body = r#"{"jobs":[{"kind":"k"}]}"#;
    let request = Request::post("/v1/jobs/batch").header("content-type", "application/json");
    let problem = service.send(request.header("idempotency-key", "\"k"), body).await.problem(400, "invalid_header");
    assert_eq!(problem["field"], "Idempotency-Key");
    service.send(Request::post("/v1/jobs/batch"), body).await.problem(415, "unsupported_media_type");
}
