//! The example of the README: a typed job, its handler, a worker, and the result.

use longshore::{Job, Longshore, Result};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Job)]
#[job(output = String)]
struct Greet {
    name: String,
}

async fn greet(job: Greet) -> Result<String> {
    Ok(format!("Hello, {}!", job.name))
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "sqlite:jobs.db".into());
    let longshore = Longshore::connect(&url).await?;
    let worker = longshore.worker().handle(greet).start()?;
    let job = longshore.enqueue(Greet { name: "Ada".into() }).await?;
    println!("{}", job.wait().await?);
    worker.drain().await;
    Ok(())
}
