//! All errors and their format.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::{Method, Request};
use longshore_core::artifact::InMemory;
use longshore_core::{ErrorKind, Memory};
use longshore_wire::CODES;
use serde_json::json;

use crate::faulty::{Buggy, Faulty, Mood};
use crate::service::Service;

#[test]
fn every_code_is_documented_and_unique() {
    let mut names = HashSet::new();
    for code in CODES {
        assert!(names.insert(code.as_str()), "{code:?} has the name of another");
        assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code:?}");
        assert!(code.meaning().ends_with('.') && code.meaning().len() > 20, "{code:?} needs a sentence");
        assert!(!code.title().ends_with('.') && !code.title().is_empty(), "{code:?}");
        assert!((400..600).contains(&code.status()) || code.as_str() == "not_ready");
    }
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let service = Service::start().await;
    for path in
        ["/", "/v1", "/v1/jobs/", "/v2/jobs", "/assets/demo.js", "/image_status", "/v1/jobs/a/b/c", "//", "/%00"]
    {
        let answer = service.get(path).await;
        answer.problem(404, "not_found");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    service.send(Request::post("/nowhere"), "").await.problem(404, "not_found");
}

#[tokio::test]
async fn every_route_refuses_other_methods() {
    let service = Service::start().await;
    for (path, allowed) in [
        ("/v1/jobs", "GET,HEAD,POST"),
        ("/v1/jobs/x", "GET,HEAD,DELETE"),
        ("/v1/jobs/x/events", "GET,HEAD"),
        ("/v1/jobs/x/result", "GET,HEAD"),
        ("/v1/jobs/x/cancel", "POST"),
        ("/v1/jobs/x/retry", "POST"),
        ("/v1/queues", "GET,HEAD"),
        ("/v1/queues/x/pause", "POST"),
        ("/v1/queues/x/resume", "POST"),
        ("/openapi.json", "GET,HEAD"),
        ("/healthz", "GET,HEAD"),
        ("/readyz", "GET,HEAD"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.split(',').any(|one| one == method) {
                continue;
            }
            let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
            let answer = service.send(request, "").await;
            match method {
                "OPTIONS" => assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{path}"),
                _ => drop(answer.problem(405, "method_not_allowed")),
            }
            assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_store_error_is_reported_without_the_stores_message() {
    let store = Arc::new(Faulty::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |_| ()).await;
    let id = service.push(json!({"kind": "k"})).await;
    for (mood, status, code, retry_after, words) in [
        (Mood::Fails(ErrorKind::Unavailable), 503, "unavailable", Some(5..=15), "nothing was changed"),
        (Mood::LosesReplies, 503, "unavailable", Some(5..=15), "may have been made"),
        (Mood::Fails(ErrorKind::Full), 507, "store_full", Some(30..=90), "nothing was changed"),
        (Mood::Fails(ErrorKind::Refused), 500, "store_refused", None, "nothing was changed"),
        (Mood::Fails(ErrorKind::Corrupt), 500, "store_refused", None, "nothing was changed"),
    ] {
        store.be(mood);
        for answer in [
            service.post("/v1/jobs", r#"{"kind":"k"}"#).await,
            service.get("/v1/jobs").await,
            service.get("/v1/queues").await,
            service.get(&format!("/v1/jobs/{id}")).await,
            service.get(&format!("/v1/jobs/{id}/events")).await,
            service.get(&format!("/v1/jobs/{id}/result")).await,
            service.post(&format!("/v1/jobs/{id}/cancel"), "{}").await,
            service.post("/v1/jobs/batch", r#"{"jobs":[{"kind":"k"}]}"#).await,
            service.post("/v1/queues/q/pause", "{}").await,
            service.post("/v1/queues/q/resume", "{}").await,
            service.get("/readyz").await,
        ] {
            let problem = answer.problem(status, code);
            match &retry_after {
                Some(within) => answer.comes_back(within.clone()),
                None => assert_eq!(answer.header("retry-after"), ""),
            }
            assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
            assert!(!answer.text().contains("/secret/path"));
        }
    }
    store.be(Mood::Fine);
    let refused = service.post("/v1/jobs", r#"{"kind":"unwelcome"}"#).await.problem(422, "invalid_job");
    assert_eq!(refused["detail"], "that kind is not welcome");
}

#[tokio::test]
async fn a_panic_is_answered_and_the_server_continues() {
    let service = Service::on(Arc::new(Memory::default()), Arc::new(Buggy), |_| ()).await;
    let (_worker, _) = service.work();
    let id = service.push(json!({"kind": "bulk", "payload": {"bytes": 9}})).await;
    service.finished(&id).await;

    let answer = service.get(&format!("/v1/jobs/{id}/result")).await;

    answer.problem(500, "internal");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(!answer.text().contains("on purpose"));
    assert_eq!(service.get("/healthz").await.status, 200);
}
