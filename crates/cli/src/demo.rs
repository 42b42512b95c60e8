//! `longshore demo`: runs one job from push to result, in one command, and prints what happens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use longshore::worker::Running;
use longshore::{Error, ErrorKind, Job, State};
use longshore_demo::{Image, id_of};
use longshore_wire as wire;
use tokio_util::sync::CancellationToken;

use crate::bar::Bar;
use crate::remote::Remote;
use crate::serve::{Place, bind};
use crate::signals::Signals;
use crate::target::{Target, segment};
use crate::work::{WorkerArgs, worker};
use crate::{Common, Exit, Stores, log};

/// Start a server and a worker, push a text as a job, and write the result, an animated image
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore demo hello_world
  longshore demo 'so_long' --pace --fresh --out so_long.gif
  longshore demo hello_world --serve")]
pub struct Demo {
    /// The text; an underscore starts a new line
    #[arg(default_value = "hello_world")]
    text: String,
    /// The file to write the image to [default: the text, with .gif]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the image even if the same text was drawn before
    #[arg(long)]
    fresh: bool,
    /// Keep serving the demo page until Ctrl+C
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    worker: WorkerArgs,
}

impl Demo {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let image = Image::parse(&self.text).map_err(Exit::usage)?;
        let mut flags = self.worker.flags();
        flags.set("listen", self.place.listen.clone());
        let mut config = self.common.load(flags)?;
        config.log = "warn".into(); // this command prints what happens itself
        config.queues = vec![(Image::QUEUE.parse()?, 1)];
        config.image.get_or_insert_default();
        config.kinds.clear(); // the demo needs no commands, so an invalid one does not matter
        if self.place.listen.is_none() && !self.serve {
            config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        }
        log::start(&config);
        let longshore = stores.open(&config).await?;
        let mut signals = Signals::listen()?;
        let server = bind(longshore.backend().clone(), &config, true).await?;
        let base = format!("http://{}", server.local_addr());
        let running = worker(longshore.backend().clone(), &config).start()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.run(stop.clone().cancelled_owned()));
        let durability = longshore.backend().capabilities().durability;
        println!("store   {}: an acknowledged job survives {durability}", config.store);
        println!("server  {base}");
        println!("worker  {} slots, in this process", config.concurrency);

        let remote = Remote::new(&base, config.token.clone());
        let shown = tokio::select! {
            shown = self.show(&image, &remote) => shown,
            () = signals.end() => Err(Exit::not_finished("interrupted; the job is kept, and the next worker runs it")),
        };
        let ended = match shown {
            Ok(()) if self.serve => {
                println!("\nThe demo page is at {base} until Ctrl+C.");
                signals.handle(&running).await
            }
            shown => {
                let ended = finish(&running, shown.is_err()).await;
                stop.cancel();
                let _ = serving.await; // the task returns nothing
                shown?;
                return Exit::of_worker(ended);
            }
        };
        stop.cancel();
        let _ = serving.await; // the task returns nothing
        Exit::of_worker(ended)
    }

    /// Pushes the job, shows its progress, and writes the image.
    async fn show(&self, image: &Image, remote: &Remote) -> Result<(), Exit> {
        let id = id_of(&image.text);
        let began = Instant::now();
        let status = self.submit(image, remote.clone()).await?;
        let answered = began.elapsed();
        let route = if self.fresh { "POST /v1/jobs" } else { "POST /image_queue" };
        println!("\n{route} text={} answered `{status}` in {:.1} ms; job {id}", image.text, ms(answered));

        let target = Target::Server(remote.clone());
        if status != "done" {
            let bar = Bar::new();
            let shown = bar.clone();
            let followed = target.follow(&id, move |event| shown.show(event)).await;
            bar.clear();
            followed?;
        }
        let job = target.job(&id).await?;
        if job.state != State::Succeeded {
            return Err(Exit::failed(anyhow::anyhow!("job {} is {}: {}", job.id, job.state, job.status)));
        }
        let picture = target.result(&job).await?;
        let picture = picture.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the job has no result"))?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from(file_name(&image.text)));
        std::fs::write(&out, &picture.body)
            .with_context(|| format!("write `{}`", out.display()))
            .map_err(Exit::failed)?;
        match status.as_str() {
            "done" => {
                println!("this text was drawn before, so the existing image was returned (--fresh draws a new one)")
            }
            _ => tell_times(&job, answered),
        }
        println!("\nwrote {} ({} bytes, {})", out.display(), picture.body.len(), picture.content_type);
        Ok(())
    }

    async fn submit(&self, image: &Image, remote: Remote) -> Result<String, Exit> {
        let fresh = match self.fresh {
            true => Some(wire::NewJob::of(&image.to_new_fresh()?)?),
            false => None,
        };
        let form = format!("text={}", segment(&image.text));
        let submit = move || match fresh {
            Some(new) => {
                let body = serde_json::to_string(&new).map_err(|e| Error::invalid(e.to_string()))?;
                remote.post::<wire::Pushed>("/v1/jobs", &body).map(|_| "queued".to_owned())
            }
            None => remote.post_form::<wire::demo::Queued>("/image_queue", &form).map(|queued| queued.job_status),
        };
        Ok(tokio::task::spawn_blocking(submit).await.map_err(Exit::failed)??)
    }
}

fn tell_times(job: &wire::Job, answered: Duration) {
    let (Some(started), Some(finished)) = (job.started_at, job.finished_at) else { return };
    println!(
        "the worker started the job {:.0} ms after the push and ran it for {:.0} ms;",
        ms(started.since(job.created_at)),
        ms(finished.since(started))
    );
    println!("the request that pushed it took only {:.1} ms", ms(answered));
}

async fn finish(running: &Running, failed: bool) -> longshore::worker::Ended {
    if failed { running.cancel().await } else { running.drain().await }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Returns a file name for the image of a text. It is always a name in the current folder.
fn file_name(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = text.chars().map(safe).take(64).collect();
    format!("{name}.gif")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_written_to_the_current_folder_whatever_its_text() {
        assert_eq!(file_name("hello_world"), "hello_world.gif");
        assert_eq!(file_name("../../etc/passwd"), "______etc_passwd.gif");
    }
}
