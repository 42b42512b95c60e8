//! Actions on jobs: cancel, retry, delete.

use axum::http::Request;
use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once_and_can_be_retried() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k", "alias": "a1"})).await;

    let job = service.post("/v1/jobs/a1/cancel", "{}").await;
    assert_eq!(job.status, 200);
    let job = job.json();
    assert_eq!([&job["id"], &job["state"], &job["status"]], [&json!(id), &json!("cancelled"), &json!("cancelled")]);

    let job = service.send(Request::post("/v1/jobs/a1/retry"), "").await.json();
    assert_eq!([&job["id"], &job["state"], &job["finished_at"]], [&json!(id), &json!("ready"), &json!(null)]);
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    let id = service.push(json!({"kind": "steps"})).await;
    let mut events = service.events(&id).await;
    while events.next().await.unwrap().data["state"] != "running" {}

    let job = service.post(&format!("/v1/jobs/{id}/cancel"), "{}").await.json();

    assert!(job["cancel_asked"] == true || job["state"] == "cancelled", "{job}");
    assert_eq!(service.finished(&id).await["state"], "cancelled");
}

#[tokio::test]
async fn a_scheduled_job_is_retried_now() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k", "delay_ms": 3_600_000})).await;
    assert_eq!(service.post(&format!("/v1/jobs/{id}/retry"), "{}").await.json()["state"], "ready");
}

#[tokio::test]
async fn an_action_in_the_wrong_state_is_refused_with_the_state() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k"})).await;
    let this = format!("/v1/jobs/{id}");
    let delete = || service.send(Request::delete(&this), "");

    let problem = service.post(&format!("{this}/retry"), "{}").await.problem(409, "wrong_state");
    assert_eq!(problem["state"], "ready");
    assert_eq!(problem["detail"], format!("job {id} is ready and cannot be retried"));
    assert_eq!(delete().await.problem(409, "wrong_state")["state"], "ready");

    service.post(&format!("{this}/cancel"), "{}").await;
    let problem = service.post(&format!("{this}/cancel"), "{}").await.problem(409, "wrong_state");
    assert_eq!(problem["state"], "cancelled");
}

#[tokio::test]
async fn a_finished_job_is_deleted_with_the_next_upkeep() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k"})).await;
    let this = format!("/v1/jobs/{id}");
    service.post(&format!("{this}/cancel"), "{}").await;

    let answer = service.send(Request::delete(&this), "").await;

    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    service.backend.upkeep().await.unwrap();
    service.get(&this).await.problem(404, "unknown_job");
}

#[tokio::test]
async fn a_retry_is_refused_if_another_job_holds_the_unique_key() {
    let service = Service::start().await;
    let job = json!({"kind": "k", "unique": {"key": "u"}});
    let first = service.push(job.clone()).await;
    service.post(&format!("/v1/jobs/{first}/cancel"), "{}").await;
    let second = service.push(job).await;

    let problem = service.post(&format!("/v1/jobs/{first}/retry"), "{}").await.problem(409, "unique_conflict");

    assert_eq!(problem["other"], second);
}

#[tokio::test]
async fn an_action_on_an_unknown_job_or_with_an_invalid_body_is_refused() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k"})).await;
    service.post("/v1/jobs/nope/cancel", "{}").await.problem(404, "unknown_job");
    service.post("/v1/jobs/nope/retry", "{}").await.problem(404, "unknown_job");
    service.send(Request::delete("/v1/jobs/nope"), "").await.problem(404, "unknown_job");

    let cancel = format!("/v1/jobs/{id}/cancel");
    let problem = service.post(&cancel, r#"{"reason":"x"}"#).await.problem(422, "invalid_job");
    assert!(problem["detail"].as_str().unwrap().contains("reason"), "{problem}");
    service.post(&cancel, "{").await.problem(400, "invalid_json");
    service.send(Request::post(&cancel), "{}").await.problem(415, "unsupported_media_type");
    for media in ["application/x-www-form-urlencoded", "text/plain"] {
        for body in ["", "a=b"] {
            let form = Request::post(&cancel).header("content-type", media);
            service.send(form, body).await.problem(415, "unsupported_media_type");
        }
    }
    assert_eq!(service.get(&format!("/v1/jobs/{id}")).await.json()["state"], "ready");
}
