//! Large results as rows, and the remains of a process that died while it wrote.

use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_core::artifact::Source;
use longshore_core::{ArtifactName, Artifacts, Error, limits};

use crate::common::{Schema, connect, job};

const FULL: usize = limits::ARTIFACT_CHUNK_BYTES;

/// Yields chunks without end, and reports each.
struct Endless(mpsc::Sender<()>);

#[async_trait]
impl Source for Endless {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.0.send(()).expect("the test listens");
        Ok(Some(vec![7; FULL].into()))
    }
}

async fn rows(schema: &Schema, table: &str) -> i64 {
    let sql = schema.sql(&format!("SELECT count(*) FROM longshore.{table}"));
    connect(&schema.server).await.query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn upload_of_a_process_that_died_is_found_and_deleted() {
    let schema = Schema::new().await;
    let artifacts = schema.store.artifacts();
    let name = ArtifactName { job: job().id, claim: 3 };
    let (server, own, settings) = (schema.server.clone(), schema.name.clone(), schema.settings.clone());
    let (told, hears) = mpsc::channel();
    let dies = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    dies.spawn(async move {
        let store = Schema::open(&server, &own, &settings).await;
        store.artifacts().write(name, &mut Endless(told)).await
    });
    let hears = tokio::task::spawn_blocking(move || (0..3).all(|_| hears.recv().is_ok()));
    assert!(hears.await.unwrap(), "two chunks are written");
    dies.shutdown_background();

    assert!(rows(&schema, "artifact_chunk").await >= 2);
    assert!(artifacts.open(name).await.unwrap().is_none());
    assert_eq!(artifacts.older_than(Duration::ZERO, None, 10).await.unwrap(), [name]);
    assert_eq!(artifacts.older_than(Duration::from_secs(3600), None, 10).await.unwrap(), []);
    artifacts.delete(name).await.unwrap();
    assert_eq!((rows(&schema, "artifact_chunk").await, rows(&schema, "artifact_upload").await), (0, 0));
    assert_eq!(artifacts.older_than(Duration::ZERO, None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn replaced_artifact_leaves_no_rows_of_the_one_before() {
    let schema = Schema::new().await;
    let artifacts = schema.store.artifacts();
    let name = ArtifactName { job: job().id, claim: 3 };
    for chunks in [3, 2, 1, 0] {
        artifacts.put(name, vec![1; chunks * FULL].into()).await.unwrap();
        let left = [rows(&schema, "artifact_head").await, rows(&schema, "artifact_chunk").await];
        assert_eq!(left, [1, chunks as i64]);
    }
    artifacts.delete(name).await.unwrap();
    assert_eq!(rows(&schema, "artifact_head").await, 0);
}
