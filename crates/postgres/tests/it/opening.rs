//! Opening: what is refused and why, what is accepted, and by which roles.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{
    Durability, Effect, Error, ErrorKind, Jobs, Queues, Reach, Settled, Settlement, Store, Upkeep, WorkerSecret,
};
use longshore_postgres::{Options, Postgres};
use longshore_testbed::{Certificates, Postgres as Server};

use crate::common::{Schema, all, connect, job, push, take};

/// Opens a URL with options for the shared server, which does not wait for its disk.
async fn open(url: &str) -> Result<Postgres, Error> {
    let sign = if url.contains('?') { '&' } else { '?' };
    Postgres::open(&format!("{url}{sign}fsync=accept&pool=2"), Options::default().timeout(Duration::from_secs(20)))
        .await
}

async fn refused(url: &str) -> String {
    let error = open(url).await.expect_err("it must be refused");
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Refused, Effect::NotDone), "{error}");
    error.to_string()
}

fn fresh() -> String {
    format!("open_{:016x}", fastrand::u64(..))
}

fn shared() -> &'static Server {
    Server::shared()
}

/// Returns the shared server's URL for that role, without options.
fn url_of(role: &str) -> String {
    format!("postgres://{role}@{}/postgres", shared().addr())
}

/// Creates a separate role that may log in.
fn role() -> String {
    let role = fresh();
    shared().psql(&format!("CREATE ROLE {role} LOGIN"));
    role
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_make_the_same_schema_at_once() {
    for _ in 0..4 {
        let url = format!("{}?schema={}", shared().url(), fresh());
        let openings: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn({
                    let url = url.clone();
                    async move { open(&url).await }
                })
            })
            .collect();
        let mut stores = Vec::new();
        for opening in openings {
            stores.push(opening.await.unwrap().expect("each of them succeeds"));
        }
        for store in &stores {
            push(store, job()).await;
        }
        assert_eq!(take(&stores[0], &WorkerSecret::new(), 100).await.len(), 8);
    }
}

#[tokio::test]
async fn newer_schema_is_refused_with_both_versions() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let version: i32 =
        client.query_one(&schema.sql("SELECT max(version) FROM longshore.migration"), &[]).await.unwrap().get(0);
    client
        .batch_execute(&schema.sql("INSERT INTO longshore.migration (version, program, oldest) VALUES (99, '9.9', 98)"))
        .await
        .unwrap();
    let text = refused(&format!("{}?schema={}", schema.server, schema.name)).await;
    assert!(text.contains("version 99") && text.contains(&format!("one of version {version}")), "{text}");
}

#[tokio::test]
async fn schema_that_lacks_tables_is_refused() {
    for change in ["ALTER TABLE longshore.waiting RENAME TO job", "DROP TABLE longshore.worker_note CASCADE"] {
        let schema = Schema::new().await;
        let client = connect(&schema.server).await;
        client.batch_execute(&schema.sql(change)).await.unwrap();
        let said = refused(&format!("{}?schema={}", schema.server, schema.name)).await;
        assert!(said.contains("lacks tables") && said.contains(&schema.name), "{change}: {said}");
    }
}

#[tokio::test]
async fn role_that_may_make_nothing_can_use_a_schema_that_is_there() {
    let schema = Schema::new().await;
    let role = role();
    let url = format!("{}?schema={}", url_of(&role), schema.name);
    let text = refused(&url).await;
    assert!(text.contains("permission denied") && text.contains("GRANT USAGE ON SCHEMA"), "{text}");

    shared().psql(&schema.sql(&format!(
        "GRANT USAGE ON SCHEMA {0} TO {role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {0} TO {role};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA {0} TO {role}", schema.name)));
    let store = open(&url).await.expect("these rights are enough to open");
    push(&store, job()).await;
    let claimed = take(&store, &WorkerSecret::new(), 1).await.pop().expect("there is a job");
    let outcome = longshore_core::Outcome::Succeed { result: None };
    let settlement = Settlement::new(claimed.id, claimed.token, outcome);
    assert_eq!(all(store.settle(vec![settlement]).await), [Settled::Done]);
    let _kept = store.upkeep(Upkeep::new(500, true)).await.expect("and for upkeep");
    assert_eq!(store.queues(None, 10).await.expect("and to look").len(), 1);
}

