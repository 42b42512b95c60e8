//! Jobs pushed in the caller's transaction: by tokio-postgres, by SQL, by PHP.

use std::process::Command;
use std::time::Duration;

use longshore_core::{
    Idempotency, JobId, Jobs, Kind, NewJob, Notifier, Pause, Pushed, QueueName, Queues, Reuse, Rules, RulesChange,
    State, Token, Unique, UniqueScope, When, WorkerSecret,
};
use longshore_postgres::tokio_postgres::types::Type;
use longshore_postgres::tokio_postgres::{Client, Error, IsolationLevel};
use serde_json::Value;

use crate::common::{Schema, all, ask, connect, job, job_of, push, take};

/// Runs `SELECT id, answer FROM longshore.push(…)`.
async fn enqueue(schema: &Schema, client: &Client, arguments: &str) -> Result<(JobId, String), Error> {
    let sql = schema.sql(&format!("SELECT id::text, answer FROM longshore.push({arguments})"));
    let row = client.query_one(&sql, &[]).await?;
    Ok((row.get::<_, &str>(0).parse().expect("an id"), row.get(1)))
}

#[tokio::test]
async fn push_in_is_kept_with_the_transaction_and_not_without() {
    let schema = Schema::new().await;
    let mut app = connect(&schema.server).await;
    let mut work = schema.store.subscribe(vec![job().queue], vec![job().kind]);
    let worker = WorkerSecret::new();

    let transaction = app.transaction().await.unwrap();
    let pushed = schema.store.push_in(&transaction, &[job(), job()]).await.unwrap();
    assert!(pushed.answers.iter().all(|answer| matches!(answer, Pushed::Created(_))));
    assert!(take(&schema.store, &worker, 10).await.is_empty(), "nothing is committed yet");
    transaction.rollback().await.unwrap();
    drop(pushed);
    assert!(take(&schema.store, &worker, 10).await.is_empty(), "nothing ever was");

    work.set_capacity(1, vec![]);
    work.forget();
    let transaction = app.transaction().await.unwrap();
    let new = NewJob { when: When::In(Duration::ZERO), priority: 7, ..job() };
    let pushed = schema.store.push_in(&transaction, std::slice::from_ref(&new)).await.unwrap();
    transaction.commit().await.unwrap();
    drop(pushed);
    tokio::time::timeout(Duration::from_secs(10), work.recv())
        .await
        .expect("work is told of when the guard is dropped");
    let claimed = take(&schema.store, &worker, 10).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [new.id]);
    assert_eq!(
        schema.store.queues(None, 10).await.unwrap()[0].count(State::Running),
        1,
        "it is counted like any other"
    );

    let transaction = app.transaction().await.unwrap();
    let again = schema.store.push_in(&transaction, std::slice::from_ref(&new)).await.unwrap();
    assert_eq!(again.answers, [Pushed::Created(new.id)], "a repeat is recognised");
    transaction.commit().await.unwrap();
    drop(again);
    assert!(take(&schema.store, &worker, 10).await.is_empty());
}

#[tokio::test]
async fn push_in_checks_bounds_and_knows_keys() {
    let schema = Schema::new().await;
    let mut app = connect(&schema.server).await;
    let unique = |key: &str| Some(Unique { key: key.parse().unwrap(), scope: UniqueScope::UntilFinished });
    let holder = push(&schema.store, NewJob { unique: unique("k"), ..job() }).await;
    let transaction = app.transaction().await.unwrap();
    let wrong = schema.store.push_in(&transaction, &[NewJob { priority: 101, ..job() }]).await.unwrap_err();
    assert!(wrong.to_string().contains("priority 101"));
    let pushed = schema.store.push_in(&transaction, &[NewJob { unique: unique("k"), ..job() }]).await.unwrap();
    assert_eq!(pushed.answers, [Pushed::Existing { id: holder, by: longshore_core::DuplicateReason::Unique }]);
    drop(transaction);

    let serializable = app.build_transaction().isolation_level(IsolationLevel::Serializable).start().await.unwrap();
    let error = schema.store.push_in(&serializable, &[job()]).await.unwrap_err().to_string();
    assert!(error.contains("READ COMMITTED"), "{error}");
}

