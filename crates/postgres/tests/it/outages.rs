//! A server that is unreachable, restarts, hangs or is full: calls report what is known, and work again as soon as the
//! server does.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{Effect, Error, ErrorKind, Jobs, NewJob, Notifier, Pushed, Queues, WorkerSecret};
use longshore_postgres::{Options, Postgres};
use longshore_testbed::{Postgres as Server, Proxy};

use crate::common::{Schema, connect, job, one, push, take};

/// Waits until a call succeeds. Each earlier failure must be retryable.
async fn insist<T>(mut call: impl AsyncFnMut() -> Result<T, Error>) -> T {
    let insisting = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(e) => assert!(e.is_retryable(), "{e:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), insisting).await.expect("the server is back")
}

/// Asserts that a waiting process is notified of pushes of another, as soon as both are connected again.
async fn hears(waiting: &Postgres, pusher: &Postgres) {
    let mut work = waiting.subscribe(vec![job().queue], vec![job().kind]);
    let hearing = async {
        loop {
            while !take(waiting, &WorkerSecret::new(), 10).await.is_empty() {}
            take(waiting, &WorkerSecret::new(), 10).await; // again, as a waiting worker must
            work.set_capacity(10, vec![]);
            work.forget();
            push(pusher, job()).await;
            // One of them may still be connecting: then nothing was sent, or nothing was received.
            if tokio::time::timeout(Duration::from_millis(500), work.recv()).await.is_ok() {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), hearing).await.expect("notifications come again");
}

fn proxy(server: &Server) -> Arc<Proxy> {
    let addr = server.addr();
    std::thread::spawn(move || Arc::new(Proxy::start(addr))).join().expect("it starts")
}

/// Opens a separate schema through a proxy.
async fn through(proxy: &Proxy, patience: Duration) -> Postgres {
    let url =
        format!("postgres://postgres@{}/postgres?schema=out_{:016x}&fsync=accept", proxy.addr(), fastrand::u64(..));
    Postgres::open(&url, Options::default().timeout(patience)).await.expect("the server takes us")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_server_comes_back_with_every_job() {
    let server = Arc::new(Server::start(&[]));
    let schema = Schema::on(server.url()).await;
    let there = schema.another().await;
    let mut ids = Vec::new();
    for round in 0..3 {
        for _ in 0..20 {
            ids.push(push(&schema.store, job()).await);
        }
        if round < 2 {
            let victim = Arc::clone(&server);
            tokio::task::spawn_blocking(move || victim.kill()).await.unwrap();
            let error = one(schema.store.push(vec![job()]).await).expect_err("nobody is there");
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            let victim = Arc::clone(&server);
            tokio::task::spawn_blocking(move || victim.restart()).await.unwrap();
            insist(async || schema.store.queues(None, 10).await).await;
        }
    }
    let known = schema.store.status(ids.clone()).await.unwrap();
    assert!(known.iter().all(Option::is_some), "what was answered is there");
    hears(&schema.store, &there).await;
    hears(&there, &schema.store).await;
}

#[tokio::test]
async fn push_whose_answer_is_cut_off_is_perhaps_done_and_its_repeat_is_one() {
    let proxy = proxy(Server::shared());
    let store = through(&proxy, Duration::from_secs(10)).await;
    let new = job();
    proxy.cut_answers();
    let error = one(store.push(vec![new.clone()]).await).expect_err("the answer never comes");
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::PerhapsDone), "{error:?}");
    proxy.healthy();
    assert_eq!(insist(async || one(store.push(vec![new.clone()]).await)).await, Pushed::Created(new.id));
    assert_eq!(take(&store, &WorkerSecret::new(), 10).await.len(), 1);
}

#[tokio::test]
async fn server_that_answers_nothing_is_noticed() {
    let proxy = proxy(Server::shared());
    let store = through(&proxy, Duration::from_millis(700)).await;
    proxy.black_hole();
    let error = one(store.push(vec![job()]).await).expect_err("there is no answer");
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::PerhapsDone), "{error:?}");
    assert!(error.to_string().contains("within 700ms"), "{error}");
    let error = store.queues(None, 10).await.expect_err("nor to a fresh connection");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    proxy.healthy();
    insist(async || store.queues(None, 10).await).await;
}

