//! Names and numbers in the rows of jobs that no program writes are found and replaced, and what cannot be repaired stops no walk.

use std::time::Duration;

use longshore_core::{
    Claim, Finding, Jobs, Kind, NewJob, Outcome, Pushed, Queues, Reason, Settled, State, Upkeep, When, WorkerSecret,
};

use crate::common::{all, connect, job, push, take};
use crate::repair::{Bench, label, success, texts, unique};

fn said<'a>(findings: &'a [Finding], part: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.to_string().contains(part));
    found.unwrap_or_else(|| panic!("{part:?} is not among {:#?}", texts(findings)))
}

#[tokio::test]
async fn row_that_cannot_be_repaired_is_named_and_the_walk_goes_on() {
    let bench = Bench::open().await;
    let refuse = bench.schema.sql(
        "CREATE FUNCTION longshore.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this row'; END $$;
         CREATE TRIGGER refuse BEFORE DELETE ON longshore.job_tag FOR EACH ROW WHEN (OLD.tag = 'b') EXECUTE FUNCTION longshore.refuse_change();
         CREATE TRIGGER refuse BEFORE UPDATE ON longshore.waiting FOR EACH ROW WHEN (OLD.alias = 'b') EXECUTE FUNCTION longshore.refuse_change();
         CREATE TRIGGER refuse BEFORE INSERT ON longshore.history FOR EACH ROW WHEN (NEW.alias = 'b') EXECUTE FUNCTION longshore.refuse_change()",
    );
    bench.spoil("INSERT INTO longshore.job_tag (tag, seq) VALUES ('a', 99), ('b', 99), ('c', 99)").await;
    for alias in ["a", "b", "c"] {
        push(&bench.schema.store, NewJob { alias: Some(label(alias)), ..job() }).await;
    }
    bench.spoil("UPDATE longshore.waiting SET tags = '{}', payload = NULL").await;
    bench.by_hand.batch_execute(&refuse).await.unwrap();
    let repaired = bench.walk(true).await;
    let (failed, done): (Vec<_>, Vec<_>) = repaired.into_iter().partition(|finding| !finding.repaired);
    for part in ["the tag `b` leads to", "its tags are no list", "its payload is missing"] {
        assert!(said(&failed, part).message.ends_with("; it cannot be repaired: not this row"), "{failed:#?}");
    }
    assert_eq!((failed.len(), done.len()), (3, 6), "{:#?}", texts(&done));
    assert_eq!(bench.counts().await, [0, 1, 0, 0, 2, 0]);
    bench.by_hand.batch_execute(&bench.schema.sql("DROP FUNCTION longshore.refuse_change CASCADE")).await.unwrap();
    assert_eq!(bench.walk(true).await.len(), 3);
    assert_eq!(bench.walk(false).await, []);
}

#[tokio::test]
async fn rows_that_somebody_has_locked_are_named_and_the_walk_goes_on() {
    let bench = Bench::open().await;
    bench.spoil("INSERT INTO longshore.job_tag (tag, seq) SELECT 'a', n FROM generate_series(100, 109) n").await;
    let ids = [push(&bench.schema.store, job()).await, push(&bench.schema.store, job()).await];
    bench.spoil("UPDATE longshore.waiting SET tags = '{}'").await;
    let mut other = connect(&bench.schema.server).await;
    let held = other.transaction().await.unwrap();
    let lock = format!("SELECT FROM longshore.waiting WHERE id = '{}' FOR UPDATE", ids[0]);
    held.batch_execute(&bench.schema.sql(&lock)).await.unwrap();
    held.batch_execute(&bench.schema.sql("SELECT FROM longshore.job_tag WHERE seq < 109 FOR UPDATE")).await.unwrap();
    let (failed, done): (Vec<_>, Vec<_>) = bench.walk(true).await.into_iter().partition(|finding| !finding.repaired);
    assert_eq!((failed.len(), done.len()), (10, 2), "{failed:#?} {done:#?}");
    assert!(failed.iter().all(|finding| finding.message.contains("; it cannot be repaired: ")), "{failed:#?}");
    held.rollback().await.unwrap();
    assert!(bench.walk(true).await.iter().all(|finding| finding.repaired));
    assert_eq!(bench.walk(false).await, []);
}

