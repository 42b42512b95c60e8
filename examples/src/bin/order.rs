//! Pushes a job in the application's own transaction: the order and the job that ships it are stored together or not at
//! all.

use longshore::sqlite::rusqlite::{Connection, TransactionBehavior};
use longshore::sqlite::{Options, Sqlite};
use longshore::{Backend, Job, Longshore, NewJob, Pushed, Result, artifact::InMemory};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize, Deserialize, Job)]
#[job(output = String)]
struct Ship {
    order: i64,
}

async fn ship(job: Ship) -> Result<String> {
    Ok(format!("order {} is on its way", job.order))
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "orders.db".into());
    let store = Arc::new(Sqlite::open(&path, Options::default())?);
    let longshore = Longshore::of(Backend::new(store.clone(), Arc::new(InMemory::default())));
    let worker = longshore.worker().handle(ship).start()?;

    let mut app = Connection::open(&path)?;
    app.execute_batch("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL)")?;
    let transaction = app.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("INSERT INTO orders (item) VALUES ('a crate of tea')", [])?;
    let job = NewJob::of(&Ship { order: transaction.last_insert_rowid() })?;
    let pushed = store.push_in(&transaction, &[job])?;
    transaction.commit()?;

    let Pushed::Created(id) = pushed.answers[0] else { return Err("a new order creates a new job".into()) };
    drop(pushed); // notifies workers
    println!("{}", longshore.handle::<Ship>(id).wait().await?);
    worker.drain().await;
    Ok(())
}
