//! The raw engines: programs without any of what makes a queue, which do the same three durable writes a job.
//!
//! Frozen: change one only together with every figure that was ever compared with it.

mod postgres;
mod redis;
mod sqlite;

use std::time::Duration;

use crate::Bench;
use crate::goal::Figure;
use crate::measure::{median, percentile};
use crate::store::{Engine, Result, Store, wait};
use crate::table::Row;

/// How many single writes are timed.
const WRITES: usize = 500;

/// Measures the raw engine that this store works with.
pub fn baseline(bench: &Bench, store: &Store) -> Result<Vec<Row>> {
    let time = Duration::from_secs(bench.seconds);
    let measured = match store.engine() {
        Engine::Sqlite => raw_sqlite(bench, store, time),
        Engine::Redis => raw_redis(bench, store, time),
        Engine::Postgres => raw_postgres(bench, store, time),
    };
    if let (Err(e), true) = (&measured, store.cpu().is_none() && store.engine() != Engine::Sqlite) {
        eprintln!("the baseline is left out on this server: {e}"); // ours may reach it all the same
        return Ok(Vec::new());
    }
    measured
}

fn raw_sqlite(bench: &Bench, store: &Store, time: Duration) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for batch in [1, 64] {
        let rates = (0..bench.runs).map(|_| Ok(sqlite::three_writes(&store.place()?.file(), batch, time)?));
        rows.push(three_writes(batch, median(rates.collect::<Result<_>>()?), "raw SQLite"));
    }
    rows.push(single("one durable commit", sqlite::commits(&store.place()?.file(), WRITES)?));
    Ok(rows)
}

fn raw_redis(bench: &Bench, store: &Store, time: Duration) -> Result<Vec<Row>> {
    let url = store.raw_url()?;
    let mut rows = Vec::new();
    for batch in [1, 64, 1000] {
        let rates = (0..bench.runs).map(|_| Ok(redis::three_writes(&url, store.place()?.name(), batch, time)?));
        let rate = median(rates.collect::<Result<_>>()?);
        rows.push(three_writes(batch, rate, "raw Redis: three scripts a batch, in one round trip"));
    }
    let rates = (0..bench.runs).map(|_| Ok(redis::one_write(&url, store.place()?.name(), 64, time)?));
    let rate = median(rates.collect::<Result<_>>()?);
    rows.push(Row::new(
        "baseline: LPUSH and HSET a job",
        rate,
        "jobs/s",
        "raw Redis: a script a job, 64 in one round trip",
    ));
    rows.push(single("one script", redis::scripts(&url, store.place()?.name(), WRITES)?));
    Ok(rows)
}

fn raw_postgres(bench: &Bench, store: &Store, time: Duration) -> Result<Vec<Row>> {
    let url = store.raw_url()?;
    let mut rows = Vec::new();
    for batch in [1, 64, 1000] {
        let rates = (0..bench.runs).map(|_| wait(postgres::three_writes(&url, store.place()?.name(), batch, time)));
        let rate = median(rates.collect::<Result<_>>()?);
        rows.push(three_writes(batch, rate, "raw PostgreSQL: three commits a batch"));
    }
    rows.push(single("one durable commit", wait(postgres::commits(&url, store.place()?.name(), WRITES))?));
    Ok(rows)
}

fn three_writes(batch: usize, rate: f64, how: &str) -> Row {
    Row::new(format!("baseline: three writes a job, batches of {batch}"), rate, "jobs/s", how)
        .figure(Figure::Raw(batch))
}

fn single(what: &str, mut ms: Vec<f64>) -> Row {
    let (p50, p99) = (percentile(&mut ms, 0.5), percentile(&mut ms, 0.99));
    Row::new(format!("baseline: {what}"), p50, "ms", format!("p99 {p99:.2} ms"))
}
