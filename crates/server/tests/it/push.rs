//! `POST /v1/jobs`.

use std::time::Duration;

use axum::http::Request;
use longshore_core::Clock;
use serde_json::{Value, json};

use crate::service::Service;

#[tokio::test]
async fn a_job_is_accepted_with_every_field() {
    let service = Service::start().await;
    let job = json!({
        "kind": "echo", "payload": {"text": "hi"}, "queue": "mail", "delay_ms": 60_000, "priority": -7, "key": "tenant 7",
        "unique": {"key": "u"}, "reuse": {"key": "r", "within_ms": 1000}, "alias": "order/7", "max_attempts": 3,
        "timeout_ms": 1500, "deadline": "2999-01-01T00:00:00Z", "tags": ["a", "b"],
    });

    let answer = service.post("/v1/jobs", job.to_string()).await;

    assert_eq!(answer.status, 202);
    let pushed = answer.json();
    let id = pushed["id"].as_str().unwrap();
    let this = format!("/v1/jobs/{id}");
    assert_eq!(answer.header("location"), this);
    assert_eq!(
        pushed,
        json!({
            "id": id, "state": "scheduled", "existing": null,
            "links": {
                "self": this, "events": format!("{this}/events"), "result": format!("{this}/result"),
                "cancel": format!("{this}/cancel"), "retry": format!("{this}/retry"),
            },
        })
    );
    let job = service.get(&this).await.json();
    for (field, value) in [
        ("queue", json!("mail")),
        ("kind", json!("echo")),
        ("priority", json!(-7)),
        ("key", json!("tenant 7")),
        ("unique_key", json!("u")),
        ("alias", json!("order/7")),
        ("max_attempts", json!(3)),
        ("attempt", json!(0)),
        ("timeout_ms", json!(1500)),
        ("deadline", json!("2999-01-01T00:00:00.000Z")),
        ("tags", json!(["a", "b"])),
        ("state", json!("scheduled")),
        ("status", json!("queued")),
        ("payload", json!({"text": "hi"})),
        ("progress", Value::Null),
        ("result", Value::Null),
        ("reason", Value::Null),
        ("started_at", Value::Null),
        ("finished_at", Value::Null),
        ("worker", Value::Null),
        ("cancel_asked", json!(false)),
        ("failures", json!([])),
        ("crashes", json!(0)),
        ("interruptions", json!(0)),
        ("version", json!(1)),
        ("links", pushed["links"].clone()),
    ] {
        assert_eq!(job[field], value, "{field}");
    }
}

