//! Large results: written and read in chunks, and visible only when complete.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::{Reader, Source};
use longshore_core::{ArtifactName, Artifacts, Error, ErrorKind, limits};
use tokio::sync::Notify;

use crate::bench::{Bench, job};

const FULL: usize = limits::ARTIFACT_CHUNK_BYTES;

/// Returns bytes that differ between positions and between artifacts.
pub(crate) fn pattern(length: usize, seed: u8) -> Bytes {
    (0..length).map(|at| (at % 251) as u8 ^ (at / FULL) as u8 ^ seed).collect()
}

pub(crate) fn fresh_name() -> ArtifactName {
    ArtifactName { job: job().id, claim: 7 }
}

/// Yields bytes in pieces of one length, and then ends as configured.
pub(crate) struct Pieces {
    left: Bytes,
    piece: usize,
    end: End,
}

enum End {
    Well,
    Failed,
    /// Signals that more was requested, and never yields it.
    Never(Arc<Notify>),
    /// Does the same until it is told to end, and then ends without an error.
    Later(Arc<Notify>, Arc<Notify>),
}

impl Pieces {
    fn new(all: &Bytes, piece: usize, end: End) -> Self {
        Pieces { left: all.clone(), piece, end }
    }

    /// Ends well after that many bytes a piece.
    pub(crate) fn of(all: &Bytes, piece: usize) -> Self {
        Pieces::new(all, piece, End::Well)
    }
}

#[async_trait]
impl Source for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if !self.left.is_empty() {
            return Ok(Some(self.left.split_to(self.piece.min(self.left.len()))));
        }
        match &self.end {
            End::Well => {}
            End::Failed => return Err(Error::new(ErrorKind::Refused, "the source is broken")),
            End::Never(asked) => {
                asked.notify_one();
                std::future::pending::<()>().await;
            }
            End::Later(asked, go) => {
                asked.notify_one();
                go.notified().await;
            }
        }
        Ok(None)
    }
}

/// Reads from a position to the end, and checks each step.
async fn read_from(reader: &dyn Reader, from: u64) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    loop {
        let at = from.saturating_add(all.len() as u64);
        let chunk = reader.read(at).await?;
        assert!(chunk.len() <= FULL, "{} bytes at a time", chunk.len());
        if chunk.is_empty() {
            assert!(at >= reader.size(), "nothing at {at} of {}", reader.size());
            return Ok(all);
        }
        all.extend_from_slice(&chunk);
    }
}

async fn open(artifacts: &dyn Artifacts, name: ArtifactName) -> Box<dyn Reader> {
    artifacts.open(name).await.unwrap().expect("it was written")
}

pub(crate) async fn artifact_comes_back_in_chunks(bench: Bench) {
    let artifacts = bench.artifacts();
    for (length, piece) in [
        (0, 1),
        (1, 1),
        (FULL - 1, FULL),
        (FULL, FULL),
        (FULL + 1, 1000),
        (2 * FULL, 5 * FULL),
        (3 * FULL + 5, FULL / 3),
    ] {
        let (name, all) = (fresh_name(), pattern(length, 1));
        assert!(artifacts.open(name).await.unwrap().is_none());
        let written = artifacts.write(name, &mut Pieces::of(&all, piece)).await.unwrap();
        assert_eq!(written, length as u64);
        let reader = open(&*artifacts, name).await;
        assert_eq!(reader.size(), length as u64);
        assert!(read_from(&*reader, 0).await.unwrap() == all, "{length} bytes in pieces of {piece}");
        assert!(artifacts.get(name).await.unwrap() == Some(all));
    }
}

pub(crate) async fn artifact_is_read_from_any_place(bench: Bench) {
    let artifacts = bench.artifacts();
    let (name, all) = (fresh_name(), pattern(2 * FULL + 9, 2));
    artifacts.put(name, all.clone()).await.unwrap();
    let reader = open(&*artifacts, name).await;
    for from in [0, 1, FULL - 1, FULL, FULL + 1, 2 * FULL, all.len() - 1, all.len(), all.len() + 1] {
        let expected = &all[from.min(all.len())..];
        assert!(read_from(&*reader, from as u64).await.unwrap() == expected, "from {from}");
    }
    assert_eq!(reader.read(all.len() as u64 - 1).await.unwrap(), all[all.len() - 1..]);
    assert_eq!(reader.read(u64::MAX).await.unwrap(), Bytes::new());

    let empty = fresh_name();
    artifacts.put(empty, Bytes::new()).await.unwrap();
    assert_eq!(open(&*artifacts, empty).await.read(0).await.unwrap(), Bytes::new());
}

