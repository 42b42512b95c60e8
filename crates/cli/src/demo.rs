//! `longshore demo`: the whole way of one job, in one command, with words about what happens and where.

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
use crate::work::{How, open, worker};
use crate::{Common, Exit, log};

/// Show what this is about: start server and worker, send them a text, and get a moving picture
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore demo hello_world
  longshore demo 'so_long' --pace --fresh --out so_long.gif
  longshore demo hello_world --serve")]
pub struct Demo {
    /// The text; an underscore breaks the line
    #[arg(default_value = "hello_world")]
    text: String,
    /// Where to write the picture [default: the text, with .gif]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the picture even if the same text was drawn before
    #[arg(long)]
    fresh: bool,
    /// Go on serving the demo page until Ctrl+C
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    how: How,
}

impl Demo {
    pub async fn run(self) -> Result<(), Exit> {
        let image = Image::parse(&self.text).map_err(Exit::usage)?;
        let mut flags = self.how.flags();
        flags.set("listen", self.place.listen.clone());
        let mut config = self.common.load(flags)?;
        config.log = "warn".into(); // this command tells by itself what happens
        config.queues = vec![(Image::QUEUE.parse()?, 1)];
        config.image.get_or_insert_default();
        config.kinds.clear(); // whatever is wrong with a command, the demo needs none
        if self.place.listen.is_none() && !self.serve {
            config.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        }
        log::start(&config);
        let longshore = open(&config).await?;
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
            () = signals.end() => Err(Exit::not_finished("interrupted; the job is kept, and the next worker goes on with it")),
        };
        let ended = match shown {
            Ok(()) if self.serve => {
                println!("\nThe demo page is at {base} until Ctrl+C.");
                signals.obey(&running).await
            }
            shown => {
                let ended = finish(&running, shown.is_err()).await;
                stop.cancel();
                let _ = serving.await; // it has no result
                shown?;
                return Exit::of_worker(ended);
            }
        };
        stop.cancel();
        let _ = serving.await; // it has no result
        Exit::of_worker(ended)
    }

    /// Sends the job, shows its progress, fetches the picture.
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
        let picture = picture.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the job gave back nothing"))?;
        let out = self.out.clone().unwrap_or_else(|| PathBuf::from(file_name(&image.text)));
        std::fs::write(&out, &picture.body)
            .with_context(|| format!("write `{}`", out.display()))
            .map_err(Exit::failed)?;
        match status.as_str() {
            "done" => println!("the same text was drawn before: its picture is served again (--fresh draws it anew)"),
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
        "the worker picked it up {:.0} ms after it was pushed and drew for {:.0} ms;",
        ms(started.since(job.created_at)),
        ms(finished.since(started))
    );
    println!("the request that asked for it was held up for {:.1} ms only", ms(answered));
}

async fn finish(running: &Running, failed: bool) -> longshore::worker::Ended {
    if failed { running.cancel().await } else { running.drain().await }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Returns a file name for the picture of a text, in the current folder whatever the text is.
fn file_name(text: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = text.chars().map(safe).take(64).collect();
    format!("{name}.gif")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_written_to_the_current_folder_whatever_its_text() {
        assert_eq!(file_name("hello_world"), "hello_world.gif");
        assert_eq!(file_name("../../etc/passwd"), "______etc_passwd.gif");
    }
}
