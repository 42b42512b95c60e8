//! The memory of answers: pages of large jobs, clients that do not read, and errors about long names.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{Raw, soon};
use crate::service::Service;

async fn push_large(service: &Service, jobs: usize) {
    for _ in 0..jobs {
        service.push(json!({"kind": "k", "payload": "x".repeat(200_000)})).await;
    }
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes_and_the_next_one_continues() {
    let service = Service::with(|config| config.page_bytes = 1_000_000).await;
    for n in 0..60 {
        service.push(json!({"kind": "small", "payload": n})).await;
    }
    push_large(&service, 12).await;

    let (mut pages, mut ids, mut after) = (Vec::new(), Vec::new(), String::new());
    loop {
        let answer = service.get(&format!("/v1/jobs?limit=200{after}")).await;
        assert!(answer.body.len() <= 1_100_000, "{} bytes", answer.body.len());
        let page = answer.json();
        let jobs = page["jobs"].as_array().unwrap();
        pages.push(jobs.len());
        ids.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }

    assert!(pages[0] == 4 && pages.len() >= 3, "{pages:?}");
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), all), (72, 72), "no job is missing and none comes twice");
    let small = Service::with(|config| config.page_bytes = 1_000).await;
    push_large(&small, 2).await;
    let page = small.get("/v1/jobs").await.json();
    assert_eq!(page["jobs"].as_array().unwrap().len(), 1, "a large job is alone on its page");
    assert!(page["next"].is_string());
}

#[tokio::test]
async fn answers_that_clients_do_not_read_share_limited_memory() {
    let service = Service::with(|config| {
        config.answers_bytes = 9_000_000;
        config.stall_timeout = Duration::from_secs(60);
    })
    .await;
    push_large(&service, 15).await;
    let mut unread = Vec::new();
    let refused = async {
        loop {
            let mut raw = Raw::connect_with_small_buffer(service.addr).await;
            raw.send("GET /v1/jobs HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
            let head = raw.until("\r\n").await;
            if head.contains(" 503 ") {
                return raw.until("}").await;
            }
            assert!(head.contains(" 200 "), "{head}");
            unread.push(raw);
        }
    };

    let refused = soon(refused).await;

    assert!(refused.contains("\"too_busy\"") && refused.contains("retry-after: "), "{refused}");
    assert!((2..=16).contains(&unread.len()), "{} answers of 3 MB", unread.len());
    assert_eq!(service.get("/v1/queues").await.status, 200, "small answers need no memory");
    service.post("/v1/jobs", r#"{"kind":"k"}"#).await;
    drop(unread);
    let again = async { while service.get("/v1/jobs").await.status != 200 {} };
    soon(again).await;
}

#[tokio::test]
async fn an_error_about_a_long_name_is_short() {
    let service = Service::start().await;
    let name = "x".repeat(500_000);
    for (path, body) in [
        ("/v1/jobs", format!(r#"{{"kind":"k","{name}":1}}"#)),
        ("/v1/jobs", format!(r#"{{"kind":"{name}"}}"#)),
        ("/v1/jobs", format!(r#"{{"kind":"k","queue":"{name}"}}"#)),
        ("/v1/jobs", format!(r#"{{"kind":"k","run_at":"{name}"}}"#)),
        ("/v1/jobs", format!(r#"{{"kind":"k","alias":"{name}"}}"#)),
        ("/v1/jobs", format!(r#"{{"kind":"k","unique":{{"key":"k","scope":"{name}"}}}}"#)),
        ("/v1/jobs/batch", format!(r#"{{"jobs":[{{"kind":"k","{name}":1}}]}}"#)),
        ("/v1/jobs/batch", format!(r#"{{"{name}":1}}"#)),
        ("/v1/queues/q/pause", format!(r#"{{"until":"{name}"}}"#)),
        ("/v1/queues/q/pause", format!(r#"{{"{name}":1}}"#)),
    ] {
        let answer = service.post(path, body).await;
        assert!(answer.status == 422 || answer.status == 400, "{path}");
        assert!(answer.body.len() < 2_500, "{path}: {} bytes", answer.body.len());
        let problem: Value = answer.json();
        assert!(problem["detail"].as_str().unwrap().contains('x'), "{problem}");
    }
    let long = "y".repeat(10_000);
    for path in [
        format!("/v1/jobs?{long}=1"),
        format!("/v1/jobs?queue={long}"),
        format!("/v1/jobs?tag={long}"),
        format!("/v1/jobs/{long}"),
        format!("/{long}"),
    ] {
        let answer = service.get(&path).await;
        assert!(answer.body.len() < 2_500, "{} bytes", answer.body.len());
    }
}
