//! Each test has its own server on its own port.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::Request;
use bytes::Bytes;
use http_body_util::Full;
use longshore_core::artifact::InMemory;
use longshore_core::worker::{self, Worker};
use longshore_core::{Artifacts, Backend, Memory, Store};
use longshore_server::{Config, Server};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::conform;
use crate::http::{Answer, Events, Raw, open, send, soon};
use crate::jobs::{self, Gate};

pub struct Service {
    pub addr: SocketAddr,
    pub backend: Backend,
    pub artifacts: Arc<dyn Artifacts>,
    pub stop: CancellationToken,
    pub running: JoinHandle<()>,
    document: Value,
}

impl Service {
    pub async fn start() -> Self {
        Service::with(|_| ()).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Service::on(Arc::new(Memory::default()), Arc::new(InMemory::default()), change).await
    }

    pub async fn on(store: Arc<dyn Store>, artifacts: Arc<dyn Artifacts>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let document = longshore_server::openapi::document(&config);
        let backend = Backend::new(store, Arc::clone(&artifacts));
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), backend.clone(), config).await.unwrap();
        let (addr, stop) = (server.local_addr(), CancellationToken::new());
        let running = tokio::spawn(server.run(stop.clone().cancelled_owned()));
        Service { addr, backend, artifacts, stop, running, document }
    }

    /// Starts a worker for all test jobs. Those of kind `steps` and `image` wait at the gate.
    pub fn work(&self) -> (worker::Running, Gate) {
        let gate = Gate::default();
        (jobs::worker(Worker::new(self.backend.clone()), gate.clone()).start().unwrap(), gate)
    }

    /// Sends a request, and checks the answer against the document at `/openapi.json`.
    pub async fn send(&self, request: axum::http::request::Builder, body: impl Into<Bytes>) -> Answer {
        let request = request.body(Full::new(body.into())).unwrap();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = send(self.addr, request).await;
        conform::check(&self.document, &method, &path, &answer);
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), "").await
    }

    /// Sends JSON text with POST.
    pub async fn post(&self, path: &str, json: impl Into<Bytes>) -> Answer {
        self.send(Request::post(path).header("content-type", "application/json"), json).await
    }

    /// Pushes a job and returns its id.
    pub async fn push(&self, job: Value) -> String {
        let answer = self.post("/v1/jobs", job.to_string()).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Returns a job once it is finished.
    pub async fn finished(&self, id: &str) -> Value {
        let job = self.get(&format!("/v1/jobs/{id}?wait=15s")).await.json();
        assert!(job["finished_at"].is_string(), "{job}");
        job
    }

    pub async fn events(&self, id: &str) -> Events {
        let request = Request::get(format!("/v1/jobs/{id}/events")).body(Full::default()).unwrap();
        Events::of(open(self.addr, request).await)
    }

    pub async fn raw(&self) -> Raw {
        Raw::connect(self.addr).await
    }

    /// Shuts the server down and waits until it has ended.
    pub async fn end(self) {
        self.stop.cancel();
        soon(self.running).await.unwrap();
    }
}
