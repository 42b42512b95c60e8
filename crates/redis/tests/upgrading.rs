//! An upgrade from layout 6 keeps all jobs. `layout_6.txt` has each key of a store of layout 6, in the format of DUMP and in base64.
//! `layout_6_jobs.txt` has the name and the id of each job, and the tokens of jobs that ran.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore_core::{
    Artifacts, Claim, ErrorKind, Filter, JobId, Jobs, Kind, Logs, NewJob, Outcome, Page, Payload, Pushed, Queues,
    Reason, Settings, Settled, Settlement, Snapshot, State, Stored, Token, Unique, UniqueScope, Upkeep, WorkerSecret,
    limits,
};
use longshore_redis::Redis;
use longshore_testbed::Redis as Server;

mod each;

use each::All;

/// Restores a store of layout 6 on a server.
async fn restore(server: &Server) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for line in include_str!("layout_6.txt").lines() {
        let (key, dump) = line.split_once(' ').unwrap();
        let [key, dump] = [key, dump].map(|text| STANDARD.decode(text).unwrap());
        redis::cmd("RESTORE").arg(key).arg(0).arg(dump).exec_async(&mut connection).await.unwrap();
    }
}

fn ids() -> HashMap<&'static str, JobId> {
    let lines = include_str!("layout_6_jobs.txt").lines().filter(|line| !line.starts_with("token "));
    lines.map(|line| line.split_once(' ').unwrap()).map(|(name, id)| (name, id.parse().unwrap())).collect()
}

fn tokens() -> Vec<(JobId, Token)> {
    let lines = include_str!("layout_6_jobs.txt").lines().filter_map(|line| line.strip_prefix("token "));
    lines
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words[0].parse().unwrap(), Token { number: words[1].parse().unwrap(), bits: words[2].parse().unwrap() })
        })
        .collect()
}

async fn open(server: &Server) -> Result<Redis, longshore_core::Error> {
    Redis::open(&format!("{}?prefix=old", server.url()), Settings::default()).await
}

async fn job(store: &Redis, id: JobId) -> Snapshot {
    Jobs::get(store, vec![id]).await.unwrap().remove(0).expect("the job exists")
}

#[tokio::test]
async fn upgrade_keeps_the_jobs_of_the_previous_layout() {
    let server = Server::start(&[]);
    restore(&server).await;
    let (store, ids) = (open(&server).await.unwrap(), ids());
    for (name, id) in &ids {
        let job = job(&store, *id).await;
        let state = match *name {
            "succeeded" | "with_result" | "large_result" => State::Succeeded,
            "retried" | "scheduled" => State::Scheduled,
            "dead" => State::Dead,
            "cancelled" => State::Cancelled,
            "progress" | "running" | "running_too" => State::Running,
            _ => State::Ready,
        };
        assert_eq!(job.state, state, "{name}");
    }
    let stats = store.queue("mail".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stats.counts, [1, 43, 3, 3, 1, 1]);
    let stats = store.queue("bulk".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stats.counts, [1, 2, 0, 0, 0, 0]);
    let pause = stats.rules.pause.expect("it is paused");
    assert_eq!(
        (pause.reason.unwrap().as_str(), pause.by.unwrap().as_str(), stats.rules.version),
        ("a visit", "ops", 1)
    );

    let small = job(&store, ids["with_result"]).await;
    assert!(matches!(&small.result, Some(Stored::Inline(output)) if &output.body[..] == b"small"));
    assert_eq!((small.reuse_key.unwrap().as_str(), small.key.unwrap().as_str()), ("report", "tenant"));
    let large = job(&store, ids["large_result"]).await;
    assert!(matches!(&large.result, Some(Stored::Inline(output)) if output.body.len() == 1_000));
    let dead = job(&store, ids["dead"]).await;
    assert_eq!((dead.reason, dead.failures[0].message.as_str(), dead.attempt), (Some(Reason::Fatal), "no use", 1));
    assert_eq!(store.log(dead.id, None).await.unwrap().unwrap(), "line one\nline two\n");
    let unique = job(&store, ids["unique"]).await;
    assert_eq!((unique.max_attempts, unique.timeout.as_secs()), (3, 77));
    assert_eq!(store.find("the one".parse().unwrap()).await.unwrap(), Some(unique.id));
    assert_eq!(job(&store, ids["ready_large"]).await.payload.as_str().len(), 2_002);
    assert_eq!(job(&store, ids["progress"]).await.progress.unwrap().done, 3);
    let filter = Filter { tag: Some("red".parse().unwrap()), ..Filter::default() };
    assert_eq!(store.list(filter, Page::first(50)).await.unwrap().jobs.len(), 10);
    let all = store
        .list(Filter { queue: Some("mail".parse().unwrap()), ..Filter::default() }, Page::first(100))
        .await
        .unwrap();
    assert_eq!(all.jobs.len(), 52);
    assert_eq!((all.jobs[0].id, all.jobs[51].id), (ids["run_39"], ids["succeeded"]), "in the order of pushes");
    let artifacts = store.older_than(Duration::ZERO, None, 10).await.unwrap();
    assert_eq!(artifacts.len(), 1);
    assert_eq!(Artifacts::get(&store, artifacts[0]).await.unwrap().as_deref(), Some(&b"artifact"[..]));
}

