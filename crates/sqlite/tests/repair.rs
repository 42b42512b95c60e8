//! Whatever another program has done to the tables is found, named and repaired, and no job is lost.

use std::time::Duration;

use longshore_core::{
    Claim, Claimed, Finding, JobId, Jobs, Kind, Label, NewJob, Outcome, Payload, Pushed, Queues, Reason, Repair,
    RepairStep, Settings, Settled, Settlement, State, Unique, UniqueScope, Upkeep, When, WorkerSecret, limits,
};
use longshore_sqlite::{Options, Sqlite};
use rusqlite::{Connection, Params};

struct Bench {
    store: Sqlite,
    settings: Settings,
    by_hand: Connection,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn open() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.db");
        let settings = Settings::default();
        let store = Sqlite::open(&path, Options::with(settings.clone())).unwrap();
        Bench { store, settings, by_hand: Connection::open(&path).unwrap(), _folder: folder }
    }

    async fn push(&self, new: NewJob) -> JobId {
        let id = new.id;
        assert_eq!(self.store.push(vec![new]).await.remove(0).unwrap(), Pushed::Created(id));
        id
    }

    async fn take(&self) -> Claimed {
        let kind: Kind = "work".parse().unwrap();
        let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
        self.store.claim(claim.idle(true)).await.unwrap().jobs.remove(0)
    }

    async fn settle(&self, job: &Claimed, outcome: Outcome) -> Settled {
        self.store.settle(vec![Settlement::new(job.id, job.token, outcome)]).await.remove(0).unwrap()
    }

    async fn state(&self, id: JobId) -> (State, Option<Reason>) {
        let job = self.store.get(vec![id]).await.unwrap().remove(0).expect("it is not lost");
        (job.state, job.reason)
    }

    fn spoil(&self, sql: &str, params: impl Params) {
        assert!(self.by_hand.execute(sql, params).unwrap() > 0, "{sql} changed nothing");
    }

    /// Walks through the store in small steps.
    async fn walk(&self, write: bool) -> Vec<Finding> {
        let (mut findings, mut after) = (Vec::new(), None);
        loop {
            let piece = self.store.repair(RepairStep::first().limit(3).write(write).after(after)).await.unwrap();
            findings.extend(piece.findings);
            after = piece.next;
            if after.is_none() {
                return findings;
            }
        }
    }

    /// Asserts that a walk names these things and leaves them, that a repair repairs them, and that nothing is found afterwards.
    async fn repairs(&self, wanted: &[&str]) {
        let texts = |findings: &[Finding]| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
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

fn job() -> NewJob {
    NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), Payload::parse("1").unwrap())
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn success() -> Outcome {
    Outcome::Succeed { result: None }
}

#[tokio::test]
async fn counters_are_counted_anew() {
    let bench = Bench::open();
    for _ in 0..5 {
        bench.push(job()).await;
    }
    bench.spoil("UPDATE queue SET ready = 99, dead = -7", []);
    bench.spoil("UPDATE kind SET jobs = 0", []);
    bench
        .repairs(&["it counts 99 ready jobs and has 5, -7 dead jobs and has 0", "kind `work` counts 0 jobs and has 5"])
        .await;
    let stats = bench.store.queue("default".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stats.counts, [0, 5, 0, 0, 0, 0]);
}

#[tokio::test]
async fn jobs_that_were_deleted_or_moved_by_hand_are_not_counted_and_leave_nothing() {
    let bench = Bench::open();
    let mut new = job();
    new.tags = vec![label("red")];
    new.unique = Some(Unique { key: label("k"), scope: UniqueScope::UntilFinished });
    new.payload = Payload::parse(&format!("\"{}\"", "x".repeat(2_000))).unwrap();
    bench.push(new.clone()).await;
    let claimed = bench.take().await;
    assert!(longshore_core::Logs::write_log(&bench.store, claimed.id, claimed.token, "a".into()).await.unwrap());
    let retry = Outcome::Retry { delay: Duration::ZERO, message: "no".into() };
    assert_eq!(bench.settle(&claimed, retry).await, Settled::Done);
    bench.spoil("DELETE FROM job", []);
    bench
        .repairs(&[
            "the tag `red` leads to job number 1",
            "a payload belongs to job number 1",
            "a log belongs to job number 1",
            "a failure belongs to job number 1",
            "the unique key `k` is held by a job that is gone",
            "it counts 1 ready jobs and has 0",
            "kind `work` counts 1 jobs and has 0",
        ])
        .await;
    let again = NewJob { id: JobId::new(&new.queue), ..new };
    bench.push(again).await;
    assert_eq!(bench.walk(false).await, []);
}

