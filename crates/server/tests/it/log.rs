//! The request log: what it contains, and what it must not contain.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use axum::http::Request;
use longshore_server::Secret;
use tracing_subscriber::filter::LevelFilter;

use crate::service::Service;

/// Captures the log of one thread; other tests run on other threads.
#[derive(Clone)]
struct CapturedLog {
    thread: ThreadId,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl io::Write for CapturedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::thread::current().id() == self.thread {
            self.bytes.lock().unwrap().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_contains_routes_but_no_token_and_no_id() {
    let captured = CapturedLog { thread: std::thread::current().id(), bytes: Arc::default() };
    let writer = captured.clone();
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
    let subscriber = log.with_writer(move || writer.clone()).finish();
    // Global, because another thread could otherwise register the call sites as disabled.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let token = "0123456789abcdef0123456789abcdef";
    let service = Service::with(|config| config.token = Some(Secret::new(token).unwrap())).await;

    let path = "/v1/jobs/an-id-of-somebody";
    service.send(Request::get(path).header("authorization", format!("Bearer {token}")), "").await;
    service.send(Request::get(path).header("authorization", "Bearer almost-the-token"), "").await;
    service.end().await;

    let log = String::from_utf8(captured.bytes.lock().unwrap().clone()).unwrap();
    assert!(log.contains("request finished method=GET route=\"/v1/jobs/{id}\" status=404"), "{log}");
    assert!(log.contains("request finished method=GET route=\"/v1/jobs/{id}\" status=401"), "{log}");
    for secret in [token, "almost-the-token", "an-id-of-somebody"] {
        assert!(!log.contains(secret), "{log}");
    }
}