#[tokio::test]
async fn jobs_of_the_previous_layout_can_be_worked() {
    let server = Server::start(&[]);
    restore(&server).await;
    let (store, ids) = (open(&server).await.unwrap(), ids());
    let (id, token) = tokens()[0];
    let success = || Settlement::new(id, token, Outcome::Succeed { result: None });
    assert_eq!(store.settle(vec![success()]).await.all().unwrap(), [Settled::Done], "an old token is valid");
    assert_eq!(store.settle(vec![success()]).await.all().unwrap(), [Settled::Done]);
    let mut again = NewJob::new("bulk".parse().unwrap(), "send".parse().unwrap(), Payload::parse("5").unwrap());
    again.unique = Some(Unique { key: "only".parse().unwrap(), scope: UniqueScope::UntilFinished });
    let pushed = store.push(vec![again]).await.all().unwrap();
    assert!(matches!(pushed[0], Pushed::Existing { id, .. } if id == ids["unique"]), "the key is still held");
    let kinds: Vec<Kind> = vec!["send".parse().unwrap(), "other".parse().unwrap()];
    let worker = WorkerSecret::new();
    let claim = Claim::new(worker.id(), vec!["mail".parse().unwrap()], kinds.into_iter().map(Into::into).collect());
    let claimed = store.claim(claim.limit(100)).await.unwrap().jobs;
    assert_eq!(claimed.len(), 43);
    assert_eq!((claimed[0].id, claimed[1].id), (ids["ready"], ids["ready_large"]), "the most urgent first");
    assert!(claimed.iter().all(|job| job.token.number > token.number));
    let kept = store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!(kept.failed, []);
}

#[tokio::test]
async fn interrupted_upgrade_is_continued() {
    let server = Server::start(&[]);
    restore(&server).await;
    assert_eq!(server.command(&["SET", "old:{all}:layout", "6>7"]), "+OK");
    let (one, other) = tokio::join!(open(&server), open(&server));
    for store in [one.unwrap(), other.unwrap()] {
        assert_eq!(store.queue("mail".parse().unwrap()).await.unwrap().unwrap().counts, [1, 43, 3, 3, 1, 1]);
    }
    assert_eq!(server.command(&["GET", "old:{all}:layout"]), "7");
}

#[tokio::test]
async fn previous_layout_is_not_upgraded_while_its_workers_run() {
    let server = Server::start(&[]);
    restore(&server).await;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis().to_string();
    server.command(&["ZADD", "old:{all}:registry.seen", &now, "some-worker"]);
    let error = open(&server).await.expect_err("a worker runs");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("stop all programs"), "{error}");
}
