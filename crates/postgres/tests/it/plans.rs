//! The cost of a call depends on what it does, not on the number of jobs or the statistics of the tables.

use longshore_core::{Jobs, WorkerSecret};
use longshore_postgres::tokio_postgres::Client;
use serde_json::Value;

use crate::common::{Schema, all, connect, job, push, take};

/// A call that reads more blocks than this scans a table: the tables below have several thousand blocks each.
const FEW: i64 = 700;

/// Returns how many blocks a statement touches, including the functions in it.
async fn blocks(schema: &Schema, client: &Client, statement: &str) -> i64 {
    let sql = schema.sql(&format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"));
    let row = client.query_one(&sql, &[]).await.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    let plan: Value = row.get(0);
    let read = |what: &str| plan[0]["Plan"][what].as_i64().expect("buffers are counted");
    read("Shared Hit Blocks") + read("Shared Read Blocks")
}

/// Each verb as a statement. The jobs that it needs are looked up first and do not count.
const VERBS: &[(&str, &str)] = &[
    (
        "claim",
        "SELECT * FROM longshore.claim(gen_random_uuid(), 7, 1, '{default}', '{work}', '{}', '{}', '{}', '{}', 10, 30000, true, 1, 1, true, 0, 0, 9223372036854775807, 1000, 'me')",
    ),
    (
        "claim that is repeated",
        "SELECT * FROM longshore.claim('00000000-0000-0000-0000-000000000007', 7, 5, '{default}', '{work}', '{}', '{}', '{}', '{}', 10, 30000, true, 1, 1, true, 0, 0, 9223372036854775807, 1000, 'me')",
    ),
    (
        "claim of many kinds",
        "SELECT * FROM longshore.claim(gen_random_uuid(), 7, 1, '{default,elsewhere}', '{work,a,b,c}', '{}', '{}', '{}', '{}', 10, 30000, false, 1, 1, false, 0, 0, 9223372036854775807, 1000, 'me')",
    ),
    (
        "claim of many kinds with limits",
        "SELECT * FROM longshore.claim(gen_random_uuid(), 7, 1, '{default,elsewhere}', '{work,a,b,c}', '{3,1,1,1}', '{5,NULL,NULL,7}', '{NULL,1,1,1}', '{unknown}', 10, 30000, false, 1, 1, false, 0, 0, 9223372036854775807, 1000, 'me')",
    ),
    (
        "claim of nothing",
        "SELECT * FROM longshore.claim(gen_random_uuid(), 7, 1, '{default}', '{nothing}', '{}', '{}', '{}', '{}', 10, 30000, true, 1, 1, true, 0, 0, 9223372036854775807, 1000, 'me')",
    ),
    (
        "notify",
        "SELECT longshore.notify_work('{default}', '{work}', '{3}', ARRAY[$waiting, gen_random_uuid()], 'other', '{default}', '{work}')",
    ),
    ("push", "SELECT longshore.push('work')"),
    (
        "push with keys",
        "SELECT longshore.push('work', unique_key => gen_random_uuid()::text, reuse_key => 'r', reuse_within => '1 d', idempotency_key => gen_random_uuid()::text)",
    ),
    ("renew", "SELECT longshore.renew(ARRAY[$id], ARRAY[$number], ARRAY[1::bigint], ARRAY[1000::bigint], '{}', 0)"),
    ("release", "SELECT longshore.release_worker(gen_random_uuid(), 7, 'gone', 0, 1000, 1000)"),
    (
        "settle",
        "SELECT longshore.settle(1, ARRAY[$id], ARRAY[$number], ARRAY[1::bigint], '{0}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 0, 86400000, 1000)",
    ),
    (
        "settle of a failure",
        "SELECT longshore.settle(0, ARRAY[$id], ARRAY[$number], ARRAY[1::bigint], '{1}', '{60000}', '{oh}', '{}', '{}', '{}', '{}', '{}', '{}', 0, 86400000, 1000)",
    ),
    (
        "settle of what is lost",
        "SELECT longshore.settle(1, ARRAY[gen_random_uuid()], '{1}', '{1}', '{0}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 0, 86400000, 1000)",
    ),
    ("rescue", "SELECT longshore.rescue(500, 1, 'gone', 9000000000000000, 3600000, 0, 0, 1000, 1000)"),
    ("bury late", "SELECT longshore.bury_late(500, 0, 1000)"),
    ("bury unknown", "SELECT longshore.bury_unknown(500, NULL, 0, 1000)"),
    ("prune", "SELECT longshore.prune(500, 0)"),
    ("fold counts", "SELECT longshore.fold_counts(8, 0)"),
    ("forget queues", "SELECT longshore.forget_queues('q3', 500, 9, 86400000, 0)"),
    ("forget kinds", "SELECT longshore.forget_kinds('k3', 500, 9, 86400000, 0)"),
    ("forget workers", "SELECT longshore.forget_workers(500, 0)"),
    ("forget answers", "SELECT longshore.forget_answers(500, 0)"),
    ("cancel", "SELECT longshore.act($waiting, 'cancel', 0, 86400000, 86400000)"),
    ("retry", "SELECT longshore.act($dead, 'retry', 0, 86400000, 86400000)"),
    ("get", "SELECT * FROM longshore.get(ARRAY[$waiting, $dead])"),
    ("status", "SELECT * FROM longshore.status(ARRAY[$waiting, $dead])"),
    ("find", "SELECT longshore.find('nobody')"),
    (
        "list",
        "SELECT l.next, s.* FROM longshore.list(9223372036854775807, 50, NULL, NULL, NULL, NULL, NULL, 5000) l LEFT JOIN LATERAL longshore.at(l.seq) s ON true",
    ),
    (
        "list of the dead",
        "SELECT * FROM longshore.list(9223372036854775807, 50, NULL, NULL, 4::smallint, NULL, NULL, 100)",
    ),
    (
        "list of what runs",
        "SELECT * FROM longshore.list(9223372036854775807, 50, NULL, NULL, 2::smallint, NULL, NULL, 100)",
    ),
    ("note of a worker", "SELECT longshore.note_worker(gen_random_uuid(), '{}', 0)"),
    ("end of a worker", "SELECT longshore.forget_worker(gen_random_uuid())"),
    ("workers", "SELECT * FROM longshore.workers(gen_random_uuid(), 100)"),
    ("change of rules", "SELECT longshore.change_rules('elsewhere', 0, '{}', 0, 0, 0)"),
    ("queues", "SELECT * FROM longshore.queues('', 50, 0)"),
    ("queues behind", "SELECT * FROM longshore.queues('default', 50, 0)"),
    ("queue", "SELECT * FROM longshore.queue_stats('default', 0)"),
    ("log", "SELECT longshore.write_log($id, $number, 1, 'x'), longshore.read_log($id, NULL)"),
];

/// The settings at the start of our sessions, and the functions that these call.
const STEADY: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; \
                      SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";
const BARE: [&str; 2] = ["claim", "settle"];

/// Puts ids of jobs into a verb, in the states it needs.
async fn with_ids(schema: &Schema, client: &Client, statement: &str) -> String {
    let mut sql = statement.to_owned();
    if sql.contains("$number") {
        let claim = schema.sql(
            "SELECT id::text, token_number FROM longshore.claim(gen_random_uuid(), 7, 1, '{default}', '{work}', '{}', '{}', '{}', '{}', 1, 30000, true, 1, 1, false, 0, 0, 9223372036854775807, 1000, NULL) LIMIT 1");
        let row = client.query_one(&claim, &[]).await.unwrap();
        let (id, number) = (row.get::<_, Option<&str>>(0), row.get::<_, Option<i64>>(1));
        let id = id.map_or("gen_random_uuid()".into(), |id| format!("'{id}'::uuid"));
        sql = sql.replace("$id", &id).replace("$number", &number.unwrap_or(1).to_string());
    }
    for (mark, from) in
        [("$waiting", "waiting WHERE state = 1 AND kind = 'unknown'"), ("$dead", "history WHERE state = 4")]
    {
        if sql.contains(mark) {
            let look = schema.sql(&format!("SELECT id::text FROM longshore.{from} LIMIT 1"));
            let row = client.query_opt(&look, &[]).await.unwrap();
            let id = row.map_or("gen_random_uuid()".into(), |row| format!("'{}'::uuid", row.get::<_, &str>(0)));
            sql = sql.replace(mark, &id);
        }
    }
    sql
}

/// Runs each verb, and returns those that touch too much. The first round of a session reads the catalogue and makes
/// plans.
async fn too_much(schema: &Schema, client: &Client) -> Vec<String> {
    let steady: String = client.query_one("SHOW plan_cache_mode", &[]).await.unwrap().get(0);
    let mut much = Vec::new();
    for (name, statement) in VERBS {
        // Other tests may make a session read the catalogue again, but not each time.
        let mut count = i64::MAX;
        for _ in 0..5 {
            let mut sql = with_ids(schema, client, statement).await;
            for function in BARE.iter().filter(|_| steady == "force_generic_plan") {
                sql = sql.replace(&format!("longshore.{function}("), &format!("longshore.{function}_bare("));
            }
            count = count.min(blocks(schema, client, &sql).await);
            if count <= FEW {
                break;
            }
        }
        if count > FEW {
            much.push(format!("{name}: {count} blocks"));
        }
    }
    much
}

#[tokio::test]
async fn no_verb_scans_a_table_whatever_the_statistics_say() {
    let schema = Schema::new().await;
    // One session makes its plans while the server has no statistics of the tables, one when it knows that they are
    // nearly empty, and both keep them. Another one starts when the tables are full.
    let early = connect(&schema.server).await;
    early.batch_execute(&schema.sql(
        "ALTER TABLE longshore.waiting SET (autovacuum_enabled = off); ALTER TABLE longshore.running SET (autovacuum_enabled = off);
         ALTER TABLE longshore.history SET (autovacuum_enabled = off)")).await.unwrap();
    let ours = connect(&schema.server).await;
    ours.batch_execute(STEADY).await.unwrap();
    for _ in 0..60 {
        push(&schema.store, job()).await;
    }
    let _plans_are_made = (too_much(&schema, &early).await, too_much(&schema, &ours).await);
    let tables = "longshore.waiting, longshore.running, longshore.history, longshore.unique_key, longshore.worker, longshore.idempotency, longshore.log, longshore.worker_note";
    let live = "DELETE FROM longshore.waiting; DELETE FROM longshore.running; DELETE FROM longshore.history";
    early.batch_execute(&schema.sql(live)).await.unwrap();
    early.batch_execute(&schema.sql(&format!("VACUUM ANALYZE {tables}"))).await.unwrap();
    let tiny = connect(&schema.server).await;
    let _plans_are_made = too_much(&schema, &tiny).await;

    early.batch_execute(&schema.sql(
        "INSERT INTO longshore.waiting (id, queue, kind, payload, state, rank, run_at, created_at, max_attempts, timeout_ms)
             SELECT gen_random_uuid(), 'default', 'unknown', '{}', 1, 0, n, n, 20, 1000 FROM generate_series(1, 100000) AS n;
         INSERT INTO longshore.running (seq, id, queue, kind, payload, rank, run_at, created_at, version, started_at, token_number, token_bits,
                                        lease_until, worker, timeout_ms, interruptions, attempt, max_attempts, crashes, outages)
             SELECT nextval('longshore.push_number'), gen_random_uuid(), 'default', 'work', repeat('x', 500), 0, n, n, 1, n, n, n, longshore.clock() + 1800000 + n,
                    gen_random_uuid(), 1000, 0, 1, 20, 0, 0 FROM generate_series(1, 30000) AS n;
         INSERT INTO longshore.history (seq, id, queue, kind, payload, state, rank, run_at, created_at, version, finished_at, keep_until, timeout_ms,
                                        interruptions, attempt, max_attempts, crashes, outages, cancel_asked)
             SELECT nextval('longshore.push_number'), gen_random_uuid(), 'default', 'work', '{}', 3 + (n % 1000 = 0)::integer, 0, n, n, 1, n,
                    9000000000000, 1000, 0, 1, 20, 0, 0, false FROM generate_series(1, 100000) AS n;
         INSERT INTO longshore.worker_note (id, since, seen, note)
             SELECT gen_random_uuid(), 0, 9000000000000, repeat('x', 400) FROM generate_series(1, 20000) AS n")).await.unwrap();
    all(schema.store.push((0..1000).map(|_| job()).collect()).await);
    let pages: i64 = early
        .query_one(
            &schema.sql(
                "SELECT least(pg_relation_size('longshore.waiting'), pg_relation_size('longshore.running'),
                                      pg_relation_size('longshore.history')) / 8192",
            ),
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert!(pages > 2 * FEW, "{pages} pages are few enough to be scanned unnoticed");
    let late = connect(&schema.server).await;
    let _plans_are_made = too_much(&schema, &late).await;
    let sessions = [
        ("made on empty tables", &early),
        ("of our own", &ours),
        ("made on tiny tables", &tiny),
        ("made without statistics", &late),
    ];
    for (when, client) in sessions {
        assert_eq!(too_much(&schema, client).await, [] as [String; 0], "plans {when}");
    }

    early.batch_execute(&schema.sql("ANALYZE longshore.waiting, longshore.running, longshore.history")).await.unwrap();
    let after = connect(&schema.server).await;
    let _plans_are_made = too_much(&schema, &after).await;
    for (when, client) in [("made before", &late), ("made afterwards", &after)] {
        assert_eq!(too_much(&schema, client).await, [] as [String; 0], "analysed tables, plans {when}");
    }
    assert!(!take(&schema.store, &WorkerSecret::new(), 1).await.is_empty(), "there were jobs to work on all the time");
}
