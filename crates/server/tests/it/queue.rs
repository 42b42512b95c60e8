//! `GET /v1/queues`, `POST /v1/queues/{queue}/pause` and `/resume`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::artifact::InMemory;
use longshore_core::{Clock, Memory, Queues, Rules, RulesChange, Timestamp};
use serde_json::{Value, json};

use crate::service::Service;

#[tokio::test]
async fn queues_are_counted() {
    let service = Service::start().await;
    assert_eq!(service.get("/v1/queues").await.json(), json!({"queues": [], "next": null}));
    service.push(json!({"kind": "k", "queue": "mail", "delay_ms": 99_999})).await;
    let (_worker, _) = service.work();
    for (kind, payload) in [("nothing", json!({})), ("fail", json!({"message": "x"}))] {
        let id = service.push(json!({"kind": kind, "payload": payload})).await;
        service.finished(&id).await;
    }
    service.push(json!({"kind": "unhandled"})).await;

    let queues = service.get("/v1/queues").await.json();

    let queue = |name: &str| queues["queues"].as_array().unwrap().iter().find(|queue| queue["queue"] == name).unwrap();
    let counts = json!({"scheduled": 0, "ready": 1, "running": 0, "succeeded": 1, "dead": 1, "cancelled": 0});
    assert_eq!(queue("default")["counts"], counts);
    assert!(queue("default")["oldest_ready_ms"].is_u64());
    assert_eq!(queue("mail")["counts"]["scheduled"], 1);
    assert_eq!(queue("mail")["oldest_ready_ms"], Value::Null);
}

