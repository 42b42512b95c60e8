//! Schemas of older versions are upgraded when they are opened, and work continues. `upgrade/make.py` creates the
//! dumps.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use longshore_conformance::Said;
use longshore_core::{
    ArtifactName, Artifacts, Error, ErrorKind, Idempotency, JobId, Jobs, NewJob, Outcome, Payload, Pushed, Settings,
    Settled, Settlement, Token,
};
use longshore_postgres::tokio_postgres::Client;
use longshore_postgres::{Options, Postgres};
use longshore_testbed::Postgres as Server;
use uuid::Uuid;

use crate::common::connect;

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade").join(name)
}

/// The output of the older program.
fn said() -> Said {
    said_by(1)
}

fn said_by(version: u32) -> Said {
    Said::read(&beside(&format!("v{version}.json")))
}

/// A schema of an older version from the dump, with a clock a few minutes after the dump was made.
struct Old {
    name: String,
    settings: Settings,
    client: Client,
}

impl Old {
    /// Creates one of version 1.
    async fn new() -> Self {
        Old::of(1).await
    }

    async fn of(version: u32) -> Self {
        let name = format!("old_{:016x}", fastrand::u64(..));
        let settings = Settings::default();
        settings.clock.step_wall(said_by(version).at().as_millis() + 240_000 - settings.clock.now().as_millis());
        let client = connect(&Server::shared().url()).await;
        let dump = std::fs::read_to_string(beside(&format!("v{version}.sql"))).unwrap();
        // Functions are created before their tables.
        client.batch_execute("SET check_function_bodies = off").await.unwrap();
        client.batch_execute(&dump.replace("longshore", &name)).await.unwrap();
        Old { name, settings, client }
    }

    async fn open(&self) -> Result<Arc<Postgres>, Error> {
        let url = format!("{}?schema={}&fsync=accept", Server::shared().url(), self.name);
        Postgres::open(&url, Options::with(self.settings.clone())).await.map(Arc::new)
    }

    /// Returns SQL for this schema, with the function names of its version.
    fn sql(&self, sql: &str) -> String {
        sql.replace("longshore.", &format!("{}.", self.name))
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(&self.sql(sql)).await.unwrap();
    }

    async fn count(&self, sql: &str) -> i64 {
        self.client.query_one(&self.sql(sql), &[]).await.unwrap().get(0)
    }

    async fn refused(&self, words: &str) {
        let error = self.open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }

    /// Returns the job that ran when the older worker was killed, and its token.
    async fn held(&self) -> (JobId, Token) {
        let sql = self.sql("SELECT id, token_number, token_bits FROM longshore.running");
        let row = self.client.query_one(&sql, &[]).await.unwrap();
        let token = Token { number: row.get::<_, i64>(1) as u64, bits: row.get::<_, i64>(2) as u64 };
        (JobId::from_bytes(row.get::<_, Uuid>(0).into_bytes()), token)
    }
}

#[tokio::test]
async fn jobs_of_version_1_read_as_before() {
    let old = Old::new().await;
    said().jobs_read_as_before(&*old.open().await.unwrap()).await;
}

#[tokio::test]
async fn counts_and_pauses_of_version_1_are_kept() {
    let old = Old::new().await;
    said().counts_and_pauses_are_kept(&*old.open().await.unwrap()).await;
}

#[tokio::test]
async fn keys_of_version_1_hold() {
    let old = Old::new().await;
    let store = old.open().await.unwrap();
    said().keys_hold(&*store).await;
    let sql = old.sql("SELECT queue, key, fingerprint, job FROM longshore.idempotency");
    let answers = old.client.query(&sql, &[]).await.unwrap();
    assert_eq!(answers.len(), 2);
    for row in answers {
        let (queue, key): (&str, &str) = (row.get(0), row.get(1));
        let fingerprint: [u8; 32] = row.get::<_, &[u8]>(2).try_into().unwrap();
        let id = JobId::from_bytes(row.get::<_, Uuid>(3).into_bytes());
        let ask = async |fingerprint| {
            let idempotency = Some(Idempotency { key: key.parse().unwrap(), fingerprint });
            let new = NewJob::new(queue.parse().unwrap(), "fine".parse().unwrap(), Payload::parse("{}").unwrap());
            store.push(vec![NewJob { idempotency, ..new }]).await.remove(0).unwrap()
        };
        assert_eq!(ask(fingerprint).await, Pushed::Created(id));
        assert_eq!(ask([7; 32]).await, Pushed::Conflict(id));
    }
}

