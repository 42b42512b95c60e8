//! `GET /v1/jobs`.

use std::sync::Arc;

use longshore_core::artifact::InMemory;
use serde_json::{Value, json};

use crate::faulty::{Faulty, Mood};
use crate::service::Service;

fn ids(page: &Value) -> Vec<String> {
    page["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn jobs_are_listed_newest_first_and_page_by_page() {
    let service = Service::start().await;
    let mut pushed = Vec::new();
    for n in 0..7 {
        pushed.push(service.push(json!({"kind": "k", "payload": n})).await);
    }
    pushed.reverse();

    assert_eq!(ids(&service.get("/v1/jobs").await.json()), pushed);
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("/v1/jobs?limit=3{after}")).await.json();
        assert!(ids(&page).len() <= 3);
        listed.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(listed, pushed);
    assert_eq!(service.get("/v1/jobs?limit=1").await.json()["jobs"][0]["payload"], 6, "jobs are whole");
}

#[tokio::test]
async fn lists_say_which_queues_are_unreachable() {
    let store = Arc::new(Faulty::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |_| ()).await;
    service.push(json!({"kind": "k"})).await;
    assert_eq!(service.get("/v1/jobs").await.json()["unreachable"], json!([]));

    store.be(Mood::IsPartlyUnreachable);

    let page = service.get("/v1/jobs").await.json();
    assert_eq!((page["jobs"].as_array().unwrap().len(), &page["unreachable"]), (1, &json!(["unreachable"])));
    let queues = service.get("/v1/queues").await.json();
    let held_back = queues["queues"].as_array().unwrap().iter().map(|queue| &queue["held_back"]);
    assert_eq!(held_back.collect::<Vec<_>>(), [&Value::Null, &json!("unreachable")]);
}

#[tokio::test]
async fn jobs_are_found_by_each_filter() {
    let service = Service::start().await;
    let plain = service.push(json!({"kind": "k"})).await;
    let other = service.push(json!({"kind": "other.kind"})).await;
    let queue = service.push(json!({"kind": "k", "queue": "mail"})).await;
    let tag = service.push(json!({"kind": "k", "tags": ["a", "b <c>"]})).await;
    let key = service.push(json!({"kind": "k", "key": "tenant 7"})).await;
    let later = service.push(json!({"kind": "k", "delay_ms": 99_999})).await;

    for (query, expected) in [
        ("kind=other.kind", &other),
        ("queue=mail", &queue),
        ("tag=b+%3Cc%3E", &tag),
        ("key=tenant%207", &key),
        ("state=scheduled", &later),
    ] {
        assert_eq!(
            ids(&service.get(&format!("/v1/jobs?{query}")).await.json()),
            std::slice::from_ref(expected),
            "{query}"
        );
    }
    assert_eq!(ids(&service.get("/v1/jobs?queue=mail&state=dead").await.json()), [""; 0]);
    assert!(ids(&service.get("/v1/jobs?state=ready&kind=k&queue=default").await.json()).contains(&plain));
}

#[tokio::test]
async fn an_invalid_query_is_refused_with_its_parameter() {
    let service = Service::start().await;
    for (field, query) in [
        ("queue", "queue=a/b"),
        ("kind", "kind="),
        ("state", "state=asleep"),
        ("tag", "tag=%0a"),
        ("key", "key="),
        ("after", "after=soon"),
        ("limit", "limit=0"),
        ("limit", "limit=201"),
        ("limit", "limit=-1"),
        ("limit", "limit=99999999999999999999"),
        ("quux", "quux=1"),
        ("limit", "limit=1&limit=2"),
    ] {
        let problem = service.get(&format!("/v1/jobs?{query}")).await.problem(400, "invalid_query");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{query}: {problem}");
    }
    assert_eq!(service.get("/v1/jobs?limit=200").await.status, 200);
}

#[tokio::test]
async fn markup_is_returned_as_json() {
    let service = Service::start().await;
    let markup = "<img src=x onerror='alert(1)'>\"&";
    service
        .push(json!({"kind": "k", "key": markup, "tags": [markup], "alias": markup, "payload": {"text": markup}}))
        .await;

    for path in ["/v1/jobs", "/v1/jobs/%3Cimg%20src=x%20onerror='alert(1)'%3E%22&", "/v1/jobs/<b>'", "/<script>'"] {
        let path = path.replace('<', "%3C").replace('>', "%3E");
        let answer = service.get(&path).await;
        let media = answer.header("content-type");
        assert!(media == "application/json" || media == "application/problem+json", "{media}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        answer.json();
    }
    let job = &service.get("/v1/jobs").await.json()["jobs"][0];
    assert_eq!([&job["key"], &job["tags"][0], &job["alias"], &job["payload"]["text"]], [markup; 4]);
    for query in ["queue", "kind", "state"] {
        let path = format!("/v1/jobs?{query}=%3Cscript%3E'");
        service.get(&path).await.problem(400, "invalid_query");
    }
}
