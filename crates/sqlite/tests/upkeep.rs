//! A part of upkeep that fails does not stop the others, and a row for which it fails does not stop the other rows.

use std::time::Duration;

use longshore_core::{
    Claim, Claimed, ErrorKind, JobId, Jobs, Kind, NewJob, Outcome, Payload, Settings, Settled, Settlement, State,
    Upkeep, When, WorkerSecret, limits,
};
use longshore_sqlite::{Options, Sqlite};
use rusqlite::Connection;

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
        let mut settings = Settings::default();
        settings.keep_finished = Duration::ZERO;
        let store = Sqlite::open(&path, Options::with(settings.clone())).unwrap();
        Bench { store, settings, by_hand: Connection::open(&path).unwrap(), _folder: folder }
    }

    async fn push(&self, jobs: Vec<NewJob>) -> Vec<JobId> {
        let ids = jobs.iter().map(|job| job.id).collect();
        assert!(self.store.push(jobs).await.iter().all(Result::is_ok));
        ids
    }

    async fn take(&self, limit: usize) -> Vec<Claimed> {
        let kind: Kind = "work".parse().unwrap();
        let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
        let claim = claim.limit(limit).idle(true);
        self.store.claim(claim).await.unwrap().jobs
    }

    /// Creates succeeded jobs whose retention period has ended.
    async fn finished(&self, n: usize) -> Vec<JobId> {
        let ids = self.push((0..n).map(|_| job()).collect()).await;
        let outcome = Outcome::Succeed { result: None };
        let settle = |job: Claimed| Settlement::new(job.id, job.token, outcome.clone());
        let settled = self.store.settle(self.take(n).await.into_iter().map(settle).collect()).await;
        assert_eq!(settled.into_iter().map(Result::unwrap).collect::<Vec<_>>(), vec![Settled::Done; n]);
        ids
    }

    async fn states(&self, ids: &[JobId]) -> Vec<Option<State>> {
        let known = self.store.status(ids.to_vec()).await.unwrap();
        known.into_iter().map(|status| status.map(|status| status.state)).collect()
    }

    /// Asserts that the counts are those of the rows.
    fn assert_counted(&self) {
        let wrong = "SELECT count(*) FROM queue WHERE
            ready <> (SELECT count(*) FROM job WHERE job.queue = queue.id AND state = 1) OR
            running <> (SELECT count(*) FROM job WHERE job.queue = queue.id AND state = 2) OR
            succeeded <> (SELECT count(*) FROM job WHERE job.queue = queue.id AND state = 3) OR
            dead <> (SELECT count(*) FROM job WHERE job.queue = queue.id AND state = 4)";
        assert_eq!(self.by_hand.query_row(wrong, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}

fn job() -> NewJob {
    NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), Payload::parse("1").unwrap())
}

fn late() -> NewJob {
    NewJob { deadline: Some(When::In(limits::LEASE)), ..job() }
}

#[tokio::test]
async fn part_that_fails_stops_no_other_part() {
    for (trigger, part) in [
        ("BEFORE DELETE ON job", "prune"),
        ("BEFORE DELETE ON failure", "prune"),
        ("BEFORE UPDATE OF state ON job WHEN NEW.state = 4", "deadlines"),
        ("BEFORE UPDATE OF state ON job WHEN OLD.state = 2", "rescue"),
        ("BEFORE DELETE ON worker", "workers"),
    ] {
        let bench = Bench::open();
        let over = bench.finished(2).await;
        bench
            .by_hand
            .execute_batch(
                "INSERT INTO failure (seq, n, at, class, attempt, message) SELECT seq, 1, 0, 0, 1, 'x' FROM job",
            )
            .unwrap();
        let lost = bench.push(vec![job()]).await;
        assert_eq!(bench.take(1).await.len(), 1);
        let missed = bench.push(vec![late()]).await;
        bench.by_hand.execute_batch("UPDATE worker SET seen = 0").unwrap();
        let raise = format!("CREATE TRIGGER refuses {trigger} BEGIN SELECT RAISE(ABORT, 'not today'); END");
        bench.by_hand.execute_batch(&raise).unwrap();
        bench.settings.clock.advance(limits::LEASE + Duration::from_secs(1));
        let kept = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.expect("the other parts are done");
        assert_eq!(kept.failed.iter().map(|failure| failure.part).collect::<Vec<_>>(), [part], "{trigger}");
        assert!(kept.failed[0].message.contains("not today"), "{}", kept.failed[0]);
        assert!(!kept.more, "a part that fails for all is not tried again at once");
        let done = |this: &str, count: usize| if this == part { 0 } else { count };
        assert_eq!(
            (kept.rescued.len(), kept.buried.len(), kept.pruned),
            (done("rescue", 1), done("deadlines", 1), done("prune", 2)),
            "{trigger}"
        );
        assert_eq!(bench.states(&lost).await, [Some(if part == "rescue" { State::Running } else { State::Ready })]);
        assert_eq!(bench.states(&missed).await, [Some(if part == "deadlines" { State::Ready } else { State::Dead })]);
        assert_eq!(bench.states(&over).await, vec![(part == "prune").then_some(State::Succeeded); 2]);
        bench.assert_counted();
        bench.by_hand.execute_batch("DROP TRIGGER refuses").unwrap();
        assert_eq!(bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap().failed, [], "{trigger}");
        bench.assert_counted();
    }
}