#[tokio::test]
async fn work_goes_on_after_an_upgrade_from_version_1() {
    let old = Old::new().await;
    let (_, token) = old.held().await;
    let store = old.open().await.unwrap();
    said().work_goes_on(&*store, &old.settings.clock, token).await;
    for table in ["waiting", "running", "history", "payload", "job_tag", "log", "unique_key", "idempotency"] {
        assert_eq!(old.count(&format!("SELECT count(*) FROM longshore.{table}")).await, 0, "{table}");
    }
}

#[tokio::test]
async fn claim_of_version_1_may_be_settled_after_the_upgrade() {
    let old = Old::new().await;
    let (id, token) = old.held().await;
    let store = old.open().await.unwrap();
    let settlement = Settlement::new(id, token, Outcome::Succeed { result: None });
    for _ in 0..2 {
        assert_eq!(store.settle(vec![settlement.clone()]).await.remove(0).unwrap(), Settled::Done);
    }
}

#[tokio::test]
async fn jobs_of_newer_versions_read_as_before() {
    for version in [2, 3] {
        let old = Old::of(version).await;
        let store = old.open().await.unwrap();
        said_by(version).jobs_read_as_before(&*store).await;
        said_by(version).counts_and_pauses_are_kept(&*store).await;
    }
}

#[tokio::test]
async fn version_3_goes_on_beside_this_one() {
    let old = Old::of(3).await;
    let (id, token) = old.held().await;
    let store = old.open().await.unwrap();
    // The statements of a program of version 3.
    assert!(old.count("SELECT count(*) FROM longshore.queues_v3('', 10, 0)").await > 0);
    old.run("SELECT * FROM longshore.forget_workers_v3(500, 0); SELECT * FROM longshore.prune_v3(500, 0)").await;
    let settlement = Settlement::new(id, token, Outcome::Succeed { result: None });
    assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
}

/// Returns the name and the bytes of an artifact that version 2 wrote.
async fn artifact_of_version_2(old: &Old) -> (ArtifactName, Bytes) {
    let sql = old.sql("SELECT job, claim, body FROM longshore.artifact WHERE octet_length(body) = 100000");
    let row = old.client.query_one(&sql, &[]).await.unwrap();
    let job = JobId::from_bytes(row.get::<_, Uuid>(0).into_bytes());
    (ArtifactName { job, claim: row.get::<_, i64>(1) as u64 }, Bytes::from(row.get::<_, Vec<u8>>(2)))
}

