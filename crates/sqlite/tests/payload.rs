//! Where payloads are stored.

use std::path::Path;

use longshore_core::{Claim, Jobs, NewJob, Outcome, Payload, Settled, Settlement, WorkerSecret};
use longshore_sqlite::{Options, Sqlite};

fn written(log: &Path) -> u64 {
    std::fs::metadata(log).map_or(0, |metadata| metadata.len())
}

#[tokio::test]
async fn large_payload_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path().join("jobs.db"), Options::default()).unwrap();
    let log = folder.path().join("jobs.db-wal");
    let text = format!("\"{}\"", "x".repeat(200_000));
    let name = |name: &str| name.to_owned();
    let job =
        NewJob::new(name("default").parse().unwrap(), name("work").parse().unwrap(), Payload::parse(&text).unwrap());
    let (queue, kind) = (job.queue.clone(), job.kind.clone());
    let before = written(&log);
    assert!(store.push(vec![job]).await[0].is_ok());
    let pushed = written(&log);
    assert!(pushed - before > 200_000, "the log grows by what is written");
    let claim = Claim::new(WorkerSecret::new().id(), vec![queue], vec![kind.into()]);
    for end in [Outcome::Release, Outcome::Succeed { result: None }] {
        let job = store.claim(claim.clone().nonce(longshore_core::Nonce::new())).await.unwrap().jobs.remove(0);
        assert_eq!(job.payload.as_str(), text);
        let settlement = Settlement::new(job.id, job.token, end);
        assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
    }
    let more = written(&log) - pushed;
    assert!(more < 200_000, "two claims and two settles wrote {more} bytes");
}
