//! Raw SQLite: three transactions a batch.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

/// Opens a database with the durable settings that longshore uses.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, payload TEXT NOT NULL,
                                         lease INTEGER, result TEXT) STRICT;
         CREATE INDEX IF NOT EXISTS job_ready ON job (id) WHERE state = 0;",
    )?;
    Ok(connection)
}

/// Inserts, claims and finishes jobs, `batch` a transaction, for that long; returns jobs per second.
pub fn three_writes(path: &Path, batch: usize, time: Duration) -> rusqlite::Result<f64> {
    let connection = open(path)?;
    let payload = format!(r#"{{"text":"{}"}}"#, "x".repeat(100));
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < time {
        transaction(&connection, || {
            let mut insert = connection.prepare_cached("INSERT INTO job (state, payload) VALUES (0, ?1)")?;
            (0..batch).try_for_each(|_| insert.execute([&payload]).map(|_| ()))
        })?;
        let mut claimed: Vec<i64> = Vec::with_capacity(batch);
        transaction(&connection, || {
            let mut claim = connection.prepare_cached(
                "UPDATE job SET state = 1, lease = ?1 WHERE id IN (SELECT id FROM job WHERE state = 0 ORDER BY id LIMIT ?2)
                 RETURNING id",
            )?;
            let ids = claim.query_map(params![done as i64, batch as i64], |row| row.get(0))?;
            ids.into_iter().try_for_each(|id| id.map(|id| claimed.push(id)))
        })?;
        transaction(&connection, || {
            let mut finish = connection.prepare_cached("UPDATE job SET state = 2, result = 'ok' WHERE id = ?1")?;
            claimed.iter().try_for_each(|id| finish.execute([id]).map(|_| ()))
        })?;
        done += claimed.len();
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

/// Returns how long single durable commits take, in milliseconds.
pub fn commits(path: &Path, count: usize) -> rusqlite::Result<Vec<f64>> {
    let connection = open(path)?;
    let mut insert = connection.prepare("INSERT INTO job (state, payload) VALUES (2, '{}')")?;
    (0..count)
        .map(|_| {
            let began = Instant::now();
            insert.execute([])?;
            Ok(began.elapsed().as_secs_f64() * 1e3)
        })
        .collect()
}

fn transaction(connection: &Connection, work: impl FnOnce() -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    work()?;
    connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())
}
