//! Sending large results: how much of them is in memory, and when it is freed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Request;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use longshore_core::artifact::{Chunks, Reader, Source};
use longshore_core::{
    ArtifactName, Artifacts, Claim, Error, ErrorKind, Kind, Memory, Outcome, Settled, Settlement, Stored, WorkerSecret,
    limits,
};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::http::{open, soon};
use crate::service::Service;

/// The maximum size of a result.
const SIZE: u64 = limits::RESULT_BYTES as u64;
const CHUNK: u64 = limits::ARTIFACT_CHUNK_BYTES as u64;

/// Statistics of readers.
#[derive(Default)]
struct Seen {
    /// Chunks that are in memory.
    alive: AtomicUsize,
    most_alive: AtomicUsize,
    chunks: AtomicUsize,
    /// One permit for each reader that was dropped.
    closed: Count,
    /// The first chunk that cannot be read.
    broken_from: Mutex<Option<u64>>,
}

/// A count that can be waited for.
struct Count(Semaphore);

impl Default for Count {
    fn default() -> Self {
        Count(Semaphore::new(0))
    }
}

impl Seen {
    async fn until_closed(&self, readers: u32) {
        soon(self.closed.0.acquire_many(readers)).await.unwrap().forget();
    }
}

/// Artifacts whose bytes are generated when they are read.
struct MadeUp(Arc<Seen>);

struct Chunk(Vec<u8>, Arc<Seen>);

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.1.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Artifacts for MadeUp {
    async fn write(&self, _: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
        let mut chunks = Chunks::new(source);
        while chunks.next().await?.is_some() {}
        Ok(SIZE)
    }

    async fn open(&self, _: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
        Ok(Some(Box::new(Open(Arc::clone(&self.0)))))
    }

    async fn delete(&self, _: ArtifactName) -> Result<(), Error> {
        Ok(())
    }

    async fn older_than(&self, _: Duration, _: Option<ArtifactName>, _: usize) -> Result<Vec<ArtifactName>, Error> {
        Ok(Vec::new())
    }
}

struct Open(Arc<Seen>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed.0.add_permits(1);
    }
}

#[async_trait]
impl Reader for Open {
    fn size(&self) -> u64 {
        SIZE
    }

    async fn read(&self, from: u64) -> Result<Bytes, Error> {
        if self.0.broken_from.lock().unwrap().is_some_and(|broken| from / CHUNK >= broken) {
            return Err(Error::new(ErrorKind::Unavailable, "broken, on purpose"));
        }
        let length = CHUNK.min(SIZE.saturating_sub(from));
        let alive = self.0.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most_alive.fetch_max(alive, Ordering::SeqCst);
        self.0.chunks.fetch_add(1, Ordering::SeqCst);
        let bytes = (from..from + length).map(|at| (at % 251) as u8).collect();
        Ok(Bytes::from_owner(Chunk(bytes, Arc::clone(&self.0))))
    }
}

/// Starts a server with the result of a finished job, which is not in memory.
async fn setup(change: impl FnOnce(&mut longshore_server::Config)) -> (Service, Arc<Seen>, String) {
    let seen = Arc::<Seen>::default();
    let service = Service::on(Arc::new(Memory::default()), Arc::new(MadeUp(Arc::clone(&seen))), change).await;
    let id = service.push(json!({"kind": "nothing"})).await;
    let kind: Kind = "nothing".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
    let claimed = service.backend.claim(claim).await.unwrap().jobs.remove(0);
    let name = ArtifactName { job: claimed.id, claim: claimed.token.number };
    let stored = Stored::Artifact { name, content_type: "image/gif".into(), bytes: SIZE };
    let settlement = Settlement::new(claimed.id, claimed.token, Outcome::Succeed { result: Some(stored) });
    assert_eq!(*service.backend.settle(vec![settlement]).await[0].as_ref().unwrap(), Settled::Done);
    (service, seen, format!("/v1/jobs/{id}/result"))
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).body(Full::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_is_never_in_memory_as_a_whole() {
    let (service, seen, path) = setup(|_| ()).await;
    let mut body = open(service.addr, get(&path)).await.into_body();
    let mut at: u64 = 0;
    while let Some(frame) = soon(body.frame()).await {
        for byte in frame.unwrap().into_data().unwrap() {
            assert_eq!(byte, (at % 251) as u8, "at {at}");
            at += 1;
        }
    }
    assert_eq!(at, SIZE);
    seen.until_closed(1).await;
    assert_eq!(seen.alive.load(Ordering::SeqCst), 0);
    let most = seen.most_alive.load(Ordering::SeqCst);
    assert!(most <= 3, "{most} chunks in memory");
    assert_eq!(seen.chunks.load(Ordering::SeqCst) as u64, SIZE / CHUNK, "each was read once");
}

#[tokio::test]
async fn only_the_requested_range_is_read() {
    let (service, seen, path) = setup(|_| ()).await;
    let last = service.send(Request::get(&path).header("range", "bytes=-1"), "").await;
    assert_eq!((last.status.as_u16(), &last.body[..]), (206, &[((SIZE - 1) % 251) as u8][..]));
    assert_eq!(seen.chunks.load(Ordering::SeqCst), 1);
    let head = service.send(Request::head(&path), "").await;
    assert_eq!(head.header("content-length"), SIZE.to_string());
    assert_eq!(seen.chunks.load(Ordering::SeqCst), 1, "a head needs no bytes");
}

#[tokio::test]
async fn a_client_that_goes_away_frees_what_it_held() {
    let (service, seen, path) = setup(|_| ()).await;
    let answer = open(service.addr, get(&path)).await;
    let mut body = answer.into_body();
    assert!(soon(body.frame()).await.unwrap().is_ok());
    drop(body);
    seen.until_closed(1).await;
    assert!((seen.chunks.load(Ordering::SeqCst) as u64) < SIZE / CHUNK);
}

#[tokio::test]
async fn a_result_for_a_client_that_does_not_read_is_aborted() {
    let (service, seen, path) = setup(|config| config.stall_timeout = Duration::from_millis(300)).await;
    let mut raw = service.raw().await;
    raw.send(format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", service.addr)).await;
    seen.until_closed(1).await; // while the connection is open, and nothing was read from it
    let most = seen.most_alive.load(Ordering::SeqCst);
    assert!(most <= 3, "{most} chunks in memory");
}

#[tokio::test]
async fn the_number_of_large_results_is_limited() {
    let (service, seen, path) = setup(|config| config.results = 2).await;
    let answers = [open(service.addr, get(&path)).await, open(service.addr, get(&path)).await];
    assert!(answers.iter().all(|answer| answer.status() == 200));
    let refused = service.get(&path).await;
    refused.problem(503, "too_many_results");
    assert_ne!(refused.header("retry-after"), "");
    let small = service.send(Request::get(&path).header("range", "bytes=0-9"), "").await;
    assert_eq!(small.status, 206, "a small part needs no turn");
    drop(answers);
    seen.until_closed(4).await;
    assert_eq!(open(service.addr, get(&path)).await.status(), 200);
}

#[tokio::test]
async fn a_failed_read_leaves_an_incomplete_answer() {
    let (service, seen, path) = setup(|_| ()).await;
    *seen.broken_from.lock().unwrap() = Some(0);
    service.get(&path).await.problem(503, "unavailable");
    *seen.broken_from.lock().unwrap() = Some(2);
    let answer = open(service.addr, get(&path)).await;
    assert_eq!(answer.status(), 200);
    assert!(soon(answer.into_body().collect()).await.is_err(), "its length was told before");
    seen.until_closed(2).await;
}
