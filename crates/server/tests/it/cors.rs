//! Cross-origin requests of web pages.

use axum::http::Request;
use longshore_server::Secret;

use crate::service::Service;

const TOKEN: &str = "0123456789abcdef";
const APP: &str = "https://app.example";

fn preflight(origin: &str) -> axum::http::request::Builder {
    let request = Request::options("/v1/jobs").header("origin", origin).header("sec-fetch-site", "cross-site");
    request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
}

fn push(origin: &str) -> axum::http::request::Builder {
    let request = Request::post("/v1/jobs").header("origin", origin).header("sec-fetch-site", "cross-site");
    request.header("content-type", "application/json").header("authorization", format!("Bearer {TOKEN}"))
}

#[tokio::test]
async fn by_default_no_page_of_another_site_may_call_the_api() {
    let service = Service::with(|config| config.token = Some(Secret::new(TOKEN).unwrap())).await;
    let answer = service.send(preflight(APP), "").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (401, ""));
    let answer = service.send(push(APP), r#"{"kind":"k"}"#).await;
    answer.problem(403, "forbidden_origin");
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("", ""));
}

#[tokio::test]
async fn only_pages_of_the_named_origins_may_call_the_api() {
    let service = Service::with(|config| {
        config.token = Some(Secret::new(TOKEN).unwrap());
        config.cors_origins = vec!["http://localhost:3000".into(), APP.into()];
    })
    .await;

    let allowed = service.send(preflight(APP), "").await;
    assert_eq!((allowed.status.as_u16(), allowed.header("access-control-allow-origin")), (204, APP));
    assert!(allowed.header("access-control-allow-methods").contains("DELETE"));
    assert!(allowed.header("access-control-allow-headers").contains("idempotency-key"));
    assert_eq!(allowed.header("access-control-allow-credentials"), "", "a page must send the token itself");
    let pushed = service.send(push(APP), r#"{"kind":"k"}"#).await;
    assert_eq!((pushed.status.as_u16(), pushed.header("access-control-allow-origin")), (202, APP));
    assert_eq!(pushed.header("vary"), "origin");
    assert!(pushed.header("access-control-expose-headers").contains("location"));
    let unauthorized = service.send(Request::get("/v1/jobs").header("origin", APP), "").await;
    unauthorized.problem(401, "unauthorized");
    assert_eq!(unauthorized.header("access-control-allow-origin"), APP, "the page can read the error");

    for other in ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"] {
        let answer = service.send(preflight(other), "").await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (401, ""), "{other}");
        let answer = service.send(push(other), r#"{"kind":"k"}"#).await;
        answer.problem(403, "forbidden_origin");
        assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), ("", "origin"));
    }
}
