//! What a tool works on: a store of its own, or a server. Both answer in the wire's types, so that output is the same.

use std::io::{self, Write};

use clap::Args;
use longshore::{
    Acted, Action, Error, ErrorKind, Filter, JobId, Label, Longshore, Output, Page, QueueName, State, limits,
};
use longshore_wire as wire;

use crate::config::{Config, Flags};
use crate::remote::Remote;
use crate::work::open;
use crate::{Common, Exit, log};

/// What every tool takes.
#[derive(Clone, Debug, Args)]
pub struct On {
    #[command(flatten)]
    common: Common,
    /// Ask this server instead of a store; the token comes from LONGSHORE_TOKEN [env: LONGSHORE_SERVER]
    #[arg(long, value_name = "URL", conflicts_with = "store")]
    server: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

impl On {
    /// Opens what the tool works on.
    pub async fn open(&self) -> Result<Target, Exit> {
        let mut flags = Flags::default();
        flags.set("server", self.server.clone());
        if self.common.store.is_some() {
            flags.set("server", Some(String::new())); // a store that is named goes before a server that is configured
        }
        let mut config: Config = self.common.load(flags)?;
        if config.log == "info" {
            config.log = "warn".into(); // a tool's own words are its answer
        }
        log::start(&config);
        match &config.server {
            Some(server) => Ok(Target::Server(Remote::new(server, config.token.clone()))),
            None => Ok(Target::Store(open(&config).await?)),
        }
    }
}

/// A store or a server.
#[derive(Clone, Debug)]
pub enum Target {
    Store(Longshore),
    Server(Remote),
}

impl Target {
    /// Pushes a job.
    pub async fn push(&self, push: wire::NewJob) -> Result<wire::Pushed, Error> {
        match self {
            Target::Store(longshore) => {
                let new = push.into_new()?;
                let pushed = longshore.backend().push_one(new).await?;
                let (id, by) = pushed.into_job()?;
                let existing = by.map(|by| wire::existing(by).to_owned());
                let state = longshore.backend().job(id).await?.map_or(State::Ready, |job| job.state);
                Ok(wire::Pushed { id, state, existing, links: wire::Links::of(id) })
            }
            Target::Server(_) => {
                let body = serde_json::to_string(&push).map_err(|e| Error::invalid(e.to_string()))?;
                self.remote(move |remote| remote.post("/v1/jobs", &body)).await
            }
        }
    }

    /// Returns a job by id or alias.
    pub async fn job(&self, id: &str) -> Result<wire::Job, Error> {
        let found: Option<wire::Job> = match self {
            Target::Store(longshore) => longshore.backend().job(self.id(id).await?).await?.map(wire::Job::from),
            Target::Server(_) => {
                let path = format!("/v1/jobs/{}", segment(id));
                self.remote(move |remote| remote.get(&path)).await?
            }
        };
        found.ok_or_else(|| unknown(id))
    }

    /// Follows a job until it is finished, telling each status.
    pub async fn follow(&self, id: &str, mut tell: impl FnMut(&wire::Event) + Send + 'static) -> Result<(), Error> {
        match self {
            Target::Store(longshore) => {
                let mut watch = longshore.backend().watch(self.id(id).await?);
                loop {
                    let status = watch.next().await.ok_or_else(|| unknown(id))?;
                    let event = wire::Event::from(status);
                    tell(&event);
                    if event.state.is_final() {
                        return Ok(());
                    }
                }
            }
            Target::Server(_) => {
                let id = segment(id);
                let follow = move |remote: &Remote| loop {
                    let mut finished = false;
                    remote.follow(&id, &mut |event| {
                        tell(&event);
                        finished = event.state.is_final();
                        finished
                    })?;
                    // A stream that ends early belonged to a server that ends, or to a job that is gone: asking again tells.
                    if finished {
                        return Ok(());
                    }
                };
                self.remote(follow).await
            }
        }
    }

