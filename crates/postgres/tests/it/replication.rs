//! Logical replication: a publication of all tables refuses updates and deletes on tables without a primary key.

use std::time::Duration;

use longshore_core::{
    Acted, Action, ArtifactName, Artifacts, Death, Idempotency, Jobs, Logs, Outcome, Output, Pause, Queues, Renewal,
    Renewed, Rules, RulesChange, Settled, Settlement, State, Stored, Unique, UniqueScope, Upkeep, When, WorkerNote,
    WorkerSecret, Workers, limits,
};
use longshore_testbed::Postgres as Server;

use crate::common::{Schema, all, connect, job, push, take};

#[tokio::test]
async fn every_table_has_a_primary_key() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let tables = "SELECT c.relname, EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
                  FROM pg_class c WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p')";
    let rows = client.query(tables, &[&schema.name]).await.unwrap();
    assert!(rows.len() > 10, "{} tables", rows.len());
    let without: Vec<String> = rows.iter().filter(|row| !row.get::<_, bool>(1)).map(|row| row.get(0)).collect();
    assert_eq!(without, [""; 0], "a table without a primary key breaks `CREATE PUBLICATION … FOR ALL TABLES`");
}

#[tokio::test]
async fn everything_works_under_a_publication_of_all_tables() {
    let server = Server::start(&[("wal_level", "logical"), ("fsync", "off")]);
    let schema = Schema::on(server.url()).await;
    server.psql("CREATE PUBLICATION everything FOR ALL TABLES");
    let store = &schema.store;
    let worker = WorkerSecret::new();

    // All transitions of a job.
    let mut keyed = job();
    keyed.unique = Some(Unique { key: "k".parse().unwrap(), scope: UniqueScope::UntilFinished });
    keyed.idempotency = Some(Idempotency { key: "i".parse().unwrap(), fingerprint: [7; 32] });
    let fails = push(store, keyed).await;
    let first = take(store, &worker, 1).await.remove(0);
    assert_eq!(first.id, fails);
    assert!(store.write_log(first.id, first.token, "a line\n".into()).await.unwrap());
    assert!(store.write_log(first.id, first.token, "another\n".into()).await.unwrap());
    let renewal = Renewal::new(first.id, first.token, limits::LEASE);
    assert_eq!(all(store.renew(vec![renewal]).await), [Renewed::Held]);
    let settle = async |job: &longshore_core::Claimed, outcome| {
        let settlement = Settlement::new(job.id, job.token, outcome);
        assert_eq!(all(store.settle(vec![settlement]).await), [Settled::Done]);
    };
    settle(&first, Outcome::Retry { delay: Duration::ZERO, message: "oh".into() }).await;
    let second = take(store, &worker, 1).await.remove(0);
    let name = ArtifactName { job: second.id, claim: second.token.number };
    let artifacts = store.artifacts();
    for body in ["x", "xx"] {
        artifacts.put(name, body.into()).await.unwrap();
    }
    let result = Stored::Artifact { name, content_type: Output::new("image/png", "").content_type, bytes: 2 };
    settle(&second, Outcome::Succeed { result: Some(result) }).await;
    let cancelled = push(store, job()).await;
    assert_eq!(store.act(cancelled, Action::Cancel).await.unwrap(), Acted::Done(State::Cancelled));
    assert_eq!(store.act(cancelled, Action::Retry).await.unwrap(), Acted::Done(State::Ready));
    let dies = take(store, &worker, 1).await.remove(0);
    settle(&dies, Outcome::Bury { reason: longshore_core::Reason::Fatal, message: "oh".into() }).await;
    let pause = Pause { since: store.now().await.unwrap(), until: None, reason: None, by: None };
    for (version, pause) in [(0, Some(pause)), (1, None)] {
        let rules = Rules::pausing(pause);
        let changed = store.change_rules("default".parse().unwrap(), version, rules).await.unwrap();
        assert_eq!(changed, RulesChange::Changed(version + 1));
    }
    let gone = [WorkerSecret::new().id(), WorkerSecret::new().id()];
    for id in [gone[0], gone[0], gone[1]] {
        store.note_worker(id, WorkerNote::of_this_process()).await.unwrap();
    }
    store.forget_worker(gone[0]).await.unwrap();
    let released = push(store, job()).await;
    assert_eq!(take(store, &worker, 1).await[0].id, released);
    assert_eq!(store.release(worker, Death::Interrupted.into()).await.unwrap().len(), 1);

    // And all actions of upkeep.
    let lost = take(store, &WorkerSecret::new(), 1).await.remove(0).id;
    assert_eq!(lost, released);
    let mut late = job();
    late.deadline = Some(When::In(limits::LEASE));
    let late = push(store, late).await;
    schema.settings.clock.advance(limits::KEEP_DEAD + limits::LEASE);
    let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true);
    let kept = store.upkeep(upkeep).await.unwrap();
    assert_eq!(kept.failed, []);
    assert_eq!((kept.rescued.len(), kept.buried.len(), kept.pruned), (1, 1, 2));
    assert_eq!(kept.artifacts, [name]);
    artifacts.delete(name).await.unwrap();
    let states = store.status(vec![lost, late, fails]).await.unwrap();
    let states: Vec<_> = states.into_iter().map(|status| status.map(|status| status.state)).collect();
    assert_eq!(states, [Some(State::Ready), Some(State::Dead), None]);
    assert_eq!(store.upkeep(upkeep).await.unwrap().failed, [], "answers are forgotten, and counts are added up");
    let left = schema
        .sql("SELECT (SELECT count(*) FROM longshore.count_change) + (SELECT count(*) FROM longshore.idempotency)");
    assert_eq!(server.psql(&left), "0");
}