#[tokio::test]
async fn a_missing_field_has_its_default() {
    let service = Service::start().await;

    let answer = service.post("/v1/jobs", r#"{"kind":"echo"}"#).await;

    assert_eq!((answer.status.as_u16(), answer.json()["state"].as_str()), (202, Some("ready")));
    let job = service.get(answer.header("location")).await.json();
    assert_eq!(
        [&job["queue"], &job["max_attempts"], &job["timeout_ms"], &job["payload"], &job["priority"]],
        [&json!("default"), &json!(20), &json!(1_800_000), &json!({}), &json!(0)]
    );
}

#[tokio::test]
async fn a_payload_is_kept_byte_for_byte() {
    let service = Service::start().await;
    for payload in [r#"{ "b":1.50,  "a" : 1e2, "a":"\u00e9/" }"#, "null", "[]", "12345678901234567890123", r#""<b>""#] {
        let answer = service.post("/v1/jobs", format!(r#"{{"kind":"echo","payload":{payload}}}"#)).await;
        let job = service.get(answer.header("location")).await;
        assert!(job.text().contains(&format!(r#""payload":{payload},"#)), "{}", job.text());
    }
}

#[tokio::test]
async fn a_job_for_a_later_time_is_scheduled_and_one_for_a_past_time_is_ready() {
    let service = Service::start().await;
    let next_year = Clock::default().now().after(Duration::from_secs(366 * 24 * 3600)).to_string();
    for (at, state) in [(next_year.as_str(), "scheduled"), ("2001-01-01T00:00:00+02:00", "ready")] {
        let answer = service.post("/v1/jobs", json!({"kind": "echo", "run_at": at}).to_string()).await;
        assert_eq!(answer.json()["state"], state);
        assert_eq!(service.get(answer.header("location")).await.json()["state"], state);
    }
}

#[tokio::test]
async fn an_existing_job_is_returned_for_its_unique_or_reuse_key() {
    let service = Service::start().await;
    let unique = json!({"kind": "nothing", "queue": "idle", "unique": {"key": "k", "scope": "until_started"}});
    let first = service.push(unique.clone()).await;

    let again = service.post("/v1/jobs", unique.to_string()).await;

    assert_eq!(again.status, 200);
    assert_eq!(again.header("location"), format!("/v1/jobs/{first}"));
    let again = again.json();
    assert_eq!([&again["id"], &again["existing"], &again["state"]], [&json!(first), &json!("unique"), &json!("ready")]);

    let reuse = json!({"kind": "nothing", "reuse": {"key": "k", "within_ms": 60_000}, "unique": {"key": "x", "scope": {"for_ms": 1}}});
    let (_worker, _) = service.work();
    let first = service.push(reuse.clone()).await;
    service.finished(&first).await;
    let again = service.post("/v1/jobs", reuse.to_string()).await.json();
    assert_eq!(
        [&again["id"], &again["existing"], &again["state"]],
        [&json!(first), &json!("reuse"), &json!("succeeded")]
    );
}

#[tokio::test]
async fn an_invalid_field_is_named() {
    let service = Service::start().await;
    let long = "x".repeat(201);
    for (field, job) in [
        ("kind", json!({})),
        ("kind", json!({"kind": 7})),
        ("kind", json!({"kind": "<script>"})),
        ("queue", json!({"kind": "k", "queue": "../etc"})),
        ("queu", json!({"kind": "k", "queu": "mail"})),
        ("payload", json!({"kind": "k", "payload": (0..70).fold(json!(1), |deep, _| json!([deep]))})),
        ("payload", json!({"kind": "k", "payload": "x".repeat(256 * 1024)})),
        ("delay_ms", json!({"kind": "k", "delay_ms": -1})),
        ("delay_ms", json!({"kind": "k", "delay_ms": u64::MAX})),
        ("run_at", json!({"kind": "k", "run_at": "tomorrow"})),
        ("run_at", json!({"kind": "k", "run_at": "2999-01-01T00:00:00Z", "delay_ms": 1})),
        ("priority", json!({"kind": "k", "priority": 101})),
        ("priority", json!({"kind": "k", "priority": 99_999})),
        ("key", json!({"kind": "k", "key": ""})),
        ("unique", json!({"kind": "k", "unique": ["a key", "until_finished"]})),
        ("reuse", json!({"kind": "k", "reuse": ["a key", 1]})),
        ("object", json!(["k"])),
        ("object", json!(null)),
        ("unique.key", json!({"kind": "k", "unique": {"key": long}})),
        ("unique.scope", json!({"kind": "k", "unique": {"key": "k", "scope": "for_ever"}})),
        ("unique.scope", json!({"kind": "k", "unique": {"key": "k", "scope": {"for_ms": u64::MAX}}})),
        ("reuse.key", json!({"kind": "k", "reuse": {"key": "a\nb", "within_ms": 1}})),
        ("reuse.within_ms", json!({"kind": "k", "reuse": {"key": "k", "within_ms": u64::MAX}})),
        ("alias", json!({"kind": "k", "alias": long})),
        ("max_attempts", json!({"kind": "k", "max_attempts": 0})),
        ("timeout_ms", json!({"kind": "k", "timeout_ms": 0})),
        ("deadline", json!({"kind": "k", "deadline": "13:00"})),
        ("tags", json!({"kind": "k", "tags": vec!["t"; 17]})),
        ("tags", json!({"kind": "k", "tags": ["a\tb"]})),
    ] {
        let problem = service.post("/v1/jobs", job.to_string()).await.problem(422, "invalid_job");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(field), "{field} is not named in {problem}");
    }
    assert_eq!(service.get("/v1/jobs").await.json()["jobs"], json!([]), "no job was accepted");
}

#[tokio::test]
async fn an_invalid_or_missing_field_is_described_in_terms_of_json() {
    let service = Service::start().await;
    for (field, detail, job) in [
        ("kind", "kind: this field is required", json!({})),
        (
            "priority",
            "priority: expected a whole number from -100 to 100, got string \"high\"",
            json!({"kind": "k", "priority": "high"}),
        ),
        ("tags[1]", "tags[1]: expected a string, got null", json!({"kind": "k", "tags": ["a", null]})),
        ("unique.key", "unique.key: this field is required", json!({"kind": "k", "unique": {}})),
        (
            "unique.scope",
            "unique.scope: expected \"until_started\", \"until_finished\" or {\"for_ms\": 60000}, got the number 7",
            json!({"kind": "k", "unique": {"key": "u", "scope": 7}}),
        ),
    ] {
        let problem = service.post("/v1/jobs", job.to_string()).await.problem(422, "invalid_job");
        assert_eq!([&problem["field"], &problem["detail"]], [field, detail], "{problem}");
    }
}

#[tokio::test]
async fn a_deadline_may_be_a_time_from_the_push() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "k", "queue": "idle", "deadline_in_ms": 60_000})).await;

    let job = service.get(&format!("/v1/jobs/{id}")).await.json();

    let moment = |field: &str| job[field].as_str().unwrap().parse::<longshore_core::Timestamp>().unwrap();
    assert_eq!(moment("deadline").since(moment("created_at")).as_millis(), 60_000);
}

#[tokio::test]
async fn invalid_json_is_refused_with_its_position() {
    let service = Service::start().await;
    for (text, place) in [
        ("", "line 1 column 0"),
        ("{", "line 1 column 1"),
        ("{\"kind\":\n nope}", "line 2 column"),
        ("{\"kind\":\"k\"} {}", "line 1 column 14"),
        ("{\"kind\":\"\u{0}\"}", "line 1 column"),
    ] {
        let problem = service.post("/v1/jobs", text.to_owned()).await.problem(400, "invalid_json");
        assert!(problem["detail"].as_str().unwrap().contains(place), "{text:?}: {problem}");
    }
}

#[tokio::test]
async fn only_json_is_accepted() {
    let service = Service::start().await;
    for media in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""] {
        let request = Request::post("/v1/jobs").header("content-type", media);
        service.send(request, r#"{"kind":"k"}"#).await.problem(415, "unsupported_media_type");
    }
    service.send(Request::post("/v1/jobs"), r#"{"kind":"k"}"#).await.problem(415, "unsupported_media_type");
    let request = Request::post("/v1/jobs").header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(service.send(request, r#"{"kind":"k"}"#).await.status, 202);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_even_if_all_of_it_is_sent() {
    let service = Service::start().await;
    let head = "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let bytes = 7 * 1024 * 1024; // more than fits into any buffer on the way
    let mut stubborn = service.raw().await;
    stubborn.send(format!("{head}content-length: {bytes}\r\n\r\n{}", " ".repeat(bytes))).await;
    assert!(stubborn.until("\r\n").await.starts_with("HTTP/1.1 413"));
    service.post("/v1/jobs", vec![b' '; 3 * 1024 * 1024]).await.problem(413, "body_too_large");
    let mut raw = service.raw().await;
    raw.send(format!("{head}content-length: 999999999\r\n\r\n")).await;
    assert!(raw.until("\r\n").await.starts_with("HTTP/1.1 413"), "before any of it was sent");
    assert!(raw.rest().await.contains("body_too_large"));
}