#[tokio::test]
async fn job_of_a_queue_or_kind_with_an_invalid_name_gets_a_valid_one() {
    let bench = Bench::open().await;
    let store = &bench.schema.store;
    let ended = push(store, job()).await;
    assert_eq!(bench.settle(&bench.take().await, success()).await, Settled::Done);
    let runs = bench.push_and_take().await;
    let waits = push(store, unique("k")).await;
    let of_kind = push(store, NewJob { when: When::In(Duration::from_secs(60)), ..job() }).await;
    for (table, id) in [("history", ended), ("running", runs.id), ("waiting", waits)] {
        bench.spoil(&format!("UPDATE longshore.{table} SET queue = 'no good' WHERE id = '{id}'")).await;
    }
    bench.spoil("UPDATE longshore.unique_key SET queue = 'no good'").await;
    bench.spoil(&format!("UPDATE longshore.waiting SET kind = E'\\u00e4' WHERE id = '{of_kind}'")).await;

    let found = bench.walk(false).await;
    assert!(said(&found, "its kind has the invalid name `ä`; a valid one for it is `recovered-").job == Some(of_kind));
    assert_eq!(found.iter().filter(|finding| finding.message.contains("invalid name `no good`")).count(), 3);
    let repaired = bench.walk(true).await;
    assert!(repaired.iter().all(|finding| finding.repaired), "{repaired:#?}");
    assert_eq!(bench.walk(false).await, []);

    let jobs: Vec<_> = store.get(vec![ended, runs.id, waits, of_kind]).await.unwrap();
    let jobs: Vec<_> = jobs.into_iter().map(|job| job.expect("it can be read")).collect();
    let queue = jobs[0].queue.clone();
    assert!(queue.as_str().starts_with("recovered-"), "{queue}");
    assert_eq!([&jobs[1].queue, &jobs[2].queue], [&queue, &queue], "one name for one name");
    assert!(jobs[3].kind.as_str().starts_with("recovered-"));
    assert_eq!(store.queue(queue.clone()).await.unwrap().expect("it is known").counts, [0, 1, 1, 1, 0, 0]);
    assert_eq!(bench.settle(&runs, success()).await, Settled::Done, "it stayed with its worker");
    let again = NewJob { queue: queue.clone(), ..unique("k") };
    let answer = all(store.push(vec![again]).await).remove(0);
    assert!(matches!(answer, Pushed::Existing { id, .. } if id == waits), "{answer:?}");
    let kind: Kind = "work".parse().unwrap();
    let claim = Claim::new(WorkerSecret::new().id(), vec![queue], vec![kind.into()]).limit(9);
    assert_eq!(store.claim(claim).await.unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn lowest_due_time_stops_no_claim() {
    let bench = Bench::open().await;
    for state in ["0", "1"] {
        let id = push(&bench.schema.store, job()).await;
        push(&bench.schema.store, job()).await;
        let lowest = "run_at = -9223372036854775808, outage_since = -9223372036854775808";
        bench.spoil(&format!("UPDATE longshore.waiting SET {lowest}, state = {state} WHERE id = '{id}'")).await;
        assert!(bench.schema.store.queue(job().queue).await.is_ok(), "it hides no queue");
        assert_eq!(take(&bench.schema.store, &WorkerSecret::new(), 10).await.len(), 2);
    }
    let repaired = bench.walk(true).await;
    assert!(
        said(&repaired, "its `outage_since` is -9223372036854775808, its `run_at` is -9223372036854775808").repaired
    );
    assert_eq!(bench.walk(false).await, []);
}

/// Columns and what they are set to, which no program does.
const NUMBERS: [(&str, &str); 18] = [
    ("seq", "-1"),
    ("seq", "9223372036854775807"),
    ("version", "-1"),
    ("run_at", "-1"),
    ("run_at", "9223372036854775807"),
    ("created_at", "-9223372036854775808"),
    ("started_at", "9223372036854775807"),
    ("deadline", "-1"),
    ("unique_scope", "-1"),
    ("reuse_ms", "9223372036854775807"),
    ("timeout_ms", "0"),
    ("granted_timeout_ms", "-1"),
    ("max_attempts", "0"),
    ("granted_attempts", "32767"),
    ("rank", "101"),
    ("attempt", "-1"),
    ("interruptions", "-1"),
    ("crashes", "-1"),
];

#[tokio::test]
async fn numbers_that_no_program_writes_are_put_into_range_and_no_job_is_lost() {
    let bench = Bench::open().await;
    let store = &bench.schema.store;
    let checks: Vec<_> = bench
        .by_hand
        .query(&bench.schema.sql("SELECT conname::text FROM pg_constraint WHERE conrelid = 'longshore.waiting'::regclass AND contype = 'c'"), &[])
        .await
        .unwrap();
    for check in checks {
        let drop = format!("ALTER TABLE longshore.waiting DROP CONSTRAINT {}", check.get::<_, &str>(0));
        bench.by_hand.batch_execute(&bench.schema.sql(&drop)).await.unwrap();
    }
    let mut ids = Vec::new();
    for table in ["history", "running", "waiting"] {
        for (column, number) in NUMBERS {
            let id = push(store, job()).await;
            if table != "waiting" {
                let claimed = bench.take().await;
                assert_eq!(claimed.id, id);
                if table == "history" {
                    assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
                }
            }
            bench.spoil(&format!("UPDATE longshore.{table} SET {column} = {number} WHERE id = '{id}'")).await;
            // What was spoiled before must not be taken for the next one.
            if table == "waiting" {
                bench.spoil(&format!("UPDATE longshore.waiting SET state = 0 WHERE id = '{id}'")).await;
            }
            ids.push((table, column, number, id));
        }
    }
    bench.spoil("UPDATE longshore.running SET attempt = NULL WHERE rank = 101").await;
    let found = bench.walk(false).await;
    for (table, column, number, id) in &ids {
        let finding = found.iter().find(|finding| finding.job == Some(*id));
        let finding = finding.unwrap_or_else(|| panic!("{table}.{column} = {number}"));
        assert!(finding.message.contains(&format!("its `{column}` is {number}")), "{finding}");
        assert!(finding.message.ends_with("which no program writes"), "{finding}");
    }
    assert!(said(&found, "its `attempt` is missing, its `rank` is 101").job.is_some());
    let repaired = bench.walk(true).await;
    assert!(repaired.iter().all(|finding| finding.repaired), "{repaired:#?}");
    assert_eq!(bench.walk(false).await, []);
    let jobs = store.get(ids.iter().map(|(.., id)| *id).collect()).await.unwrap();
    for (job, (table, column, number, _)) in jobs.iter().zip(&ids) {
        let job = job.as_ref().unwrap_or_else(|| panic!("{table}.{column} = {number} can be read"));
        let state = ["history", "running", "waiting"].map(|name| name == *table);
        assert_eq!(
            [State::Succeeded, State::Running, State::Scheduled].map(|state| state == job.state),
            state,
            "{column} = {number}"
        );
    }
    let rows = bench
        .by_hand
        .query(&bench.schema.sql("SELECT FROM longshore.jobs ORDER BY created_at, run_at, started_at"), &[])
        .await;
    assert_eq!(rows.unwrap().len(), ids.len(), "people can read all times");
}

#[tokio::test]
async fn lease_that_is_longer_than_any_is_replaced_and_the_job_stays_with_its_worker() {
    let bench = Bench::open().await;
    let claimed = bench.push_and_take().await;
    for lease in ["9223372036854775807", "-9223372036854775808"] {
        bench.spoil(&format!("UPDATE longshore.running SET lease_until = {lease}")).await;
        bench.repairs(&["its `lease_until` is"]).await;
        let report = bench.schema.store.upkeep(Upkeep::new(500, true)).await.unwrap();
        assert_eq!(report.rescued, [], "its worker still holds it");
    }
    assert_eq!(bench.settle(&claimed, success()).await, Settled::Done);
}

#[tokio::test]
async fn finished_job_that_would_be_kept_for_ever_is_kept_as_long_as_others() {
    let bench = Bench::open().await;
    let done = bench.push_and_take().await;
    assert_eq!(bench.settle(&done, success()).await, Settled::Done);
    let dead = bench.push_and_take().await;
    let outcome = Outcome::Bury { reason: Reason::Fatal, message: "no".into() };
    assert_eq!(bench.settle(&dead, outcome).await, Settled::Done);
    bench
        .spoil("UPDATE longshore.history SET keep_until = 9223372036854775807, finished_at = -1 WHERE state = 3")
        .await;
    bench.spoil("UPDATE longshore.history SET keep_until = -9223372036854775808 WHERE state = 4").await;
    bench
        .repairs(&[
            "its `finished_at` is -1, its `keep_until` is 9223372036854775807, which no program writes",
            "its `keep_until` is -9223372036854775808",
        ])
        .await;
    let settings = &bench.schema.settings;
    for (pruned, day) in [(0, 0), (1, 2), (1, 8)] {
        settings.clock.advance(Duration::from_secs(day * 86_400));
        let report = bench.schema.store.upkeep(Upkeep::new(500, true)).await.unwrap();
        assert_eq!(report.pruned, pruned, "after {day} days");
    }
}
