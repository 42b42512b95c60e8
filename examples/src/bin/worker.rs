//! The worker of the web application: a separate process, which shuts down gracefully.

use longshore::handler::Fatal;
use longshore::{Ctx, Longshore, Progress, Result};
use longshore_examples::{CountWords, Counted, store};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

async fn count_words(job: CountWords, ctx: Ctx) -> Result<Counted> {
    let words: Vec<&str> = job.text.split_whitespace().collect();
    if words.is_empty() {
        return Err(longshore::Error::invalid("the text has no words")).fatal();
    }
    for done in 1..=words.len() {
        ctx.progress(Progress::of(done as u64, words.len() as u64).with_message("Counting"));
        tokio::time::sleep(Duration::from_millis(50)).await; // a word takes its time
    }
    Ok(Counted { words: words.len() })
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let longshore = Longshore::connect(&store()).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let asked = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    };
    let ended = longshore.worker().handle(count_words).concurrency(4).run_until(asked).await?;
    std::process::exit(ended.exit_code());
}
