//! Whatever somebody has done to the tables is found, named and repaired, and no job is lost.

use longshore_core::{
    Claimed, Filter, Finding, JobId, Jobs, Label, Logs, NewJob, Outcome, Page, Payload, Pushed, Queues, Reason, Repair,
    RepairStep, Settled, Settlement, State, Unique, UniqueScope, WorkerSecret,
};
use longshore_postgres::tokio_postgres::Client;

use crate::common::{Schema, all, connect, job, push, take};

/// A store, and a connection on which somebody changes its tables.
pub struct Bench {
    pub schema: Schema,
    pub by_hand: Client,
}

impl Bench {
    pub async fn open() -> Bench {
        let schema = Schema::new().await;
        let by_hand = connect(&schema.server).await;
        Bench { schema, by_hand }
    }

    pub async fn spoil(&self, sql: &str) {
        let changed = self.by_hand.execute(&self.schema.sql(sql), &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert!(changed > 0, "{sql} changed nothing");
    }

    pub async fn take(&self) -> Claimed {
        take(&self.schema.store, &WorkerSecret::new(), 1).await.remove(0)
    }

    pub async fn settle(&self, claimed: &Claimed, outcome: Outcome) -> Settled {
        let settlement = Settlement::new(claimed.id, claimed.token, outcome);
        all(self.schema.store.settle(vec![settlement]).await).remove(0)
    }

    /// Pushes a job and claims it.
    pub async fn push_and_take(&self) -> Claimed {
        let id = push(&self.schema.store, job()).await;
        let claimed = self.take().await;
        assert_eq!(claimed.id, id);
        claimed
    }

    async fn state(&self, id: JobId) -> (State, Option<Reason>) {
        let status = self.schema.store.status(vec![id]).await.unwrap().remove(0).expect("it is not lost");
        (status.state, status.reason)
    }

    pub async fn counts(&self) -> [u64; 6] {
        self.schema.store.queue(job().queue).await.unwrap().expect("it is known").counts
    }

    /// Walks through the store in small steps.
    pub async fn walk(&self, write: bool) -> Vec<Finding> {
        let (mut findings, mut after) = (Vec::new(), None);
        loop {
            let step = RepairStep::first().limit(3).write(write).after(after);
            let piece = self.schema.store.repair(step).await.unwrap();
            findings.extend(piece.findings);
            after = piece.next;
            if after.is_none() {
                return findings;
            }
        }
    }

    /// Asserts that a walk names these things and leaves them, that a repair repairs them, and that nothing is found afterwards.
    pub async fn repairs(&self, wanted: &[&str]) {
        let found = self.walk(false).await;
        let said = texts(&found);
        for part in wanted {
            assert!(said.iter().any(|text| text.contains(part)), "{part:?} is not among {said:#?}");
        }
        assert_eq!(said.len(), wanted.len(), "{said:#?}");
        assert!(found.iter().all(|finding| !finding.repaired), "nothing was to be changed");
        assert_eq!(texts(&self.walk(false).await), said, "it was found again");
        let repaired = self.walk(true).await;
        assert!(repaired.iter().all(|finding| finding.repaired), "{repaired:#?}");
        assert_eq!(self.walk(false).await, []);
    }
}

pub fn label(text: &str) -> Label {
    text.parse().unwrap()
}

/// Returns findings as people read them.
pub fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

pub fn success() -> Outcome {
    Outcome::Succeed { result: None }
}

fn large() -> NewJob {
    NewJob { payload: Payload::parse(&format!("\"{}\"", "x".repeat(2_000))).unwrap(), ..job() }
}

pub fn unique(key: &str) -> NewJob {
    NewJob { unique: Some(Unique { key: label(key), scope: UniqueScope::UntilFinished }), ..job() }
}

#[tokio::test]
async fn counters_are_counted_anew_whether_they_were_added_up_or_not() {
    let bench = Bench::open().await;
    for _ in 0..5 {
        push(&bench.schema.store, job()).await;
    }
    bench.spoil("INSERT INTO longshore.queue (name, ready, dead) VALUES ('default', 94, -7)").await;
    bench.spoil("INSERT INTO longshore.queue (name, running) VALUES ('empty', 3)").await;
    bench
        .repairs(&[
            "queue `default`: it counts 99 ready jobs and has 5, -7 dead jobs and has 0",
            "queue `empty`: it counts 3 running jobs and has 0",
        ])
        .await;
    assert_eq!(bench.counts().await, [0, 5, 0, 0, 0, 0]);
}

#[tokio::test]
async fn jobs_that_were_deleted_by_hand_leave_nothing() {
    let bench = Bench::open().await;
    let new = NewJob { tags: vec![label("red")], payload: large().payload, ..unique("k") };
    push(&bench.schema.store, new.clone()).await;
    let claimed = bench.take().await;
    assert!(bench.schema.store.write_log(claimed.id, claimed.token, "a".into()).await.unwrap());
    bench.spoil("DELETE FROM longshore.running").await;
    bench.spoil("INSERT INTO longshore.artifact_chunk (upload, n, body) VALUES (99, 0, 'x'), (99, 1, 'x')").await;
    bench
        .repairs(&[
            "the unique key `k` is held by a job that is gone",
            "the tag `red` leads to job number",
            "a payload belongs to it, and it is gone",
            "a log belongs to it, and it is gone",
            "chunks of upload 99 belong to no result",
            "it counts 1 running jobs and has 0",
        ])
        .await;
    push(&bench.schema.store, NewJob { id: JobId::new(&new.queue), ..new }).await;
    assert_eq!(bench.walk(false).await, []);
}

#[tokio::test]
async fn job_that_is_in_several_tables_stays_in_the_one_with_its_newest_version() {
    let bench = Bench::open().await;
    let copy = "INSERT INTO longshore.waiting (seq, run_at, created_at, version, state, rank, id, queue, kind, payload, interruptions)
                SELECT seq, run_at, created_at, version - 1, 1, rank, id, queue, kind, payload, 0 FROM longshore.";
    let ended = push(&bench.schema.store, job()).await;
    let claimed = bench.take().await;
    assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
    let runs = push(&bench.schema.store, job()).await;
    let claimed = bench.take().await;
    bench.spoil(&format!("{copy}history")).await;
    bench.spoil(&format!("{copy}running")).await;
    let (mut said, repaired) = (Vec::new(), bench.walk(true).await);
    said.extend(repaired.iter().map(ToString::to_string));
    assert!(repaired.iter().all(|finding| finding.repaired), "{said:#?}");
    assert!(
        said.iter().any(|text| text.contains("it is in waiting and history; the newest is the one in history")),
        "{said:#?}"
    );
    assert!(
        said.iter().any(|text| text.contains("it is in waiting and running; the newest is the one in running")),
        "{said:#?}"
    );
    assert_eq!(bench.walk(false).await, []);
    assert_eq!(bench.state(ended).await, (State::Succeeded, None));
    assert_eq!(bench.counts().await, [0, 0, 1, 1, 0, 0]);
    assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
    assert_eq!(bench.state(runs).await, (State::Succeeded, None));
}

#[tokio::test]
async fn payload_that_is_gone_makes_its_job_dead() {
    let bench = Bench::open().await;
    let (bad, good) = (push(&bench.schema.store, large()).await, push(&bench.schema.store, job()).await);
    bench.spoil("DELETE FROM longshore.payload").await;
    bench.repairs(&["its payload is missing; no handler can run it"]).await;
    assert_eq!(bench.state(bad).await, (State::Dead, Some(Reason::Corrupt)));
    assert_eq!(bench.take().await.id, good);
    assert_eq!(bench.counts().await, [0, 0, 1, 0, 1, 0]);
}

#[tokio::test]
async fn tags_keys_and_reasons_fit_their_jobs_again() {
    let bench = Bench::open().await;
    let store = &bench.schema.store;
    let tagged = || NewJob { tags: vec![label("red"), label("blue")], ..job() };
    let (one, other) = (push(store, tagged()).await, push(store, tagged()).await);
    let holder = push(store, unique("k")).await;
    let other_key = push(store, unique("taken")).await;
    bench.spoil(&format!("DELETE FROM longshore.job_tag WHERE tag = 'red' AND seq = (SELECT seq FROM longshore.waiting WHERE id = '{one}')")).await;
    bench.spoil(&format!("UPDATE longshore.waiting SET tags = '{{}}' WHERE id = '{other}'")).await;
    bench.spoil("DELETE FROM longshore.unique_key WHERE key = 'k'").await;
    bench.spoil("UPDATE longshore.unique_key SET job = gen_random_uuid() WHERE key = 'taken'").await;
    for reason in ["NULL", "'fatal'"] {
        let id = push(store, NewJob { priority: 50, ..job() }).await;
        let claimed = bench.take().await;
        assert_eq!(claimed.id, id);
        let dead = Outcome::Bury { reason: Reason::Fatal, message: "no".into() };
        let outcome = if reason == "NULL" { dead } else { success() };
        assert_eq!(bench.settle(&claimed, outcome).await, Settled::Done);
        bench.spoil(&format!("UPDATE longshore.history SET reason = {reason} WHERE id = '{id}'")).await;
    }
    let found = bench.walk(false).await;
    let said: Vec<String> = found.iter().map(ToString::to_string).collect();
    for part in [
        "it is not found by one of its tags",
        "its tags are no list of texts",
        "it does not hold its unique key `k`",
        "the unique key `taken` is held by a job that is gone",
        "it is dead without a reason",
        "it is not dead, and has a reason",
        "the tag `red` leads to job number",
        "the tag `blue` leads to job number",
    ] {
        assert!(said.iter().any(|text| text.contains(part)), "{part:?} is not among {said:#?}");
    }
    let repaired = bench.walk(true).await;
    assert!(repaired.iter().all(|finding| finding.repaired), "{repaired:#?}");
    assert_eq!(bench.walk(false).await, []);
    for (new, id) in [(unique("k"), holder), (unique("taken"), other_key)] {
        let answer = all(store.push(vec![new]).await).remove(0);
        assert!(matches!(answer, Pushed::Existing { id: other, .. } if other == id), "{answer:?}");
    }
    let red = Filter { tag: Some(label("red")), ..Filter::default() };
    let red = store.list(red, Page::first(10)).await.unwrap().jobs;
    assert_eq!(red.iter().map(|job| job.id).collect::<Vec<_>>(), [one]);
}

#[tokio::test]
async fn recounts_at_once_add_nothing_twice_and_leave_the_work_of_others_alone() {
    let bench = Bench::open().await;
    for _ in 0..50 {
        push(&bench.schema.store, job()).await;
    }
    bench.spoil("INSERT INTO longshore.queue (name, ready) VALUES ('default', 1000)").await;
    let work = async {
        for _ in 0..50 {
            let claimed = bench.take().await;
            assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
        }
    };
    tokio::join!(bench.walk(true), bench.walk(true), work);
    assert_eq!(bench.walk(false).await, []);
    assert_eq!(bench.counts().await, [0, 0, 0, 50, 0, 0]);
}
