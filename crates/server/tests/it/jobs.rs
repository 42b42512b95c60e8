//! Jobs to test with.

use std::sync::Arc;

use longshore_core::handler::{self, Ctx, Error, Shared};
use longshore_core::worker::Worker;
use longshore_core::{Job, Output, Progress};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// A gate at which jobs wait until it is opened, once for each job.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Gate(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets one job pass.
    pub fn open(&self) {
        self.0.add_permits(1);
    }

    async fn pass(&self) {
        self.0.acquire().await.unwrap().forget();
    }
}

/// Returns its text with the media type of the payload.
#[derive(Serialize, Deserialize)]
struct Echo {
    text: String,
    media: String,
}

impl Job for Echo {
    const KIND: &'static str = "echo";
    type Output = Output;
}

async fn echo(job: Echo) -> handler::Result<Output> {
    Ok(Output::new(job.media, job.text))
}

/// Returns the requested number of bytes.
#[derive(Serialize, Deserialize)]
struct Bulk {
    bytes: usize,
}

impl Job for Bulk {
    const KIND: &'static str = "bulk";
    type Output = Output;
}

async fn bulk(job: Bulk) -> handler::Result<Output> {
    Ok(Output::new("application/octet-stream", vec![7; job.bytes]))
}

/// Returns no result.
#[derive(Serialize, Deserialize)]
struct Nothing {}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
    type Output = ();
}

async fn nothing(_: Nothing) -> handler::Result<()> {
    Ok(())
}

/// Reports progress and waits at the gate.
#[derive(Serialize, Deserialize)]
struct Steps {}

impl Job for Steps {
    const KIND: &'static str = "steps";
    type Output = String;
}

async fn steps(_: Steps, ctx: Ctx, Shared(gate): Shared<Gate>) -> handler::Result<String> {
    ctx.progress(Progress::of(7, 20).with_message("Processing"));
    tokio::select! {
        () = gate.pass() => Ok("done".into()),
        () = ctx.stopping() => Err(Error::cancel()),
    }
}

/// Fails permanently with this message.
#[derive(Serialize, Deserialize)]
struct Fail {
    message: String,
}

impl Job for Fail {
    const KIND: &'static str = "fail";
    type Output = ();
}

async fn fail(job: Fail) -> handler::Result<()> {
    Err(Error::fatal(job.message))
}

/// Replaces the real renderer.
#[derive(Serialize, Deserialize)]
struct Image {
    text: String,
}

impl Job for Image {
    const KIND: &'static str = "image";
    type Output = Output;
}

async fn image(job: Image, ctx: Ctx, Shared(gate): Shared<Gate>) -> handler::Result<Output> {
    ctx.progress(Progress::of(7, 20).with_message("Processing"));
    gate.pass().await;
    if job.text == "fail" {
        return Err(Error::fatal("<b>no ink</b>"));
    }
    Ok(Output::new("image/gif", format!("GIF89a of {}", job.text)))
}

pub fn worker(worker: Worker, gate: Gate) -> Worker {
    worker
        .share(gate)
        .handle(echo)
        .handle(bulk)
        .handle(nothing)
        .handle(steps)
        .handle(fail)
        .handle(image)
        .queue("default", 1)
        .queue("a-b_c.d", 1)
}
