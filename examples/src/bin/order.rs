//! Pushes a job in the application's own transaction: the order and the job that ships it are stored together or not at
//! all.

use longshore::sqlite::rusqlite::{Connection, TransactionBehavior};
use longshore::{Job, Longshore, Result};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Job)]
#[job(output = String)]
struct Ship {
    order: i64,
}

/// Returns the delivery note: a line for each of the many crates.
async fn ship(job: Ship) -> Result<String> {
    let crates = (1..=10_000).map(|number| format!("order {}, crate {number}: on its way\n", job.order));
    Ok(crates.collect())
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "orders.db".into());
    let longshore = Longshore::connect(&format!("sqlite:{path}")).await?;
    let worker = longshore.worker().handle(ship).start()?;

    let mut app = Connection::open(&path)?;
    app.execute_batch("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL)")?;
    let transaction = app.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("INSERT INTO orders (item) VALUES ('a crate of tea')", [])?;
    let job = longshore.enqueue(Ship { order: transaction.last_insert_rowid() }).into_new()?;
    let handle = longshore.handle::<Ship>(job.id);
    let pushed = longshore.sqlite()?.push_in(&transaction, &[job])?;
    transaction.commit()?;
    drop(pushed); // notifies workers

    let note = handle.wait().await?;
    println!("{} crates; {}", note.lines().count(), note.lines().last().unwrap_or_default());
    worker.drain().await;
    Ok(())
}
