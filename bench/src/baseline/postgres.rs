//! Raw PostgreSQL: three commits a batch, over one connection, with prepared statements.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::store::{Result, connect};

const INSERT: &str = "INSERT INTO job (state, payload) SELECT 0, unnest($1::text[])";

const CLAIM: &str = "
    WITH next AS MATERIALIZED (
        SELECT id FROM job WHERE state = 0 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    UPDATE job SET state = 1, lease = $1 FROM next WHERE job.id = next.id RETURNING job.id";

const FINISH: &str = "
    WITH gone AS (DELETE FROM job WHERE id = ANY ($1) RETURNING id, payload)
    INSERT INTO history (id, payload, result) SELECT id, payload, 'ok' FROM gone";

/// Connects, and makes the tables in a schema of that name.
///
/// Plans are held to the indexes: there are no statistics of tables as young as these.
async fn open(url: &str, schema: &str) -> Result<Client> {
    let client = connect(url).await?;
    let tables = format!(
        "CREATE SCHEMA {schema};
         SET search_path = {schema};
         SET enable_seqscan = off;
         SET enable_hashjoin = off;
         SET enable_mergejoin = off;
         CREATE TABLE job (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state smallint NOT NULL,
                           payload text NOT NULL, lease bigint);
         CREATE INDEX job_ready ON job (id) WHERE state = 0;
         CREATE TABLE history (id bigint PRIMARY KEY, payload text NOT NULL, result text NOT NULL);"
    );
    client.batch_execute(&tables).await?;
    Ok(client)
}

/// Inserts, claims and finishes jobs, `batch` a statement, for that long; returns jobs per second.
pub async fn three_writes(url: &str, schema: &str, batch: usize, time: Duration) -> Result<f64> {
    let client = open(url, schema).await?;
    let (insert, claim) = (client.prepare(INSERT).await?, client.prepare(CLAIM).await?);
    let finish = client.prepare(FINISH).await?;
    let payloads = vec![format!(r#"{{"text":"{}"}}"#, "x".repeat(100)); batch];
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < time {
        client.execute(&insert, &[&payloads]).await?;
        let rows = client.query(&claim, &[&(done as i64), &(batch as i64)]).await?;
        let claimed: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        done += client.execute(&finish, &[&claimed]).await?;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

/// Returns how long single durable commits take, in milliseconds.
pub async fn commits(url: &str, schema: &str, count: usize) -> Result<Vec<f64>> {
    let client = open(url, schema).await?;
    let insert = client.prepare("INSERT INTO job (state, payload) VALUES (2, '{}')").await?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        client.execute(&insert, &[]).await?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}
