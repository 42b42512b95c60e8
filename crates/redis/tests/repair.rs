//! Whatever somebody has done to the keys is found, named and repaired, and no job is lost.

use std::time::Duration;

use longshore_core::{
    Claimed, Filter, Finding, JobId, Jobs, Label, NewJob, Outcome, Page, Payload, Pushed, Queues, Reason, Repair,
    RepairStep, Reuse, Settled, Settlement, State, Unique, UniqueScope, Upkeep, When, WorkerSecret, limits,
};
use longshore_redis::keys;

mod each;
mod jobs;
mod raw;

use each::All;
use jobs::{ask, job, success};
use raw::Bench;

impl Bench {
    async fn push(&self, new: NewJob) -> JobId {
        let id = new.id;
        self.store.push(vec![new]).await.all().unwrap();
        id
    }

    async fn take(&self) -> Claimed {
        self.store.claim(ask(1)).await.unwrap().jobs.remove(0)
    }

    fn key(&self, name: &str) -> Vec<u8> {
        format!("{}:{{{:04x}}}:{name}", self.prefix, job().queue.tag()).into_bytes()
    }

    fn of_job(&self, kind: &str, id: JobId) -> Vec<u8> {
        [self.key(kind), id.as_bytes().to_vec()].concat()
    }

    /// Runs a command on a key, directly on the server.
    async fn run(&mut self, command: &str, key: Vec<u8>, rest: &[&[u8]]) -> redis::Value {
        redis::cmd(command).arg(key).arg(rest).query_async(&mut self.raw).await.unwrap()
    }

    /// Returns the member of sets that a job is.
    async fn member(&mut self, id: JobId) -> Vec<u8> {
        let key = self.key("all:default");
        let mut command = redis::cmd("XRANGE");
        let entries: Vec<(String, Vec<Vec<u8>>)> =
            command.arg(key).arg("-").arg("+").query_async(&mut self.raw).await.unwrap();
        let (order, _) = entries.iter().find(|(_, fields)| fields[1] == id.as_bytes()).expect("it is listed");
        let order: u64 = order.split('-').next().unwrap().parse().unwrap();
        [order.to_be_bytes().to_vec(), id.as_bytes().to_vec()].concat()
    }

    async fn state(&self, id: JobId) -> (State, Option<Reason>) {
        let job = self.store.get(vec![id]).await.unwrap().remove(0).expect("it is not lost");
        (job.state, job.reason)
    }

    async fn counts(&self) -> [u64; 6] {
        self.store.queue(job().queue).await.unwrap().expect("it is known").counts
    }

    async fn walk(&self, write: bool) -> Vec<Finding> {
        let (mut findings, mut after) = (Vec::new(), None);
        loop {
            let piece = self.store.repair(RepairStep::first().write(write).after(after)).await.unwrap();
            findings.extend(piece.findings);
            after = piece.next;
            if after.is_none() {
                return findings;
            }
        }
    }

    /// Asserts that a walk names these things and leaves them, that a repair repairs them, and that nothing is found afterwards.
    async fn repairs(&self, wanted: &[&str]) {
        let texts = |findings: &[Finding]| {
            let mut texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
            texts.sort();
            texts
        };
        let found = self.walk(false).await;
        let said = texts(&found);
        for part in wanted {
            assert!(said.iter().any(|text| text.contains(part)), "{part:?} is not among {said:#?}");
        }
        assert!(found.iter().all(|finding| !finding.repaired), "nothing was to be changed");
        assert_eq!(texts(&self.walk(false).await), said, "it was found again");
        let repaired = self.walk(true).await;
        assert!(repaired.iter().all(|finding| finding.repaired), "{repaired:#?}");
        assert_eq!(self.walk(false).await, [], "after {repaired:#?}");
    }