#[tokio::test]
async fn running_job_without_a_lease_is_kept_by_its_worker_or_rescued() {
    for lives in [true, false] {
        let bench = Bench::open();
        let id = bench.push(job()).await;
        let claimed = bench.take().await;
        bench.spoil("UPDATE job SET lease_until = NULL", []);
        bench.repairs(&["it runs without a lease"]).await;
        if lives {
            assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
            assert_eq!(bench.state(id).await, (State::Succeeded, None));
        } else {
            bench.settings.clock.advance(limits::LEASE * 2);
            bench.settings.clock.reboot();
            let kept = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
            assert_eq!(kept.rescued.iter().map(|moved| moved.id).collect::<Vec<_>>(), [id]);
            assert_eq!(bench.take().await.id, id);
        }
        assert_eq!(bench.walk(false).await, []);
    }
}

#[tokio::test]
async fn running_job_without_a_token_is_repaired_once_and_rescued_later() {
    for token in ["token_bits = NULL, lease_boot = NULL", "token_number = NULL, token_bits = NULL"] {
        let bench = Bench::open();
        let id = bench.push(job()).await;
        let claimed = bench.take().await;
        bench.spoil(&format!("UPDATE job SET {token}"), []);
        assert!(bench.walk(true).await.iter().all(|finding| finding.repaired));
        assert_eq!(bench.walk(true).await, [], "a repair is final");
        assert_eq!(bench.settle(&claimed, success()).await, Settled::Lost);
        bench.settings.clock.reboot();
        let kept = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
        assert_eq!(kept.rescued.iter().map(|moved| moved.id).collect::<Vec<_>>(), [id]);
        assert_eq!(bench.walk(false).await, []);
        assert_eq!(bench.take().await.id, id);
    }
}

const EXTREMES: [i64; 3] = [i64::MIN, -1, i64::MAX];

/// A waiting, a running and a finished job with all that can belong to one.
struct Three {
    bench: Bench,
    waits: JobId,
    running: Claimed,
    finished: JobId,
}

impl Three {
    async fn new() -> Three {
        let bench = Bench::open();
        let new = |key: &str| {
            let unique = Some(Unique { key: label(key), scope: UniqueScope::UntilFinished });
            let large = Payload::parse(&format!("\"{}\"", "x".repeat(2_000))).unwrap();
            NewJob { tags: vec![label("red")], unique, payload: large, ..job() }
        };
        let finished = bench.push(new("finished")).await;
        let claimed = bench.take().await;
        let retry = Outcome::Retry { delay: Duration::ZERO, message: "no".into() };
        assert_eq!(bench.settle(&claimed, retry).await, Settled::Done);
        let claimed = bench.take().await;
        assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
        bench.push(new("running")).await;
        let running = bench.take().await;
        let waits = bench.push(new("waits")).await;
        Three { bench, waits, running, finished }
    }

    fn ids(&self) -> [JobId; 3] {
        [self.waits, self.running.id, self.finished]
    }

    /// Asserts that a repair is complete, and that no job is lost.
    async fn assert_repaired(&self, what: &str) {
        let bench = &self.bench;
        bench.walk(false).await;
        let repaired = bench.walk(true).await;
        assert!(repaired.iter().all(|finding| finding.repaired), "{what}: {repaired:#?}");
        assert_eq!(bench.walk(false).await, [], "{what}");
        let jobs = bench.store.get(self.ids().to_vec()).await.unwrap();
        let states: Vec<_> = jobs.into_iter().map(|job| job.map(|job| job.state)).collect();
        assert_eq!(states, [State::Ready, State::Running, State::Succeeded].map(Some), "{what}");
        let listed = bench.store.list(Default::default(), longshore_core::Page::first(10)).await.unwrap();
        assert_eq!(listed.jobs.len(), 3, "{what}");
    }

