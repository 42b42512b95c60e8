//! Which processes are notified: also through a pooler, but none that has ended.

use std::time::Duration;

use longshore_core::{Jobs, Kind, Notifier, Store, WorkSubscription, WorkerSecret};
use longshore_postgres::Postgres;
use longshore_testbed::PgBouncer;
use uuid::Uuid;

use crate::common::{Schema, all, ask, connect, job};

/// Waits for one notification.
async fn told(work: &mut WorkSubscription) {
    tokio::time::timeout(Duration::from_secs(20), work.recv()).await.expect("nobody was told");
}

/// Makes a process wait for work, like its worker would: it listens, and its claim found nothing.
async fn waiting(schema: &Schema, store: &Postgres, worker: &WorkerSecret) -> WorkSubscription {
    let kind: Kind = job().kind;
    let mut work = store.subscribe(vec![job().queue], vec![kind]);
    work.set_capacity(1, vec![]);
    let client = connect(&schema.server).await;
    let sql = schema.sql("SELECT FROM longshore.waiter w WHERE w.worker = $1");
    let id = Uuid::from_bytes(*worker.id().as_bytes());
    while client.query(&sql, &[&id]).await.unwrap().is_empty() {
        assert!(store.claim(ask(worker, 1)).await.unwrap().jobs.is_empty());
    }
    work.forget();
    work
}

#[tokio::test]
async fn process_behind_a_pooler_notifies_those_that_listen() {
    let schema = Schema::new().await;
    let pooler = PgBouncer::start(longshore_testbed::Postgres::shared());
    let pooled = Schema::open(&pooler.url(), &schema.name, &schema.settings).await;
    let listening = schema.another().await;
    let worker = WorkerSecret::new();
    let mut work = waiting(&schema, &listening, &worker).await;
    let (mut news, mut cancels) =
        (listening.notifications().subscribe_news(), listening.notifications().subscribe_cancels());
    let pushed = job();
    let id = pushed.id;
    let _ = all(pooled.push(vec![pushed]).await);
    told(&mut work).await;
    let claimed = listening.claim(ask(&worker, 1)).await.unwrap().jobs;
    assert_eq!(claimed.len(), 1);
    let _ = pooled.act(id, longshore_core::Action::Cancel).await.unwrap();
    let both = async {
        cancels.recv().await;
        while !news.recv().await.is_about(&id) {}
    };
    tokio::time::timeout(Duration::from_secs(20), both).await.expect("nobody was told of the cancel");
}

#[tokio::test]
async fn process_that_is_gone_swallows_no_notification() {
    let schema = Schema::new().await;
    let gone = [schema.another().await, schema.another().await];
    for store in &gone {
        let _work = waiting(&schema, store, &WorkerSecret::new()).await;
    }
    let mut work = waiting(&schema, &schema.store, &WorkerSecret::new()).await;
    let client = connect(&schema.server).await;
    let waiters = async || {
        let rows = client.query(&schema.sql("SELECT FROM longshore.waiter WHERE waits"), &[]).await.unwrap();
        rows.len()
    };
    assert_eq!(waiters().await, 3);
    drop(gone); // like a kill: the rows stay, and nobody listens
    // The server ends their sessions with a delay.
    let listeners = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                     WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND d.datname = current_database()
                       AND (l.classid::bigint << 32 | l.objid::bigint) = ANY (SELECT hashtextextended(w.process, 0) FROM longshore.waiter w)";
    while client.query_one(&schema.sql(listeners), &[]).await.unwrap().get::<_, i64>(0) > 1 {
        tokio::task::yield_now().await;
    }
    let pusher = schema.another().await;
    let _ = all(pusher.push(vec![job()]).await);
    told(&mut work).await;
    assert_eq!(waiters().await, 1, "those that are gone are forgotten");
}
