//! Large results over connections that are slow or break.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::Source;
use longshore_core::{Artifacts, Error, Renewed, WorkerSecret, limits};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::artifacts::{fresh_name, pattern};
use crate::bench::{UnwrapEach, ask, job};
use crate::network::{Net, insist, renewal};

const FULL: usize = limits::ARTIFACT_CHUNK_BYTES;
/// A chunk takes four seconds: longer than the answer of a server that counts as unresponsive.
const SLOW: u32 = FULL as u32 / 4;
/// The longest time of a call on another connection than the transfer's, however slow that is.
const PROMPT: Duration = Duration::from_millis(1500);
/// The longest time of a transfer whose server has become unreachable.
const BOUND: Duration = Duration::from_secs(60);

/// Yields chunks. Signals the request for the second one, and waits for permission to yield it.
struct Halting {
    left: Bytes,
    asked: Arc<Notify>,
    go: Arc<Notify>,
    given: usize,
}

#[async_trait]
impl Source for Halting {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.given == 1 {
            self.asked.notify_one();
            self.go.notified().await;
        }
        self.given += 1;
        let chunk = self.left.split_to(FULL.min(self.left.len()));
        Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }
}

/// An upload that has written its first chunk and waits.
struct Upload {
    task: JoinHandle<Result<u64, Error>>,
    go: Arc<Notify>,
}

async fn half_way(artifacts: &Arc<dyn Artifacts>, name: longshore_core::ArtifactName, all: &Bytes) -> Upload {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mut source = Halting { left: all.clone(), asked: Arc::clone(&asked), go: Arc::clone(&go), given: 0 };
    let artifacts = Arc::clone(artifacts);
    let task = tokio::spawn(async move { artifacts.write(name, &mut source).await });
    asked.notified().await;
    Upload { task, go }
}

/// Renews one job's lease, and waits for the rescue of another, while a transfer runs. Effects of an earlier slow chunk
/// count too.
async fn lives_go_on_while<T>(net: &Net, transfer: &JoinHandle<T>) {
    let lease = *limits::LEASES.start();
    net.backend.push(vec![job(), job()]).await.unwrap().unwrap_each();
    let mut claimed = Vec::new();
    for _ in 0..2 {
        let claim = ask(WorkerSecret::new().id()).lease(lease);
        claimed.extend(net.backend.claim(claim).await.unwrap().jobs);
    }
    let [lives, dies] = &claimed[..] else { panic!("there are two jobs to claim") };
    let mut slowest = Duration::ZERO;
    loop {
        let began = Instant::now();
        assert_eq!(net.backend.renew(renewal(lives, lease)).await.unwrap_each(), [Renewed::Held]);
        slowest = slowest.max(began.elapsed());
        let kept = net.backend.upkeep().await.unwrap();
        assert!(kept.rescued.iter().all(|job| job.id == dies.id), "a job was taken from the living");
        assert!(!transfer.is_finished(), "nobody was rescued in all that time");
        if !kept.rescued.is_empty() {
            break;
        }
    }
    println!("the slowest renewal took {slowest:?}");
    assert!(slowest < PROMPT, "a renewal took {slowest:?}");
}

pub(crate) async fn slow_upload_delays_no_renewal_and_no_rescue(net: Net) {
    let artifacts = net.fixture.artifacts();
    let (name, all) = (fresh_name(), pattern(4 * FULL, 1));
    let _ = insist(|| net.backend.upkeep()).await; // like every process, every few seconds
    net.proxy().throttle(SLOW);
    let upload = half_way(&artifacts, name, &all).await;
    upload.go.notify_one();
    lives_go_on_while(&net, &upload.task).await;
    net.proxy().healthy();
    assert_eq!(upload.task.await.unwrap().unwrap(), all.len() as u64);
    assert!(artifacts.get(name).await.unwrap() == Some(all));
}

