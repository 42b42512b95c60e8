//! `GET /v1/jobs/{id}`, without and with `wait`.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn a_job_is_found_by_its_id_and_by_its_alias() {
    let service = Service::start().await;
    let foreign = "0199c0de-0000-8000-8000-000000000000";
    let id = service.push(json!({"kind": "k", "alias": "order/7 <é>"})).await;
    let uuid = service.push(json!({"kind": "k", "alias": foreign})).await;

    assert_eq!(service.get(&format!("/v1/jobs/{id}")).await.json()["id"], id);
    assert_eq!(service.get("/v1/jobs/order%2F7%20%3C%C3%A9%3E").await.json()["id"], id);
    assert_eq!(service.get(&format!("/v1/jobs/{foreign}")).await.json()["id"], uuid, "an alias may look like an id");

    let newer = service.push(json!({"kind": "k", "alias": "order/7 <é>"})).await;
    assert_eq!(service.get("/v1/jobs/order%2F7%20%3C%C3%A9%3E").await.json()["id"], newer, "the newest counts");
}

#[tokio::test]
async fn an_unknown_id_is_a_problem() {
    let service = Service::start().await;
    for id in
        ["0199c0de-0000-8000-8000-000000000000", "nope", "..%2F..%2Fetc%2Fpasswd", "%00", &"x".repeat(900), "%3Cb%3E"]
    {
        service.get(&format!("/v1/jobs/{id}")).await.problem(404, "unknown_job");
        service.get(&format!("/v1/jobs/{id}?wait=1m")).await.problem(404, "unknown_job");
    }
    service.get("/v1/jobs/%ff").await.problem(400, "invalid_query");
}

#[tokio::test]
async fn a_finished_job_contains_its_outcome() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    let id = service.push(json!({"kind": "fail", "payload": {"message": "no <b>luck</b>"}})).await;

    let job = service.finished(&id).await;

    assert_eq!([&job["state"], &job["reason"]], [&json!("dead"), &json!("fatal")]);
    assert_eq!(job["status"], "Failed: no <b>luck</b>");
    assert_eq!([&job["attempt"], &job["failures"][0]["attempt"]], [&json!(1), &json!(1)]);
    assert_eq!(job["failures"][0]["message"], "no <b>luck</b>");
    assert_eq!(job["failures"][0]["worker"], job["worker"]);
    assert!(job["started_at"].as_str().unwrap() <= job["finished_at"].as_str().unwrap());
}

#[tokio::test]
async fn a_wait_ends_as_soon_as_the_job_is_finished() {
    let service = Service::start().await;
    let (_worker, gate) = service.work();
    let id = service.push(json!({"kind": "steps"})).await;
    let mut events = service.events(&id).await;
    while events.next().await.unwrap().data["progress"].is_null() {}
    let path = format!("/v1/jobs/{id}?wait=1m");

    let (job, ()) = tokio::join!(service.get(&path), async { gate.open() });

    let job = job.json();
    assert_eq!([&job["state"], &job["status"]], [&json!("succeeded"), &json!("complete")]);
    assert_eq!(job["result"], json!({"content_type": "application/json", "bytes": 6}));
    assert_eq!(service.get(&path).await.json()["state"], "succeeded", "and at once when it already is");
}

#[tokio::test]
async fn a_wait_ends_when_its_time_is_over() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps"})).await;

    let started = Instant::now();
    let job = service.get(&format!("/v1/jobs/{id}?wait=150ms")).await;

    assert_eq!((job.status.as_u16(), &job.json()["state"]), (200, &json!("ready")));
    assert!(started.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_wait_ignores_a_final_state_from_before_a_retry() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps"})).await;
    let mut early = service.backend.watch(id.parse().unwrap());
    assert_eq!(service.post(&format!("/v1/jobs/{id}/cancel"), "{}").await.status, 200);
    while !early.next().await.unwrap().state.is_final() {}
    service.post(&format!("/v1/jobs/{id}/retry"), "{}").await;
    let started = Instant::now();

    let job = service.get(&format!("/v1/jobs/{id}?wait=100ms")).await.json();

    assert_eq!(job["state"], "ready");
    assert!(started.elapsed() >= Duration::from_millis(100), "the job was final before the retry, and is not now");
}

#[tokio::test]
async fn an_invalid_wait_is_refused() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k"})).await;
    for query in ["wait=", "wait=30", "wait=61s", "wait=1h", "wait=-1s", "wait=soon"] {
        let problem = service.get(&format!("/v1/jobs/{id}?{query}")).await.problem(400, "invalid_query");
        assert_eq!(problem["field"], "wait");
    }
    for query in ["wiat=1s", "wait=1s&wait=2s"] {
        let problem = service.get(&format!("/v1/jobs/{id}?{query}")).await.problem(400, "invalid_query");
        assert!(problem["detail"].as_str().unwrap().contains(&query[..4]), "{problem}");
    }
}