#[tokio::test]
async fn queues_come_in_pages() {
    let service = Service::start().await;
    for queue in ["c", "a", "e", "b", "d"] {
        service.push(json!({"kind": "k", "queue": queue})).await;
    }
    let (mut names, mut sizes, mut path) = (Vec::new(), Vec::new(), "/v1/queues?limit=2".to_owned());
    loop {
        let page = service.get(&path).await.json();
        let queues = page["queues"].as_array().unwrap();
        sizes.push(queues.len());
        names.extend(queues.iter().map(|queue| queue["queue"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/queues?limit=2&after={next}");
    }
    assert_eq!((names.concat().as_str(), sizes), ("abcde", vec![2, 2, 1]));
    assert_eq!(service.get("/v1/queues").await.json()["next"], Value::Null);
    for (field, query) in [("limit", "limit=0"), ("limit", "limit=201"), ("after", "after=.."), ("aftr", "aftr=a")] {
        let problem = service.get(&format!("/v1/queues?{query}")).await.problem(400, "invalid_query");
        assert!(problem.to_string().contains(field), "{problem}");
    }
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

async fn paused(service: &Service, queue: &str) -> Value {
    let queues = service.get("/v1/queues").await.json();
    queues["queues"].as_array().unwrap().iter().find(|one| one["queue"] == queue).unwrap()["paused"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_starts_no_job_until_it_is_resumed() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    let pause = json!({"reason": "the <mail> host is down", "by": "ada"}).to_string();

    let queue = service.post("/v1/queues/default/pause", pause).await.json();

    assert_eq!([&queue["queue"], &queue["paused"]["until"]], [&json!("default"), &Value::Null]);
    assert_eq!([&queue["paused"]["reason"], &queue["paused"]["by"]], ["the <mail> host is down", "ada"]);
    let waits = service.push(json!({"kind": "nothing"})).await;
    for _ in 0..5 {
        let other = service.push(json!({"kind": "nothing", "queue": "a-b_c.d"})).await;
        assert_eq!(service.finished(&other).await["state"], "succeeded", "the worker works on others");
        assert_eq!(service.get(&format!("/v1/jobs/{waits}")).await.json()["state"], "ready");
    }
    assert_eq!(paused(&service, "default").await, queue["paused"]);
    assert_eq!(paused(&service, "a-b_c.d").await, Value::Null);

    let resumed = Instant::now();
    let queue = service.post("/v1/queues/default/resume", "").await.json();
    assert_eq!(queue["paused"], Value::Null);
    assert_eq!(service.finished(&waits).await["state"], "succeeded");
    assert!(resumed.elapsed() < Duration::from_secs(5), "the worker is woken");
    assert_eq!(service.post("/v1/queues/default/resume", "{}").await.status, 200, "once more does no harm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_with_an_end_ends_by_itself() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    let queue = service.post("/v1/queues/default/pause", r#"{"for_ms":300}"#).await.json();
    let until = time(&queue["paused"]["until"]);
    assert_eq!(until.since(time(&queue["paused"]["since"])), Duration::from_millis(300));

    let id = service.push(json!({"kind": "nothing"})).await;

    let job = service.finished(&id).await;
    assert!(time(&job["started_at"]) >= until, "{job}");
    assert_eq!(paused(&service, "default").await, Value::Null);
}

#[tokio::test]
async fn a_queue_can_be_paused_again_and_before_its_first_job() {
    let service = Service::start().await;
    let path = "/v1/queues/not-yet/pause";
    let tomorrow = Clock::default().now().after(Duration::from_secs(24 * 3600)).to_string();
    let at = json!({"until": tomorrow.replace('Z', "+00:00")}).to_string();
    assert_eq!(service.post(path, at).await.json()["paused"]["until"], tomorrow);
    let queue = service.send(axum::http::Request::post(path), "").await.json();
    assert_eq!(queue["paused"]["until"], Value::Null, "without a body it lasts until a resume");
    assert_eq!(queue["counts"]["ready"], 0);
    let over = service.post(path, r#"{"until":"2001-01-01T00:00:00Z"}"#).await;
    over.problem(422, "invalid_job"); // it would resume the queue
    assert!(service.get("/v1/queues").await.json()["queues"][0]["paused"].is_object());
}

#[tokio::test]
async fn an_invalid_pause_is_refused_with_its_field() {
    let service = Service::start().await;
    for (field, pause) in [
        ("until", json!({"until": "soon"})),
        ("until", json!({"until": "2999-01-01T00:00:00Z", "for_ms": 1})),
        ("for_ms", json!({"for_ms": -1})),
        ("for_ms", json!({"for_ms": u64::MAX})),
        ("reason", json!({"reason": ""})),
        ("by", json!({"by": "x".repeat(201)})),
        ("untl", json!({"untl": "2999-01-01T00:00:00Z"})),
    ] {
        let problem = service.post("/v1/queues/q/pause", pause.to_string()).await.problem(422, "invalid_job");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
    for verb in ["pause", "resume"] {
        let problem = service.post(&format!("/v1/queues/a%20b/{verb}"), "{}").await.problem(400, "invalid_query");
        assert_eq!(problem["field"], "queue");
    }
    assert_eq!(service.get("/v1/queues").await.json()["queues"], json!([]));
}

#[tokio::test]
async fn a_queue_with_a_rule_of_a_newer_version_is_not_changed() {
    let store = Arc::new(Memory::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |_| {}).await;
    let mut newer = Rules::default();
    newer.has_unknown = true;
    assert_eq!(store.change_rules("default".parse().unwrap(), 0, newer).await.unwrap(), RulesChange::Changed(1));
    let id = service.push(json!({"kind": "nothing"})).await;
    let queue = service.get("/v1/queues").await.json()["queues"][0].clone();
    assert_eq!((&queue["held_back"], &queue["paused"]), (&json!("unknown_rule"), &Value::Null));
    for verb in ["pause", "resume"] {
        let answer = service.post(&format!("/v1/queues/default/{verb}"), "{}".to_owned()).await;
        answer.problem(409, "unknown_rule");
    }
    assert_eq!(service.get(&format!("/v1/jobs/{id}")).await.json()["state"], "ready");
}
