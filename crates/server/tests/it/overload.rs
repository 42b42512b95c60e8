//! Overload: the server refuses excess requests immediately and continues to work.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::artifact::InMemory;
use serde_json::json;

use crate::faulty::{Faulty, Mood};
use crate::http::soon;
use crate::service::Service;

const JOB: &str = r#"{"kind":"k"}"#;

#[tokio::test]
async fn a_push_above_the_limit_is_refused_immediately() {
    let store = Arc::new(Faulty::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |config| config.pushes = 1).await;
    store.be(Mood::Hangs);

    let refused = tokio::select! {
        one = service.post("/v1/jobs", JOB) => one,
        other = service.post("/v1/jobs/batch", r#"{"jobs":[{"kind":"k"}]}"#) => other,
    };

    refused.problem(503, "too_busy");
    refused.comes_back(1..=3);
    store.be(Mood::Fine);
    assert_eq!(service.get("/v1/queues").await.status, 200, "everything else works");
    let refused = service.post("/v1/jobs", JOB).await;
    refused.problem(503, "too_busy"); // the hanging push continues although its caller has disconnected
}

#[tokio::test]
async fn a_wait_above_the_limit_is_refused_immediately() {
    let service = Service::with(|config| config.waits = 1).await;
    let id = service.push(json!({"kind": "steps"})).await;
    let path = format!("/v1/jobs/{id}?wait=1m");

    let refused = tokio::select! {
        one = service.get(&path) => one,
        other = service.get(&path) => other,
    };

    refused.problem(503, "too_many_waits");
    refused.comes_back(1..=3);
    assert_eq!(service.get(&format!("/v1/jobs/{id}")).await.status, 200);
    let answered_again = async { while service.get(&format!("/v1/jobs/{id}?wait=10ms")).await.status != 200 {} };
    soon(answered_again).await;
}

#[tokio::test]
async fn large_bodies_share_limited_memory_and_small_ones_need_none() {
    let service = Service::with(|config| config.bodies_bytes = 256 * 1024).await;
    let large = |kib: usize| format!(r#"{{"kind":"k","payload":"{}"}}"#, "x".repeat(kib * 1024));
    let mut holding = service.raw().await;
    let head = "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let text = large(200);
    holding.send(format!("{head}content-length: {}\r\n\r\n{}", text.len(), &text[..text.len() - 1])).await;

    let refused = async {
        loop {
            let answer = service.post("/v1/jobs", large(200)).await;
            if answer.status == 503 {
                return answer;
            }
        }
    };
    let refused = soon(refused).await;

    refused.problem(503, "too_busy");
    refused.comes_back(1..=3);
    assert_eq!(service.post("/v1/jobs", large(60)).await.status, 202);
    holding.send("}").await;
    assert!(holding.rest().await.starts_with("HTTP/1.1 202"), "a body that has its memory is accepted");
    assert_eq!(service.post("/v1/jobs", large(200)).await.status, 202, "and its memory is free again");
}

#[tokio::test]
async fn a_full_queue_accepts_no_jobs_but_others_do() {
    let service = Service::with(|config| config.queue_depth = Some(3)).await;
    let job = service.push(json!({"kind": "k"})).await;
    service.push(json!({"kind": "k", "delay_ms": 60_000})).await;

    let batch = r#"{"jobs":[{"kind":"k","queue":"other"},{"kind":"k"},{"kind":"k"}]}"#;
    service.post("/v1/jobs/batch", batch).await.problem(429, "queue_full");
    assert_eq!(service.post("/v1/jobs", JOB).await.status, 202, "no job of the batch was accepted");
    let refused = service.post("/v1/jobs", JOB).await;

    let problem = refused.problem(429, "queue_full");
    assert!(problem["detail"].as_str().unwrap().contains("`default`"), "{problem}");
    refused.comes_back(5..=15);
    assert_eq!(service.post("/v1/jobs", r#"{"kind":"k","queue":"other"}"#).await.status, 202);
    service.post(&format!("/v1/jobs/{job}/cancel"), "").await;
    let taken_again = async { while service.post("/v1/jobs", JOB).await.status != 202 {} };
    soon(taken_again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_quickly_and_every_answer_is_true() {
    let service = Arc::new(Service::with(|config| config.pushes = 2).await);
    let began = std::time::Instant::now();
    let flood = (0..64).map(|_| {
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..20 {
                let answer = service.post("/v1/jobs", JOB).await;
                match answer.status.as_u16() {
                    202 => taken.push(answer.json()["id"].as_str().unwrap().to_owned()),
                    503 => answer.comes_back(1..=3),
                    _ => panic!("{}", answer.text()),
                }
            }
            taken
        })
    });
    let mut taken = Vec::new();
    for client in flood.collect::<Vec<_>>() {
        taken.extend(client.await.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    let queues = service.get("/v1/queues").await.json();
    assert_eq!(queues["queues"][0]["counts"]["ready"], taken.len());
    for id in taken.iter().step_by(50) {
        assert_eq!(service.get(&format!("/v1/jobs/{id}")).await.status, 200);
    }
}