#[tokio::test]
async fn artifacts_of_version_2_are_read_as_before() {
    let old = Old::of(2).await;
    let (name, body) = artifact_of_version_2(&old).await;
    let large = ArtifactName { claim: name.claim + 1, ..name };
    let put = old.sql("SELECT longshore.keep_artifact_v2($1, $2, $3)");
    let large_body: Bytes = (0..700_001).map(|at| (at % 251) as u8).collect();
    let job = Uuid::from_bytes(*name.job.as_bytes());
    old.client.query_one(&put, &[&job, &(large.claim as i64), &&large_body[..]]).await.unwrap();

    let artifacts = old.open().await.unwrap().artifacts();

    for (name, body) in [(name, &body), (large, &large_body)] {
        assert!(artifacts.get(name).await.unwrap().as_ref() == Some(body));
        let reader = artifacts.open(name).await.unwrap().unwrap();
        assert_eq!(reader.size(), body.len() as u64);
        assert!(reader.read(99_990).await.unwrap() == body[99_990..body.len().min(99_990 + 256 * 1024)]);
        assert!(artifacts.older_than(Duration::ZERO, None, 100).await.unwrap().contains(&name));
        artifacts.delete(name).await.unwrap();
        assert!(artifacts.open(name).await.unwrap().is_none());
        assert_eq!(reader.read(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn version_2_goes_on_beside_this_one() {
    let old = Old::of(2).await;
    let role = format!("role_{}", old.name);
    old.run(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {0} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {0} TO {role}; GRANT USAGE ON ALL SEQUENCES IN SCHEMA {0} TO {role}",
        old.name
    ))
    .await;
    drop(old.open().await.unwrap());
    let url = Server::shared().url().replace("postgres://postgres@", &format!("postgres://{role}@"));
    let own = format!("{url}?schema={}&fsync=accept", old.name);
    let store = Postgres::open(&own, Options::with(old.settings.clone())).await;
    let artifacts = store.expect("whoever might use the older schema may use this one").artifacts();
    let [ours, theirs] = [1, 2].map(|claim| ArtifactName { job: crate::common::job().id, claim });
    let body: Bytes = (0..700_001).map(|at| (at % 251) as u8).collect();
    artifacts.put(ours, body.clone()).await.unwrap();

    // The statements of a program of version 2.
    let of_2 = connect(&url).await;
    let params = |name: ArtifactName| (Uuid::from_bytes(*name.job.as_bytes()), name.claim as i64);
    let ((job, claim), (their_job, their_claim)) = (params(ours), params(theirs));
    let read = old.sql("SELECT body FROM longshore.artifact WHERE job = $1 AND claim = $2");
    assert!(of_2.query_one(&read, &[&job, &claim]).await.unwrap().get::<_, Vec<u8>>(0) == body);
    let put = old.sql("SELECT longshore.keep_artifact_v2($1, $2, $3)");
    for text in ["once", "again"] {
        of_2.query_one(&put, &[&their_job, &their_claim, &text.as_bytes()]).await.unwrap();
    }
    let list = old.sql("SELECT job FROM longshore.old_artifacts_v2(0, NULL, NULL, 100)");
    assert_eq!(
        of_2.query(&list, &[]).await.unwrap().iter().filter(|row| [job, their_job].contains(&row.get(0))).count(),
        2
    );
    assert_eq!(artifacts.get(theirs).await.unwrap().unwrap(), "again");
    let delete = old.sql("DELETE FROM longshore.artifact WHERE job = $1 AND claim = $2");
    of_2.execute(&delete, &[&job, &claim]).await.unwrap();

    assert!(artifacts.open(ours).await.unwrap().is_none());
    assert_eq!(old.count("SELECT count(*) FROM longshore.artifact_chunk").await, 0);
    assert!(old.count("SELECT count(*) FROM longshore.queues_v2(0)").await > 0);
}

/// The statements with which a program of version 2 pushes a job, and later cancels and deletes it.
const PUSH_OF_2: &str = "SELECT count(*) FROM longshore.push_within_v2(
    ARRAY[$1]::uuid[], ARRAY['used'], ARRAY['fine'], ARRAY['{}'], ARRAY[0]::smallint[], ARRAY[0]::bigint[], ARRAY[NULL]::bigint[],
    ARRAY[NULL]::smallint[], ARRAY[NULL]::integer[], ARRAY[NULL]::bigint[], ARRAY[NULL]::bigint[], ARRAY[NULL]::text[], ARRAY[NULL]::text[],
    ARRAY[NULL]::text[], ARRAY[NULL]::text[], ARRAY[NULL]::bigint[], ARRAY[NULL]::text[], ARRAY[NULL]::bigint[], ARRAY[NULL]::text[],
    ARRAY[NULL]::bytea[], 0)";
const DELETE_OF_2: [&str; 2] = ["cancel", "delete"];
const PAUSE: &str = r#"{"pause":{"since":1}}"#;
/// Removes queues without a use in the last day, in this many ms from now. Locks belong to the database, which other
/// tests use.
const FORGET: &str =
    "SELECT forgotten FROM longshore.forget_queues_v4('', 500, hashtextextended('longshore.queues', 0), 86400000, $1)";

/// Lets a program of version 2 push a job to the queue `used`, delete it, and count both.
async fn use_queue_as_version_2(old: &Old) {
    let job = Uuid::from_bytes(*crate::common::job().id.as_bytes());
    old.client.query(&old.sql(PUSH_OF_2), &[&job]).await.unwrap();
    for action in DELETE_OF_2 {
        let act = old.sql("SELECT answer FROM longshore.act_v2($1, $2, 0, 0, 0)");
        assert_eq!(old.client.query_one(&act, &[&job, &action]).await.unwrap().get::<_, &str>(0), "done");
    }
    old.run(
        "SELECT longshore.prune_v2(100, 0); SELECT longshore.fold_counts_v2(hashtextextended('longshore.counts', 0))",
    )
    .await;
    assert_eq!(old.count("SELECT count(*) FROM longshore.history WHERE queue = 'used'").await, 0);
}

async fn forgotten(old: &Old, client: &Client, in_ms: i64) -> i64 {
    client.query_one(&old.sql(FORGET), &[&in_ms]).await.unwrap().get(0)
}

#[tokio::test]
async fn queue_that_version_2_alone_uses_is_kept_for_a_day() {
    let old = Old::of(2).await;
    let before = old.count("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").await;
    drop(old.open().await.unwrap());
    assert!(old.count("SELECT min(used_at) FROM longshore.queue").await >= before, "all count as used at the upgrade");
    use_queue_as_version_2(&old).await;
    let change = "SELECT changed FROM longshore.change_rules_v2('ruled', $1, $2, $3, 9223372036854775807)";
    let change = async |version: i64, rules: &str, level: i32| {
        let row = old.client.query_one(&old.sql(change), &[&version, &rules, &level]).await.unwrap();
        assert!(row.get::<_, bool>(0));
    };
    change(0, PAUSE, 1).await;
    // Two days later they are used once more.
    old.run("UPDATE longshore.queue SET used_at = used_at - 172800000 WHERE name IN ('used', 'ruled')").await;
    use_queue_as_version_2(&old).await;
    change(1, "{}", 0).await;

    assert_eq!(forgotten(&old, &old.client, 0).await, 0);
    assert_eq!(forgotten(&old, &old.client, 90_000_000).await, 2);
    assert_eq!(old.count("SELECT count(*) FROM longshore.queue WHERE name IN ('used', 'ruled')").await, 0);
    assert_eq!(old.count("SELECT count(*) FROM longshore.queue").await, 3, "those of the dump have jobs");

    // A push of version 2 to a removed queue is counted, and its job is claimed.
    let job = crate::common::job().id;
    old.client.query(&old.sql(PUSH_OF_2), &[&Uuid::from_bytes(*job.as_bytes())]).await.unwrap();
    assert_eq!(old.count("SELECT ready FROM longshore.queues_v2(0) WHERE name = 'used'").await, 1);
    old.run("SELECT longshore.fold_counts_v2(hashtextextended('longshore.counts', 0))").await;
    assert_eq!(old.count("SELECT ready FROM longshore.queues_v2(0) WHERE name = 'used'").await, 1);
    assert_eq!(forgotten(&old, &old.client, 90_000_000).await, 0);
    let worker = longshore_core::WorkerSecret::new();
    let claim = crate::common::ask(&worker, 1).queues(vec!["used".parse().unwrap()]);
    let claim = claim.kinds(vec!["fine".parse::<longshore_core::Kind>().unwrap().into()]);
    let store = old.open().await.unwrap();
    assert_eq!(store.claim(claim).await.unwrap().jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [job]);
}

#[tokio::test]
async fn pause_that_version_2_makes_while_its_queue_is_forgotten_holds() {
    let old = Old::of(2).await;
    drop(old.open().await.unwrap());
    use_queue_as_version_2(&old).await;
    let [keeper, of_2] = [connect(&Server::shared().url()).await, connect(&Server::shared().url()).await];
    let find = "BEGIN; SELECT FROM longshore.queue WHERE name = 'used' FOR UPDATE";
    keeper.batch_execute(&old.sql(find)).await.unwrap();
    let pause = old.sql("SELECT changed FROM longshore.change_rules_v2('used', 0, $1, 1, 9223372036854775807)");
    let pause = tokio::spawn(async move { of_2.query_one(&pause, &[&PAUSE]).await.unwrap().get::<_, bool>(0) });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%longshore.change_rules_v2(%'";
    while old.count(waits).await == 0 {
        assert!(!pause.is_finished(), "it did not wait for the row");
    }
    assert_eq!(forgotten(&old, &keeper, 90_000_000).await, 1);
    keeper.batch_execute("COMMIT").await.unwrap();
    assert!(pause.await.unwrap());
    assert_eq!(old.count("SELECT count(*) FROM longshore.queue WHERE name = 'used' AND rules_level = 1").await, 1);
}

/// Returns the parts of a schema: columns, constraints, indexes, functions and views, in any order.
async fn layout(client: &Client, schema: &str) -> Vec<String> {
    let sql = "SELECT format('%s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity)
               FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
               WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
               UNION ALL SELECT format('%s default %s', c.relname || '.' || a.attname, pg_get_expr(d.adbin, d.adrelid))
               FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
               WHERE c.relnamespace = $1::text::regnamespace AND c.relname <> 'migration'
               UNION ALL SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
               WHERE c.relnamespace = $1::text::regnamespace
               UNION ALL SELECT c.conrelid::regclass || ' ' || pg_get_constraintdef(c.oid) FROM pg_constraint c
               WHERE c.connamespace = $1::text::regnamespace
               UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = $1::text::regnamespace
               ORDER BY 1";
    let rows = client.query(sql, &[&schema]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0).replace(schema, "longshore")).collect()
}

#[tokio::test]
async fn upgraded_schema_is_laid_out_as_a_new_one() {
    let (old, new) = (Old::new().await, crate::common::Schema::new().await);
    drop(old.open().await.unwrap());
    let (old, new) = (layout(&old.client, &old.name).await, layout(&old.client, &new.name).await);
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|one| !those.contains(one)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((only(&old, &new), only(&new, &old)), (vec![], vec![]));
}

#[tokio::test]
async fn upgrade_is_refused_while_the_older_version_works() {
    let old = Old::new().await;
    let seconds_from_now =
        |seconds: i64| format!("floor(date_part('epoch', clock_timestamp()) * 1000)::bigint + {seconds} * 1000");
    old.run(&format!("UPDATE longshore.running SET lease_until = {}", seconds_from_now(20))).await;
    old.refused("1 job(s) run under a live lease: stop all processes of the older version").await;
    assert_eq!(old.count("SELECT max(version)::bigint FROM longshore.migration").await, 1);
    assert_eq!(
        old.count("SELECT count(*) FROM longshore.waiting WHERE max_attempts = 7").await,
        1,
        "nothing was changed"
    );
    old.run(&format!("UPDATE longshore.running SET lease_until = {}", seconds_from_now(-1))).await;
    old.run(&format!("UPDATE longshore.worker SET seen = {}", seconds_from_now(-100))).await;
    old.refused("a worker of the older version looked for jobs 100 s ago").await;
    old.run(&format!("UPDATE longshore.worker SET seen = {}", seconds_from_now(-180))).await;
    old.open().await.expect("three minutes are enough");
}

#[tokio::test]
async fn many_may_upgrade_the_same_schema_at_once() {
    let old = Old::new().await;
    let opened = futures_util::future::join_all((0..8).map(|_| old.open())).await;
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    assert_eq!(old.count("SELECT count(*) FROM longshore.migration").await, 2);
}

#[tokio::test]
async fn push_of_sql_is_repeated_across_the_upgrade() {
    let old = Old::new().await;
    let push = "SELECT id::text || ' ' || answer FROM longshore.push('work', idempotency_key => 'asked in SQL', tags => '{a,b}')";
    let ask = async || old.client.query_one(&old.sql(push), &[]).await.unwrap().get::<_, String>(0);
    let first = ask().await;
    old.run("UPDATE longshore.worker SET seen = 0").await;
    old.open().await.unwrap();
    assert_eq!(ask().await, first);
}

#[tokio::test]
async fn upgrade_leaves_what_is_not_its_own() {
    let old = Old::new().await;
    let own = "CREATE FUNCTION longshore.app_step(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n';
               CREATE FUNCTION longshore.list(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n';
               CREATE PROCEDURE longshore.app_work() LANGUAGE sql AS 'SELECT 1';
               CREATE FUNCTION longshore.app_note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
               CREATE TRIGGER app AFTER INSERT ON longshore.waiting FOR EACH ROW EXECUTE FUNCTION longshore.app_note();
               UPDATE longshore.waiting SET tags = jsonb_build_array(repeat('x', 5000)) WHERE queue = 'bulk'";
    old.run(own).await;
    old.open().await.unwrap();
    assert_eq!(old.count("SELECT longshore.app_step(1) + longshore.list(2)::bigint").await, 3);
}

#[tokio::test]
async fn two_versions_work_side_by_side() {
    let schema = crate::common::Schema::new().await;
    let client = connect(&schema.server).await;
    client.batch_execute(&longshore_postgres::next_version(&schema.name)).await.unwrap();
    let id = crate::common::push(&schema.store, crate::common::job()).await;
    let beside = schema.another().await;
    let worker = longshore_core::WorkerSecret::new();
    assert_eq!(crate::common::take(&beside, &worker, 1).await[0].id, id);
    let next = format!("SELECT running FROM {}.queues_v5('', 10, 0)", schema.name);
    assert_eq!(client.query_one(&next, &[]).await.unwrap().get::<_, i64>(0), 1);
    client.batch_execute(&schema.sql("SELECT longshore.push('work')")).await.unwrap();
    assert_eq!(crate::common::take(&schema.store, &worker, 1).await.len(), 1);
}

#[tokio::test]
async fn program_that_is_too_old_for_the_schema_is_told_so_while_it_runs() {
    let schema = crate::common::Schema::new().await;
    let client = connect(&schema.server).await;
    let beside = schema.another().await;
    // The objects that a later version drops.
    let drop = "DO $$ DECLARE f regprocedure; BEGIN
                    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'NAME'::regnamespace LOOP EXECUTE format('DROP FUNCTION %s CASCADE', f); END LOOP;
                END $$";
    client.batch_execute(&drop.replace("NAME", &schema.name)).await.unwrap();
    let error = beside.push(vec![crate::common::job()]).await.remove(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "workers keep their outcomes: {error}");
    assert!(error.to_string().contains("a newer longshore version has upgraded the schema"), "{error}");
}