#[tokio::test]
async fn role_that_may_make_nothing_is_told_who_can() {
    let role = role();
    let text = refused(&format!("{}?schema={}", url_of(&role), fresh())).await;
    assert!(text.contains("permission denied for database") && text.contains("CREATE SCHEMA"), "{text}");
}

#[tokio::test]
async fn synchronous_commit_off_is_refused_where_it_is_set() {
    let schema = Schema::new().await;
    let role = role();
    shared().psql(&format!(
        "ALTER ROLE {role} SET synchronous_commit = off; GRANT ALL ON SCHEMA {0} TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA {0} TO {role};
         GRANT ALL ON ALL SEQUENCES IN SCHEMA {0} TO {role}", schema.name));
    let url = format!("{}?schema={}", url_of(&role), schema.name);
    let text = refused(&url).await;
    assert!(text.contains(&format!("`ALTER ROLE \"{role}\" RESET synchronous_commit`")), "{text}");

    let store = open(&format!("{url}&synchronous_commit=accept")).await.expect("it is accepted by name");
    assert_eq!(store.capabilities().durability, Durability::Nothing, "this server does not wait for its disk either");
    shared().psql(&format!("ALTER ROLE {role} RESET synchronous_commit"));
    open(&url).await.expect("the fix is one");
}

#[tokio::test]
async fn server_that_waits_for_its_disk_survives_a_power_loss_and_others_less() {
    let server = Server::start(&[("synchronous_commit", "local")]);
    let store = Postgres::open(&server.url(), Options::default()).await.expect("a sound server is taken");
    let found = store.capabilities();
    assert_eq!((found.engine, found.durability, found.reach), ("postgresql", Durability::PowerLoss, Reach::Network));
    assert!(found.version.split('.').next().and_then(|major| major.parse().ok()).is_some_and(|major: u32| major >= 13));
    server.psql("ALTER SYSTEM SET fsync = off");
    server.psql("SELECT pg_reload_conf()");
    wait_until(async || server.psql("SHOW fsync") == "off").await;
    let error = Postgres::open(&server.url(), Options::default()).await.expect_err("it may lose everything");
    assert!(error.to_string().contains("fsync is off") && error.to_string().contains("`?fsync=accept`"), "{error}");
    assert_eq!(open(&server.url()).await.unwrap().capabilities().durability, Durability::Kill);
}

/// Waits for what takes a moment, at most twenty seconds.
async fn wait_until(mut reached: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !reached().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it has been reached");
}

#[tokio::test]
async fn server_that_takes_no_writes_is_refused() {
    let role = role();
    shared().psql(&format!("ALTER ROLE {role} SET default_transaction_read_only = on"));
    assert!(refused(&url_of(&role)).await.contains("read-only"));
}

#[tokio::test]
async fn other_isolation_levels_of_the_role_do_not_matter() {
    let schema = Schema::new().await;
    let role = role();
    shared().psql(&format!(
        "ALTER ROLE {role} SET default_transaction_isolation = 'serializable'; ALTER ROLE {role} SUPERUSER"
    ));
    let store = open(&format!("{}?schema={}", url_of(&role), schema.name)).await.expect("sessions are ours to set up");
    push(&store, job()).await;
}

#[tokio::test]
async fn server_that_is_not_there_is_named_and_may_come_back() {
    let error = open("postgres://me:hunter2@127.0.0.1:1/jobs").await.expect_err("nobody is there");
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::NotDone));
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1:1") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn password_is_checked_and_never_told() {
    let server = Server::setup()
        .set("fsync", "off")
        .access("local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n")
        .start();
    server.psql("CREATE ROLE me LOGIN SUPERUSER PASSWORD 'hunter2'");
    let url = |password: &str| format!("postgres://me{password}@{}/postgres", server.addr());
    let store = open(&url(":hunter2")).await.expect("it is the right one");
    assert!(!format!("{store:?}").contains("hunter2"));
    for wrong in [":sesame7", ""] {
        let error = open(&url(wrong)).await.expect_err("it is a wrong one");
        assert_eq!(error.kind(), if wrong.is_empty() { ErrorKind::Unavailable } else { ErrorKind::Refused }, "{error}");
        assert!(!format!("{error} {error:?}").contains("sesame7"));
    }
    let no_database = format!("postgres://me:hunter2@{}/nowhere", server.addr());
    assert!(refused(&no_database).await.contains("\"nowhere\" does not exist"));
}