#[tokio::test]
async fn long_transaction_holds_up_nobody() {
    let schema = Schema::new().await;
    let (store, worker) = (&schema.store, WorkerSecret::new());
    let mut app = connect(&schema.server).await;
    let unique = |scope| Some(Unique { key: "k".parse().unwrap(), scope });
    push(store, NewJob { unique: unique(UniqueScope::UntilFinished), ..job() }).await;

    let open = app.transaction().await.unwrap();
    let mut new = vec![job(), job_of("never.heard.of", "never.heard.of")];
    new.push(NewJob { unique: unique(UniqueScope::UntilFinished), ..job() });
    let pushed = store.push_in(&open, &new).await.unwrap();

    let others = async {
        push(store, job()).await;
        push(store, job_of("never.heard.of", "never.heard.of")).await;
        let claimed = take(store, &worker, 10).await;
        assert_eq!(claimed.len(), 2);
        for job in claimed {
            let outcome = longshore_core::Outcome::Cancel;
            let settlement = longshore_core::Settlement::new(job.id, job.token, outcome);
            assert_eq!(all(store.settle(vec![settlement]).await), [longshore_core::Settled::Done]);
        }
        let both = ask(&worker, 10)
            .queues(vec!["never.heard.of".parse().unwrap()])
            .kinds(vec!["never.heard.of".parse::<Kind>().unwrap().into()]);
        assert_eq!(store.claim(both).await.unwrap().jobs.len(), 1);
        let pause = Pause { since: store.now().await.unwrap(), until: None, reason: None, by: None };
        let before = store.rules(QueueName::default()).await.unwrap().version;
        for (n, pause) in [(0, Some(pause)), (1, None)] {
            let rules = Rules::pausing(pause);
            let changed = store.change_rules(QueueName::default(), before + n, rules).await.unwrap();
            assert_eq!(changed, RulesChange::Changed(before + n + 1));
        }
        let _kept = store.upkeep(longshore_core::Upkeep::new(500, true)).await.unwrap();
        assert_eq!(store.queues(None, 10).await.unwrap().len(), 2);
    };
    tokio::time::timeout(Duration::from_secs(8), others).await.expect("nobody waits for the transaction");
    open.commit().await.unwrap();
    drop(pushed);
    assert_eq!(
        take(store, &worker, 10).await.len(),
        1,
        "the job of the long transaction, but not the one that stood back"
    );
}

#[tokio::test]
async fn long_transaction_that_pushes_a_running_job_once_more_does_not_keep_it_from_coming_back() {
    let schema = Schema::new().await;
    let (store, worker) = (&schema.store, WorkerSecret::new());
    let mut app = connect(&schema.server).await;
    let new = job();
    push(store, new.clone()).await;
    let claimed = take(store, &worker, 1).await.remove(0);

    let open = app.transaction().await.unwrap();
    let pushed = store.push_in(&open, std::slice::from_ref(&new)).await.unwrap();
    assert_eq!(pushed.answers, [Pushed::Created(new.id)]);
    let outcome = longshore_core::Outcome::Release;
    let settlement = longshore_core::Settlement::new(claimed.id, claimed.token, outcome);
    let settled = tokio::time::timeout(Duration::from_secs(8), store.settle(vec![settlement]));
    assert_eq!(all(settled.await.expect("nobody waits for the transaction")), [longshore_core::Settled::Done]);
    assert_eq!(take(store, &worker, 10).await.len(), 1, "while the transaction is open");
    open.commit().await.unwrap();
    drop(pushed);
    assert!(take(store, &worker, 10).await.is_empty(), "there is one job");
}

