//! A blocking function needs `handle_blocking`.

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

fn greet(_: Greet) -> Result<String> {
    Ok("Hello".into())
}

fn worker(backend: Backend) -> Worker {
    Worker::new(backend).handle(greet)
}

fn main() {}
