//! The first argument has no `#[derive(Job)]`.

use longshore_core::handler::Result;
use longshore_core::worker::Worker;
use longshore_core::Backend;

struct Greet {
    name: String,
}

async fn greet(job: Greet) -> Result<String> {
    Ok(job.name)
}

fn worker(backend: Backend) -> Worker {
    Worker::new(backend).handle(greet)
}

fn main() {}