    /// Returns what a finished job gave back; `None` where that is nothing.
    pub async fn result(&self, job: &wire::Job) -> Result<Option<Output>, Error> {
        if job.result.is_none() {
            return Ok(None);
        }
        let gone = || Error::new(ErrorKind::Refused, format!("the result of job {} is gone", job.id));
        match self {
            Target::Store(longshore) => {
                let found = longshore.backend().job(job.id).await?.and_then(|job| job.result).ok_or_else(gone)?;
                longshore.backend().read(&found).await?.ok_or_else(gone).map(Some)
            }
            Target::Server(_) => {
                let path = job.links.result.clone();
                self.remote(move |remote| remote.bytes(&path)).await.map(Some)
            }
        }
    }

    /// Writes what a finished job gave back, in chunks, and returns what it was written to.
    ///
    /// # Errors
    ///
    /// If it is gone, cannot be read to its end, or cannot be written.
    pub async fn write_result<W: Write + Send + 'static>(&self, job: &wire::Job, mut out: W) -> Result<W, Error> {
        let Some(result) = &job.result else { return Ok(out) };
        let gone = || Error::new(ErrorKind::Refused, format!("the result of job {} is gone", job.id));
        let unwritten = |e: io::Error| Error::new(ErrorKind::Refused, format!("write the result: {e}")).caused_by(e);
        match self {
            Target::Store(longshore) => {
                let found = longshore.backend().job(job.id).await?.and_then(|job| job.result).ok_or_else(gone)?;
                let reader = longshore.backend().open(&found).await?.ok_or_else(gone)?;
                let mut at = 0;
                while at < reader.size() {
                    let chunk = reader.read(at).await?;
                    out.write_all(&chunk).map_err(unwritten)?;
                    at += chunk.len() as u64;
                }
                out.flush().map_err(unwritten)?;
                Ok(out)
            }
            Target::Server(_) => {
                let (path, bytes) = (job.links.result.clone(), result.bytes);
                self.remote(move |remote| remote.copy(&path, bytes, &mut out).map(|()| out)).await
            }
        }
    }

    /// Returns the log of a job's newest attempt, or of the claim with that number.
    pub async fn log(&self, id: &str, claim: Option<u64>) -> Result<String, Error> {
        match self {
            Target::Store(longshore) => {
                longshore.backend().log(self.id(id).await?, claim).await?.ok_or_else(|| unknown(id))
            }
            Target::Server(_) => {
                let query = claim.map_or(String::new(), |claim| format!("?claim={claim}"));
                let path = format!("/v1/jobs/{}/log{query}", segment(id));
                let output = self.remote(move |remote| remote.bytes(&path)).await?;
                Ok(String::from_utf8_lossy(&output.body).into_owned())
            }
        }
    }

    /// Calls a job off, or tries it again; returns it as it is then.
    pub async fn act(&self, id: &str, action: Action, verb: &str) -> Result<wire::Job, Error> {
        match self {
            Target::Store(longshore) => {
                let refused = |text: String| Err(Error::new(ErrorKind::Refused, text));
                match longshore.backend().act(self.id(id).await?, action).await? {
                    Acted::Done(_) => self.job(id).await,
                    Acted::Unknown => Err(unknown(id)),
                    Acted::WrongState(state) => refused(format!("job {id} is {state}: {verb} does nothing to it")),
                    Acted::Conflict(other) => refused(format!("job {other} holds the unique key of job {id} by now")),
                }
            }
            Target::Server(_) => {
                let path = format!("/v1/jobs/{}/{verb}", segment(id));
                self.remote(move |remote| remote.post(&path, "{}")).await
            }
        }
    }

    /// Returns a page of jobs.
    pub async fn list(&self, filter: Filter, page: Page) -> Result<wire::Jobs, Error> {
        match self {
            Target::Store(longshore) => Ok(longshore.backend().list(filter, page).await?.into()),
            Target::Server(_) => {
                let path = format!("/v1/jobs?{}", wire::JobsQuery::of(&filter, page));
                let page = self.remote(move |remote| remote.get(&path)).await?;
                page.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the server has no list of jobs"))
            }
        }
    }