#[tokio::test]
async fn connections_that_are_reset_are_made_again_and_notifications_come_again() {
    let proxy = proxy(Server::shared());
    let schema = Schema::new().await;
    let url = format!("postgres://postgres@{}/postgres?schema={}&fsync=accept", proxy.addr(), schema.name);
    let store = Postgres::open(&url, Options::default()).await.unwrap();
    hears(&store, &schema.store).await;
    for _ in 0..3 {
        proxy.reset_all();
        insist(async || store.queues(None, 10).await).await;
        hears(&store, &schema.store).await;
    }
}

#[tokio::test]
async fn sessions_that_an_administrator_ends_are_made_again() {
    let schema = Schema::on(Server::shared().url()).await;
    let client = connect(&schema.server).await;
    for _ in 0..3 {
        push(&schema.store, job()).await;
        // Sessions that have called a function of this schema, and the one that listens.
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name = 'longshore' AND (query LIKE '%{0}%')",
            schema.name
        );
        let ended: i64 = client.query_one(&sql, &[]).await.unwrap().get(0);
        assert!(ended > 0);
        insist(async || schema.store.queues(None, 10).await).await;
    }
    assert_eq!(take(&schema.store, &WorkerSecret::new(), 10).await.len(), 3);
}

#[tokio::test]
async fn server_that_takes_no_writes_for_a_while_is_waited_for() {
    let server = Server::start(&[("fsync", "off")]);
    let schema = Schema::on(server.url()).await;
    server.psql("ALTER SYSTEM SET default_transaction_read_only = on");
    server.psql("SELECT pg_reload_conf()");
    let new = job();
    let refusing = async {
        loop {
            match one(schema.store.push(vec![NewJob { id: job().id, ..new.clone() }]).await) {
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(e) => break e,
            }
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(20), refusing).await.expect("it takes effect");
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::NotDone), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");
    server.psql("ALTER SYSTEM RESET default_transaction_read_only");
    server.psql("SELECT pg_reload_conf()");
    let _pushed = insist(async || one(schema.store.push(vec![new.clone()]).await)).await;
}

#[tokio::test]
async fn full_disk_and_too_many_connections_are_told_apart() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let fails_with = async |code: &str| {
        let sql = format!(
            "CREATE OR REPLACE FUNCTION longshore.fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END $$;
             CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON longshore.waiting EXECUTE FUNCTION longshore.fails()"
        );
        client.batch_execute(&schema.sql(&sql)).await.unwrap();
        one(schema.store.push(vec![job()]).await).expect_err("the server fails")
    };
    let full = fails_with("53100").await;
    assert_eq!((full.kind(), full.effect()), (ErrorKind::Full, Effect::NotDone));
    assert!(full.to_string().contains("disk is full") && full.is_retryable(), "{full}");
    for (code, kind) in [
        ("53200", ErrorKind::Unavailable),
        ("53300", ErrorKind::Unavailable),
        ("XX001", ErrorKind::Corrupt),
        ("42501", ErrorKind::Refused),
        ("57014", ErrorKind::Unavailable),
        ("55P03", ErrorKind::Unavailable),
    ] {
        let error = fails_with(code).await;
        assert_eq!((error.kind(), error.effect()), (kind, Effect::NotDone), "{code}");
    }
    client.batch_execute(&schema.sql("DROP TRIGGER fails ON longshore.waiting")).await.unwrap();
    push(&schema.store, job()).await;
}

#[tokio::test]
async fn lost_race_is_repeated_inside_the_store() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    for code in ["40P01", "40001"] {
        let sql = format!(
            "CREATE SEQUENCE IF NOT EXISTS longshore.tries;
             SELECT setval('longshore.tries', 1, false);
             CREATE OR REPLACE FUNCTION longshore.fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('longshore.tries') < 4 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '{code}'; END IF;
                 RETURN NULL; END $$;
             CREATE OR REPLACE TRIGGER fails AFTER INSERT ON longshore.waiting EXECUTE FUNCTION longshore.fails()"
        );
        client.batch_execute(&schema.sql(&sql)).await.unwrap();
        push(&schema.store, job()).await;
        let tries: i64 =
            client.query_one(&schema.sql("SELECT last_value FROM longshore.tries"), &[]).await.unwrap().get(0);
        assert_eq!(tries, 4, "{code}");
    }
}