#[tokio::test]
async fn long_transaction_that_pushes_a_job_as_it_is_claimed_does_not_keep_it_from_coming_back() {
    let schema = Schema::new().await;
    let store = &schema.store;
    let (mut worker, mut app, watch) =
        (connect(&schema.server).await, connect(&schema.server).await, connect(&schema.server).await);
    let new = job();
    push(store, new.clone()).await;

    let claim = worker.transaction().await.unwrap();
    let sql = schema.sql(
        "SELECT token_number, token_bits FROM longshore.claim(
             gen_random_uuid(), 7, 1, '{default}', '{work}', '{}', '{}', '{}', '{}', 1, 30000, true, 1, 1, false, 0, 0, 9223372036854775807, 1000, NULL) LIMIT 1",
    );
    let row = claim.query_one(&sql, &[]).await.unwrap();
    let token = Token { number: row.get::<_, i64>(0) as u64, bits: row.get::<_, i64>(1) as u64 };
    let open = app.transaction().await.unwrap();
    let asker: i32 = open.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let pushes = store.push_in(&open, std::slice::from_ref(&new));
    let commits = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'";
        while watch.query_one(waits, &[&asker]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        claim.commit().await.unwrap();
    };
    let (pushed, ()) = tokio::join!(pushes, commits);
    assert_eq!(pushed.unwrap().answers, [Pushed::Created(new.id)]);

    let outcome = longshore_core::Outcome::Release;
    let settlement = longshore_core::Settlement::new(new.id, token, outcome);
    let settled = tokio::time::timeout(Duration::from_secs(8), store.settle(vec![settlement]));
    assert_eq!(all(settled.await.expect("nobody waits for the transaction")), [longshore_core::Settled::Done]);
    open.commit().await.unwrap();
    assert_eq!(take(store, &WorkerSecret::new(), 10).await.len(), 1, "there is one job");
}

#[tokio::test]
async fn sql_makes_the_same_rows_as_a_push() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let (plain, _) = enqueue(&schema, &client, "'work', payload => '{\"n\":1}'").await.unwrap();
    let (full, answer) = enqueue(
        &schema,
        &client,
        "kind => 'work', queue => 'mail', payload => '{\"n\": 1.50, \"n\": \"\\u00fc\"}', priority => 9, delay => '90 seconds',
         max_attempts => 3, timeout => '2 minutes', deadline => '2100-01-02 03:04:05.678+00', key => 'tenant ü', unique_key => 'u',
         unique_scope => '1 hour', reuse_key => 'r', reuse_within => '1 day', alias => 'a', tags => '{x,\"y z\"}',
         idempotency_key => 'i'",
    )
    .await
    .unwrap();
    assert_eq!(answer, "created");

    let twin = NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), job().payload);
    push(&schema.store, twin.clone()).await;
    let twin_full = NewJob {
        priority: 9,
        when: When::In(Duration::from_secs(90)),
        max_attempts: Some(3),
        timeout: Some(Duration::from_secs(120)),
        deadline: Some(When::At("2100-01-02T03:04:05.678Z".parse().unwrap())),
        key: Some("tenant ü".parse().unwrap()),
        unique: Some(Unique { key: "u2".parse().unwrap(), scope: UniqueScope::For(Duration::from_secs(3600)) }),
        reuse: Some(Reuse { key: "r".parse().unwrap(), within: Duration::from_secs(86400) }),
        alias: Some("a".parse().unwrap()),
        tags: vec!["x".parse().unwrap(), "y z".parse().unwrap()],
        idempotency: Some(Idempotency { key: "i2".parse().unwrap(), fingerprint: [1; 32] }),
        payload: longshore_core::Payload::parse("{\"n\": 1.50, \"n\": \"\\u00fc\"}").unwrap(),
        ..job_of("mail", "work")
    };
    push(&schema.store, twin_full.clone()).await;

    let jobs = schema.store.get(vec![plain, twin.id, full, twin_full.id]).await.unwrap();
    let mut jobs = jobs.into_iter().map(|job| job.expect("it is known"));
    for _ in 0..2 {
        let (by_sql, mut by_us) = (jobs.next().unwrap(), jobs.next().unwrap());
        assert_eq!(by_sql.id.queue_tag(), by_sql.queue.tag());
        assert!(by_us.created_at.since(by_sql.created_at) < Duration::from_secs(20));
        assert_eq!(by_sql.run_at.since(by_sql.created_at), by_us.run_at.since(by_us.created_at));
        by_us.id = by_sql.id;
        by_us.unique_key.clone_from(&by_sql.unique_key);
        (by_us.created_at, by_us.run_at) = (by_sql.created_at, by_sql.run_at);
        assert_eq!(by_sql, by_us);
    }
    let columns = "rank, max_attempts, granted_attempts, timeout_ms, granted_timeout_ms, deadline, key, tags, alias, unique_scope, reuse_key, reuse_ms, state, payload";
    let sql = schema
        .sql(&format!("SELECT count(DISTINCT ({columns})), count(*) FROM longshore.waiting WHERE queue = 'mail'"));
    let row = client.query_one(&sql, &[]).await.unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, i64>(1)),
        (1, 2),
        "but for ids, keys and moments the rows are the same"
    );
}

