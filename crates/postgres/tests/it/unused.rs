//! Unused names are removed, while others push, claim and change rules.

use std::time::Duration;

use longshore_core::{
    Acted, Action, Jobs, Kind, NewPause, Pause, Queues, Rules, RulesChange, State, Timestamp, Upkeep, WorkerSecret,
    limits,
};
use longshore_postgres::tokio_postgres::Client;

use crate::common::{Schema, ask, connect, job, push, take};

/// Longer than an unused name is kept, and than the time between two searches.
const LONG: Duration = Duration::from_secs(25 * 3600);
/// Removes unused names like upkeep at a time in the far future, with a separate lock: locks belong to the database,
/// which other tests use.
const FORGET: &str = "SELECT forgotten FROM longshore.forget_queues('', 500, hashtextextended('longshore.queues', 0), 86400000, 90000000)";

/// Returns a schema with the unused queue `default`.
async fn unused() -> Schema {
    let schema = Schema::new().await;
    let id = push(&schema.store, job()).await;
    assert_eq!(schema.store.act(id, Action::Cancel).await.unwrap(), Acted::Done(State::Cancelled));
    assert_eq!(schema.store.act(id, Action::Delete).await.unwrap(), Acted::Done(State::Cancelled));
    while start_upkeep(&schema).await {}
    schema
}

async fn start_upkeep(schema: &Schema) -> bool {
    let kept = schema.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!(kept.failed, []);
    kept.more
}

async fn forgotten(schema: &Schema, client: &Client) -> i64 {
    client.query_one(&schema.sql(FORGET), &[]).await.unwrap().get(0)
}

async fn ready(schema: &Schema) -> Option<u64> {
    let stats = schema.store.queue("default".parse().unwrap()).await.unwrap();
    stats.map(|stats| stats.count(State::Ready))
}

#[tokio::test]
async fn push_that_is_open_while_its_queue_is_forgotten_is_counted() {
    let schema = unused().await;
    let [pusher, keeper] = [connect(&schema.server).await, connect(&schema.server).await];
    pusher.batch_execute(&schema.sql("BEGIN; SELECT longshore.push('work')")).await.unwrap();
    assert_eq!(forgotten(&schema, &keeper).await, 1, "a push holds nobody up");
    assert_eq!(ready(&schema).await, None);
    pusher.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ready(&schema).await, Some(1));
    start_upkeep(&schema).await;
    assert_eq!(ready(&schema).await, Some(1), "counts are added up in a new row");
    assert_eq!(take(&schema.store, &WorkerSecret::new(), 2).await.len(), 1);
}

#[tokio::test]
async fn queue_that_is_being_forgotten_is_pushed_to_and_claimed_from() {
    let schema = unused().await;
    let [keeper, other] = [connect(&schema.server).await, connect(&schema.server).await];
    keeper.batch_execute("BEGIN").await.unwrap();
    assert_eq!(forgotten(&schema, &keeper).await, 1);
    let id = push(&schema.store, job()).await;
    assert_eq!(forgotten(&schema, &other).await, 0, "who comes second waits for nobody");
    assert_eq!(take(&schema.store, &WorkerSecret::new(), 2).await[0].id, id, "a claim waits for nobody, either");
    keeper.batch_execute("COMMIT").await.unwrap();
    let stats = schema.store.queue("default".parse().unwrap()).await.unwrap().expect("it is there again");
    assert_eq!(stats.counts, [0, 0, 1, 0, 0, 0]);
    start_upkeep(&schema).await;
    assert_eq!(schema.store.queue("default".parse().unwrap()).await.unwrap().unwrap().counts, [0, 0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn rules_that_are_changed_while_their_queue_is_forgotten_hold() {
    let schema = unused().await;
    let keeper = connect(&schema.server).await;
    keeper.batch_execute("BEGIN").await.unwrap();
    assert_eq!(forgotten(&schema, &keeper).await, 1);
    let store = schema.store.clone();
    let rules = Rules::pausing(Some(Pause::begin(NewPause::default(), Timestamp::from_millis(7))));
    let change = {
        let (store, rules) = (store.clone(), rules.clone());
        tokio::spawn(async move { store.change_rules("default".parse().unwrap(), 0, rules).await })
    };
    // It waits for the row.
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%change_rules%'";
    let observer = connect(&schema.server).await;
    while observer.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(!change.is_finished(), "it did not wait for the row");
    }
    keeper.batch_execute("COMMIT").await.unwrap();
    assert_eq!(change.await.unwrap().unwrap(), RulesChange::Changed(1));
    assert_eq!(store.rules("default".parse().unwrap()).await.unwrap(), rules.at_version(1));
    assert_eq!(take(&store, &WorkerSecret::new(), 1).await, []);
}

#[tokio::test]
async fn kind_that_no_worker_asks_for_is_forgotten() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let kinds = async || -> Vec<String> {
        let rows = client.query(&schema.sql("SELECT name FROM longshore.kind ORDER BY name"), &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let look = async |kind: &str| {
        let kind: Kind = kind.parse().unwrap();
        // A separate process, which records its kinds with its first claim.
        let claim = ask(&WorkerSecret::new(), 1).kinds(vec![kind.into()]);
        assert_eq!(schema.another().await.claim(claim).await.unwrap().jobs, []);
    };
    look("old").await;
    start_upkeep(&schema).await;
    assert_eq!(kinds().await, ["old"]);
    schema.settings.clock.advance(LONG);
    look("new").await;
    start_upkeep(&schema).await;
    assert_eq!(kinds().await, ["new"]);
}
