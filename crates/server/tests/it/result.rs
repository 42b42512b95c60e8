//! `GET /v1/jobs/{id}/result`.

use axum::http::Request;
use longshore_core::{ArtifactName, Claim, Kind, Outcome, Output, Settled, Settlement, Stored, WorkerSecret, limits};
use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn a_result_is_returned_byte_for_byte_in_a_sandbox() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    for (media, text, expected) in [
        ("application/json", "{ \"a\":1 }", "application/json"),
        ("text/html", "<script>alert(1)</script>", "text/html"),
        ("text/javascript", "alert(1)", "application/octet-stream"),
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
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-evil"), "");
    }
}

#[tokio::test]
async fn a_result_is_never_a_script_a_style_sheet_or_a_document_of_this_site() {
    let service = Service::start().await;
    let (_worker, _) = service.work();
    let bytes = "application/octet-stream";
    for (media, expected, disposition) in [
        ("Text/JavaScript;charset=utf-8", bytes, "attachment"),
        ("application/ecmascript", bytes, "attachment"),
        ("text/css", bytes, "attachment"),
        ("text/html", "text/html", "attachment"),
        ("image/svg+xml", "image/svg+xml", "attachment"),
        ("application/pdf", "application/pdf", "attachment"),
        ("image/png", "image/png", "inline"),
        ("text/plain", "text/plain", "inline"),
        ("application/json", "application/json", "inline"),
    ] {
        let id = service.push(json!({"kind": "echo", "payload": {"text": "1", "media": media}})).await;
        let job = service.finished(&id).await;
        let path = format!("/v1/jobs/{id}/result");
        for answer in
            [service.get(&path).await, service.send(Request::get(&path).header("range", "bytes=0-0"), "").await]
        {
            assert_eq!((answer.header("content-type"), answer.header("content-disposition")), (expected, disposition));
            assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
        }
        assert_eq!(job["result"]["content_type"], media, "the type itself is not lost");
    }
}

#[tokio::test]
async fn a_large_result_is_complete_and_not_sent_again_to_a_client_that_has_it() {
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

/// Settles a job with this result, without a worker.
async fn succeeded(service: &Service, output: Output) -> String {
    let id = service.push(json!({"kind": "nothing"})).await;
    let kind: Kind = "nothing".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
    let claimed = service.backend.claim(claim).await.unwrap().jobs.remove(0);
    let name = ArtifactName { job: claimed.id, claim: claimed.token.number };
    let stored = service.backend.keep(name, output).await.unwrap();
    let settlement = Settlement::new(claimed.id, claimed.token, Outcome::Succeed { result: Some(stored) });
    assert_eq!(*service.backend.settle(vec![settlement]).await[0].as_ref().unwrap(), Settled::Done);
    id
}

fn counting(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn a_range_is_a_part_of_the_same_bytes() {
    let service = Service::start().await;
    let large = counting(600_000);
    let results = [
        (succeeded(&service, Output::new("image/gif", large.clone())).await, large),
        (succeeded(&service, Output::new("text/plain", "in the row")).await, b"in the row".to_vec()),
    ];
    for (id, body) in &results {
        let path = format!("/v1/jobs/{id}/result");
        let size = body.len();
        let whole = service.get(&path).await;
        assert_eq!((whole.status.as_u16(), whole.header("accept-ranges")), (200, "bytes"));
        assert!(whole.body == *body);
        let etag = whole.header("etag").to_owned();
        let ask = async |range: &str| service.send(Request::get(&path).header("range", range), "").await;
        for (range, first, last) in [
            ("bytes=0-0".to_owned(), 0, 0),
            ("bytes=3-7".to_owned(), 3, 7),
            ("bytes=1-".to_owned(), 1, size - 1),
            (format!("bytes={}-{}", size / 2, size * 2), size / 2, size - 1),
            ("bytes=-1".to_owned(), size - 1, size - 1),
            (format!("bytes=-{}", size * 2), 0, size - 1),
        ] {
            let part = ask(&range).await;
            assert_eq!((part.status.as_u16(), part.header("etag")), (206, &etag[..]), "{range}");
            assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/{size}"));
            assert_eq!(part.header("content-length"), (last - first + 1).to_string());
            assert!(part.body == body[first..=last], "{range}");
        }
        for nothing in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
            let none = ask(&nothing).await;
            none.problem(416, "range_not_satisfiable");
            assert_eq!(none.header("content-range"), format!("bytes */{size}"));
        }
        for ignored in ["bytes=0-0,2-2", "bytes=5-1", "lines=0-1", "nonsense"] {
            let all = ask(ignored).await;
            assert_eq!((all.status.as_u16(), all.header("content-range")), (200, ""), "{ignored}");
            assert!(all.body == *body, "{ignored}");
        }
    }
}

#[tokio::test]
async fn a_range_of_other_bytes_is_not_mixed_with_those_the_client_has() {
    let service = Service::start().await;
    let id = succeeded(&service, Output::new("image/gif", counting(600_000))).await;
    let path = format!("/v1/jobs/{id}/result");
    let head = service.send(Request::head(&path).header("range", "bytes=10-19"), "").await;
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.body.len()), (206, "10", 0));
    let etag = head.header("etag").to_owned();
    let Some(Stored::Artifact { name, .. }) = service.backend.job(id.parse().unwrap()).await.unwrap().unwrap().result
    else {
        panic!("it is an artifact")
    };
    assert_eq!(etag, format!("\"{name}\""));

    let ask = async |known: &str| {
        service.send(Request::get(&path).header("range", "bytes=10-19").header("if-range", known), "").await
    };
    assert_eq!(ask(&etag).await.status, 206);
    for other in ["\"x\"".to_owned(), format!("W/{etag}"), "Sat, 29 Oct 1994 19:43:31 GMT".to_owned()] {
        let whole = ask(&other).await;
        assert_eq!((whole.status.as_u16(), whole.body.len()), (200, 600_000), "{other}");
    }
    let known = Request::get(&path).header("range", "bytes=10-19").header("if-none-match", &etag);
    assert_eq!(service.send(known, "").await.status, 304);
}

#[tokio::test]
async fn an_empty_result_has_no_range() {
    let service = Service::start().await;
    let id = succeeded(&service, Output::new("image/gif", "")).await;
    let path = format!("/v1/jobs/{id}/result");
    let whole = service.get(&path).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-length"), whole.body.len()), (200, "0", 0));
    let none = service.send(Request::get(&path).header("range", "bytes=0-"), "").await;
    none.problem(416, "range_not_satisfiable");
    assert_eq!(none.header("content-range"), "bytes */0");
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
async fn an_unfinished_job_has_retry_after() {
    let service = Service::start().await;
    let id = service.push(json!({"kind": "steps"})).await;

    let answer = service.get(&format!("/v1/jobs/{id}/result")).await;

    assert_eq!(answer.status, 202);
    answer.comes_back(1..=3);
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!([&body["code"], &body["state"], &body["status"]], [&json!("not_ready"), &json!("ready"), &json!(202)]);
    assert!(body["detail"].as_str().unwrap().ends_with("queued"));
}

#[tokio::test]
async fn a_result_that_does_not_exist_is_a_problem() {
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
