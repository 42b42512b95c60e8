//! `GET /v1/jobs/{id}/result`.

use axum::http::Request;
use longshore_core::{Claim, Kind, Outcome, Settled, Settlement, Stored, WorkerSecret, limits};
use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn a_result_comes_byte_for_byte_in_a_cage() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    for (media, text, expected) in [
        ("application/json", "{ \"a\":1 }", "application/json"),
        ("text/html", "<script>alert(1)</script>", "text/html"),
        ("image/gif", "GIF89a", "image/gif"),
        ("text/plain\r\nx-evil: 1", "split", "application/octet-stream"),
    ] {
        let id = service.push(json!({"kind": "echo", "payload": {"text": text, "media": media}})).await;
        service.finished(&id).await;

        let answer = service.get(&format!("/v1/jobs/{id}/result")).await;

        assert_eq!((answer.status.as_u16(), answer.text()), (200, text));
        assert_eq!(answer.header("content-type"), expected);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-evil"), "");
    }
}

#[tokio::test]
async fn a_large_result_comes_whole_and_not_again_to_who_has_it() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    let bytes = limits::INLINE_RESULT_BYTES * 20;
    let id = service.push(json!({"kind": "bulk", "payload": {"bytes": bytes}})).await;
    service.finished(&id).await;
    let path = format!("/v1/jobs/{id}/result");

    let answer = service.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, bytes));

    let etag = answer.header("etag");
    assert!(etag.starts_with('"') && etag.ends_with('"'));
    for known in [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()] {
        let again = service.send(Request::get(&path).header("if-none-match", known), "").await;
        assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, etag));
    }
    let other = service.send(Request::get(&path).header("if-none-match", "\"x\""), "").await;
    assert_eq!(other.status, 200);
    let head = service.send(Request::head(&path), "").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), bytes.to_string());
}

#[tokio::test]
async fn a_job_without_a_result_has_no_content() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "nothing"})).await;
    let kind: Kind = "nothing".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
    let claimed = service.backend.claim(claim).await.unwrap().jobs.remove(0);
    let outcome = Outcome::Succeed { result: None };
    let settlement = Settlement::new(claimed.id, claimed.token, outcome);
    assert_eq!(*service.backend.settle(vec![settlement]).await[0].as_ref().unwrap(), Settled::Done);

    let answer = service.get(&format!("/v1/jobs/{id}/result")).await;

    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    assert_eq!(service.finished(&id).await["result"], json!(null));
}

#[tokio::test]
async fn an_unfinished_job_says_when_to_come_back() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps"})).await;

    let answer = service.get(&format!("/v1/jobs/{id}/result")).await;

    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (202, "1"));
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!([&body["code"], &body["state"], &body["status"]], [&json!("not_ready"), &json!("ready"), &json!(202)]);
    assert!(body["detail"].as_str().unwrap().ends_with("queued"));
}

#[tokio::test]
async fn a_result_that_will_never_be_or_is_no_more_is_a_problem() {
    let service = Service::start().await;
    let cancelled = service.push(json!({"kind": "steps", "queue": "idle"})).await;
    service.post(&format!("/v1/jobs/{cancelled}/cancel"), "{}").await;
    let (_worker, _) = service.work();
    let dead = service.push(json!({"kind": "fail", "payload": {"message": "broke"}})).await;
    let gone = service.push(json!({"kind": "bulk", "payload": {"bytes": 9}})).await;
    service.finished(&dead).await;
    service.finished(&gone).await;
    let Some(Stored::Artifact { name, .. }) = service.backend.job(gone.parse().unwrap()).await.unwrap().unwrap().result
    else {
        panic!("it is an artifact")
    };
    service.artifacts.delete(name).await.unwrap();

    let of = |id: String| format!("/v1/jobs/{id}/result");
    let problem = service.get(&of(cancelled)).await.problem(409, "job_cancelled");
    assert_eq!(problem["state"], "cancelled");
    let problem = service.get(&of(dead)).await.problem(409, "job_dead");
    assert!(problem["detail"].as_str().unwrap().ends_with("is dead (fatal): broke"), "{problem}");
    service.get(&of(gone)).await.problem(410, "result_gone");
    service.get(&of("nope".into())).await.problem(404, "unknown_job");
}

#[tokio::test]
async fn a_log_is_plain_text_whatever_is_in_it() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "idle"})).await;
    assert_eq!(service.get(&format!("/v1/jobs/{id}/log")).await.text(), "");
    let worker = WorkerSecret::new();
    let kind: Kind = "idle".parse().unwrap();
    let claim = Claim::new(worker.id(), vec!["default".parse().unwrap()], vec![kind.into()]);
    let claimed = service.backend.claim(claim).await.unwrap().jobs.remove(0);
    let hostile = "<script>alert(1)</script>\n";
    assert!(service.backend.write_log(claimed.id, claimed.token, hostile.into()).await.unwrap());

    let answer = service.get(&format!("/v1/jobs/{id}/log")).await;

    assert_eq!((answer.status.as_u16(), answer.text()), (200, hostile));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(service.get("/v1/jobs/nobody/log").await.status.as_u16(), 404);
}