#[tokio::test]
async fn sql_answers_what_stands_for_a_push() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let push = async |arguments: &str| enqueue(&schema, &client, arguments).await.unwrap();
    let (first, _) = push("'work', unique_key => 'u', unique_scope => 'started'").await;
    assert_eq!(push("'work', unique_key => 'u'").await, (first, "existing".into()));
    assert_eq!(push("'work', unique_key => 'u', queue => 'mail'").await.1, "created", "keys belong to a queue");
    let (asked, _) = push("'work', idempotency_key => 'i', delay => '1 h'").await;
    assert_eq!(
        push("'work', idempotency_key => 'i', delay => '1 h'").await,
        (asked, "created".into()),
        "the same answer again"
    );
    assert_eq!(push("'work', idempotency_key => 'i', delay => '2 h'").await, (asked, "conflict".into()));
    let claimed = take(&schema.store, &WorkerSecret::new(), 10).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [first]);
    assert_eq!(push("'work', unique_key => 'u'").await.1, "created", "the first has started");
}

#[tokio::test]
async fn sql_says_what_is_out_of_bounds() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let wrongs = [
        ("''", "kind '' is not a valid name"),
        ("NULL", "kind NULL is not a valid name"),
        ("'a b'", "kind 'a b' is not a valid name"),
        ("'work', queue => '../x'", "queue '../x' is not a valid name"),
        ("repeat('x', 65)", "is not a valid name"),
        ("'work', payload => '{a}'", "invalid input syntax for type json"),
        ("'work', payload => NULL", "the payload is NULL"),
        ("'work', payload => '\"' || repeat('x', 262143) || '\"'", "262145 bytes; the limit is 262144"),
        ("'work', payload => repeat('[', 65) || repeat(']', 65)", "deeper than 64"),
        ("'work', priority => 101", "priority 101"),
        ("'work', max_attempts => 0", "0 attempts"),
        ("'work', max_attempts => 1001", "1001 attempts"),
        ("'work', timeout => '25 hours'", "timeout 25:00:00"),
        ("'work', timeout => '0'", "timeout 00:00:00"),
        ("'work', delay => '-1 second'", "delay -00:00:01"),
        ("'work', delay => '6 years'", "delay 6 years"),
        ("'work', delay => '1 s', run_at => now()", "both run_at and delay"),
        ("'work', run_at => 'infinity'", "must be finite"),
        ("'work', key => ''", "key '' is not 1 to 200 bytes"),
        ("'work', alias => repeat('ü', 101)", "is not 1 to 200 bytes"),
        ("'work', unique_key => E'a\\nb'", "without control characters"),
        ("'work', tags => ARRAY['x', NULL]", "tag '' is not"),
        ("'work', tags => array_fill('x'::text, ARRAY[17])", "17 tags"),
        ("'work', unique_key => 'k', unique_scope => '6 years'", "unique_scope '6 years'"),
        ("'work', unique_key => 'k', unique_scope => '-1 s'", "unique_scope '-1 s'"),
        ("'work', reuse_key => 'k'", "reuse_key and reuse_within"),
        ("'work', reuse_key => 'k', reuse_within => '6 years'", "reuse_within "),
    ];
    for (arguments, part) in wrongs {
        let error = enqueue(&schema, &client, arguments).await.expect_err(arguments);
        let error = error.as_db_error().expect("the server says so");
        assert!(error.message().contains(part), "{arguments}: {}", error.message());
        assert!(error.code().code().starts_with("22"), "{arguments}: {}", error.code().code());
    }
    let rights = [
        "'work', payload => '\"' || repeat('x', 262142) || '\"'",
        "'work', payload => repeat('[', 64) || repeat(']', 64)",
        "'work', payload => '[' || repeat('\"[\\\"[[\",', 100) || '{}]'",
        "repeat('x', 64), queue => repeat('q', 64), alias => repeat('ü', 100)",
        "'work', priority => -100, max_attempts => 1000, timeout => '24 hours', delay => '5 years'",
        "'work', run_at => '2001-02-03'",
    ];
    for arguments in rights {
        enqueue(&schema, &client, arguments).await.unwrap_or_else(|e| panic!("{arguments}: {e:?}"));
    }
    let negative = schema.store.list(Default::default(), longshore_core::Page::first(200)).await.unwrap();
    assert_eq!(negative.jobs.len(), rights.len());
    assert!(negative.jobs.iter().any(|job| job.priority == -100), "{:?}", negative.jobs);
}