#[tokio::test]
async fn row_that_a_part_fails_for_stops_no_other_row() {
    let bench = Bench::open();
    let over = bench.finished(3).await;
    let raise = "CREATE TRIGGER refuses BEFORE DELETE ON job WHEN OLD.seq = (SELECT min(seq) FROM job)
                 BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    bench.by_hand.execute_batch(raise).unwrap();
    let kept = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!((kept.pruned, kept.failed.len()), (2, 1));
    assert!(kept.failed[0].message.starts_with("1 of 3 jobs"), "{}", kept.failed[0]);
    assert_eq!(bench.states(&over).await, [Some(State::Succeeded), None, None]);
    bench.assert_counted();
}

#[tokio::test]
async fn job_with_a_damaged_key_tags_and_worker_is_claimed_rescued_and_deleted_like_any_other() {
    let bench = Bench::open();
    let second = Duration::from_secs(1);
    let tags = vec!["tag".parse().unwrap()];
    let damaged = NewJob { when: When::In(second), key: Some("key".parse().unwrap()), tags, ..job() };
    let ids = bench.push(vec![damaged]).await;
    let damage = "UPDATE job SET key = CAST(x'ff' AS TEXT), tags = CAST(x'ff' AS TEXT)";
    bench.by_hand.execute_batch(damage).unwrap();
    bench.settings.clock.advance(2 * second);
    assert_eq!(bench.take(1).await.len(), 1);
    bench.by_hand.execute_batch("UPDATE job SET worker = x'01'").unwrap();
    bench.settings.clock.advance(limits::LEASE + second);
    let kept = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!(kept.failed, []);
    assert_eq!(kept.rescued.iter().map(|moved| (moved.id, moved.worker)).collect::<Vec<_>>(), [(ids[0], None)]);
    let held = bench.take(1).await.remove(0);
    let outcome = Outcome::Succeed { result: None };
    let settlement = Settlement::new(held.id, held.token, outcome);
    assert_eq!(*bench.store.settle(vec![settlement]).await[0].as_ref().unwrap(), Settled::Done);
    let kept = bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!((kept.pruned, kept.failed), (1, vec![]));
    bench.assert_counted();
}

#[tokio::test]
async fn job_with_damaged_numbers_hides_no_other_from_a_list() {
    let bench = Bench::open();
    let ids = bench.push(vec![job(), job()]).await;
    let damage =
        "UPDATE job SET attempt = -1, asked_attempts = 99999999999, crashes = -2, interruptions = -3, outages = 70000,
                                 cancel_asked = 5, worker = x'01' WHERE id = ?1";
    assert_eq!(bench.by_hand.execute(damage, [ids[0].as_bytes()]).unwrap(), 1);
    let listed =
        bench.store.list(longshore_core::Filter::default(), longshore_core::Page::first(10)).await.unwrap().jobs;
    assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
    assert_eq!((listed[1].attempt, listed[1].max_attempts, listed[1].outages), (0, u16::MAX, u16::MAX));
    assert!(bench.store.status(vec![ids[0]]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn claim_that_finds_entries_of_jobs_that_are_not_there_says_that_the_database_is_damaged() {
    let bench = Bench::open();
    bench.push(vec![job()]).await;
    // The row is deleted while the schema does not contain the index, which keeps its entry.
    let schema = "PRAGMA writable_schema = ON;
                  CREATE TEMP TABLE hidden AS SELECT * FROM sqlite_schema WHERE name = 'job_ready';
                  DELETE FROM sqlite_schema WHERE name = 'job_ready'; PRAGMA schema_version = 1001;";
    bench.by_hand.execute_batch(schema).unwrap();
    let delete = "DELETE FROM job; INSERT INTO sqlite_schema SELECT * FROM hidden; PRAGMA schema_version = 1002;";
    bench.by_hand.execute_batch(delete).unwrap();
    let kind: Kind = "work".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec!["default".parse().unwrap()], vec![kind.into()]);
    let refused = bench.store.claim(claim).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains("REINDEX"), "{refused}");
}