#[tokio::test]
async fn certificate_is_checked_as_closely_as_the_url_says() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let server = Server::setup()
        .set("fsync", "off")
        .tls(&ours)
        .access("hostssl all all all trust\nlocal all all trust\n")
        .start();
    let url =
        |host: &str, options: &str| format!("postgres://postgres@{host}:{}/postgres?{options}", server.addr().port());
    let (good, bad) = (ours.authority(), others.authority());
    let (good, bad) = (good.display(), bad.display());
    for options in ["", "sslmode=prefer", "sslmode=require", &format!("sslmode=verify-full&sslrootcert={good}")] {
        open(&url("127.0.0.1", options)).await.unwrap_or_else(|e| panic!("{options}: {e}"));
    }
    open(&url("localhost", &format!("sslmode=verify-ca&sslrootcert={good}"))).await.expect("its authority is ours");
    for options in [
        format!("sslmode=verify-full&sslrootcert={bad}"),
        format!("sslmode=verify-ca&sslrootcert={bad}"),
        format!("sslmode=require&sslrootcert={bad}"),
        "sslmode=verify-full".to_owned(),
    ] {
        let error = open(&url("127.0.0.1", &options)).await.expect_err(&options);
        assert!(error.to_string().contains("certificate"), "{options}: {error}");
    }
    let elsewhere = |mode: &str| url("elsewhere", &format!("hostaddr=127.0.0.1&sslmode={mode}&sslrootcert={good}"));
    open(&elsewhere("verify-ca")).await.expect("whoever it says it is");
    let error = open(&elsewhere("verify-full")).await.expect_err("it is another host's certificate");
    assert!(error.to_string().contains("not valid for name"), "{error}");
    let error = open(&url("127.0.0.1", "sslmode=disable")).await.expect_err("this server wants TLS");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    let missing =
        open(&url("127.0.0.1", "sslmode=verify-full&sslrootcert=/nowhere.pem")).await.expect_err("no such file");
    assert!(missing.to_string().contains("/nowhere.pem"), "{missing}");
    let plain = open(&format!("{}?sslmode=require", shared().url())).await.expect_err("that one speaks no TLS");
    assert!(plain.to_string().contains("TLS"), "{plain}");
}

#[tokio::test]
async fn socket_leads_to_the_server_too() {
    let folder = shared().folder().display().to_string();
    let url =
        format!("postgresql://postgres@/postgres?host={folder}&port={}&schema={}", shared().addr().port(), fresh());
    push(&open(&url).await.expect("a socket is as good"), job()).await;
}

#[tokio::test]
async fn schemas_do_not_see_each_other() {
    let (one, other) = (Schema::new().await, Schema::new().await);
    push(&one.store, job()).await;
    assert!(take(&other.store, &WorkerSecret::new(), 10).await.is_empty());
    let store: Arc<dyn Store> = one.another().await;
    assert_eq!(store.queues(None, 10).await.unwrap()[0].counts.iter().sum::<u64>(), 1);
}