#[tokio::test]
async fn ids_made_in_sql_are_like_ours() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let mut names: Vec<String> = (0..500).map(|n| format!("queue-{n}.{:x}", fastrand::u32(..))).collect();
    names.extend(["default", "a", "0", &"x".repeat(64), "mail.bulk-2_x"].map(str::to_owned));
    let sql = schema.sql("SELECT longshore.queue_tag(q), longshore.new_id(q)::text FROM unnest($1) AS q");
    let rows = client.query_typed(&sql, &[(&names, Type::TEXT_ARRAY)]).await.unwrap();
    let mut random = 0_u128;
    for (name, row) in names.iter().zip(&rows) {
        let queue: QueueName = name.parse().unwrap();
        assert_eq!(row.get::<_, i32>(0), i32::from(queue.tag()), "{name}");
        let (theirs, ours): (JobId, JobId) = (row.get::<_, &str>(1).parse().unwrap(), JobId::new(&queue));
        assert_eq!(theirs.queue_tag(), queue.tag(), "{name}");
        let bits = |id: JobId| u128::from_be_bytes(*id.as_bytes());
        let fixed = !((1_u128 << 58) - 1) & !(u128::MAX << 80);
        assert_eq!(bits(theirs) & fixed, bits(ours) & fixed, "version, variant and tag of {name}");
        let (then, now) = (bits(theirs) >> 80, bits(ours) >> 80);
        assert!(now.abs_diff(then) < 20_000, "{then} and {now} are milliseconds");
        random |= bits(theirs) & ((1 << 58) - 1);
    }
    assert_eq!(random.count_ones(), 58, "all of the rest is random");
}

#[tokio::test]
async fn notification_of_sql_is_heard() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let mut work = schema.store.subscribe(vec![job().queue], vec![job().kind]);
    let heard = async {
        loop {
            client.batch_execute(&schema.sql("SELECT longshore.ring()")).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(300), work.recv()).await.is_ok() {
                break; // again, because nobody may listen yet
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), heard).await.expect("it is heard");
}

/// Runs PHP with the script beside this file.
fn php(server: &str, schema: &str) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/enqueue.php");
    let install = "this test needs PHP with its PostgreSQL driver; on Debian: apt-get install -y --no-install-recommends php-cli php-pgsql";
    let out = Command::new("php").args([script, server, schema]).output().expect(install);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{install}\n{text}{}", String::from_utf8_lossy(&out.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"))).collect()
}

#[tokio::test]
async fn php_pushes_in_its_own_transactions() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    client.batch_execute("CREATE TABLE IF NOT EXISTS orders (number integer)").await.unwrap();
    let address = longshore_testbed::Postgres::shared().addr();
    let server = format!("host={};port={};dbname=postgres;user=postgres", address.ip(), address.port());
    let name = schema.name.clone();
    let said = tokio::task::spawn_blocking(move || php(&server, &name)).await.unwrap();

    let kept: Vec<_> = said.iter().filter(|line| line["answer"] == "created").collect();
    assert_eq!(kept.iter().map(|line| line["order"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 3, 5]);
    let claim = ask(&WorkerSecret::new(), 10)
        .queues(vec!["orders".parse().unwrap()])
        .kinds(vec!["ship".parse::<Kind>().unwrap().into()]);
    let claimed = schema.store.claim(claim).await.unwrap().jobs;
    let ids: Vec<_> = kept.iter().map(|line| line["id"].as_str().unwrap().parse::<JobId>().unwrap()).collect();
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), ids, "rolled back ones are never seen");
    assert_eq!(claimed[1].payload.as_str(), r#"{"order":3,"name":"Büro \"7\""}"#);

    let error = said.last().unwrap();
    assert_eq!(error["state"], "22023");
    assert!(error["error"].as_str().unwrap().contains("kind 'no good' is not a valid name"), "{error}");
}