    async fn keep_up(&self) -> longshore_core::UpkeepReport {
        let kept = self.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
        assert_eq!(kept.failed, []);
        kept
    }
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

/// A job with all that one may be found by.
fn labelled() -> NewJob {
    NewJob {
        tags: vec![label("red: 1"), label("blue")],
        alias: Some(label("alias")),
        unique: Some(Unique { key: label("k"), scope: UniqueScope::UntilFinished }),
        reuse: Some(Reuse { key: label("r"), within: Duration::from_secs(3600) }),
        deadline: Some(When::In(Duration::from_secs(7200))),
        payload: Payload::parse(&format!("\"{}\"", "x".repeat(1_000))).unwrap(),
        ..job()
    }
}

#[tokio::test]
async fn waiting_job_that_was_taken_out_of_its_sets_waits_again() {
    let mut bench = Bench::open().await;
    let (ready, later) =
        (bench.push(labelled()).await, bench.push(NewJob { when: When::In(limits::LEASE), ..job() }).await);
    for key in [
        "ready:default:work",
        "scheduled:default",
        "deadline:default",
        "kinds:default",
        "tag:default:blue",
        "alias:default:alias",
        "unique:default",
    ] {
        assert_eq!(bench.run("DEL", bench.key(key), &[]).await, redis::Value::Int(1), "{key}");
    }
    bench
        .repairs(&[
            "it is ready, and does not wait for a worker in its place",
            "its kind is none of those of the queue",
            "it is ready, and its deadline is not watched",
            "it is scheduled, and does not wait for its time",
            "is not found by one of its tags",
            "is not found by its alias",
            "it does not hold its unique key",
        ])
        .await;
    assert_eq!(bench.store.find(label("alias")).await.unwrap(), Some(ready));
    let answer = bench.store.push(vec![labelled()]).await.remove(0).unwrap();
    assert!(matches!(answer, Pushed::Existing { id, .. } if id == ready), "{answer:?}");
    assert_eq!(bench.take().await.id, ready);
    bench.settings.clock.advance(limits::LEASE);
    assert_eq!(bench.take().await.id, later);
}

#[tokio::test]
async fn ready_job_that_was_sorted_wrong_is_claimed_in_its_turn() {
    let mut bench = Bench::open().await;
    let (first, second) = (bench.push(job()).await, bench.push(job()).await);
    let member = bench.member(first).await;
    bench.run("ZADD", bench.key("ready:default:work"), &[b"9000000000000000", &member]).await;
    bench.repairs(&["it is ready, and does not wait for a worker in its place"]).await;
    assert_eq!([bench.take().await.id, bench.take().await.id], [first, second]);
}

#[tokio::test]
async fn running_job_that_was_taken_out_of_its_sets_is_settled_or_rescued() {
    for lives in [true, false] {
        let mut bench = Bench::open().await;
        let id = bench.push(job()).await;
        let worker = WorkerSecret::new();
        let claimed = bench.store.claim(ask(1).worker(worker.id())).await.unwrap().jobs.remove(0);
        bench.run("DEL", bench.key("running:default"), &[]).await;
        let held = [bench.key("held:default:"), worker.id().as_bytes().to_vec()].concat();
        assert_eq!(bench.run("DEL", held, &[]).await, redis::Value::Int(1));
        bench.repairs(&["it is running, and has no lease", "it is running, and its worker does not hold it"]).await;
        assert_eq!(bench.counts().await, [0, 0, 1, 0, 0, 0]);
        if lives {
            assert_eq!(bench.store.settle(vec![success(&claimed)]).await.all().unwrap(), [Settled::Done]);
        } else {
            bench.settings.clock.advance(limits::LEASE + Duration::from_secs(1));
            assert_eq!(bench.keep_up().await.rescued.iter().map(|moved| moved.id).collect::<Vec<_>>(), [id]);
            assert_eq!(bench.take().await.id, id);
        }
        assert_eq!(bench.walk(false).await, []);
    }
}

#[tokio::test]
async fn finished_jobs_that_were_taken_out_of_their_sets_are_found_and_deleted_in_the_end() {
    let mut bench = Bench::open().await;
    bench.push(labelled()).await;
    let claimed = bench.take().await;
    assert_eq!(bench.store.settle(vec![success(&claimed)]).await.all().unwrap(), [Settled::Done]);
    let outcomes = [Outcome::Cancel, Outcome::Bury { reason: Reason::Fatal, message: "no".into() }];
    for outcome in outcomes {
        bench.push(job()).await;
        let claimed = bench.take().await;
        let settlement = Settlement::new(claimed.id, claimed.token, outcome);
        assert_eq!(bench.store.settle(vec![settlement]).await.all().unwrap(), [Settled::Done]);
    }
    for key in ["final:default", "dead:default", "cancelled:default", "reuse:default:r"] {
        assert_eq!(bench.run("DEL", bench.key(key), &[]).await, redis::Value::Int(1), "{key}");
    }
    bench
        .repairs(&[
            "it is succeeded, and would be kept for ever",
            "its result is not found by its reuse key",
            "it is cancelled, and would be kept for ever",
            "is not among the cancelled",
            "it is dead, and would be kept for ever",
            "is not among the dead",
        ])
        .await;
    assert_eq!(bench.counts().await, [0, 0, 0, 1, 1, 1]);
    bench.settings.clock.advance(limits::KEEP_DEAD);
    assert_eq!(bench.keep_up().await.pruned, 3);
    assert_eq!(bench.walk(false).await, []);
}

#[tokio::test]
async fn list_of_all_jobs_that_was_lost_is_made_anew() {
    let mut bench = Bench::open().await;
    let mut ids = vec![bench.push(labelled()).await];
    let running = bench.take().await;
    ids.push(bench.push(job()).await);
    ids.push(bench.push(NewJob { when: When::In(limits::LEASE), ..labelled_otherwise() }).await);
    bench.run("DEL", bench.key("all:default"), &[]).await;
    // One that is pushed before the repair comes makes it impossible to put the others back where they were.
    ids.push(bench.push(job()).await);
    bench.repairs(&["it is not in the list of all jobs, nor counted"]).await;
    assert_eq!(bench.counts().await, [1, 2, 1, 0, 0, 0]);
    let listed = bench.store.list(Filter::default(), Page::first(10)).await.unwrap().jobs;
    let mut listed: Vec<JobId> = listed.iter().map(|job| job.id).collect();
    listed.sort();
    ids.sort();
    assert_eq!(listed, ids);
    assert_eq!(bench.store.settle(vec![success(&running)]).await.all().unwrap(), [Settled::Done]);
    bench.settings.clock.advance(limits::LEASE);
    for _ in 0..3 {
        let claimed = bench.take().await;
        assert_eq!(bench.store.settle(vec![success(&claimed)]).await.all().unwrap(), [Settled::Done]);
    }
    assert_eq!(bench.walk(false).await, []);
    bench.settings.clock.advance(limits::KEEP_FINISHED * 2);
    assert_eq!(bench.keep_up().await.pruned, 4);
    assert_eq!(bench.walk(false).await, []);
}

fn labelled_otherwise() -> NewJob {
    NewJob { unique: None, reuse: None, ..labelled() }
}

#[tokio::test]
async fn job_that_is_in_sets_of_several_states_is_only_where_its_record_says() {
    let mut bench = Bench::open().await;
    let id = bench.push(job()).await;
    let member = bench.member(id).await;
    for (command, key, rest) in [
        ("ZADD", "scheduled:default", &[&b"1"[..], &member][..]),
        ("ZADD", "running:default", &[b"1", &member]),
        ("ZADD", "final:default", &[b"1", &member]),
        ("ZADD", "dead:default", &[b"0", &member]),
        ("ZADD", "ready:default:other", &[b"1", &member]),
        ("ZADD", "isolated:default:work", &[b"1", &member]),
        ("ZADD", "deadline:default", &[b"1", &member]),
        ("ZADD", "tag:default:red", &[b"0", &member]),
        ("ZADD", "alias:default:x", &[b"0", &member]),
        ("ZADD", "reuse:default:x", &[b"0", &member]),
        ("SADD", "held:default:0123456789abcdef", &[&member]),
        ("HSET", "unique:default", &[b"x", &[&member[..], &(-1i64).to_le_bytes()].concat()]),
        ("XADD", "all:default", &[b"*", b"", id.as_bytes()]),
        ("ZADD", "scheduled:default", &[b"1", b"no job"]),
    ] {
        bench.run(command, bench.key(key), rest).await;
    }
    bench
        .repairs(&[
            "`scheduled:` has an entry of it that does not belong there",
            "`held:`",
            "`unique:`",
            "`all:`",
            "`tag:`",
            "`scheduled:` has an entry that is no job",
        ])
        .await;
    assert_eq!(bench.counts().await, [0, 1, 0, 0, 0, 0]);
    assert_eq!(bench.take().await.id, id);
    assert_eq!(bench.walk(false).await, []);
}

#[tokio::test]
async fn record_that_was_deleted_leaves_nothing() {
    let mut bench = Bench::open().await;
    let id = bench.push(labelled()).await;
    assert_eq!(bench.run("DEL", bench.of_job(keys::JOB, id), &[]).await, redis::Value::Int(1));
    bench
        .repairs(&[
            "something belongs to it, and it is gone",
            "`all:` has an entry of it, and it is gone",
            "`ready:`",
            "`unique:`",
        ])
        .await;
    assert_eq!(bench.counts().await, [0; 6]);
    let again = bench.push(labelled()).await;
    assert_eq!(bench.take().await.id, again);
}

#[tokio::test]
async fn record_that_makes_no_sense_makes_its_job_dead() {
    for spoiled in ["text", "type"] {
        let mut bench = Bench::open().await;
        let (bad, good) = (bench.push(labelled()).await, bench.push(job()).await);
        let key = bench.of_job(keys::JOB, bad);
        if spoiled == "text" {
            bench.run("SET", key, &[b"nonsense"]).await;
        } else {
            bench.run("DEL", key.clone(), &[]).await;
            bench.run("SADD", key, &[b"nonsense"]).await;
        }
        bench
            .repairs(&[if spoiled == "text" {
                "its record makes no sense"
            } else {
                "the key `j:` is a set, and not a string"
            }])
            .await;
        assert_eq!(bench.state(bad).await, (State::Dead, Some(Reason::Corrupt)));
        assert_eq!(bench.counts().await, [0, 1, 0, 0, 1, 0]);
        assert_eq!(bench.take().await.id, good);
    }
}

#[tokio::test]
async fn payload_that_is_gone_makes_its_job_dead() {
    let mut bench = Bench::open().await;
    let (bad, good) = (bench.push(labelled()).await, bench.push(job()).await);
    assert_eq!(bench.run("DEL", bench.of_job(keys::PAYLOAD, bad), &[]).await, redis::Value::Int(1));
    bench.repairs(&["its payload is gone; no handler can run it"]).await;
    assert_eq!(bench.state(bad).await, (State::Dead, Some(Reason::Corrupt)));
    assert_eq!(bench.take().await.id, good);
}

#[tokio::test]
async fn key_of_another_type_is_made_anew() {
    let mut bench = Bench::open().await;
    let (one, other) = (bench.push(labelled()).await, bench.push(job()).await);
    let (ready, all, unique) = ("ready:default:work", "all:default", "unique:default");
    for key in [ready, all, unique, "meta:default"] {
        bench.run("SET", bench.key(key), &[b"somebody else's"]).await;
    }
    let queues = format!("{}:{{all}}:queues", bench.prefix).into_bytes();
    bench.run("SET", queues, &[b"somebody else's"]).await;
    bench
        .repairs(&[
            "the key `ready:` is a string, and not a zset",
            "the key `all:` is a string, and not a stream",
            "the key `unique:` is a string, and not a hash",
            "the key `meta:` is a string, and not a hash",
            "the key `queues` is a string, and not a zset",
        ])
        .await;
    let queues = bench.store.queues(None, 10).await.unwrap();
    assert_eq!(queues.iter().map(|stats| stats.counts).collect::<Vec<_>>(), [[0, 2, 0, 0, 0, 0]]);
    let mut claimed = [bench.take().await.id, bench.take().await.id];
    claimed.sort();
    let mut ids = [one, other];
    ids.sort();
    assert_eq!(claimed, ids);
}

#[tokio::test]
async fn fields_of_a_queue_that_cannot_be_read_stop_no_claim() {
    let worker = WorkerSecret::new().id();
    let claimed_by = [b"claim:", worker.as_bytes().as_slice()].concat();
    for field in
        [b"token".as_slice(), b"rules_level", b"paused_until", b"rules_version", b"since", b"rules", &claimed_by]
    {
        let mut bench = Bench::open().await;
        bench.push(job()).await;
        bench.push(job()).await;
        bench.take().await;
        bench.run("HSET", bench.key("meta:default"), &[field, b"nonsense", b"of_another_version", b"stays"]).await;
        bench.repairs(&["of the queue makes no sense"]).await;
        let other = bench.run("HGET", bench.key("meta:default"), &[b"of_another_version"]).await;
        assert_eq!(other, redis::Value::BulkString(b"stays".to_vec()));
        assert_eq!(bench.store.claim(ask(1).worker(worker)).await.unwrap().jobs.len(), 1);
    }
}

#[tokio::test]
async fn unique_key_until_started_is_held_again_by_a_job_that_did_not_start() {
    let mut bench = Bench::open().await;
    let unique = Some(Unique { key: label("k"), scope: UniqueScope::UntilStarted });
    let new = || NewJob { unique: unique.clone(), ..job() };
    let id = bench.push(new()).await;
    bench.run("DEL", bench.key("unique:default"), &[]).await;
    bench.repairs(&["it does not hold its unique key"]).await;
    let answer = bench.store.push(vec![new()]).await.remove(0).unwrap();
    assert!(matches!(answer, Pushed::Existing { id: held, .. } if held == id), "{answer:?}");
    let claimed = bench.take().await;
    let again = Outcome::Retry { message: "again".into(), delay: Duration::ZERO };
    let settlement = Settlement::new(claimed.id, claimed.token, again);
    assert_eq!(bench.store.settle(vec![settlement]).await.all().unwrap(), [Settled::Done]);
    assert_eq!(bench.walk(true).await, [], "it has started, and its key is free");
}

#[tokio::test]
async fn result_that_may_be_reused_is_kept_as_long_after_a_repair() {
    let mut bench = Bench::open().await;
    let within = limits::KEEP_FINISHED * 2;
    bench.push(NewJob { reuse: Some(Reuse { key: label("r"), within }), ..job() }).await;
    let claimed = bench.take().await;
    assert_eq!(bench.store.settle(vec![success(&claimed)]).await.all().unwrap(), [Settled::Done]);
    bench.run("DEL", bench.key("final:default"), &[]).await;
    bench.repairs(&["would be kept for ever"]).await;
    bench.settings.clock.advance(within - Duration::from_secs(1));
    assert_eq!(bench.keep_up().await.pruned, 0);
    bench.settings.clock.advance(Duration::from_secs(2));
    assert_eq!(bench.keep_up().await.pruned, 1);
}

#[tokio::test]
async fn large_sets_are_walked_in_bounded_steps_and_every_entry_is_seen() {
    let mut bench = Bench::open().await;
    let jobs: Vec<NewJob> = (0..1_500).map(|_| job()).collect();
    for some in jobs.chunks(500) {
        bench.store.push(some.to_vec()).await.all().unwrap();
    }
    for job in jobs.iter().step_by(10) {
        bench.run("DEL", bench.of_job(keys::JOB, job.id), &[]).await;
    }
    let (mut gone, mut most, mut after) = (0, 0, None);
    loop {
        let piece = bench.store.repair(RepairStep::first().write(true).after(after)).await.unwrap();
        gone += piece.findings.iter().filter(|finding| finding.message.contains("`all:`")).count();
        most = most.max(piece.checked);
        after = piece.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(gone, 150);
    assert!(most <= limits::UPKEEP_ROWS, "{most} in one step");
    assert_eq!(bench.counts().await, [0, 1_350, 0, 0, 0, 0]);
    assert_eq!(bench.walk(false).await, []);
}