    /// Returns a page of queues, by name.
    pub async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<wire::Queues, Error> {
        match self {
            Target::Store(longshore) => Ok(wire::Queues::of(longshore.backend().queues(after, limit).await?, limit)),
            Target::Server(_) => {
                let after = after.map_or(String::new(), |after| format!("&after={after}")); // no name needs an escape
                let path = format!("/v1/queues?limit={limit}{after}");
                let page = self.remote(move |remote| remote.get(&path)).await?;
                page.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the server has no list of queues"))
            }
        }
    }

    /// Returns all workers that were seen lately.
    pub async fn workers(&self) -> Result<wire::Workers, Error> {
        let mut all = wire::Workers { workers: Vec::new(), next: None };
        loop {
            let after = all.next.take();
            let page = match self {
                Target::Store(longshore) => {
                    let backend = longshore.backend();
                    let after = after.map(|after| after.parse()).transpose()?;
                    let workers = backend.workers(after, limits::PAGE).await?;
                    wire::Workers::of(workers, limits::PAGE, backend.now().await?)
                }
                Target::Server(_) => {
                    let after = after.map_or(String::new(), |after| format!("&after={after}"));
                    let path = format!("/v1/workers?limit={}{after}", limits::PAGE);
                    let page = self.remote(move |remote| remote.get(&path)).await?;
                    page.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the server has no list of workers"))?
                }
            };
            all.workers.extend(page.workers);
            all.next = page.next;
            if all.next.is_none() {
                return Ok(all);
            }
        }
    }

    /// Stops handing out jobs of a queue; returns the queue as it is then.
    pub async fn pause(&self, queue: &str, pause: wire::NewPause) -> Result<wire::Queue, Error> {
        match self {
            Target::Store(longshore) => {
                longshore.backend().pause(queue.parse()?, pause.into_new()?).await?;
                shown(longshore, queue).await
            }
            Target::Server(_) => {
                let path = format!("/v1/queues/{}/pause", segment(queue));
                let body = serde_json::to_string(&pause).map_err(|e| Error::invalid(e.to_string()))?;
                self.remote(move |remote| remote.post(&path, &body)).await
            }
        }
    }

    /// Hands out jobs of a queue again; returns the queue as it is then.
    pub async fn resume(&self, queue: &str) -> Result<wire::Queue, Error> {
        match self {
            Target::Store(longshore) => {
                longshore.backend().resume(queue.parse()?).await?;
                shown(longshore, queue).await
            }
            Target::Server(_) => {
                let path = format!("/v1/queues/{}/resume", segment(queue));
                self.remote(move |remote| remote.post(&path, "{}")).await
            }
        }
    }

    /// Turns an id or an alias into an id.
    async fn id(&self, text: &str) -> Result<JobId, Error> {
        let Target::Store(longshore) = self else { unreachable!("a server takes both") };
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        longshore.backend().find(text.parse::<Label>()?).await?.ok_or_else(|| unknown(text))
    }

    async fn remote<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Remote) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Target::Server(remote) = self else { unreachable!("asked of a store") };
        let remote = remote.clone();
        let called = tokio::task::spawn_blocking(move || call(&remote)).await;
        called.unwrap_or_else(|e| Err(Error::new(ErrorKind::Unavailable, e.to_string())))
    }
}

/// Returns a queue as it is now, which is there because it was paused or resumed.
async fn shown(longshore: &Longshore, name: &str) -> Result<wire::Queue, Error> {
    let found = longshore.backend().queue(name.parse()?).await?;
    Ok(found.map_or_else(|| wire::Queue::empty(name), wire::Queue::from))
}

fn unknown(id: &str) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!("there is no job `{id}` (any more: finished jobs are deleted after a while)"),
    )
}

/// Writes a text as one part of a URL.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
