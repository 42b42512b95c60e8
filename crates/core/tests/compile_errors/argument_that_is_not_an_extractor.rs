//! A shared value is taken without `Shared`.

use std::sync::Arc;

use longshore_core::handler::Result;
use longshore_core::worker::Worker;
use longshore_core::{Backend, Job};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Greet {}

impl Job for Greet {
    const KIND: &'static str = "greet";
    type Output = String;
}

struct Templates;

async fn greet(_: Greet, _: Arc<Templates>) -> Result<String> {
    Ok("Hello".into())
}

fn worker(backend: Backend) -> Worker {
    Worker::new(backend).share(Arc::new(Templates)).handle(greet)
}

fn main() {}