    /// Asserts that the running job can be settled, and the waiting one claimed.
    async fn assert_works(&self, what: &str) {
        assert_eq!(self.bench.settle(&self.running, success()).await, Settled::Done, "{what}");
        let claimed = self.bench.take().await;
        assert_eq!(claimed.id, self.waits, "{what}");
        let retry = Outcome::Retry { delay: Duration::ZERO, message: "no".into() };
        assert_eq!(self.bench.settle(&claimed, retry).await, Settled::Done, "{what}");
        assert_eq!(self.bench.walk(false).await, [], "{what}");
    }
}

/// The columns of a table that contain numbers.
fn numbers(bench: &Bench, table: &str) -> Vec<String> {
    let sql = "SELECT name FROM pragma_table_info(?1) WHERE type = 'INTEGER'";
    let mut statement = bench.by_hand.prepare(sql).unwrap();
    statement.query_map([table], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn extreme_number_in_any_column_of_a_job_is_repaired_and_no_job_is_lost() {
    for column in numbers(&Bench::open(), "job").into_iter().filter(|column| column != "state" && column != "seq") {
        for value in EXTREMES {
            let what = format!("{column} = {value}");
            let three = Three::new().await;
            three.bench.spoil(&format!("UPDATE job SET {column} = ?1"), [value]);
            three.assert_repaired(&what).await;
            if !["queue", "kind", "token_number", "token_bits"].contains(&column.as_str()) {
                three.assert_works(&what).await;
            }
        }
    }
}

#[tokio::test]
async fn job_whose_own_number_is_out_of_range_gets_another_with_all_that_belongs_to_it() {
    let three = Three::new().await;
    for (id, value) in three.ids().into_iter().zip(EXTREMES) {
        let seq: i64 = three
            .bench
            .by_hand
            .query_row("SELECT seq FROM job WHERE id = ?1", [id.as_bytes()], |row| row.get(0))
            .unwrap();
        for table in ["job", "job_payload", "job_tag", "failure", "unique_key"] {
            let sql = format!("UPDATE {table} SET seq = ?2 WHERE seq = ?1");
            three.bench.by_hand.execute(&sql, [seq, value]).unwrap();
        }
    }
    three.assert_repaired("seq").await;
    let jobs = three.bench.store.get(three.ids().to_vec()).await.unwrap();
    let failures: Vec<_> = jobs.into_iter().map(|job| job.unwrap().failures.len()).collect();
    assert_eq!(failures, [0, 0, 1]);
    three.assert_works("seq").await;
    three.bench.push(job()).await;
    assert_eq!(three.bench.walk(false).await, []);
}

#[tokio::test]
async fn extreme_numbers_beside_the_jobs_are_repaired() {
    let mut columns = vec![("failure", "n".to_owned())];
    for (table, left) in [("store", "only oldest_program"), ("queue", "id rules_level"), ("kind", "id")] {
        let left: Vec<_> = left.split(' ').collect();
        let numbers = numbers(&Bench::open(), table).into_iter().filter(|column| !left.contains(&column.as_str()));
        columns.extend(numbers.map(|column| (table, column)));
    }
    for (table, column) in columns {
        for value in EXTREMES {
            let what = format!("{table}.{column} = {value}");
            let three = Three::new().await;
            three.bench.spoil(&format!("UPDATE {table} SET {column} = ?1"), [value]);
            three.assert_repaired(&what).await;
            three.assert_works(&what).await;
        }
    }
}

#[tokio::test]
async fn extreme_numbers_make_no_call_panic() {
    for column in numbers(&Bench::open(), "job").into_iter().filter(|column| column != "state" && column != "seq") {
        for value in EXTREMES {
            let three = Three::new().await;
            let Three { bench, running, .. } = &three;
            bench.spoil(&format!("UPDATE job SET {column} = ?1"), [value]);
            let assert_said = |e: &longshore_core::Error| assert!(!e.to_string().contains("panicked"), "{column}: {e}");
            let upkeep = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await;
            upkeep.as_ref().err().into_iter().for_each(assert_said);
            for failure in upkeep.into_iter().flat_map(|report| report.failed) {
                assert!(!failure.message.contains("panicked"), "{column}: {failure}");
            }
            let claim = Claim::new(
                WorkerSecret::new().id(),
                vec!["default".parse().unwrap()],
                vec!["work".parse::<Kind>().unwrap().into()],
            );
            bench.store.claim(claim.idle(true)).await.as_ref().err().into_iter().for_each(assert_said);
            let settlement = Settlement::new(running.id, running.token, success());
            bench.store.settle(vec![settlement]).await[0].as_ref().err().into_iter().for_each(assert_said);
            bench.store.get(three.ids().to_vec()).await.as_ref().err().into_iter().for_each(assert_said);
            let _ = bench.store.list(Default::default(), longshore_core::Page::first(10)).await;
            let _ = bench.store.queues(None, 10).await;
        }
    }
}

#[tokio::test]
async fn state_that_was_changed_by_hand_takes_along_what_belongs_to_it() {
    let bench = Bench::open();
    let (ended, died, waits, called) =
        (bench.push(job()).await, bench.push(job()).await, bench.push(job()).await, bench.push(job()).await);
    let set = |id: JobId, set: &str| bench.spoil(&format!("UPDATE job SET {set} WHERE id = ?1"), [id.as_bytes()]);
    set(ended, "state = 3");
    set(died, "state = 4");
    set(waits, "token_number = 1, token_bits = 1, finished_at = 5, reason = 'fatal'");
    set(called, "state = 5, reason = 'fatal', finished_at = 5, keep_until = 9000000000000000");
    bench
        .repairs(&[
            "it is succeeded, and has no time",
            "it is dead, and has no time",
            "it is dead without a reason",
            "it is ready, and has the token or the lease",
            "it is ready, and has a time at which it ended",
            "it is ready, and has a reason",
            "it is cancelled, and has a reason",
            "counts 4 ready jobs and has 1, 0 succeeded jobs and has 1, 0 dead jobs and has 1, 0 cancelled jobs and has 1",
        ])
        .await;
    assert_eq!(bench.state(died).await, (State::Dead, Some(Reason::Corrupt)));
    assert_eq!(bench.take().await.id, waits);
    bench.settings.clock.advance(limits::KEEP_FINISHED);
    let kept = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!((kept.pruned, kept.failed.len()), (1, 0), "it is not kept for ever");
}

#[tokio::test]
async fn payload_that_is_gone_makes_its_job_dead() {
    let bench = Bench::open();
    let (gone, binary, later) = (bench.push(job()).await, bench.push(job()).await, bench.push(job()).await);
    let scheduled = bench.push(NewJob { when: When::In(limits::LEASE), ..job() }).await;
    for id in [gone, scheduled] {
        bench.spoil("UPDATE job SET payload = NULL WHERE id = ?1", [id.as_bytes()]);
    }
    bench.spoil("UPDATE job SET payload = CAST(x'ff' AS TEXT) WHERE id = ?1", [binary.as_bytes()]);
    let what = "its payload is missing, or is no text";
    bench.repairs(&[what, what, what]).await;
    for id in [gone, scheduled, binary] {
        assert_eq!(bench.state(id).await, (State::Dead, Some(Reason::Corrupt)));
    }
    assert_eq!(bench.take().await.id, later);
}

#[tokio::test]
async fn tags_and_keys_lead_to_their_jobs_again() {
    let bench = Bench::open();
    let tagged = NewJob { tags: vec![label("red"), label("blue")], ..job() };
    let (one, other) = (tagged.id, bench.push(NewJob { id: JobId::new(&tagged.queue), ..tagged.clone() }).await);
    bench.push(tagged).await;
    let unique = Some(Unique { key: label("k"), scope: UniqueScope::UntilFinished });
    let holder = bench.push(NewJob { unique: unique.clone(), ..job() }).await;
    let ended =
        bench.push(NewJob { unique: Some(Unique { key: label("free"), ..unique.clone().unwrap() }), ..job() }).await;
    bench
        .spoil("DELETE FROM job_tag WHERE tag = 'red' AND seq = (SELECT seq FROM job WHERE id = ?1)", [one.as_bytes()]);
    bench.spoil("UPDATE job SET tags = '{\"a\": 1' WHERE id = ?1", [other.as_bytes()]);
    bench.spoil("DELETE FROM unique_key WHERE key = 'k'", []);
    bench.spoil(
        "UPDATE job SET state = 3, finished_at = 1, keep_until = 9000000000000000 WHERE id = ?1",
        [ended.as_bytes()],
    );
    bench
        .repairs(&[
            "it is not found by one of its tags",
            "its tags are no list of texts",
            "it does not hold its unique key `k`",
            "the tag `red` leads to job number",
            "the tag `blue` leads to job number",
            "the unique key `free` is held by a job that is gone, or has given it back",
            "it counts 4 ready jobs and has 3, 0 succeeded jobs and has 1",
        ])
        .await;
    let answer = bench.store.push(vec![NewJob { unique, ..job() }]).await.remove(0).unwrap();
    assert!(matches!(answer, Pushed::Existing { id, .. } if id == holder), "{answer:?}");
    let red = longshore_core::Filter { tag: Some(label("red")), ..Default::default() };
    let red = bench.store.list(red, longshore_core::Page::first(10)).await.unwrap().jobs;
    assert_eq!(red.iter().map(|job| job.id).collect::<Vec<_>>(), [one]);
}

#[tokio::test]
async fn jobs_whose_queue_or_kind_is_gone_are_seen_again_under_a_new_name() {
    let bench = Bench::open();
    let id = bench.push(job()).await;
    bench.spoil("DELETE FROM queue", []);
    bench.spoil("DELETE FROM kind", []);
    let found = bench.walk(true).await;
    assert!(found.iter().all(|finding| finding.repaired), "{found:#?}");
    assert_eq!(bench.walk(false).await, []);
    let seen = bench.store.get(vec![id]).await.unwrap().remove(0).expect("it is seen again");
    assert_eq!((seen.queue.as_str(), seen.kind.as_str()), ("recovered-1", "recovered-1"));
    let stats = bench.store.queue(seen.queue).await.unwrap().unwrap();
    assert_eq!(stats.counts, [0, 1, 0, 0, 0, 0]);
    // The store has forgotten the numbers that it had in mind.
    bench.push(job()).await;
    assert_eq!(bench.walk(false).await, []);
}

#[tokio::test]
async fn invalid_name_is_replaced() {
    let bench = Bench::open();
    let id = bench.push(job()).await;
    bench.spoil("UPDATE queue SET name = 'no name'", []);
    bench.spoil("UPDATE kind SET name = ''", []);
    bench.repairs(&["queue number 1 has an invalid name", "kind number 1 has an invalid name"]).await;
    assert_eq!(bench.state(id).await, (State::Ready, None));
}

#[tokio::test]
async fn two_repairs_at_once_add_nothing_twice_and_leave_the_work_of_others_alone() {
    let bench = Bench::open();
    for _ in 0..50 {
        bench.push(job()).await;
    }
    bench.spoil("UPDATE queue SET ready = ready + 1000", []);
    let work = async {
        for _ in 0..50 {
            let claimed = bench.take().await;
            assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
        }
    };
    tokio::join!(bench.walk(true), bench.walk(true), work);
    bench.walk(true).await; // one of them may have come second
    assert_eq!(bench.walk(false).await, []);
    let stats = bench.store.queue("default".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stats.counts, [0, 0, 0, 50, 0, 0]);
}
