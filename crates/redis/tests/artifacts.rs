//! Large results as keys: an artifact of an earlier version, and the unfinished upload of a process that died.

use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::Source;
use longshore_core::{ArtifactName, Artifacts, Error, JobId, QueueName, limits};
use longshore_redis::{Redis, keys};

mod raw;

use raw::Bench;

const FULL: usize = limits::ARTIFACT_CHUNK_BYTES;

impl Bench {
    fn key(&self, name: ArtifactName, kind: &str, rest: &[u8]) -> Vec<u8> {
        let root = format!("{}:{{{:04x}}}:{kind}", self.prefix, name.job.queue_tag());
        [root.as_bytes(), rest].concat()
    }

    async fn run(&mut self, command: &str, key: &[u8], rest: &[&[u8]]) -> redis::Value {
        redis::cmd(command).arg(key).arg(rest).query_async(&mut self.raw).await.unwrap()
    }

    /// Returns the number of keys of artifacts and uploads, and the number of noted names.
    async fn count(&mut self, name: ArtifactName) -> [usize; 2] {
        let pattern = self.key(name, keys::ARTIFACT, b"*");
        let all: Vec<Vec<u8>> = redis::cmd("KEYS").arg(pattern).query_async(&mut self.raw).await.unwrap();
        let noted = self.key(name, keys::ARTIFACTS, b"");
        [all.len(), redis::cmd("ZCARD").arg(noted).query_async(&mut self.raw).await.unwrap()]
    }
}

fn fresh_name() -> ArtifactName {
    ArtifactName { job: JobId::new(&QueueName::default()), claim: 300 }
}

fn kept_as(name: ArtifactName) -> Vec<u8> {
    [&name.job.as_bytes()[..], &name.claim.to_be_bytes()].concat()
}

#[tokio::test]
async fn artifact_of_an_earlier_version_can_be_read() {
    let mut bench = Bench::open().await;
    let name = fresh_name();
    let body: Vec<u8> = (0..2 * FULL + 5).map(|at| (at % 251) as u8).collect();
    let (key, noted, at) = (
        bench.key(name, keys::ARTIFACT, &kept_as(name)),
        bench.key(name, keys::ARTIFACTS, b""),
        bench.key(name, keys::ARTIFACTS_AT, b""),
    );
    bench.run("ZADD", &noted, &[b"0", &kept_as(name)]).await;
    bench.run("HSET", &at, &[&kept_as(name), b"0"]).await;
    bench.run("SET", &key, &[&body]).await;
    let tags = format!("{}:{{all}}:{}", bench.prefix, keys::ARTIFACT_TAGS);
    bench.run("SADD", tags.as_bytes(), &[name.job.queue_tag().to_string().as_bytes()]).await;

    assert!(bench.store.get(name).await.unwrap().unwrap() == body);
    let reader = bench.store.open(name).await.unwrap().unwrap();
    assert_eq!(reader.size(), body.len() as u64);
    for from in [1, FULL, 2 * FULL, body.len() - 1, body.len()] {
        let expected = &body[from..body.len().min(from + FULL)];
        assert!(reader.read(from as u64).await.unwrap() == expected, "from {from}");
    }
    assert_eq!(bench.store.older_than(Duration::ZERO, None, 10).await.unwrap(), [name]);
    bench.store.delete(name).await.unwrap();
    assert!(bench.store.open(name).await.unwrap().is_none());
    assert!(reader.read(0).await.unwrap_err().to_string().contains("deleted"));
    assert_eq!(bench.count(name).await, [0, 0]);
}

/// Yields chunks without end, and sends a message for each.
struct Endless(mpsc::Sender<()>);

#[async_trait]
impl Source for Endless {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.0.send(()).expect("the test receives");
        Ok(Some(vec![7; FULL].into()))
    }
}

#[tokio::test]
async fn upload_of_a_process_that_died_is_found_and_deleted() {
    let mut bench = Bench::open().await;
    let name = fresh_name();
    let url = format!("{}?prefix={}", longshore_testbed::Redis::shared().url(), bench.prefix);
    let (told, hears) = mpsc::channel();
    let settings = bench.settings.clone();
    let dies = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    dies.spawn(async move {
        let store = Redis::open(&url, settings).await.unwrap();
        store.write(name, &mut Endless(told)).await
    });
    let hears = tokio::task::spawn_blocking(move || (0..3).all(|_| hears.recv().is_ok()));
    assert!(hears.await.unwrap(), "two chunks are written");
    dies.shutdown_background();

    assert!(bench.store.open(name).await.unwrap().is_none());
    assert_eq!(bench.store.older_than(Duration::ZERO, None, 10).await.unwrap(), [name]);
    assert_eq!(bench.store.older_than(Duration::from_secs(3600), None, 10).await.unwrap(), []);
    bench.store.delete(name).await.unwrap();
    assert_eq!(bench.count(name).await, [0, 0]);
    assert_eq!(bench.store.older_than(Duration::ZERO, None, 10).await.unwrap(), []);
}
