//! The handler holds a value across an `await` that must stay on one thread.

use std::rc::Rc;

use longshore_core::handler::{Ctx, Result};
use longshore_core::worker::Worker;
use longshore_core::{Backend, Job};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Greet {}

impl Job for Greet {
    const KIND: &'static str = "greet";
    type Output = String;
}

async fn greet(_: Greet, ctx: Ctx) -> Result<String> {
    let name = Rc::new(String::from("Ada"));
    ctx.stopping().await;
    Ok(format!("Hello, {name}"))
}

fn worker(backend: Backend) -> Worker {
    Worker::new(backend).handle(greet)
}

fn main() {}