pub(crate) async fn slow_download_delays_no_renewal_and_no_rescue(net: Net) {
    let artifacts = net.fixture.artifacts();
    let (name, all) = (fresh_name(), pattern(4 * FULL, 2));
    artifacts.put(name, all.clone()).await.unwrap();
    let _ = insist(|| net.backend.upkeep()).await;
    net.proxy().throttle(SLOW);
    let reader = artifacts.open(name).await.unwrap().unwrap();
    assert!(reader.read(0).await.unwrap() == all[..FULL]);
    let rest = all.slice(FULL..);
    let download = tokio::spawn(async move {
        for at in (FULL..4 * FULL).step_by(FULL) {
            let chunk = reader.read(at as u64).await.unwrap();
            assert!(chunk == rest[at - FULL..at]);
        }
    });
    lives_go_on_while(&net, &download).await;
    net.proxy().healthy();
    download.await.unwrap();
}

/// Yields numbered chunks.
struct Counted {
    left: usize,
    alive: Arc<AtomicUsize>,
    most: usize,
}

struct Chunk(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Source for Counted {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.most = self.most.max(self.alive.fetch_add(1, Ordering::SeqCst) + 1);
        Ok(Some(Bytes::from_owner(Chunk(vec![self.left as u8; FULL], Arc::clone(&self.alive)))))
    }
}

pub(crate) async fn upload_is_never_in_memory_as_a_whole(net: Net) {
    let artifacts = net.fixture.artifacts();
    let (name, chunks) = (fresh_name(), 64);
    let mut source = Counted { left: chunks, alive: Arc::default(), most: 0 };
    assert_eq!(artifacts.write(name, &mut source).await.unwrap(), (chunks * FULL) as u64);
    assert!(source.most <= 3, "{} chunks were in memory", source.most);
    assert_eq!(source.alive.load(Ordering::SeqCst), 0);
    let reader = artifacts.open(name).await.unwrap().unwrap();
    for n in 0..chunks {
        assert!(reader.read((n * FULL) as u64).await.unwrap() == vec![(chunks - 1 - n) as u8; FULL]);
    }
}

/// Breaks the connection during an upload, and restores it.
async fn upload_broken_by(net: Net, breaks: impl FnOnce(&Net)) {
    let artifacts = net.fixture.artifacts();
    let (name, all) = (fresh_name(), pattern(3 * FULL, 3));
    let upload = half_way(&artifacts, name, &all).await;
    breaks(&net);
    upload.go.notify_one();
    let ended = tokio::time::timeout(BOUND, upload.task).await.expect("it must not wait for ever").unwrap();
    let error = ended.expect_err("it cannot have been written");
    assert!(error.is_retryable(), "{error}");
    net.proxy().healthy();
    assert!(insist(|| artifacts.open(name)).await.is_none(), "a part is there");
    insist(|| artifacts.put(name, all.clone())).await;
    assert!(insist(|| artifacts.get(name)).await == Some(all));
}

pub(crate) async fn upload_that_is_cut_leaves_nothing(net: Net) {
    upload_broken_by(net, |net| net.proxy().down()).await;
}

pub(crate) async fn upload_into_a_black_hole_ends_in_an_error(net: Net) {
    upload_broken_by(net, |net| net.proxy().black_hole()).await;
}

async fn download_broken_by(net: Net, breaks: impl FnOnce(&Net)) {
    let artifacts = net.fixture.artifacts();
    let (name, all) = (fresh_name(), pattern(3 * FULL, 4));
    artifacts.put(name, all.clone()).await.unwrap();
    let reader = artifacts.open(name).await.unwrap().unwrap();
    assert!(reader.read(0).await.unwrap() == all[..FULL]);
    breaks(&net);
    let ended = tokio::time::timeout(BOUND, reader.read(FULL as u64)).await.expect("it must not wait for ever");
    let error = ended.expect_err("nothing can have come");
    assert!(error.is_retryable(), "{error}");
    net.proxy().healthy();
    assert!(insist(|| reader.read(FULL as u64)).await == all[FULL..2 * FULL]);
    assert!(insist(|| artifacts.get(name)).await == Some(all));
}

pub(crate) async fn download_that_is_cut_goes_on_or_fails(net: Net) {
    download_broken_by(net, |net| net.proxy().down()).await;
}

pub(crate) async fn download_from_a_black_hole_ends_in_an_error(net: Net) {
    download_broken_by(net, |net| net.proxy().black_hole()).await;
}
