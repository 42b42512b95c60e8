//! A part of upkeep that fails does not stop the others, and a row for which it fails does not stop the other rows.

use std::time::Duration;

use longshore_core::{
    Acted, Action, Backend, JobId, Jobs, NewJob, Outcome, Settled, Settlement, State, Upkeep, UpkeepReport, When,
    WorkerSecret, limits,
};
use longshore_postgres::tokio_postgres::Client;

use crate::common::{Schema, all, connect, job, push, take};

impl Schema {
    async fn upkeep(&self) -> UpkeepReport {
        let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true);
        self.store.upkeep(upkeep).await.expect("the other parts are done")
    }

    /// Creates jobs that have succeeded.
    async fn finished(&self, n: usize) -> Vec<JobId> {
        all(self.store.push((0..n).map(|_| job()).collect()).await);
        let claimed = take(&self.store, &WorkerSecret::new(), n).await;
        let outcome = Outcome::Succeed { result: None };
        let settle = |job: &longshore_core::Claimed| Settlement::new(job.id, job.token, outcome.clone());
        let settled = all(self.store.settle(claimed.iter().map(settle).collect()).await);
        assert_eq!(settled, vec![Settled::Done; n]);
        claimed.iter().map(|job| job.id).collect()
    }

    /// Creates a job whose worker is gone.
    async fn lost(&self) -> JobId {
        let id = push(&self.store, job()).await;
        assert_eq!(take(&self.store, &WorkerSecret::new(), 1).await[0].id, id);
        id
    }

    async fn state(&self, id: JobId) -> Option<State> {
        self.store.status(vec![id]).await.unwrap().remove(0).map(|status| status.state)
    }

    /// Makes changes of a table fail.
    async fn refuse(&self, client: &Client, when: &str) {
        let sql = format!(
            "CREATE OR REPLACE FUNCTION longshore.refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'not today' USING ERRCODE = '55000'; END $$;
             CREATE TRIGGER refuses BEFORE {when} EXECUTE FUNCTION longshore.refuses()"
        );
        client.batch_execute(&self.sql(&sql)).await.unwrap();
    }
}

fn parts(kept: &UpkeepReport) -> Vec<&'static str> {
    kept.failed.iter().map(|failure| failure.part).collect()
}

#[tokio::test]
async fn part_that_fails_stops_no_other_part() {
    for (when, part) in [
        ("DELETE ON longshore.history", "prune"),
        ("DELETE ON longshore.log", "prune"),
        ("DELETE ON longshore.running", "rescue"),
        ("DELETE ON longshore.waiting", "deadlines"),
        ("DELETE ON longshore.count_change", "counts"),
        ("DELETE ON longshore.worker", "workers"),
        ("DELETE ON longshore.idempotency", "idempotency keys"),
    ] {
        let schema = Schema::new().await;
        let client = connect(&schema.server).await;
        let over = schema.finished(2).await;
        let lost = schema.lost().await;
        let late = push(&schema.store, NewJob { deadline: Some(When::In(limits::LEASE)), ..job() }).await;
        let more = format!(
            "UPDATE longshore.worker SET seen = 0; INSERT INTO longshore.log VALUES ('{}', 1, 'x');
             INSERT INTO longshore.idempotency VALUES ('q', 'k', '', gen_random_uuid(), 0, 0)",
            over[0]
        );
        client.batch_execute(&schema.sql(&more)).await.unwrap();
        schema.refuse(&client, &format!("{when} FOR EACH ROW")).await;
        schema.settings.clock.advance(limits::KEEP_FINISHED + limits::LEASE);
        let kept = schema.upkeep().await;
        assert_eq!(parts(&kept), [part], "{when}");
        assert!(kept.failed[0].message.contains("not today"), "{}", kept.failed[0]);
        let done = |this: &str, state| if this == part { None } else { Some(state) };
        assert_eq!(schema.state(lost).await, done("rescue", State::Ready).or(Some(State::Running)), "{when}");
        assert_eq!(schema.state(late).await, done("deadlines", State::Dead).or(Some(State::Ready)), "{when}");
        let is_over = schema.state(over[0]).await;
        assert_eq!(is_over, (part == "prune").then_some(State::Succeeded), "{when}");
        assert!(!kept.more, "what fails for all is not tried again at once");
    }
}

#[tokio::test]
async fn part_that_fails_is_no_outage_of_the_store() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    schema.finished(1).await;
    schema.refuse(&client, "DELETE ON longshore.history FOR EACH STATEMENT").await;
    let backend = Backend::new(schema.store.clone(), std::sync::Arc::new(schema.store.artifacts()));
    schema.settings.clock.advance(limits::KEEP_FINISHED);
    for _ in 0..3 {
        let lost = schema.lost().await;
        schema.settings.clock.advance(limits::LEASE);
        let kept = backend.upkeep().await.unwrap();
        assert_eq!((kept.rescued.len(), parts(&kept)), (1, vec!["prune"]));
        assert_eq!(schema.state(lost).await, Some(State::Ready));
        assert_eq!(schema.store.act(lost, Action::Cancel).await.unwrap(), Acted::Done(State::Cancelled));
    }
}

#[tokio::test]
async fn row_that_a_part_fails_for_stops_no_other_row() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let over = schema.finished(3).await;
    let lost = [schema.lost().await, schema.lost().await];
    // One more does not fit into the column.
    let broken = format!("UPDATE longshore.running SET crashes = 32767 WHERE id = '{}'", lost[0]);
    client.batch_execute(&schema.sql(&broken)).await.unwrap();
    schema.refuse(&client, &format!("DELETE ON longshore.history FOR EACH ROW WHEN (OLD.id = '{}')", over[0])).await;
    schema.settings.clock.advance(limits::KEEP_FINISHED);
    let kept = schema.upkeep().await;
    assert_eq!((kept.rescued.len(), kept.pruned, parts(&kept)), (1, 2, vec!["rescue", "prune"]));
    for (failure, bad) in kept.failed.iter().zip([&lost[..], &over[..]]) {
        let start = format!("1 of {} jobs; job {}: ", bad.len(), bad[0]);
        assert!(failure.message.starts_with(&start), "{failure}, not {start}");
    }
    assert_eq!(schema.state(lost[1]).await, Some(State::Ready));
}

#[tokio::test]
async fn row_and_table_that_somebody_has_locked_stop_no_other() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let over = schema.finished(1).await;
    let lost = [schema.lost().await, schema.lost().await];
    let hold =
        format!("BEGIN; LOCK TABLE longshore.log; SELECT 1 FROM longshore.running WHERE id = '{}' FOR UPDATE", lost[0]);
    client.batch_execute(&schema.sql(&hold)).await.unwrap();
    schema.settings.clock.advance(limits::KEEP_FINISHED);
    let kept = tokio::time::timeout(Duration::from_secs(8), schema.upkeep()).await.expect("it waits for a second");
    assert_eq!((kept.rescued.len(), parts(&kept)), (1, vec!["prune"]));
    assert!(kept.failed[0].message.contains("lock timeout"), "{}", kept.failed[0]);
    assert_eq!(schema.state(lost[1]).await, Some(State::Ready));
    client.batch_execute("ROLLBACK").await.unwrap();
    let kept = schema.upkeep().await;
    assert_eq!((kept.rescued.len(), kept.pruned, parts(&kept)), (1, 1, vec![]));
    assert_eq!((schema.state(lost[0]).await, schema.state(over[0]).await), (Some(State::Ready), None));
}