pub(crate) async fn artifact_is_there_whole_or_not_at_all(bench: Bench) {
    let artifacts = bench.artifacts();
    let name = fresh_name();
    let mut before: Option<Bytes> = None;
    for seed in [3, 4] {
        let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let all = pattern(2 * FULL + 1, seed);
        let mut source = Pieces::new(&all, FULL, End::Later(Arc::clone(&asked), Arc::clone(&go)));
        let writer = Arc::clone(&artifacts);
        let writing = tokio::spawn(async move { writer.write(name, &mut source).await });
        asked.notified().await;
        assert!(artifacts.get(name).await.unwrap() == before, "a part was seen");
        go.notify_one();
        writing.await.unwrap().unwrap();
        assert!(artifacts.get(name).await.unwrap().as_ref() == Some(&all));
        before = Some(all);
    }
}

/// Returns the names of all artifacts and remains.
async fn listed(artifacts: &dyn Artifacts) -> BTreeSet<ArtifactName> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = artifacts.older_than(Duration::ZERO, after, 2).await.unwrap();
        after = page.last().copied();
        if page.is_empty() {
            return all;
        }
        for name in page {
            assert!(all.insert(name), "{name} is listed twice");
        }
    }
}

pub(crate) async fn writer_that_fails_leaves_nothing(bench: Bench) {
    let artifacts = bench.artifacts();
    let all = pattern(2 * FULL + 1, 5);
    let (fails, dropped, kept) = (fresh_name(), fresh_name(), fresh_name());

    artifacts.put(kept, all.clone()).await.unwrap();
    for name in [fails, kept] {
        let error = artifacts.write(name, &mut Pieces::new(&all, FULL, End::Failed)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Refused && error.to_string().contains("the source is broken"), "{error}");
    }
    for name in [dropped, kept, dropped] {
        let asked = Arc::new(Notify::new());
        let mut source = Pieces::new(&all, FULL, End::Never(Arc::clone(&asked)));
        tokio::select! {
            written = artifacts.write(name, &mut source) => panic!("{written:?}"),
            () = asked.notified() => {}
        }
    }

    assert!(artifacts.open(fails).await.unwrap().is_none() && artifacts.open(dropped).await.unwrap().is_none());
    assert!(artifacts.get(kept).await.unwrap() == Some(all.clone()), "it stays as it was");
    // Some stores delete remains at once, others only with the name.
    for name in [fails, dropped] {
        artifacts.delete(name).await.unwrap();
    }
    assert_eq!(listed(&*artifacts).await, BTreeSet::from([kept]));
    artifacts.put(dropped, all.clone()).await.unwrap();
    assert!(artifacts.get(dropped).await.unwrap() == Some(all), "a writer that was given up is in nobody's way");
}

pub(crate) async fn writers_of_one_name_do_not_mix(bench: Bench) {
    let artifacts = bench.artifacts();
    let name = fresh_name();
    let bodies: Vec<Bytes> = (0..4).map(|seed| pattern(FULL + 1 + usize::from(seed) * FULL / 2, seed)).collect();
    let writers: Vec<_> = bodies
        .iter()
        .map(|body| {
            let (artifacts, mut source) = (Arc::clone(&artifacts), Pieces::of(body, FULL / 4));
            tokio::spawn(async move { artifacts.write(name, &mut source).await })
        })
        .collect();
    for (writer, body) in writers.into_iter().zip(&bodies) {
        assert_eq!(writer.await.unwrap().unwrap(), body.len() as u64);
    }
    let read = artifacts.get(name).await.unwrap().unwrap();
    assert!(bodies.contains(&read), "a mix");
    assert_eq!(listed(&*artifacts).await, BTreeSet::from([name]));
    artifacts.delete(name).await.unwrap();
    assert_eq!(listed(&*artifacts).await, BTreeSet::new());
}

pub(crate) async fn deleted_artifact_is_read_whole_or_fails(bench: Bench) {
    let artifacts = bench.artifacts();
    let name = fresh_name();
    let [first, second] = [6, 7].map(|seed| pattern(2 * FULL + 1, seed));
    artifacts.put(name, first.clone()).await.unwrap();
    let reader = open(&*artifacts, name).await;
    assert!(reader.read(0).await.unwrap() == first[..FULL]);

    artifacts.delete(name).await.unwrap();
    assert!(artifacts.open(name).await.unwrap().is_none());
    goes_on_or_fails(&*reader, &first).await;
    artifacts.put(name, second.clone()).await.unwrap();
    goes_on_or_fails(&*reader, &first).await;
    let again = open(&*artifacts, name).await;
    artifacts.put(name, first.clone()).await.unwrap();
    goes_on_or_fails(&*again, &second).await;
    assert!(artifacts.get(name).await.unwrap() == Some(first));
}

/// Asserts that a reader yields what it has opened, or reports that it was deleted.
async fn goes_on_or_fails(reader: &dyn Reader, opened: &Bytes) {
    match read_from(reader, FULL as u64).await {
        Ok(rest) => assert!(rest == opened[FULL..], "it went on with another artifact"),
        Err(e) => assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}"),
    }
}
