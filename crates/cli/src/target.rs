//! The target of a tool: a store or a server. Both return the types of the wire crate, so the output is the same.

use std::io::{self, Write};

use clap::Args;
use longshore::{
    Acted, Action, Error, ErrorKind, Filter, JobId, Label, Longshore, Output, Page, QueueName, State, limits,
};
use longshore_wire as wire;

use crate::config::{Config, Flags};
use crate::remote::Remote;
use crate::{Common, Exit, Stores, log};

/// Flags of every tool.
#[derive(Clone, Debug, Args)]
pub struct TargetArgs {
    #[command(flatten)]
    common: Common,
    /// Use this server instead of a store; the token is read from LONGSHORE_TOKEN [env: LONGSHORE_SERVER]
    #[arg(long, value_name = "URL", conflicts_with = "store")]
    server: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl TargetArgs {
    /// Opens the target.
    pub async fn open(&self, stores: &Stores) -> Result<Target, Exit> {
        let mut flags = Flags::default();
        flags.set("server", self.server.clone());
        if self.common.store.is_some() {
            flags.set("server", Some(String::new())); // a store on the command line overrides a configured server
        }
        let mut config: Config = self.common.load(flags)?;
        if config.log == "info" {
            config.log = "warn".into(); // a tool prints its result, so it logs only warnings
        }
        log::start(&config);
        match &config.server {
            Some(server) => Ok(Target::Server(Remote::new(server, config.token.clone()))),
            None => {
                stores.end_at_signals()?;
                Ok(Target::Store(stores.open(&config).await?))
            }
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

    /// Follows a job until it is finished, and calls `tell` with each status.
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
                    // The stream ended early because the server shuts down or the job is gone. The next request shows
                    // which.
                    if finished {
                        return Ok(());
                    }
                };
                self.remote(follow).await
            }
        }
    }

    /// Returns the result of a finished job; `None` if it has no result.
    pub async fn result(&self, job: &wire::Job) -> Result<Option<Output>, Error> {
        if job.result.is_none() {
            return Ok(None);
        }
        let gone = || Error::new(ErrorKind::Refused, format!("the result of job {} was deleted", job.id));
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

    /// Writes the result of a finished job in chunks, and returns the writer.
    ///
    /// # Errors
    ///
    /// If the result was deleted, cannot be read completely, or cannot be written.
    pub async fn write_result<W: Write + Send + 'static>(&self, job: &wire::Job, mut out: W) -> Result<W, Error> {
        let Some(result) = &job.result else { return Ok(out) };
        let gone = || Error::new(ErrorKind::Refused, format!("the result of job {} was deleted", job.id));
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

    /// Returns the log of a job's newest attempt, or of the claim with this number.
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

    /// Cancels or retries a job, and returns the job as it is then.
    pub async fn act(&self, id: &str, action: Action, verb: &str) -> Result<wire::Job, Error> {
        match self {
            Target::Store(longshore) => {
                let refused = |text: String| Err(Error::new(ErrorKind::Refused, text));
                match longshore.backend().act(self.id(id).await?, action).await? {
                    Acted::Done(_) => self.job(id).await,
                    Acted::Unknown => Err(unknown(id)),
                    Acted::WrongState(state) => refused(format!("cannot {verb} job {id}, because it is {state}")),
                    Acted::Conflict(other) => refused(format!("job {other} now holds the unique key of job {id}")),
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
                page.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the server does not support listing jobs"))
            }
        }
    }

    /// Returns a page of queues, sorted by name.
    pub async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<wire::Queues, Error> {
        match self {
            Target::Store(longshore) => Ok(wire::Queues::of(longshore.backend().queues(after, limit).await?, limit)),
            Target::Server(_) => {
                let after = after.map_or(String::new(), |after| format!("&after={after}")); // no name needs an escape
                let path = format!("/v1/queues?limit={limit}{after}");
                let page = self.remote(move |remote| remote.get(&path)).await?;
                page.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the server does not support listing queues"))
            }
        }
    }

    /// Returns all workers that reported recently.
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
                    page.ok_or_else(|| Error::new(ErrorKind::Corrupt, "the server does not support listing workers"))?
                }
            };
            all.workers.extend(page.workers);
            all.next = page.next;
            if all.next.is_none() {
                return Ok(all);
            }
        }
    }

    /// Pauses a queue, and returns it as it is then.
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

    /// Resumes a queue, and returns it as it is then.
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

    /// Resolves an id or an alias to an id.
    async fn id(&self, text: &str) -> Result<JobId, Error> {
        let Target::Store(longshore) = self else { unreachable!("a server resolves aliases itself") };
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        longshore.backend().find(text.parse::<Label>()?).await?.ok_or_else(|| unknown(text))
    }

    async fn remote<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Remote) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Target::Server(remote) = self else { unreachable!("called only for a server") };
        let remote = remote.clone();
        let called = tokio::task::spawn_blocking(move || call(&remote)).await;
        called.unwrap_or_else(|e| Err(Error::new(ErrorKind::Unavailable, e.to_string())))
    }
}

/// Returns a queue as it is now. It exists, because it was just paused or resumed.
async fn shown(longshore: &Longshore, name: &str) -> Result<wire::Queue, Error> {
    let found = longshore.backend().queue(name.parse()?).await?;
    Ok(found.map_or_else(|| wire::Queue::empty(name), wire::Queue::from))
}

fn unknown(id: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("job `{id}` not found; it may have been deleted after its retention period"))
}

/// Escapes a text for use as one segment of a URL.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}
